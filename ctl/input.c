// SPDX-License-Identifier: GPL-2.0
/*
 * Files for input. What is in them gets into a file that others may read. So,
 * as for output, no other user chooses what a name leads to. A device or a pipe
 * isn't waited for.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "input.h"
#include "reach.h"
#include "text.h"

static const char *why(int err)
{
	switch (err) {
	case -EMEDIUMTYPE:
		return "not a regular file";
	case -EXDEV:
		return "a process chooses where this path leads; give another path";
	case -ELOOP:
		return "the path has a symbolic link that another user made or can replace; see where the link leads ('readlink -f'), and give the file's own path";
	default:
		return strerror(-err);
	}
}

/* Is this the directory of the caller's own descriptors, as of /dev/stdin? */
static bool is_own(int fds)
{
	struct stat st, own;

	return !fstat(fds, &st) && !stat("/proc/self/fd", &own) &&
	       st.st_dev == own.st_dev && st.st_ino == own.st_ino;
}

static int open_reached(const struct reach *r)
{
	if (r->chosen || (r->holder >= 0 && !is_own(r->holder)))
		return -EXDEV;
	return reach_read(r);
}

int input_open(const char *path, uint64_t *size)
{
	struct reach r;
	struct stat st;
	int fd = reach_path(path, &r);

	if (!fd) {
		fd = open_reached(&r);
		reach_leave(&r);
	}
	if (fd >= 0 && !fstat(fd, &st)) {
		*size = st.st_size;
		return fd;
	}
	ctl_error("%s: %s", text_safe(path), why(fd < 0 ? fd : -errno));
	if (fd >= 0)
		close(fd);
	return -1;
}
