// SPDX-License-Identifier: GPL-2.0
/* Files and directories of a process in /proc, to read. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "reach.h"

FILE *reach_process_file(pid_t pid, const char *what)
{
	int fd = reach_process(pid, what);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd < 0)
		errno = -fd;
	else if (!f)
		close(fd);
	return f;
}

void reach_process_name(pid_t pid, char *name, size_t size)
{
	FILE *f = reach_process_file(pid, "comm");

	if (!f || !fgets(name, size, f))
		snprintf(name, size, "?");
	name[strcspn(name, "\n")] = '\0';
	if (f)
		fclose(f);
}

FILE *reach_process_text(pid_t pid, const char *what)
{
	char path[64];

	if (ask_has_given_up()) {
		errno = ECANCELED;
		return NULL;
	}
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	return ask_text(AT_FDCWD, path, RESOLVE_NO_SYMLINKS);
}

DIR *reach_process_list(pid_t pid, const char *what)
{
	int fd = reach_process(pid, what);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	if (fd < 0)
		errno = -fd;
	else if (!list)
		close(fd);
	return list;
}

struct dirent *reach_next(DIR *list, int *err)
{
	struct dirent *d;

	errno = 0;
	d = readdir(list);
	*err = d ? 0 : -errno;
	return d;
}
