// SPDX-License-Identifier: GPL-2.0
/*
 * Every ioctl and every mount option with what they must refuse: the right
 * errno, a message that helps, and nothing changed.
 */
#include "gmem_test.h"

#include <sys/statfs.h>
#include <sys/syscall.h>
#include <linux/magic.h>
#include <linux/mount.h>

static void test_ioctls(void)
{
	struct gmem_info info = {};
	int fd = new_file(BLOCK), dir = must(open(MNT, O_RDONLY));
	unsigned char *bytes = (unsigned char *)&info;
	size_t i, refused = 0;

	is(sizeof(info), 128, "struct gmem_info has the size it was born with");
	is_errno(ioctl(fd, _IO(GMEM_IOC_TYPE, 0xff)), ENOTTY,
		 "an unknown ioctl");
	is_errno(ioctl(fd, _IO('x', 0)), ENOTTY, "somebody else's");
	is_errno(ioctl(fd, GMEM_GET_INFO, NULL), EFAULT, "a null pointer");
	is_errno(ioctl(fd, GMEM_GET_INFO, (void *)-PAGE), EFAULT,
		 "a kernel address");
	is_errno(ioctl(fd, _IOWR(GMEM_IOC_TYPE, 0, char[64]), &info), ENOTTY,
		 "the right number with another size");
	for (i = 0; i < sizeof(info); i++) {
		memset(&info, 0, sizeof(info));
		bytes[i] = 1;
		if (ioctl(fd, GMEM_GET_INFO, &info) == -1 && errno == EINVAL)
			refused++;
	}
	is(refused, sizeof(info), "each byte that isn't zero on the way in");
	memset(&info, 0, sizeof(info));
	is_errno(ioctl(dir, GMEM_GET_INFO, &info), ENOTTY, "on a directory");
	is(ioctl(fd, GMEM_GET_INFO, &info), 0, "and a good one still works");
	ok(all_bytes((char *)info.reserved, sizeof(info.reserved), 0),
	   "with zeros where something is reserved");
	close(dir);
	close(fd);
}

static void test_file_calls(void)
{
	char *volatile nowhere = NULL;
	int fd = new_file(BLOCK);

	is_errno(read(fd, nowhere, 1), EFAULT, "read to nowhere");
	is_errno(write(fd, nowhere, 1), EFAULT, "write from nowhere");
	is_errno(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE), EOPNOTSUPP,
		 "fallocate: no collapsing");
	is_errno(fallocate(fd, 0, -1, PAGE), EINVAL, "fallocate before 0");
	is_errno(fallocate(fd, 0, 0, 0), EINVAL, "fallocate of nothing");
	is_errno(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE), EOPNOTSUPP,
		 "a hole that changes the size");
	is_errno(lseek(fd, -1, SEEK_SET), EINVAL, "seek to before the start");
	is_errno((long)mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 1), EINVAL,
		 "mmap at an odd offset");
	is_errno((long)mmap(NULL, 0, PROT_READ, MAP_SHARED, fd, 0), EINVAL,
		 "mmap of nothing");
	is_errno((long)mmap(NULL, BLOCK, PROT_READ,
			    MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0), EOPNOTSUPP,
		 "MAP_SYNC");
	close(fd);
}

/* The message that fsconfig() leaves in the context's log. */
static int try_option(const char *key, const char *value, char *message,
		      size_t size)
{
	int fs = must(syscall(SYS_fsopen, "gmemfs", 0));
	int ret, err;
	ssize_t n;

	ret = syscall(SYS_fsconfig, fs,
		      value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key,
		      value, 0);
	err = errno;
	n = read(fs, message, size - 1);
	message[n > 0 ? n : 0] = '\0';
	close(fs);
	errno = err;
	return ret;
}

