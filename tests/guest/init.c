// SPDX-License-Identifier: GPL-2.0
/* What the inits of the test guests have in common: speak, look, and end. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "init.h"

void say(const char *fmt, ...)
{
	va_list ap;

	printf("%s: ", init_name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

_Noreturn void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	/* Without ACPI that only halts: with -no-reboot this ends QEMU too. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

_Noreturn void die(const char *what)
{
	say("FAILED: %s: %s", what, strerror(errno));
	power_off();
}

void mount_all(void)
{
	if (mount("proc", "/proc", "proc", 0, NULL))
		die("mount /proc");
	if (mount("sysfs", "/sys", "sysfs", 0, NULL))
		die("mount /sys");
}

unsigned long meminfo(const char *key)
{
	unsigned long kib = 0;
	size_t len = strlen(key);
	char line[128];
	FILE *f;

	f = fopen("/proc/meminfo", "r");
	if (!f)
		die("/proc/meminfo");
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, key, len) && line[len] == ':')
			kib = strtoul(line + len + 1, NULL, 10);
	fclose(f);
	return kib;
}

void draw(void *random, unsigned long len)
{
	if (getrandom(random, len, 0) != (ssize_t)len)
		die("getrandom");
}
