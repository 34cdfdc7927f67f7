// SPDX-License-Identifier: GPL-2.0
/*
 * Extended attributes: who may set and see which, what is refused, the limit,
 * and that they live as long as their inode.
 */
#include "gmem_test.h"

#include <linux/limits.h>
#include <sys/xattr.h>

#define FILE_A	MNT "/a"
#define LIMIT	65536	/* of an inode: names, values and what keeps them */
#define EACH	32	/* what keeps one */

static char value[XATTR_SIZE_MAX + 1];

static int set(const char *path, const char *name, const char *text, int flags)
{
	return lsetxattr(path, name, text, strlen(text), flags);
}

/* Is this the value, of this length, all of it? */
static bool has(const char *path, const char *name, const char *text)
{
	char buf[256];
	ssize_t n = lgetxattr(path, name, buf, sizeof(buf));

	return n == (ssize_t)strlen(text) && !memcmp(buf, text, n);
}

/* How many names the list has, -1 if this one is not among them. */
static int listed(const char *path, const char *name)
{
	char buf[4096], *p;
	ssize_t n = must(llistxattr(path, buf, sizeof(buf)));
	int count = 0, found = 0;

	for (p = buf; p < buf + n; p += strlen(p) + 1) {
		count++;
		found |= !strcmp(p, name);
	}
	return found ? count : -1;
}

static void new_name(const char *path)
{
	close(must(open(path, O_CREAT | O_EXCL | O_RDWR, 0600)));
}

static void test_set_and_get(void)
{
	char buf[16] = "";

	new_name(FILE_A);
	is(llistxattr(FILE_A, NULL, 0), 0, "a new file has none");
	is(set(FILE_A, "user.one", "first", 0), 0, "user.*");
	is(set(FILE_A, "trusted.two", "2", 0), 0, "trusted.*");
	is(set(FILE_A, "security.three", "iii", 0), 0, "security.*");
	ok(has(FILE_A, "user.one", "first"), "each has");
	ok(has(FILE_A, "trusted.two", "2"), "its own");
	ok(has(FILE_A, "security.three", "iii"), "value");
	is(listed(FILE_A, "user.one"), 3, "and its name in the list");
	is(listed(FILE_A, "trusted.two"), 3, "as have");
	is(listed(FILE_A, "security.three"), 3, "the others");
	is(listxattr(FILE_A, NULL, 0),
	   sizeof("user.one") + sizeof("trusted.two") +
	   sizeof("security.three"), "which says how long it is");
	is(getxattr(FILE_A, "user.one", NULL, 0), 5, "as does a value");
	is_errno(getxattr(FILE_A, "user.one", buf, 4), ERANGE,
		 "a buffer too short for a value");
	is(buf[0], 0, "stays as it was");
	is(getxattr(FILE_A, "user.one", buf, 5), 5, "one just long enough");
	is_errno(listxattr(FILE_A, buf, 10), ERANGE, "too short for the list");

	is(set(FILE_A, "user.one", "another, and longer", 0), 0, "replace one");
	ok(has(FILE_A, "user.one", "another, and longer"), "by a longer value");
	is(set(FILE_A, "user.one", "", 0), 0, "or an empty one");
	is(getxattr(FILE_A, "user.one", buf, sizeof(buf)), 0, "which is none");
	is(listed(FILE_A, "user.one"), 3, "but still there");
	is(setxattr(FILE_A, "user.one", "a\0b\xff", 4, 0), 0, "any bytes");
	is(getxattr(FILE_A, "user.one", buf, sizeof(buf)), 4, "come back");
	ok(!memcmp(buf, "a\0b\xff", 4), "as they were");

	is(removexattr(FILE_A, "trusted.two"), 0, "remove one");
	is_errno(getxattr(FILE_A, "trusted.two", buf, 1), ENODATA, "it is gone");
	is(listed(FILE_A, "user.one"), 2, "the others aren't");
	is_errno(removexattr(FILE_A, "trusted.two"), ENODATA, "not twice");
	must(unlink(FILE_A));
}