static void test_mount_options(void)
{
	static const struct {
		const char *key, *value, *hint;
	} bad[] = {
		{ "size", "", NULL },
		{ "size", "-1", "for example" },
		{ "size", "lots", "for example" },
		{ "size", "1q", "for example" },
		{ "size", "1g1", "for example" },
		{ "size", "101%", "at most 100%" },
		{ "size", "99999999999999999999%", "at most 100%" },
		{ "size", "16e", "for example" },
		{ "size", "18446744073709551616", "for example" },
		{ "size", "99999999999g", "for example" },
		{ "size", "8388608t", "for example" },
		{ "size", "0x1000", "for example" },
		{ "size", "5%%", "for example" },
		{ "size", NULL, NULL },
		{ "nr_inodes", "", NULL },
		{ "nr_inodes", "-1", "for example" },
		{ "nr_inodes", "many", "for example" },
		{ "nr_inodes", "50%", "for example" },
		{ "nr_inodes", "1q", "for example" },
		{ "nr_inodes", "9223372036854775808", "for example" },
		{ "nr_inodes", NULL, NULL },
		{ "mode", "abc", NULL },
		{ "mode", "17777", "at most 7777" },
		{ "mode", "8", NULL },
		{ "uid", "-1", NULL },
		{ "uid", "x", NULL },
		{ "gid", "x", NULL },
		{ "huge", "sometimes", NULL },
		{ "huge", "", NULL },
		{ "direct_map", "gone", NULL },
		{ "direct_map", NULL, NULL },
		{ "statfs", "tmpfs", NULL },
		{ "statfs", NULL, NULL },
		{ "nonsense", "1", NULL },
		{ "nonsense", NULL, NULL },
	};
	static const struct {
		const char *key, *value;
	} good[] = {
		{ "size", "0" }, { "size", "1" }, { "size", "100%" },
		{ "size", "3G" }, { "size", "1t" },
		{ "nr_inodes", "0" }, { "nr_inodes", "1" },
		{ "nr_inodes", "2M" }, { "nr_inodes", "9223372036854775807" },
		{ "mode", "7777" }, { "uid", "65534" }, { "gid", "65534" },
		{ "huge", "try" }, { "huge", "never" },
		{ "huge", "always" },
		{ "direct_map", "kept" }, { "direct_map", "hidden" },
		{ "statfs", "gmemfs" }, { "statfs", "hugetlbfs" },
	};
	char message[512];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *value = bad[i].value ?: "(none)";

		is_errno(try_option(bad[i].key, bad[i].value, message,
				    sizeof(message)), EINVAL, "%s=%s",
			 bad[i].key, value);
		ok(strstr(message, bad[i].hint ?: "e gmemfs: "),
		   "%s=%s: says why: %s", bad[i].key, value,
		   strtok(message, "\n"));
	}
	for (i = 0; i < sizeof(good) / sizeof(*good); i++)
		is(try_option(good[i].key, good[i].value, message,
			      sizeof(message)), 0, "%s=%s", good[i].key,
		   good[i].value);
}

static void test_shown_options(void)
{
	char line[512], *found = NULL;
	struct stat st;
	FILE *f;

	must(mkdir("/run/opts", 0700));
	must(mount("none", "/run/opts", "gmemfs", 0,
		   "size=12345k,nr_inodes=3k,mode=1750,uid=7,gid=8,"
		   "huge=never,direct_map=kept,statfs=hugetlbfs"));
	must(stat("/run/opts", &st));
	is(st.st_mode & 07777, 01750, "mode=");
	is(st.st_uid, 7, "uid=");
	is(st.st_gid, 8, "gid=");
	f = fopen("/proc/mounts", "re");
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, "/run/opts gmemfs");
	fclose(f);
	ok(found && strstr(found,
			   "size=12348k,nr_inodes=3072,mode=1750,uid=7,gid=8,"
			   "huge=never,direct_map=kept,statfs=hugetlbfs"),
	   "/proc/mounts tells all options, the size in whole pages: %s",
	   found ? strtok(found, "\n") : "");
	must(umount("/run/opts"));
}

