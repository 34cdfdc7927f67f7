// SPDX-License-Identifier: GPL-2.0
/* Readers of files in /sys and /proc, whose names users can't change. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel.h"

/* ftrace prints this callback for each function that the guard hooks. */
#define HOOK_NAME	"gmem_hook_entry"

static bool is_of_kernel(unsigned long type)
{
	static const unsigned long types[] = {
		PROC_SUPER_MAGIC, SYSFS_MAGIC, SECURITYFS_MAGIC,
		CGROUP2_SUPER_MAGIC, TRACEFS_MAGIC, DEBUGFS_MAGIC,
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (type == types[i])
			return true;
	return false;
}

/* A single file that is mounted over another one is the root of its mount. */
static bool is_genuine(int fd)
{
	struct statfs fs;
	struct statx sx;

	return !fstatfs(fd, &fs) && is_of_kernel(fs.f_type) &&
	       !statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &sx) &&
	       S_ISREG(sx.stx_mode) &&
	       !(sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* O_NONBLOCK: what is mounted over the file may be a pipe. */
static int open_genuine(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return -errno;
	if (is_genuine(fd))
		return fd;
	close(fd);
	return -EMEDIUMTYPE;
}

int kernel_line(const char *path, char *line, size_t size)
{
	int fd = open_genuine(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, line, size - 1);
	if (n <= 0)
		n = n < 0 ? -errno : -ENODATA;
	close(fd);
	if (n < 0)
		return n;
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 0;
}

FILE *kernel_file(const char *path)
{
	int fd = open_genuine(path, O_RDONLY);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd < 0)
		errno = -fd;
	else if (!f)
		close(fd);
	return f;
}

char *kernel_text(const char *path)
{
	FILE *f = kernel_file(path);
	char *text = NULL;
	size_t room = 0;
	int err = 0;

	if (!f)
		return NULL;
	if (getdelim(&text, &room, '\0', f) <= 0)
		err = ferror(f) ? errno : ENODATA;
	fclose(f);
	if (!err)
		return text;
	free(text);
	errno = err;
	return NULL;
}

bool kernel_begins(const char *path, const char *bytes)
{
	int fd = open_genuine(path, O_RDONLY);
	ssize_t size = strlen(bytes);
	char found[16];
	bool does;

	if (fd < 0)
		return false;
	does = read(fd, found, size) == size && !memcmp(found, bytes, size);
	close(fd);
	return does;
}

/* Get the file system's type of the nearest existing folder above @path. */
static int type_above(const char *path, unsigned long *type)
{
	char folder[256];
	struct statfs fs;
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	while ((slash = strrchr(folder, '/')) && slash != folder) {
		*slash = '\0';
		if (!statfs(folder, &fs)) {
			*type = fs.f_type;
			return 0;
		}
		if (errno != ENOENT)
			break;
	}
	return -errno;
}

bool kernel_lacks(const char *path, unsigned long type)
{
	unsigned long found;

	return access(path, F_OK) && errno == ENOENT &&
	       !type_above(path, &found) && found == type;
}

int kernel_number(const char *path, uint64_t *value)
{
	char line[64];
	int err = kernel_line(path, line, sizeof(line));
	char *end;

	if (err)
		return err;
	errno = 0;
	*value = strtoull(line, &end, 10);
	return end == line || *end || errno ? -EINVAL : 0;
}

int kernel_write(const char *path, uint64_t value)
{
	int fd = open_genuine(path, O_WRONLY);
	int err = 0;

	if (fd < 0)
		return fd;
	if (dprintf(fd, "%" PRIu64 "\n", value) < 0)
		err = -errno;
	close(fd);
	return err;
}

int kernel_field(const char *path, const char *word, uint64_t *value)
{
	size_t n = strlen(word);
	int err = -ENOENT;
	char *line = NULL;
	size_t room = 0;
	FILE *f;

	f = kernel_file(path);
	if (!f)
		return -errno;
	while (err && getline(&line, &room, f) > 0) {
		if (strncmp(line, word, n) || !line[n] ||
		    !strchr(": \t", line[n]))
			continue;
		*value = strtoull(line + n + 1, NULL, 10);
		err = 0;
	}
	free(line);
	fclose(f);
	return err;
}

bool kernel_has_word(const char *path, const char *word)
{
	char *text = kernel_text(path), *save = NULL, *this;
	bool has = false;

	if (!text)
		return false;
	text[strcspn(text, "\n")] = '\0';
	for (this = strtok_r(text, " \t", &save); this && !has;
	     this = strtok_r(NULL, " \t", &save))
		has = !strcmp(this, word);
	free(text);
	return has;
}

/* Free memory by order: /proc/buddyinfo has a column for each order. */
void kernel_free_memory(uint64_t *all, uint64_t *large)
{
	FILE *file = kernel_file("/proc/buddyinfo");
	char line[512];

	*all = 0;
	*large = 0;
	while (file && fgets(line, sizeof(line), file)) {
		char *at = strstr(line, "zone");
		int used = 0;

		if (!at || sscanf(at, "zone %*s%n", &used) < 0)
			continue;
		at += used;
		for (int order = 0; ; order++) {
			char *end;
			uint64_t bytes = strtoull(at, &end, 10) * 4096 << order;

			if (end == at)
				break;
			at = end;
			*all += bytes;
			*large += order >= 9 ? bytes : 0;
		}
	}
	if (file)
		fclose(file);
}

/* ---- gmemfs ---- */

bool kernel_gmemfs_loaded(void)
{
	return !access(GMEM_SYSFS, F_OK);
}

bool kernel_gmemfs_installed(void)
{
	/* Where its own Makefile installs it, and where DKMS does. */
	static const char *const places[] = { "*", "*/*" };
	bool is = false;
	struct utsname u;

	uname(&u);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char pattern[256];
		glob_t g;

		snprintf(pattern, sizeof(pattern),
			 "/lib/modules/%s/%s/gmemfs.ko*", u.release, places[i]);
		is |= !glob(pattern, 0, NULL, &g) && g.gl_pathc;
		globfree(&g);
	}
	return is;
}

