/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module's tests share. They run as root in hostvm, with gmemfs
 * mounted on /dev/gmem; all of them end at the first call that can't fail.
 */
#ifndef GMEM_TEST_H
#define GMEM_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "../lib/tap.h"
#include "linux/gmemfs.h"

#define MNT		"/dev/gmem"
#define PAGE		GMEM_PAGE_SIZE
#define BLOCK		GMEM_BLOCK_SIZE
#define SIZE_MOST	((int64_t)(INT64_MAX - (BLOCK - 1)))	/* of a file */
#define TRACING		"/sys/kernel/tracing"

/* A call that the test can't go on without. */
#define must(call) \
	({ \
		__typeof__(call) must_ret = (call); \
		if ((long)must_ret == -1) \
			bail_out("%s:%d: %s: %s", __FILE__, __LINE__, #call, \
				 strerror(errno)); \
		must_ret; \
	})

static inline int new_file_in(const char *dir, size_t size)
{
	int fd = must(open(dir, O_TMPFILE | O_RDWR, 0600));

	must(ftruncate(fd, size));
	return fd;
}

static inline int new_file(size_t size)
{
	return new_file_in(MNT, size);
}

/* Its memory is single pages. */
static inline int new_singles(size_t size)
{
	struct gmem_create create = {
		.size = size, .flags = GMEM_FLAG_NO_HUGE,
	};
	int dir = must(open(MNT, O_RDONLY)), fd;

	fd = must(ioctl(dir, GMEM_CREATE, &create));
	close(dir);
	return fd;
}

static inline char *map(int fd, size_t size)
{
	return must(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 0));
}

static inline struct gmem_info get_info(int fd)
{
	struct gmem_info info = {};

	must(ioctl(fd, GMEM_GET_INFO, &info));
	return info;
}

/* Does the kernel have this function? */
static inline bool kernel_has(const char *function)
{
	char line[256], name[128];
	FILE *f = fopen("/proc/kallsyms", "re");
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %127s", name) == 1 &&
			!strcmp(name, function);
	if (f)
		fclose(f);
	return found;
}

/* ---- conversion ---- */

static inline int set_flags(int fd, long offset, long size,
			    uint64_t attributes, uint64_t flags,
			    uint64_t *error_offset)
{
	struct gmem_attributes set = {
		.offset = offset, .size = size, .attributes = attributes,
		.flags = flags,
	};
	int ret = ioctl(fd, GMEM_SET_ATTRIBUTES, &set);

	if (error_offset)
		*error_offset = set.error_offset;
	return ret;
}

static inline int set_shared(int fd, long offset, long size)
{
	return set_flags(fd, offset, size, 0, 0, NULL);
}

static inline int set_private(int fd, long offset, long size)
{
	return set_flags(fd, offset, size, GMEM_ATTRIBUTE_PRIVATE, 0, NULL);
}

static inline char *shared_map(int fd, long size)
{
	int view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	char *p = map(view, size);

	close(view);
	return p;
}

/* ---- contents ---- */

/* By words: a host is emulated, and tests compare gigabytes. */
static inline bool all_bytes(const char *p, size_t size, char byte)
{
	uint64_t want = 0x0101010101010101UL * (uint8_t)byte, word;

	for (; size >= sizeof(word); p += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		if (word != want)
			return false;
	}
	while (size--)
		if (*p++ != byte)
			return false;
	return true;
}

/* The number behind a word at the start of a line: vmstat, meminfo, fdinfo. */
static inline long number_in(const char *file, const char *word)
{
	char line[256];
	long value = -1;
	FILE *f = fopen(file, "re");

	if (!f)
		bail_out("%s: %s", file, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		size_t n = strlen(word);

		if (!strncmp(line, word, n) && strchr(": \t", line[n])) {
			value = strtol(line + n + 1, NULL, 10);
			break;
		}
	}
	fclose(f);
	return value;
}

static inline long meminfo(const char *word)
{
	return number_in("/proc/meminfo", word);
}

static inline long vmstat(const char *word)
{
	return number_in("/proc/vmstat", word);
}

static inline long sysfs(const char *name)
{
	char path[128], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/gmemfs/%s", name);
	fd = must(open(path, O_RDONLY | O_CLOEXEC));
	must(read(fd, text, sizeof(text) - 1));
	close(fd);
	return strtol(text, NULL, 10);
}

/* What is hidden of files' memory, if the pool has none. */
static inline long hidden_in_files(void)
{
	return sysfs("hidden_bytes") - sysfs("spare_bytes");
}

/*
 * Waits for the pool's worker, or the one that gives up spare pages, a minute
 * at most: the machine may be busy.
 */
static inline bool becomes(const char *name, long want)
{
	int i;

	for (i = 0; i < 600; i++) {
		if (sysfs(name) == want)
			return true;
		usleep(100000);
	}
	diag("%s is %ld, not %ld", name, sysfs(name), want);
	return false;
}

static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_TRUNC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -1;
	n = write(fd, text, strlen(text));
	err = errno;
	close(fd);
	errno = err;
	return n < 0 ? -1 : 0;
}

/*
 * Free pages wait on lists of each CPU's before MemFree counts them, up to
 * tens of MiB since Linux 6.7 tunes their length.
 */
static inline long percpu_free_kb(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	long kb = 0, count;
	char line[128];

	if (!f)
		bail_out("/proc/zoneinfo: %s", strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " count: %ld", &count) == 1)
			kb += count * (PAGE / 1024);
	fclose(f);
	return kb;
}