/* As QEMU asks hugetlbfs for its page size. */
static void test_statfs(void)
{
	struct statfs fs;
	char *p;
	int fd;

	must(mkdir("/run/statfs", 0700));
	must(mount("none", "/run/statfs", "gmemfs", 0,
		   "size=8m,statfs=hugetlbfs"));
	fd = new_file_in("/run/statfs", 2 * BLOCK);
	p = map(fd, 2 * BLOCK);
	*p = 1;
	must(fstatfs(fd, &fs));
	is(fs.f_type, HUGETLBFS_MAGIC, "statfs=hugetlbfs: the type");
	is(fs.f_bsize, BLOCK, "and the page size");
	is(fs.f_blocks, 4, "in which it counts");
	is(fs.f_bavail, 3, "what is left, too");
	must(munmap(p, 2 * BLOCK));
	must(close(fd));
	must(umount("/run/statfs"));
}

static void test_remount(void)
{
	struct statfs fs;
	char *p;
	int fd;

	must(mkdir("/run/remount", 0700));
	must(mount("none", "/run/remount", "gmemfs", 0, "size=8m"));
	fd = new_file_in("/run/remount", 2 * BLOCK);
	p = map(fd, 2 * BLOCK);
	memset(p, 1, 2 * BLOCK);

	is(mount("none", "/run/remount", NULL, MS_REMOUNT, "size=6m"), 0,
	   "remount: a smaller size that is enough");
	must(statfs("/run/remount", &fs));
	is(fs.f_blocks, 6 * 256, "which holds from now on");
	is_errno(mount("none", "/run/remount", NULL, MS_REMOUNT, "size=3m"),
		 EINVAL, "remount: less than is in use");
	is_errno(mount("none", "/run/remount", NULL, MS_REMOUNT,
		       "size=9m,huge=never"), EINVAL,
		 "remount: what can't be changed");
	is_errno(mount("none", "/run/remount", NULL, MS_REMOUNT,
		       "size=9m,statfs=hugetlbfs"), EINVAL,
		 "remount: nor this");
	must(statfs("/run/remount", &fs));
	is(fs.f_blocks, 6 * 256, "and then nothing is");
	is(fs.f_type, GMEMFS_MAGIC, "statfs() says what it is");
	munmap(p, 2 * BLOCK);
	close(fd);
	is(mount("none", "/run/remount", NULL, MS_REMOUNT | MS_RDONLY, NULL),
	   0, "remount read-only");
	is_errno(open("/run/remount", O_TMPFILE | O_RDWR, 0600), EROFS,
		 "makes no more files");
	must(umount("/run/remount"));
}

static void test_permissions(void)
{
	int status;
	pid_t pid = must(fork());

	if (!pid) {
		must(setgid(65534));
		must(setuid(65534));
		_exit(open(MNT, O_TMPFILE | O_RDWR, 0600) != -1 ||
		      errno != EACCES);
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "by default only root makes files");
}

static void test_no_descriptors(void)
{
	int dir = must(open(MNT, O_RDONLY)), fd = new_file(PAGE);
	long inodes = inodes_in(MNT);
	struct gmem_create create = { .size = PAGE };
	struct rlimit old, none;
	int view, file, view_error, file_error;

	must(getrlimit(RLIMIT_NOFILE, &old));
	none = old;
	none.rlim_cur = 0;
	must(setrlimit(RLIMIT_NOFILE, &none));
	view = ioctl(fd, GMEM_SHARED_VIEW, 0);
	view_error = errno;
	file = ioctl(dir, GMEM_CREATE, &create);
	file_error = errno;
	must(setrlimit(RLIMIT_NOFILE, &old));
	errno = view_error;
	is_errno(view, EMFILE, "no descriptor left for a shared view");
	errno = file_error;
	is_errno(file, EMFILE, "nor for a new file");
	is(inodes_in(MNT), inodes, "which isn't there then");
	close(fd);
	close(dir);
}

int main(void)
{
	test_ioctls();
	test_file_calls();
	test_mount_options();
	test_shown_options();
	test_statfs();
	test_remount();
	test_permissions();
	test_no_descriptors();
	return done_testing();
}