uint64_t kernel_gmemfs(const char *name)
{
	uint64_t value = 0;
	char path[128];

	snprintf(path, sizeof(path), GMEM_SYSFS "/%s", name);
	kernel_number(path, &value);
	return value;
}

/* Functions of VFIO are hooked for devices, and not by the guard. */
static bool is_of_vfio(const char *line)
{
	return !strncmp(line, "vaddr_get_pfns ", 15) ||
	       !strncmp(line, "vfio_", 5);
}

/* Return: the number of the guard's hooks, or -1 if tracefs can't be read. */
static int count_hooks(void)
{
	static const char *const files[] = {
		"/sys/kernel/tracing/enabled_functions",
		"/sys/kernel/debug/tracing/enabled_functions",
	};
	char line[512];
	FILE *f = NULL;
	int n = 0;

	for (size_t i = 0; !f && i < sizeof(files) / sizeof(*files); i++)
		f = kernel_file(files[i]);
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		n += strstr(line, HOOK_NAME) && !is_of_vfio(line);
	if (ferror(f))
		n = -1;
	fclose(f);
	return n;
}

enum guard_state kernel_guard(char *mode, size_t size, unsigned int *hooks)
{
	int n;

	*hooks = 0;
	if (kernel_line("/sys/module/gmemfs/parameters/guard", mode, size)) {
		snprintf(mode, size, "unknown");
		return GUARD_UNKNOWN;
	}
	if (!strcmp(mode, "off"))
		return GUARD_OFF;
	if (kernel_lacks("/sys/module/kvm", SYSFS_MAGIC))
		return GUARD_NO_KVM;
	n = count_hooks();
	if (n < 0)
		return GUARD_UNKNOWN;
	*hooks = n;
	return n ? GUARD_HOOKED : GUARD_NOT_HOOKED;
}

const char *kernel_guard_name(enum guard_state state)
{
	static const char *const names[] = {
		[GUARD_UNKNOWN] = "unknown",
		[GUARD_OFF] = "off",
		[GUARD_NO_KVM] = "no kvm",
		[GUARD_HOOKED] = "hooked",
		[GUARD_NOT_HOOKED] = "not hooked",
	};

	return names[state];
}
