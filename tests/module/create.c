// SPDX-License-Identifier: GPL-2.0
/*
 * GMEM_CREATE: the file that it makes, and every error, after which nothing is
 * left: no descriptor, no inode, no memory.
 */
#include "gmem_test.h"

#include <sched.h>
#include <sys/resource.h>

static int create_in(const char *dir, uint64_t size, uint64_t flags)
{
	struct gmem_create create = { .size = size, .flags = flags };
	int fd = must(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int ret = ioctl(fd, GMEM_CREATE, &create), err = errno;

	close(fd);
	errno = err;
	return ret;
}

static int create(uint64_t size, uint64_t flags)
{
	return create_in(MNT, size, flags);
}

static void test_file(void)
{
	long before = inodes_in(MNT);
	int fd = must(create(2 * BLOCK, 0)), named;
	char *p, path[64];
	struct stat st;

	must(fstat(fd, &st));
	is(st.st_mode, S_IFREG | 0600, "GMEM_CREATE makes a file of mode 0600");
	is(st.st_size, 2 * BLOCK, "of the size asked for");
	is(st.st_blocks, 0, "that takes no memory yet");
	is(st.st_nlink, 0, "and has no name");
	is(inodes_in(MNT), before + 1, "it counts as an inode");
	is(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR, "it is open for both");
	is(fcntl(fd, F_GETFD), FD_CLOEXEC, "and not in what exec starts");

	p = map(fd, 2 * BLOCK);
	ok(all_bytes(p, 2 * BLOCK, 0), "its memory reads as zeros");
	memset(p, 0x5a, 2 * BLOCK);
	ok(all_bytes(p, 2 * BLOCK, 0x5a), "and keeps what is written");
	is(get_info(fd).hidden, 2 * BLOCK, "hidden");
	is(get_info(fd).flags, 0, "with no flags");
	is(sysfs("hidden_bytes"), 2 * BLOCK, "all of it");

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	must(linkat(AT_FDCWD, path, AT_FDCWD, MNT "/named",
		    AT_SYMLINK_FOLLOW));
	is(inodes_in(MNT), before + 1, "a first name is no inode more");
	named = must(open(MNT "/named", O_RDWR));
	munmap(p, 2 * BLOCK);
	p = map(named, 2 * BLOCK);
	ok(all_bytes(p, 2 * BLOCK, 0x5a), "linkat gives that file a name");
	munmap(p, 2 * BLOCK);
	close(named);
	must(unlink(MNT "/named"));
	is(get_info(fd).populated, 2 * BLOCK, "which can go again");
	close(fd);
	ok(becomes("hidden_bytes", 0), "the memory goes with the last user");
	is(inodes_in(MNT), before, "and the inode");
}

static void test_flags(void)
{
	int fd = must(create(BLOCK, GMEM_FLAG_KEEP_DIRECT_MAP));
	char *p = map(fd, BLOCK);

	memset(p, 1, BLOCK);
	is(get_info(fd).flags, GMEM_FLAG_KEEP_DIRECT_MAP, "a flag of its own");
	is(get_info(fd).populated, BLOCK, "a file with memory");
	is(get_info(fd).hidden, 0, "that is kept in the direct map");
	ok(becomes("hidden_bytes", 0), "really");
	munmap(p, BLOCK);
	close(fd);

	fd = must(create(BLOCK, GMEM_FLAG_NO_HUGE));
	p = map(fd, BLOCK);
	p[PAGE] = 1;
	is(get_info(fd).flags, GMEM_FLAG_NO_HUGE, "one without blocks");
	is(get_info(fd).populated, PAGE, "takes a page at a time");
	munmap(p, BLOCK);
	close(fd);

	fd = must(create(BLOCK, GMEM_FLAG_HUGE_ONLY |
				GMEM_FLAG_KEEP_DIRECT_MAP));
	p = map(fd, BLOCK);
	p[0] = 1;
	is(get_info(fd).flags, GMEM_FLAG_HUGE_ONLY | GMEM_FLAG_KEEP_DIRECT_MAP,
	   "two flags");
	is(get_info(fd).huge, BLOCK, "one of them of blocks only");
	is(get_info(fd).hidden, 0, "and the other");
	munmap(p, BLOCK);
	close(fd);
}

/* A mount's flags are for the files that don't say. */
static void test_mount_flags(void)
{
	int fd;

	must(mkdir("/run/kept", 0700));
	must(mount("none", "/run/kept", "gmemfs", 0,
		   "direct_map=kept,huge=never"));
	fd = must(create_in("/run/kept", BLOCK, 0));
	is(get_info(fd).flags, 0, "flags are instead of the mount's");
	close(fd);
	fd = must(create_in("/run/kept", BLOCK, GMEM_FLAG_HUGE_ONLY));
	is(get_info(fd).flags, GMEM_FLAG_HUGE_ONLY, "also contrary ones");
	close(fd);
	fd = new_file_in("/run/kept", BLOCK);
	is(get_info(fd).flags, GMEM_FLAG_KEEP_DIRECT_MAP | GMEM_FLAG_NO_HUGE,
	   "which other files have");
	close(fd);
	must(umount("/run/kept"));
}

static void is_size(uint64_t size)
{
	int fd = must(create(size, 0));
	struct stat st;

	must(fstat(fd, &st));
	is(st.st_size, size, "a size of %llu", (unsigned long long)size);
	is(get_info(fd).size, size, "and so it is told");
	close(fd);
}

static void test_sizes(void)
{
	int fd = must(create(PAGE + 1, 0));
	char *p = map(fd, 3 * PAGE);

	is_size(0);
	is_size(1);
	is_size(BLOCK - 1);
	is_size(BLOCK + 12345);
	is_size(1ULL << 46);
	is_size(SIZE_MOST);
	is_errno(create(SIZE_MOST + 1, 0), EFBIG, "a size of 2^63 - 2 MiB + 1");
	is_errno(create(INT64_MAX, 0), EFBIG, "a size of 2^63 - 1");
	is_errno(create((uint64_t)INT64_MAX + 1, 0), EFBIG, "a size of 2^63");
	is_errno(create(UINT64_MAX, 0), EFBIG, "a size of 2^64 - 1");

	is(touch_write(p + PAGE), 0, "a file of a page and a byte has two");
	is(touch_write(p + 2 * PAGE), SIGBUS, "and no more");
	is(get_info(fd).populated, PAGE, "of which one was touched");
	munmap(p, 3 * PAGE);
	close(fd);
}

static void test_bad_struct(int dir)
{
	struct gmem_create create;
	unsigned char *reserved = (unsigned char *)create.reserved;
	unsigned int i, refused = 0;

	for (i = 0; i < sizeof(create.reserved); i++) {
		memset(&create, 0, sizeof(create));
		reserved[i] = 1;
		refused += ioctl(dir, GMEM_CREATE, &create) == -1 &&
			   errno == EINVAL;
	}
	is(refused, sizeof(create.reserved), "each reserved byte that is set");
	for (refused = 0, i = 0; i < 64; i++) {
		memset(&create, 0, sizeof(create));
		create.flags = 1ULL << i;
		refused += i != 0 && (i < 2 || i > 5) &&
			   ioctl(dir, GMEM_CREATE, &create) == -1 &&
			   errno == EINVAL;
	}
	is(refused, 59, "each of the 59 unknown flags");
	is_errno(create_in(MNT, 0, GMEM_FLAG_NO_HUGE | GMEM_FLAG_HUGE_ONLY),
		 EINVAL, "flags that exclude each other");
}

static void test_bad_calls(void)
{
	int before = descriptors(), dir, fd;
	long used = inodes_in(MNT);
	struct gmem_create create = {};

	is(sizeof(create), 64, "struct gmem_create has its size");
	dir = must(open(MNT, O_RDONLY | O_DIRECTORY));
	test_bad_struct(dir);
	is_errno(ioctl(dir, GMEM_CREATE, NULL), EFAULT, "a null pointer");
	is_errno(ioctl(dir, GMEM_CREATE, (void *)-PAGE), EFAULT,
		 "a kernel address");
	is_errno(ioctl(dir, _IOW(GMEM_IOC_TYPE, 1, char[32]), &create), ENOTTY,
		 "the right number with another size");
	is_errno(ioctl(dir, _IO(GMEM_IOC_TYPE, 0xff)), ENOTTY,
		 "an unknown ioctl");
	close(dir);

	fd = new_file(PAGE);
	is_errno(ioctl(fd, GMEM_CREATE, &create), ENOTTY, "on a file");
	close(fd);
	dir = must(open(MNT, O_PATH | O_DIRECTORY));
	is_errno(ioctl(dir, GMEM_CREATE, &create), EBADF,
		 "on a descriptor that is a path only");
	close(dir);
	is_errno(create_in("/run", 0, 0), ENOTTY, "on another file system");
	is(descriptors(), before, "no failure left a descriptor");
	is(inodes_in(MNT), used, "or an inode");
}

static void test_limits(void)
{
	struct rlimit old, limit = { 16 * PAGE, 16 * PAGE };
	int before = descriptors(), fd, status;
	long used = inodes_in(MNT);
	pid_t pid;

	must(getrlimit(RLIMIT_FSIZE, &old));
	limit.rlim_max = old.rlim_max;
	must(setrlimit(RLIMIT_FSIZE, &limit));
	signal(SIGXFSZ, SIG_IGN);
	is_errno(create(16 * PAGE + 1, 0), EFBIG, "more than RLIMIT_FSIZE");
	fd = create(16 * PAGE, 0);
	ok(fd >= 0, "as much as that");
	close(fd);
	signal(SIGXFSZ, SIG_DFL);
	pid = must(fork());
	if (!pid) {
		create(16 * PAGE + 1, 0);
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	is(WTERMSIG(status), SIGXFSZ, "the signal for that kills");
	must(setrlimit(RLIMIT_FSIZE, &old));

	must(getrlimit(RLIMIT_NOFILE, &old));
	fd = must(open(MNT, O_RDONLY));
	limit.rlim_cur = fd + 1;
	limit.rlim_max = old.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit));
	is_errno(ioctl(fd, GMEM_CREATE, &(struct gmem_create){}), EMFILE,
		 "no descriptor to be had");
	must(setrlimit(RLIMIT_NOFILE, &old));
	close(fd);

	must(mkdir("/run/few", 0700));
	must(mount("none", "/run/few", "gmemfs", 0, "nr_inodes=2"));
	fd = must(create_in("/run/few", PAGE, 0));
	is_errno(create_in("/run/few", PAGE, 0), ENOSPC,
		 "no inode to be had");
	close(fd);
	fd = create_in("/run/few", PAGE, 0);
	ok(fd >= 0, "until one is free again");
	close(fd);
	must(umount("/run/few"));
	is(descriptors(), before, "no limit left a descriptor");
	is(inodes_in(MNT), used, "or an inode");
}

