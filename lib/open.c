// SPDX-License-Identifier: MIT
/*
 * Files by name. The library neither makes nor opens a file that isn't on a
 * gmemfs: opening a device can have effects, opening a pipe would wait, and a
 * new file would stay behind.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "range.h"

/* No O_WRONLY, and no flag for a descriptor of another kind (O_PATH...). */
#define OPEN_FLAGS	(O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)

static int not_gmemfs(const char *path)
{
	return gmem_fail(-ENOTTY, "%s: this is not a regular file "
			 GMEM_IN_A_MOUNT, path);
}

/* ---- a file that exists ---- */

/*
 * Open the file that @fd (O_PATH) refers to, even if its name is another file's
 * by now. Without /proc it is opened by name; O_NONBLOCK then avoids a wait.
 * @fd is a descriptor of this thread. /proc/self is the process's first thread,
 * which may have other descriptors.
 */
static int open_found(int fd, const char *path, int flags)
{
	char link[40];
	int file;

	snprintf(link, sizeof(link), "/proc/thread-self/fd/%d", fd);
	file = open(link, flags & ~O_NOFOLLOW);
	if (file >= 0 || errno != ENOENT)
		return file;
	file = open(path, flags | O_NONBLOCK | O_NOCTTY);
	if (file >= 0)
		fcntl(file, F_SETFL, 0);
	return file;
}

static int check_found(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		return gmem_fail_errno("%s: can't ask what kind of file this is",
				       path);
	if (S_ISLNK(st.st_mode))
		return gmem_fail(-ELOOP, "%s: this is a symbolic link, which O_NOFOLLOW refuses",
				 path);
	return S_ISREG(st.st_mode) ? 0 : not_gmemfs(path);
}

static int open_existing(int found, const char *path, int flags)
{
	struct gmem_info info;
	int fd, ret;

	if (flags & O_CREAT && flags & O_EXCL)
		return gmem_fail(-EEXIST, "%s: can't make the file", path);
	ret = check_found(found, path);
	if (ret)
		return ret;
	fd = open_found(found, path, (flags & ~(O_CREAT | O_EXCL)) | O_CLOEXEC);
	if (fd < 0)
		return gmem_fail_errno("%s: can't open the file", path);
	if (!gmem_file_info(fd, &info))
		return fd;
	close(fd);
	return not_gmemfs(path);
}

/* ---- a new file ---- */

/* Open the directory of @path. Sets *@name to the last part of @path. */
static int open_parent(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char *parent = slash ? strndup(path, slash - path + 1) : strdup(".");
	int dir;

	if (!parent)
		return gmem_fail(-ENOMEM, "no memory for a path");
	*name = slash ? slash + 1 : path;
	dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		dir = gmem_fail_errno("%s: can't open the directory", parent);
	free(parent);
	return dir;
}

/*
 * Other filesystems don't know the ioctl. statfs() is no test: a gmemfs can be
 * mounted to report hugetlbfs.
 */
static bool is_gmemfs(int dir)
{
	return ioctl(dir, GMEM_CREATE, NULL) < 0 && errno == EFAULT;
}

/* O_EXCL: don't open a file that was made meanwhile, and follow no link. */
static int create(const char *path, int flags)
{
	const char *name = path;
	int fd, dir = open_parent(path, &name);

	if (dir < 0)
		return dir;
	if (is_gmemfs(dir)) {
		fd = openat(dir, name, flags | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			fd = gmem_fail_errno("%s: can't make the file", path);
	} else {
		fd = gmem_fail(-ENOTTY, "%s: the directory is not "
			       GMEM_IN_A_MOUNT, path);
	}
	close(dir);
	return fd;
}

/* ---- either ---- */

static int find(const char *path, int flags)
{
	bool follow = !(flags & O_NOFOLLOW) &&
		      (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);

	return open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
}

static int open_by_name(const char *path, int flags)
{
	int ret, found;

	if (!path)
		return gmem_fail(-EFAULT, "path: is NULL");
	found = find(path, flags);
	if (found >= 0) {
		ret = open_existing(found, path, flags);
		close(found);
		return ret;
	}
	if (errno == ENOENT && flags & O_CREAT)
		return create(path, flags);
	if (errno == EFAULT)
		return gmem_fail(-EFAULT, "path: can't read the path at this address");
	return gmem_fail_errno("%s: can't open the file", path);
}

EXPORT int gmem_file_open(const char *path, int flags)
{
	int ret = gmem_check_bits("flags", (unsigned int)flags, OPEN_FLAGS);
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (ret)
		return ret;
	ret = open_by_name(path, flags);
	/* Another process has made the file after find() didn't see it. */
	if (ret == -EEXIST && !(flags & O_EXCL))
		ret = open_by_name(path, flags);
	return ret;
}
