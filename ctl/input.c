// SPDX-License-Identifier: GPL-2.0
/*
 * Files for input. They are read as the caller may read them, and nothing is
 * done to them: so a user who chooses what a name leads to gains nothing by it.
 * A device or a pipe isn't waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "input.h"
#include "text.h"

int input_open(const char *path, uint64_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		ctl_error("%s: %s", text_safe(path), strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		ctl_error("%s is not a regular file", text_safe(path));
	} else {
		*size = st.st_size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}
