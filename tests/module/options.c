// SPDX-License-Identifier: GPL-2.0
/*
 * What mount options do: huge=always, nr_inodes=, and a mount for all users.
 * And that statfs, stat, /proc/mounts and a remount agree on it. What they
 * refuse is in bad_input.c.
 */
#include "gmem_test.h"

#include <sys/statfs.h>

#define TOP		"/run/o"

static void mount_with(const char *options)
{
	must(mount("none", TOP, "gmemfs", 0, options));
}

static int remount(const char *options)
{
	return mount("none", TOP, NULL, MS_REMOUNT, options);
}

static struct statfs statfs_of(void)
{
	struct statfs fs;

	must(statfs(TOP, &fs));
	return fs;
}

static long free_inodes(void)
{
	return statfs_of().f_ffree;
}

/* Has /proc/mounts this text among the mount's options? */
static bool shows(const char *text)
{
	char line[512], *at;
	bool found = false;
	FILE *f = fopen("/proc/mounts", "re");

	if (!f)
		bail_out("/proc/mounts: %s", strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		at = strstr(line, " " TOP " gmemfs ");
		if (at)
			found = strstr(at, text);
	}
	fclose(f);
	return found;
}

static int new_name(const char *name)
{
	int fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);

	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static void test_huge_always(void)
{
	struct stat st;
	char *p;
	int fd;

	mount_with("huge=always,size=8m");
	ok(shows(",huge=always,"), "/proc/mounts has huge=always");
	fd = new_file_in(TOP, 2 * BLOCK);
	is(get_info(fd).flags, GMEM_FLAG_HUGE_ONLY, "and a file its flag");
	p = map(fd, 2 * BLOCK);
	is(statfs_of().f_bfree, 4 * 512, "an empty file takes nothing");
	p[PAGE] = 7;
	is(get_info(fd).huge, BLOCK, "a byte of it 2 MiB");
	is(get_info(fd).hidden, BLOCK, "hidden");
	is(p[PAGE], 7, "with that byte in it");
	is(statfs_of().f_bfree, 3 * 512, "as statfs knows");
	must(fstat(fd, &st));
	is(st.st_blocks * 512, BLOCK, "and stat, and so du");
	is(st.st_size, 2 * BLOCK, "whatever the size is");
	is(remount("size=6m"), 0, "a remount of something else");
	ok(shows(",huge=always,"), "leaves that");
	ok(shows("size=6144k,"), "and changes what it says");
	is(statfs_of().f_blocks, 3 * 512, "at once");
	is_errno(remount("huge=never"), EINVAL, "huge= can't be changed");
	ok(shows(",huge=always,"), "and isn't");
	munmap(p, 2 * BLOCK);
	close(fd);
	must(umount(TOP));

	mount_with("huge=always,huge=try");
	ok(shows(",huge=try,"), "of two, the last holds");
	must(umount(TOP));
	mount_with("huge=never,huge=always");
	ok(shows(",huge=always,"), "and is no mixture");
	fd = new_file_in(TOP, BLOCK);
	is(get_info(fd).flags, GMEM_FLAG_HUGE_ONLY, "of both");
	close(fd);
	must(umount(TOP));
}

static void test_default_inodes(void)
{
	struct statfs fs;

	mount_with(NULL);
	fs = statfs_of();
	is(fs.f_files, fs.f_blocks, "nr_inodes= is by default what size= is");
	is(fs.f_ffree, fs.f_files - 1, "the root is one");
	must(umount(TOP));
	mount_with("nr_inodes=0");
	ok(!shows("nr_inodes"), "nr_inodes=0 is not shown");
	is(statfs_of().f_files, 0, "and is no limit");
	is(new_name(TOP "/a"), 0, "for files");
	must(umount(TOP));
	mount_with("nr_inodes=2k");
	is(statfs_of().f_files, 2048, "nr_inodes=2k");
	ok(shows(",nr_inodes=2048,"), "as /proc/mounts has it");
	must(umount(TOP));
}

/* Five: the root, and four of whatever kind. */
static void test_inode_limit(void)
{
	int fd;

	mount_with("nr_inodes=5");
	is(free_inodes(), 4, "nr_inodes=5: the root is one");
	must(mkdir(TOP "/d", 0700));
	must(symlink("x", TOP "/s"));
	must(mkfifo(TOP "/p", 0600));
	must(new_name(TOP "/f"));
	is(free_inodes(), 0, "and four more are all");
	is_errno(new_name(TOP "/g"), ENOSPC, "no file");
	is_errno(mkdir(TOP "/g", 0700), ENOSPC, "no directory");
	is_errno(symlink("x", TOP "/g"), ENOSPC, "no symbolic link");
	is_errno(mkfifo(TOP "/g", 0600), ENOSPC, "no FIFO");
	is_errno(open(TOP, O_TMPFILE | O_RDWR, 0600), ENOSPC, "no O_TMPFILE");
	is_errno(link(TOP "/f", TOP "/g"), ENOSPC, "no second name");
	is_errno(access(TOP "/g", F_OK), ENOENT, "and none of them is there");
	must(rename(TOP "/f", TOP "/d/f"));
	is(free_inodes(), 0, "a rename needs none");

	fd = must(open(TOP "/d/f", O_RDWR));
	must(unlink(TOP "/d/f"));
	is(free_inodes(), 0, "an open file counts without a name");
	close(fd);
	is(free_inodes(), 1, "until it is closed");
	must(rmdir(TOP "/d"));
	must(unlink(TOP "/s"));
	must(unlink(TOP "/p"));
	is(free_inodes(), 4, "all come back");
	must(umount(TOP));
}