static void test_refused(void)
{
	char name[XATTR_NAME_MAX + 2];

	new_name(FILE_A);
	must(set(FILE_A, "user.x", "old", XATTR_CREATE));
	is_errno(set(FILE_A, "user.x", "new", XATTR_CREATE), EEXIST,
		 "XATTR_CREATE of what is there");
	ok(has(FILE_A, "user.x", "old"), "changes nothing");
	is_errno(set(FILE_A, "user.y", "new", XATTR_REPLACE), ENODATA,
		 "XATTR_REPLACE of what isn't");
	is(listed(FILE_A, "user.x"), 1, "makes nothing");
	is(set(FILE_A, "user.x", "new", XATTR_REPLACE), 0, "of what is, it");
	ok(has(FILE_A, "user.x", "new"), "replaces");
	is_errno(set(FILE_A, "user.x", "z", 4), EINVAL, "an unknown flag");

	is_errno(set(FILE_A, "user.", "z", 0), EINVAL, "a prefix alone");
	is_errno(set(FILE_A, "plain", "z", 0), EOPNOTSUPP, "no prefix");
	is_errno(set(FILE_A, "other.x", "z", 0), EOPNOTSUPP, "an unknown one");
	is_errno(getxattr(FILE_A, "system.posix_acl_access", NULL, 0),
		 EOPNOTSUPP, "an ACL");
	is_errno(getxattr(FILE_A, "other.x", NULL, 0), EOPNOTSUPP,
		 "get of an unknown prefix");
	memset(name, 'n', sizeof(name));
	memcpy(name, "user.", 5);
	name[XATTR_NAME_MAX + 1] = '\0';
	is_errno(set(FILE_A, name, "z", 0), ERANGE, "a name of 256 bytes");
	name[XATTR_NAME_MAX] = '\0';
	is(set(FILE_A, name, "longest", 0), 0, "one of 255");
	ok(has(FILE_A, name, "longest"), "works");
	is(listed(FILE_A, name), 2, "and is listed");
	is_errno(setxattr(FILE_A, "user.z", (void *)-PAGE, 1, 0), EFAULT,
		 "a value nowhere");
	is_errno(setxattr(FILE_A, "user.z", value, XATTR_SIZE_MAX + 1, 0),
		 E2BIG, "a value over 64 KiB");
	is(listed(FILE_A, name), 2, "and no failure left a name");
	must(unlink(FILE_A));
}

static void test_limit(void)
{
	size_t room = LIMIT - EACH - sizeof("user.big"), i;
	char *back = malloc(LIMIT), name[32];

	new_name(FILE_A);
	for (i = 0; i < sizeof(value); i++)
		value[i] = i * 7 + i / 251;
	is_errno(setxattr(FILE_A, "user.big", value, XATTR_SIZE_MAX, 0), ENOSPC,
		 "64 KiB of value and a name are more than 64 KiB");
	is(listxattr(FILE_A, NULL, 0), 0, "and leave nothing");
	is(setxattr(FILE_A, "user.big", value, room, 0), 0, "a bit less fits");
	is(getxattr(FILE_A, "user.big", back, LIMIT), room, "comes back whole");
	ok(!memcmp(value, back, room), "byte for byte");
	is_errno(setxattr(FILE_A, "user.big", value, room + 1, 0), ENOSPC,
		 "a byte more doesn't fit");
	is(getxattr(FILE_A, "user.big", back, LIMIT), room,
	   "and leaves the old value");
	is_errno(set(FILE_A, "user.b", "", 0), ENOSPC, "nor does a name more");
	is(setxattr(FILE_A, "user.big", value + 1, room, 0), 0,
	   "a new value of the same size takes the old one's place");
	must(getxattr(FILE_A, "user.big", back, LIMIT));
	ok(!memcmp(value + 1, back, room), "and is the new one");
	must(removexattr(FILE_A, "user.big"));

	for (i = 0; i < LIMIT; i++) {
		snprintf(name, sizeof(name), "user.%04zu", i);
		if (setxattr(FILE_A, name, NULL, 0, 0))
			break;
	}
	is(errno, ENOSPC, "so many names");
	is(i, LIMIT / (EACH + sizeof("user.0000")), "fit, and no more");
	is(llistxattr(FILE_A, back, LIMIT), i * sizeof("user.0000"),
	   "and are listed");
	must(unlink(FILE_A));
	new_name(FILE_A);
	is(setxattr(FILE_A, "user.big", value, room, 0), 0,
	   "the next file has all its room");
	must(unlink(FILE_A));
	free(back);
}