static void test_read_only(void)
{
	must(mkdir("/run/ro", 0700));
	must(mount(MNT, "/run/ro", NULL, MS_BIND, NULL));
	must(mount(NULL, "/run/ro", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY,
		   NULL));
	is_errno(create_in("/run/ro", PAGE, 0), EROFS, "a read-only bind mount");
	close(must(create(PAGE, 0)));
	must(umount("/run/ro"));
	must(mount("none", "/run/ro", "gmemfs", MS_RDONLY, NULL));
	is_errno(create_in("/run/ro", PAGE, 0), EROFS, "a read-only mount");
	must(umount("/run/ro"));
}

/* In a child: 0 if it may, else the errno. */
static int create_as_nobody(const char *dir)
{
	pid_t pid = must(fork());
	int status, fd;
	char *p;

	if (!pid) {
		must(setgid(65534));
		must(setuid(65534));
		fd = create_in(dir, PAGE, 0);
		if (fd < 0)
			_exit(errno);
		p = map(fd, PAGE);
		*p = 1;
		_exit(*p != 1);
	}
	must(waitpid(pid, &status, 0));
	return WEXITSTATUS(status);
}

static void test_permissions(void)
{
	struct stat st;
	int fd;

	is(create_as_nobody(MNT), EACCES, "nobody can't in a default mount");
	must(mkdir(MNT "/open", 0700));
	must(chmod(MNT "/open", 0777));
	is(create_as_nobody(MNT "/open"), 0, "but in a directory for all");
	must(chmod(MNT "/open", 0705));
	is(create_as_nobody(MNT "/open"), EACCES, "that must be writable");

	must(chown(MNT "/open", 0, 4242));
	must(chmod(MNT "/open", 02755));
	umask(0277);
	fd = must(create_in(MNT "/open", PAGE, 0));
	umask(0);
	must(fstat(fd, &st));
	is(st.st_gid, 4242, "the group of a setgid directory");
	is(st.st_mode, S_IFREG | 0400, "and the umask hold");
	close(fd);
	must(rmdir(MNT "/open"));
}