/* Each name but the first counts, however it goes. */
static void test_names_count(void)
{
	char path[64];
	int fd;

	mount_with("nr_inodes=5");
	must(new_name(TOP "/a"));
	must(link(TOP "/a", TOP "/b"));
	must(link(TOP "/a", TOP "/c"));
	is(free_inodes(), 1, "each further name counts");
	must(unlink(TOP "/a"));
	is(free_inodes(), 2, "until it goes");
	must(new_name(TOP "/x"));
	must(rename(TOP "/x", TOP "/b"));
	is(free_inodes(), 2, "also by a rename over it");
	must(renameat2(AT_FDCWD, TOP "/b", AT_FDCWD, TOP "/c",
		       RENAME_EXCHANGE));
	is(free_inodes(), 2, "an exchange takes none");
	must(link(TOP "/b", TOP "/d"));
	must(renameat2(AT_FDCWD, TOP "/c", AT_FDCWD, TOP "/b",
		       RENAME_EXCHANGE));
	is(free_inodes(), 1, "nor does one with a second name");
	must(unlink(TOP "/b"));
	must(unlink(TOP "/c"));
	must(unlink(TOP "/d"));
	is(free_inodes(), 4, "at the end all are free");

	fd = must(open(TOP, O_TMPFILE | O_RDWR, 0600));
	is(free_inodes(), 3, "a file without a name is one");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(linkat(AT_FDCWD, path, AT_FDCWD, TOP "/n", AT_SYMLINK_FOLLOW));
	is(free_inodes(), 3, "and with its first name, too");
	must(link(TOP "/n", TOP "/m"));
	is(free_inodes(), 2, "but not with two");
	close(fd);
	must(unlink(TOP "/n"));
	must(unlink(TOP "/m"));
	is(free_inodes(), 4, "and is none when it is gone");
	must(umount(TOP));
}

static void test_remount_inodes(void)
{
	mount_with("nr_inodes=3,size=4m,mode=750,uid=11,gid=12");
	must(new_name(TOP "/a"));
	must(new_name(TOP "/b"));
	is_errno(new_name(TOP "/c"), ENOSPC, "a mount with all its inodes");
	is(remount("nr_inodes=4"), 0, "can get another");
	is(new_name(TOP "/c"), 0, "to use");
	ok(shows("size=4096k,nr_inodes=4,mode=750,uid=11,gid=12,"),
	   "and is otherwise as it was");
	is_errno(remount("nr_inodes=3"), EINVAL, "no less than are in use");
	is_errno(remount("nr_inodes=9,size=1k,mode=700"), EINVAL,
		 "and not with what can't be changed");
	is(statfs_of().f_files, 4, "which then changes nothing");
	is(statfs_of().f_blocks, 1024, "at all");
	is(remount("nr_inodes=0"), 0, "the limit can go");
	is(statfs_of().f_files, 0, "then there is none");
	is(new_name(TOP "/d"), 0, "for files");
	is(remount("nr_inodes=6"), 0, "and come back");
	is(free_inodes(), 1, "with what was made meanwhile");
	must(umount(TOP));
}

/* ---- users ---- */

/* What a VMM of an ordinary user does. Each exit status is a step. */
static int use_as(int uid)
{
	struct stat st;
	char *p;
	int fd;

	must(setgid(uid));
	must(setuid(uid));
	fd = open(TOP "/mine", O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd < 0)
		return errno == EACCES ? 1 : 2;
	if (ftruncate(fd, BLOCK))
		return 3;
	p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 4;
	memset(p, 3, BLOCK);
	if (!all_bytes(p, BLOCK, 3) || get_info(fd).hidden != BLOCK)
		return 5;
	if (fstat(fd, &st) || (int)st.st_uid != uid || (int)st.st_gid != uid)
		return 6;
	return 0;
}

static int try_use_as(int uid)
{
	pid_t pid = must(fork());
	int status;

	if (!pid)
		_exit(use_as(uid));
	must(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int try_unlink_as(int uid)
{
	pid_t pid = must(fork());
	int status;

	if (!pid) {
		must(setgid(uid));
		must(setuid(uid));
		_exit(unlink(TOP "/mine") ? errno : 0);
	}
	must(waitpid(pid, &status, 0));
	return WEXITSTATUS(status);
}

static void test_users(void)
{
	mount_with(NULL);
	is(try_use_as(65534), 1, "by default nobody but root makes files");
	is_errno(access(TOP "/mine", F_OK), ENOENT, "none is left");
	must(umount(TOP));

	mount_with("mode=1777");
	is(try_use_as(65534), 0, "mode=1777: all make files, map and fill them");
	is(try_unlink_as(65533), EPERM, "others don't remove them");
	is(try_unlink_as(65534), 0, "their owner does");
	must(umount(TOP));

	mount_with("uid=1234,gid=1234,mode=700");
	is(try_use_as(65534), 1, "uid=: others don't");
	is(try_use_as(1234), 0, "that one does");
	must(umount(TOP));
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
}

int main(void)
{
	umask(0);
	must(mkdir(TOP, 0755));
	test_huge_always();
	test_default_inodes();
	test_inode_limit();
	test_names_count();
	test_remount_inodes();
	test_users();
	return done_testing();
}