static void test_lifetime(void)
{
	struct stat before, after;
	int fd;

	new_name(FILE_A);
	must(stat(FILE_A, &before));
	usleep(20000);
	must(set(FILE_A, "user.x", "kept", 0));
	must(stat(FILE_A, &after));
	ok(after.st_ctim.tv_nsec != before.st_ctim.tv_nsec,
	   "setting one changes ctime");
	is(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec, "and not mtime");
	must(mkdir(MNT "/dir", 0700));
	must(rename(FILE_A, MNT "/dir/b"));
	ok(has(MNT "/dir/b", "user.x", "kept"), "rename keeps it");
	must(link(MNT "/dir/b", FILE_A));
	ok(has(FILE_A, "user.x", "kept"), "a second name has it");
	fd = must(open(FILE_A, O_RDWR));
	must(unlink(FILE_A));
	must(unlink(MNT "/dir/b"));
	is(fgetxattr(fd, "user.x", value, 4), 4, "a file without names has it");
	is(fsetxattr(fd, "user.y", "new", 3, 0), 0, "and can get more");
	new_name(FILE_A);
	is(listxattr(FILE_A, NULL, 0), 0, "a new file of the name has none");
	close(fd);

	is(set(MNT "/dir", "user.d", "dir", 0), 0, "a directory can have one");
	ok(has(MNT "/dir", "user.d", "dir"), "and keeps it");
	is(set(MNT, "trusted.root", "root", 0), 0, "so can the root");
	ok(has(MNT, "trusted.root", "root"), "likewise");
	must(removexattr(MNT, "trusted.root"));
	must(unlink(FILE_A));
	must(rmdir(MNT "/dir"));
}

static void test_other_types(void)
{
	must(symlink("nowhere", MNT "/sym"));
	must(mkfifo(MNT "/fifo", 0600));
	is(set(MNT "/sym", "trusted.s", "link", 0), 0,
	   "trusted.* on a symbolic link");
	ok(has(MNT "/sym", "trusted.s", "link"), "is the link's own");
	is(listed(MNT "/sym", "trusted.s"), 1, "and listed");
	is(set(MNT "/fifo", "security.f", "pipe", 0), 0, "security.* on a FIFO");
	ok(has(MNT "/fifo", "security.f", "pipe"), "works");
	is(listed(MNT "/fifo", "security.f"), 1, "and is listed");
	is_errno(set(MNT "/sym", "user.s", "x", 0), EPERM,
		 "user.* is not for links");
	is_errno(set(MNT "/fifo", "user.s", "x", 0), EPERM, "nor for FIFOs");
	must(unlink(MNT "/sym"));
	must(unlink(MNT "/fifo"));
}

/* In a child, that is nobody: each bit is something that went wrong. */
static int as_nobody(void)
{
	char buf[256];
	int bad = 0;

	must(setgid(65534));
	must(setuid(65534));
	bad |= (getxattr(FILE_A, "trusted.t", buf, sizeof(buf)) != -1 ||
		errno != ENODATA) << 0;
	bad |= (set(FILE_A, "trusted.t", "mine", 0) != -1 ||
		errno != EPERM) << 1;
	bad |= (listed(FILE_A, "trusted.t") != -1) << 2;
	bad |= (listed(FILE_A, "user.u") != 1) << 3;
	bad |= !has(FILE_A, "user.u", "readable") << 4;
	bad |= (set(FILE_A, "user.u", "mine", 0) != -1 ||
		errno != EACCES) << 5;
	bad |= (removexattr(FILE_A, "user.u") != -1 || errno != EACCES) << 6;
	bad |= (set(FILE_A, "security.s", "mine", 0) != -1 ||
		errno != EPERM) << 7;
	return bad;
}

