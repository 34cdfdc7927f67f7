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

/* The folder that this is in; the caller frees it. */
static char *above(const char *path)
{
	return ctl_format("%.*s", (int)(strrchr(path, '/') - path), path);
}

/* On the disk: a crash doesn't bring back what was there before. */
static void sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* Only the last folder: the others are the system's. */
static int make_folder(const char *folder)
{
	char *outer;

	if (mkdir(folder, 0755))
		return errno == EEXIST ? CTL_OK :
		       ctl_error("%s: %s", folder, strerror(errno));
	outer = above(folder);
	sync_folder(outer);
	free(outer);
	return CTL_OK;
}

/* As that of the old file, whatever the umask is. */
static void set_rights(int fd, const char *path)
{
	struct stat old;

	if (stat(path, &old)) {
		fchmod(fd, 0644);
		return;
	}
	if (!fchown(fd, -1, old.st_gid))
		fchmod(fd, old.st_mode & 07777);
}

int etc_replace(const char *path, const char *text)
{
	struct output_new new;
	char *folder = above(path);
	int status = make_folder(folder);

	if (!status)
		status = output_begin(path, &new);
	if (!status) {
		set_rights(fileno(new.out), path);
		fputs(text, new.out);
		status = output_end(&new);
		sync_folder(folder);
	}
	free(folder);
	return status;
}

/* New files that output.h had not finished when it was killed. */
static void remove_unfinished(const char *folder)
{
	char *pattern = ctl_format("%s/.gmemctl-*", folder);
	glob_t g = {};

	if (!glob(pattern, 0, NULL, &g))
		for (size_t i = 0; i < g.gl_pathc; i++)
			unlink(g.gl_pathv[i]);
	globfree(&g);
	free(pattern);
}

int etc_remove(const char *path)
{
	char *folder = above(path);
	int status = CTL_OK;

	if (unlink(path) && errno != ENOENT) {
		status = ctl_error("%s: %s", path, strerror(errno));
	} else {
		remove_unfinished(folder);
		sync_folder(folder);
		rmdir(folder);
	}
	free(folder);
	return status;
}

/* Not flock(): children that gmemctl forks and leaves would keep that. */
int etc_lock(const char *path)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int err;

	if (fd < 0)
		return -errno;
	if (!fcntl(fd, F_SETLK, &all))
		return fd;
	err = errno == EACCES ? -EAGAIN : -errno;
	close(fd);
	return err;
}

bool etc_is_newer(const char *path, const char *other)
{
	struct stat one, two;

	return !stat(path, &one) && !stat(other, &two) &&
	       ctl_nanoseconds(&one.st_ctim) > ctl_nanoseconds(&two.st_ctim);
}
