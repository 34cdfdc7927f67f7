// SPDX-License-Identifier: GPL-2.0
/*
 * What a program has counted (gcov), written when it ends. In place of gcc's
 * own way, which opens a file for each source then, and so can't be used in a
 * sandbox: here there is one file for all programs, open from the beginning.
 * Each adds what it has in one write, as a stream of names and counts: see
 * lines.py.
 */
#include <fcntl.h>
#include <gcov.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The host makes it where somebody wants to know: hostvm/guest/init. */
#define FILE_NAME	"/var/tmp/coverage/programs"

/* Tests give programs descriptors of their own, all of them low. */
#define FD_MIN		500

#define SOURCES_MAX	256
#define BYTES_MAX	(4 << 20)

/* Called by the code that gcc adds to each source. */
void __gcov_init(struct gcov_info *source);
void __gcov_merge_add(void);
void __gcov_exit(void);

static const struct gcov_info *sources[SOURCES_MAX];
static unsigned int nr_sources, size;
static char bytes[BYTES_MAX];
static int fd = -1;

static void open_file(void)
{
	int low = open(FILE_NAME, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (low < 0)
		return;
	fd = fcntl(low, F_DUPFD_CLOEXEC, FD_MIN);
	close(low);
}

void __gcov_init(struct gcov_info *source)
{
	if (!nr_sources)
		open_file();
	if (nr_sources < SOURCES_MAX)
		sources[nr_sources++] = source;
}

/* Would merge counts of several runs; here that is up to the reader. */
void __gcov_merge_add(void)
{
}

static void add(const void *data, unsigned int length, void *arg)
{
	(void)arg;
	if (size + length <= BYTES_MAX)
		memcpy(bytes + size, data, length);
	size += length;
}

static void add_name(const char *name, void *arg)
{
	__gcov_filename_to_gcfn(name, add, arg);
}

/* Once, though each source asks. Part of a stream would spoil the others'. */
void __gcov_exit(void)
{
	if (fd < 0)
		return;
	for (unsigned int i = 0; i < nr_sources; i++)
		__gcov_info_to_gcda(sources[i], add_name, add, NULL, NULL);
	if (size > BYTES_MAX || write(fd, bytes, size) != size)
		__builtin_trap();
	fd = -1;
}

/* Replaces the C library's: leaves the descriptor of the counts open. */
int close_range(unsigned int first, unsigned int last, int flags)
{
	unsigned int own = fd;

	if (fd < 0 || own < first || own > last)
		return syscall(SYS_close_range, first, last, flags);
	if (own > first &&
	    syscall(SYS_close_range, first, own - 1, flags))
		return -1;
	if (own == last)
		return 0;
	return syscall(SYS_close_range, own + 1, last, flags);
}

/* In place of the C library's: a child ends like that. */
void _exit(int status)
{
	__gcov_exit();
	for (;;)
		syscall(SYS_exit_group, status);
}