static void test_permissions(void)
{
	pid_t pid;
	int status;

	new_name(FILE_A);
	must(chmod(FILE_A, 0644));
	must(set(FILE_A, "trusted.t", "root's", 0));
	must(set(FILE_A, "user.u", "readable", 0));
	pid = must(fork());
	if (!pid)
		_exit(as_nobody());
	must(waitpid(pid, &status, 0));
	is(status, 0, "others see user.* of a file they may read, and no more");
	ok(has(FILE_A, "trusted.t", "root's"), "and root's values");
	ok(has(FILE_A, "user.u", "readable"), "are what they were");
	must(unlink(FILE_A));
}

static void test_read_only(void)
{
	must(mkdir("/run/ro", 0700));
	must(mount("none", "/run/ro", "gmemfs", 0, NULL));
	new_name("/run/ro/f");
	must(set("/run/ro/f", "user.x", "before", 0));
	must(mount("none", "/run/ro", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	is_errno(set("/run/ro/f", "user.x", "after", 0), EROFS,
		 "a read-only mount takes no attribute");
	is_errno(removexattr("/run/ro/f", "user.x"), EROFS, "nor removes one");
	ok(has("/run/ro/f", "user.x", "before"), "but shows it");
	must(umount("/run/ro"));
}

/* A writer with two values of different lengths; a reader must see either. */
static void test_race(void)
{
	static char buf[40000], list[256];
	long a = 0, b = 0, mixed = 0;
	int i, status;
	pid_t pid;

	new_name(FILE_A);
	memset(value, 'a', 100);
	must(setxattr(FILE_A, "user.r", value, 100, 0));
	pid = must(fork());
	if (!pid) {
		for (i = 0; ; i++) {
			int size = i % 2 ? 100 : 40000;

			memset(value, i % 2 ? 'a' : 'b', size);
			must(setxattr(FILE_A, "user.r", value, size, 0));
			must(setxattr(FILE_A, "user.s", value, 10, 0));
			must(removexattr(FILE_A, "user.s"));
		}
	}
	for (i = 0; i < 1000000 && (i < 2000 || !a || !b); i++) {
		ssize_t n = getxattr(FILE_A, "user.r", buf, sizeof(buf));

		if (n == 100 && all_bytes(buf, 100, 'a'))
			a++;
		else if (n == 40000 && all_bytes(buf, 40000, 'b'))
			b++;
		else
			mixed++;
		must(listxattr(FILE_A, list, sizeof(list)));
	}
	must(kill(pid, SIGKILL));
	must(waitpid(pid, &status, 0));
	ok(WIFSIGNALED(status), "a writer that never fails");
	ok(a && b, "gives a reader each of two values");
	is(mixed, 0, "and never anything else");
	must(unlink(FILE_A));
}

static void test_memory(void)
{
	char path[64];
	long before, full, slabs;
	int i;

	before = free_kb();
	slabs = debugging_kb();
	for (i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), MNT "/%d", i);
		new_name(path);
		must(setxattr(path, "user.m", value, 60000, 0));
	}
	full = free_kb() - (debugging_kb() - slabs);
	ok(full < before - 20000, "500 times 60,000 bytes take memory: %ld KiB",
	   before - full);
	for (i = 0; i < 500; i++) {
		snprintf(path, sizeof(path), MNT "/%d", i);
		must(unlink(path));
	}
	full = free_kb_again(before, 8000);
	ok(full > before - 8000, "and give it back with their files: %ld KiB",
	   before - full);
}

int main(void)
{
	umask(0);
	test_set_and_get();
	test_refused();
	test_limit();
	test_lifetime();
	test_other_types();
	test_permissions();
	test_read_only();
	test_race();
	test_memory();
	return done_testing();
}