static inline bool on_debugging_kernel(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

/*
 * On a debugging kernel slabs are full of what KASAN keeps for a while, and of
 * kmemleak's notes: they count as free. Leaks in there are kmemleak's to find.
 */
static inline long debugging_kb(void)
{
	return on_debugging_kernel() ? meminfo("Slab") : 0;
}

/* All free memory. Caches go first, so that what is left can be compared. */
static inline long free_kb(void)
{
	sync();
	must(write_text("/proc/sys/vm/drop_caches", "3"));
	must(write_text("/proc/sys/vm/compact_memory", "1"));
	usleep(300000);
	return meminfo("MemFree") + percpu_free_kb() + debugging_kb();
}

/*
 * Waits until less than @kb of what was free before is missing, 20 s or more:
 * RCU and the kernel's workers may be late. Return: what is free then.
 */
static inline long free_kb_again(long before, long kb)
{
	long after = free_kb();
	int i;

	for (i = 0; i < 20 && before - after >= kb; i++) {
		sleep(1);
		after = free_kb();
	}
	return after;
}

/*
 * Return: the status of a task that takes all memory that the host has
 * available, and so many bytes more.
 */
static inline int take_memory(long more)
{
	size_t size = meminfo("MemAvailable") * 1024 + more;
	pid_t pid = must(fork());
	int status;

	if (!pid) {
		char *p = must(mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

		memset(p, 1, size);
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	return status;
}

/* ---- cgroups ---- */

/* Make a cgroup, with this controller. Return: false if the kernel lacks it. */
static inline bool have_cgroup(const char *path, const char *controller)
{
	char text[32];

	snprintf(text, sizeof(text), "+%s", controller);
	mkdir("/sys/fs/cgroup", 0755);
	if (mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) &&
	    errno != EBUSY)
		return false;
	if (write_text("/sys/fs/cgroup/cgroup.subtree_control", text))
		return false;
	return !mkdir(path, 0755) || errno == EEXIST;
}

/* The memory that a cgroup is charged for. @path: its memory.current. */
static inline long cgroup_memory(const char *path)
{
	char text[32] = "";
	int fd = must(open(path, O_RDONLY));

	must(read(fd, text, sizeof(text) - 1));
	close(fd);
	return strtol(text, NULL, 10);
}

/* At the end of a test that has closed all. */
static inline void nothing_is_left(void)
{
	ok(becomes("hidden_bytes", 0), "in the end nothing is hidden");
	is(sysfs("lent_bytes"), 0, "nor lent");
	is(sysfs("quarantined_bytes"), 0, "nor in quarantine");
}

/* Inodes that a mount has. */
static inline long inodes_in(const char *dir)
{
	struct statfs fs;

	must(statfs(dir, &fs));
	return fs.f_files - fs.f_ffree;
}

/* Descriptors that this process has open, and a few that don't change. */
static inline int descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* Debug build: make the nth next step of a kind fail. */
static inline void inject(const char *kind, int n)
{
	char path[128], text[16];

	snprintf(path, sizeof(path), "/sys/module/gmemfs/parameters/fail_%s",
		 kind);
	snprintf(text, sizeof(text), "%d", n);
	must(write_text(path, text));
}

/* ---- touching memory that may not be there ---- */

static sigjmp_buf fault_jump;

static inline void on_fault(int sig)
{
	siglongjmp(fault_jump, sig);
}

/* The signal that reading (or writing) a byte gives; 0 if it works. */
static inline int touch(volatile char *p, bool write_it)
{
	struct sigaction act = { .sa_handler = on_fault }, bus, segv;
	int sig;

	sigaction(SIGBUS, &act, &bus);
	sigaction(SIGSEGV, &act, &segv);
	sig = sigsetjmp(fault_jump, 1);
	if (!sig) {
		char c = *p;

		if (write_it)
			*p = c;
	}
	sigaction(SIGBUS, &bus, NULL);
	sigaction(SIGSEGV, &segv, NULL);
	return sig;
}

static inline int touch_read(volatile char *p)
{
	return touch(p, false);
}

static inline int touch_write(volatile char *p)
{
	return touch(p, true);
}

/* ---- which frame lies behind a page ---- */

/*
 * /proc/PID/pagemap says nothing of VM_PFNMAP mappings, on purpose; the
 * module's tracepoint does. Faults the page in, which must not be mapped yet.
 */
static inline uint64_t fault_pfn(char *p)
{
	char line[512], *at;
	unsigned long pgoff, pfn = 0;
	unsigned int order = 0;
	FILE *f;

	must(write_text(TRACING "/trace", ""));
	must(write_text(TRACING "/events/gmemfs/gmem_fault/enable", "1"));
	*(volatile char *)p;
	must(write_text(TRACING "/events/gmemfs/gmem_fault/enable", "0"));

	f = fopen(TRACING "/trace", "re");
	if (!f)
		bail_out("no trace");
	while (fgets(line, sizeof(line), f)) {
		unsigned long this;

		at = strstr(line, "pgoff=");
		if (at && sscanf(at, "pgoff=%lx order=%u pfn=%lx", &pgoff,
				 &order, &this) == 3 && this)
			pfn = this + (order ? pgoff % 512 : 0);
	}
	fclose(f);
	if (!pfn)
		bail_out("no fault was traced");
	return pfn;
}

#endif /* GMEM_TEST_H */
