// SPDX-License-Identifier: GPL-2.0
/*
 * Each step of making a name that can fail is made to fail (debug build): the
 * errno is right, nothing is left of it, and the next try works.
 */
#include "gmem_test.h"

#include <sys/xattr.h>

#define NAME	MNT "/name"

static int make_file(void)
{
	int fd = open(NAME, O_CREAT | O_EXCL | O_RDWR, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int make_dir(void)
{
	return mkdir(NAME, 0700);
}

static int make_symlink(void)
{
	return symlink("target", NAME);
}

static int make_fifo(void)
{
	return mkfifo(NAME, 0600);
}

static int make_tmpfile(void)
{
	int fd = open(MNT, O_TMPFILE | O_RDWR, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int make_by_ioctl(void)
{
	struct gmem_create create = { .size = BLOCK };
	int dir = must(open(MNT, O_RDONLY)), fd, err;

	fd = ioctl(dir, GMEM_CREATE, &create);
	err = errno;
	close(dir);
	errno = err;
	return fd < 0 ? -1 : close(fd);
}

static const struct {
	const char *what;
	int (*make)(void);
	int (*remove)(const char *name);	/* NULL: it has no name */
} makers[] = {
	{ "open(O_CREAT)", make_file, unlink },
	{ "mkdir", make_dir, rmdir },
	{ "symlink", make_symlink, unlink },
	{ "mkfifo", make_fifo, unlink },
	{ "open(O_TMPFILE)", make_tmpfile, NULL },
	{ "GMEM_CREATE", make_by_ioctl, NULL },
};

#define MAKERS	(sizeof(makers) / sizeof(*makers))

static void test_maker(size_t i, const char *kind)
{
	const char *what = makers[i].what;
	long used = inodes_in(MNT);
	int fds = descriptors();
	struct stat before, after;

	must(stat(MNT, &before));
	inject(kind, 1);
	is_errno(makers[i].make(), ENOMEM, "%s with fail_%s", what, kind);
	inject(kind, 0);
	is(inodes_in(MNT), used, "%s: no inode is left", what);
	is(descriptors(), fds, "%s: no descriptor", what);
	is_errno(access(NAME, F_OK), ENOENT, "%s: no name", what);
	must(stat(MNT, &after));
	is(after.st_nlink, before.st_nlink, "%s: no link", what);
	is(makers[i].make(), 0, "%s: then it works", what);
	if (makers[i].remove)
		is(makers[i].remove(NAME), 0, "%s: and can be removed", what);
	is(inodes_in(MNT), used, "%s: without a trace", what);
}

static void test_xattr(void)
{
	char buf[8];

	must(make_file());
	must(setxattr(NAME, "user.x", "old", 3, 0));
	inject("alloc_xattr", 1);
	is_errno(setxattr(NAME, "user.x", "new", 3, 0), ENOMEM,
		 "setxattr with fail_alloc_xattr");
	is(getxattr(NAME, "user.x", buf, sizeof(buf)), 3, "leaves");
	ok(!memcmp(buf, "old", 3), "the old value");
	inject("alloc_xattr", 1);
	is_errno(setxattr(NAME, "user.y", "new", 3, 0), ENOMEM, "a new one");
	is(listxattr(NAME, NULL, 0), sizeof("user.x"), "leaves no name");
	inject("alloc_xattr", -1);
	is(removexattr(NAME, "user.x"), 0, "a removal needs no memory");
	inject("alloc_xattr", 0);
	is(setxattr(NAME, "user.y", "new", 3, 0), 0, "then it works");
	must(unlink(NAME));
}

static void test_mount(void)
{
	must(mkdir("/run/m", 0700));
	inject("alloc_inode", 1);
	is_errno(mount("none", "/run/m", "gmemfs", 0, NULL), ENOMEM,
		 "mount with fail_alloc_inode");
	is(mount("none", "/run/m", "gmemfs", 0, NULL), 0, "then it works");
	must(umount("/run/m"));
}

int main(void)
{
	size_t i;

	for (i = 0; i < MAKERS; i++) {
		test_maker(i, "alloc_inode");
		test_maker(i, "label");
	}
	test_maker(2, "alloc_link");
	test_maker(MAKERS - 1, "create");
	test_xattr();
	test_mount();
	nothing_is_left();
	return done_testing();
}
