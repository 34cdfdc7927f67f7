// SPDX-License-Identifier: GPL-2.0
/*
 * A file that becomes longer while gmemctl looks at it: preloaded, this sets
 * the file's size to GROW_TO when its data is sought for the GROW_AT-th time.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static void grow(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (truncate(path, atoll(getenv("GROW_TO"))))
		abort();
}

off_t lseek(int fd, off_t offset, int whence)
{
	static int times;
	off_t found = syscall(SYS_lseek, fd, offset, whence);

	if (whence == SEEK_DATA && getenv("GROW_AT") &&
	    ++times == atoi(getenv("GROW_AT")))
		grow(fd);
	return found;
}

off_t lseek64(int fd, off_t offset, int whence)
{
	return lseek(fd, offset, whence);
}
