// SPDX-License-Identifier: GPL-2.0
/* Files of the host's configuration and state. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "etc.h"
#include "output.h"

/* Configurations are shorter. */
#define MOST	(1024 * 1024)

bool etc_exists(const char *path)
{
	return !access(path, F_OK);
}

bool etc_matches(const char *pattern)
{
	glob_t g = {};
	bool does = !glob(pattern, 0, NULL, &g) && g.gl_pathc;

	globfree(&g);
	return does;
}

/* Return: CTL_OK; or CTL_FAILED after a message. */
static int read_whole(const char *path, FILE *f, char **text)
{
	size_t size;

	*text = ctl_alloc(MOST + 1, 1);
	size = fread(*text, 1, MOST + 1, f);
	if (!ferror(f) && size <= MOST && !memchr(*text, 0, size))
		return CTL_OK;
	free(*text);
	*text = NULL;
	return ctl_error("%s: not a text of up to 1M; see what is wrong with it",
			 path);
}

/* reach_begin() would refuse to replace other files, but only afterwards. */
static bool is_replaceable(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && st.st_nlink == 1;
}

int etc_read(const char *path, char **text)
{
	int status, fd;
	FILE *f;

	*text = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return CTL_OK;
	if (fd < 0 && errno != ELOOP)
		return ctl_error("%s: %s", path, strerror(errno));
	f = fd < 0 || !is_replaceable(fd) ? NULL : fdopen(fd, "r");
	if (!f) {
		if (fd >= 0)
			close(fd);
		return ctl_error("%s is a link, or not a regular file of root's with a single name, so gmemctl doesn't replace it; make it one",
				 path);
	}
	status = read_whole(path, f, text);
	fclose(f);
	return status;
}

/* Only the last folder: the others are the system's. */
static int make_folder(const char *path)
{
	char *folder = ctl_format("%.*s", (int)(strrchr(path, '/') - path),
				  path);
	int status = CTL_OK;

	if (mkdir(folder, 0755) && errno != EEXIST)
		status = ctl_error("%s: %s", folder, strerror(errno));
	free(folder);
	return status;
}

int etc_replace(const char *path, const char *text)
{
	struct output_new new;

	if (make_folder(path) || output_begin(path, &new))
		return CTL_FAILED;
	fputs(text, new.out);
	return output_end(&new);
}

int etc_remove(const char *path)
{
	char *folder = ctl_format("%.*s", (int)(strrchr(path, '/') - path),
				  path);
	int status = CTL_OK;

	if (unlink(path) && errno != ENOENT)
		status = ctl_error("%s: %s", path, strerror(errno));
	else
		rmdir(folder);
	free(folder);
	return status;
}

bool etc_is_newer(const char *path, const char *other)
{
	struct stat one, two;

	return !stat(path, &one) && !stat(other, &two) &&
	       ctl_nanoseconds(&one.st_mtim) > ctl_nanoseconds(&two.st_mtim);
}
