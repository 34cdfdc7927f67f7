// SPDX-License-Identifier: GPL-2.0
/*
 * A file that changes while gmemctl looks at it: preloaded, this does what is
 * set of these, when the file's data was sought for the GROW_AT-th time:
 *
 *	GROW_TO		set the file's size to that
 *	GROW_PUNCH	give back the 2 MiB there
 *	GROW_FILL	populate the page there, by a mapping
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

static off_t number(const char *name)
{
	const char *text = getenv(name);

	return text && *text ? atoll(text) : -1;
}

static void fill(int fd, off_t at)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  at);

	must(page != MAP_FAILED);
	*page = 1;
	munmap(page, 4096);
}

static void change(int fd)
{
	off_t to = number("GROW_TO"), from = number("GROW_PUNCH");
	off_t at = number("GROW_FILL");
	char path[32];
	int own;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDWR | O_CLOEXEC);
	must(own >= 0);
	if (to >= 0)
		must(!truncate(path, to));
	if (from >= 0)
		must(!fallocate(own, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				from, 2 << 20));
	if (at >= 0)
		fill(own, at);
	close(own);
}

off_t lseek(int fd, off_t offset, int whence)
{
	static int times;
	off_t found = syscall(SYS_lseek, fd, offset, whence);

	if (whence == SEEK_DATA && getenv("GROW_AT") &&
	    ++times == atoi(getenv("GROW_AT")))
		change(fd);
	return found;
}

off_t lseek64(int fd, off_t offset, int whence)
{
	return lseek(fd, offset, whence);
}
