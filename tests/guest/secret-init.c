// SPDX-License-Identifier: GPL-2.0
/*
 * The only program of a test guest: fills most of the guest's memory with a
 * pattern that follows from a secret, and tells the tag by which the pattern
 * can be recognised (see ../lib/secret.h). Runs as the guest's init.
 *
 * On the console, each line beginning with "secret-init: ":
 *	hello clocksource=... mem_total_kib=...
 *	filled N%
 *	tag=... pages=...
 * Then it waits for a line, checks every page, and powers the guest off:
 *	checked intact pages=...
 *	checked CORRUPT pages=... of=...
 * With clock_reads=N on its kernel's command line it reads the clock N times
 * instead, for a benchmark, and then waits for a line and powers off:
 *	clocked reads=N ns=...
 * Whenever it can't go on:
 *	FAILED: what: why
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#include "../lib/secret.h"

/* What we fill, of all the guest has, and what we leave to its kernel. */
#define FILL_PERCENT	78
#define LEAVE_KIB	(40 * 1024)

#define CLOCKSOURCE \
	"/sys/devices/system/clocksource/clocksource0/current_clocksource"

struct memory {
	uint64_t secret;
	uint64_t tag;
	uint64_t *words;
	size_t pages;
};

__attribute__((format(printf, 1, 2)))
static void say(const char *fmt, ...)
{
	va_list ap;

	fputs("secret-init: ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static _Noreturn void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	/* Without ACPI that only halts: with -no-reboot this ends QEMU too. */
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static _Noreturn void die(const char *what)
{
	say("FAILED: %s: %s", what, strerror(errno));
	power_off();
}

static void mount_all(void)
{
	if (mount("proc", "/proc", "proc", 0, NULL))
		die("mount /proc");
	if (mount("sysfs", "/sys", "sysfs", 0, NULL))
		die("mount /sys");
}

static void read_line(const char *path, char *line, int size)
{
	FILE *f = fopen(path, "r");

	if (!f)
		die(path);
	if (!fgets(line, size, f))
		die(path);
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
}

/* A value of /proc/meminfo, in KiB. */
static unsigned long meminfo(const char *key)
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

static void hello(void)
{
	char clocksource[64];

	read_line(CLOCKSOURCE, clocksource, sizeof(clocksource));
	say("hello clocksource=%s mem_total_kib=%lu", clocksource,
	    meminfo("MemTotal"));
}

static void draw(void *random, size_t len)
{
	if (getrandom(random, len, 0) != (ssize_t)len)
		die("getrandom");
}

static size_t pages_to_fill(void)
{
	unsigned long want = meminfo("MemTotal") / 100 * FILL_PERCENT;
	unsigned long free = meminfo("MemAvailable");

	if (free < LEAVE_KIB * 2) {
		errno = ENOMEM;
		die("this guest is too small");
	}
	if (want > free - LEAVE_KIB)
		want = free - LEAVE_KIB;
	return want / (SECRET_PAGE_SIZE / 1024);
}

static void take_memory(struct memory *m)
{
	size_t len;

	m->pages = pages_to_fill();
	len = m->pages * SECRET_PAGE_SIZE;
	m->words = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->words == MAP_FAILED)
		die("mmap");
	/* Only to have fewer faults, each dear under emulation. */
	madvise(m->words, len, MADV_HUGEPAGE);
	if (mlock(m->words, len))
		die("mlock");
}

static uint64_t *page_at(const struct memory *m, size_t page)
{
	return m->words + page * SECRET_WORDS;
}

static void fill(const struct memory *m)
{
	size_t quarter = m->pages / 4 + 1;

	for (size_t i = 0; i < m->pages; i++) {
		secret_fill(page_at(m, i), secret_first(m->secret, i), m->tag);
		if (i % quarter == quarter - 1)
			say("filled %zu%%", (i + 1) * 100 / m->pages);
	}
}

static size_t count_corrupt(const struct memory *m)
{
	size_t corrupt = 0;

	for (size_t i = 0; i < m->pages; i++)
		if (!secret_intact(page_at(m, i), secret_first(m->secret, i),
				   m->tag))
			corrupt++;
	return corrupt;
}

/* The kernel passes what it doesn't know on, as variables. */
static unsigned long clock_reads(void)
{
	const char *reads = getenv("clock_reads");

	return reads ? strtoul(reads, NULL, 10) : 0;
}

static void read_clock(unsigned long reads)
{
	struct timespec from, to;
	unsigned long i;

	/* What the kernel still does after its start is not our subject. */
	sleep(3);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 0; i < reads; i++)
		clock_gettime(CLOCK_MONOTONIC, &to);
	say("clocked reads=%lu ns=%lld", reads,
	    (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec -
	    from.tv_nsec);
}

static void wait_for_line(void)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1)
		if (c == '\n' || c == '\r')
			return;
	die("console");
}

int main(void)
{
	struct memory m;
	size_t corrupt;

	mount_all();
	hello();
	if (clock_reads()) {
		read_clock(clock_reads());
		wait_for_line();
		power_off();
	}
	draw(&m.secret, sizeof(m.secret));
	draw(&m.tag, sizeof(m.tag));
	take_memory(&m);
	fill(&m);
	say("tag=%016llx pages=%zu", (unsigned long long)m.tag, m.pages);

	wait_for_line();
	corrupt = count_corrupt(&m);
	if (corrupt)
		say("checked CORRUPT pages=%zu of=%zu", corrupt, m.pages);
	else
		say("checked intact pages=%zu", m.pages);
	power_off();
}