/* The 32-bit system call, from a 64-bit program with memory below 4 GiB. */
static long ioctl32(int fd, unsigned int cmd, void *arg)
{
	long ret;

	asm volatile("int $0x80" : "=a" (ret)
		     : "a" (54), "b" ((long)fd), "c" ((long)cmd), "d" (arg)
		     : "memory", "r8", "r9", "r10", "r11");
	return (int)ret;
}

static void test_32_bit(void)
{
	struct gmem_create *create =
		must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
	int dir = must(open(MNT, O_RDONLY)), fd;

	create->size = 3 * PAGE;
	create->flags = GMEM_FLAG_NO_HUGE;
	fd = ioctl32(dir, GMEM_CREATE, create);
	ok(fd >= 0, "a 32-bit program can, too");
	if (fd >= 0) {
		is(get_info(fd).size, 3 * PAGE, "with the size");
		is(get_info(fd).flags, GMEM_FLAG_NO_HUGE, "and flags it wants");
		close(fd);
	}
	create->reserved[5] = 1;
	is(ioctl32(dir, GMEM_CREATE, create), -EINVAL, "and no others");
	close(dir);
	munmap(create, PAGE);
}

/* In a directory that is gone, it is as with O_TMPFILE. */
static void test_removed_directory(void)
{
	long used = inodes_in(MNT);
	int dir, fd, tmp;

	must(mkdir(MNT "/gone", 0700));
	dir = must(open(MNT "/gone", O_RDONLY));
	must(rmdir(MNT "/gone"));
	tmp = openat(dir, ".", O_TMPFILE | O_RDWR, 0600);
	fd = ioctl(dir, GMEM_CREATE, &(struct gmem_create){});
	is(fd < 0, tmp < 0, "a removed directory: what O_TMPFILE says");
	close(tmp);
	close(fd);
	close(dir);
	is(inodes_in(MNT), used, "and nothing stays");
}

int main(void)
{
	umask(0);
	test_file();
	test_flags();
	test_mount_flags();
	test_sizes();
	test_bad_calls();
	test_limits();
	test_read_only();
	test_permissions();
	test_32_bit();
	test_removed_directory();
	nothing_is_left();
	return done_testing();
}
