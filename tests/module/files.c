// SPDX-License-Identifier: GPL-2.0
/*
 * Files: create, O_TMPFILE, unlink, truncate, statfs, mmap, and who can't get
 * at a mapping's pages.
 */
#include "gmem_test.h"

#include <sys/statfs.h>
#include <sys/uio.h>

static void test_create_and_unlink(void)
{
	const char *path = MNT "/file";
	struct stat st;
	char *p, *q;
	int fd, fd2;

	fd = must(open(path, O_CREAT | O_EXCL | O_RDWR, 0640));
	must(fstat(fd, &st));
	is(st.st_mode, S_IFREG | 0640, "a new file has the mode asked for");
	is(st.st_size, 0, "and is empty");
	is_errno(open(path, O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST,
		 "O_EXCL refuses a name that exists");
	must(ftruncate(fd, 4 * BLOCK));
	p = map(fd, 4 * BLOCK);
	memset(p, 'a', BLOCK);

	fd2 = must(open(path, O_RDWR));
	q = map(fd2, BLOCK);
	ok(all_bytes(q, BLOCK, 'a'), "a second opener sees the same memory");
	munmap(q, BLOCK);
	close(fd2);

	must(unlink(path));
	is_errno(open(path, O_RDWR), ENOENT, "an unlinked file has no name");
	close(fd);
	ok(all_bytes(p, BLOCK, 'a'), "but lives while it is mapped");
	is(sysfs("hidden_bytes"), BLOCK, "hidden");
	p[2 * BLOCK] = 'b';
	is(p[2 * BLOCK], 'b', "and can still grow");
	munmap(p, 4 * BLOCK);
	ok(becomes("hidden_bytes", 0), "and goes with its last mapping");
}

static void test_tmpfile(void)
{
	int fd = new_file(BLOCK);
	char link[64];
	struct stat st;

	must(fstat(fd, &st));
	is(st.st_nlink, 0, "O_TMPFILE has no name");
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	must(linkat(AT_FDCWD, link, AT_FDCWD, MNT "/named",
		    AT_SYMLINK_FOLLOW));
	must(stat(MNT "/named", &st));
	is(st.st_size, BLOCK, "and can be given one");
	must(unlink(MNT "/named"));
	close(fd);
}

static void test_contents(void)
{
	int fd = new_file(2 * BLOCK);
	char *p = map(fd, 2 * BLOCK);
	struct gmem_info info;

	ok(all_bytes(p, 2 * BLOCK, 0), "new memory reads as zeros");
	memset(p, 0x5a, 2 * BLOCK);
	munmap(p, 2 * BLOCK);
	p = map(fd, 2 * BLOCK);
	ok(all_bytes(p, 2 * BLOCK, 0x5a), "and keeps what was written");

	info = get_info(fd);
	is(info.size, 2 * BLOCK, "GMEM_GET_INFO: size");
	is(info.populated, 2 * BLOCK, "populated");
	is(info.hidden, 2 * BLOCK, "hidden");
	is(info.huge, 2 * BLOCK, "huge");
	is(info.flags, 0, "flags");
	is(info.map_faults_2m, 4, "two faults of 2 MiB for each mapping");
	is(info.map_faults_4k, 0, "none of 4 KiB");
	munmap(p, 2 * BLOCK);
	close(fd);
}

static void test_truncate(void)
{
	int fd = new_file(2 * BLOCK);
	char *p = map(fd, 2 * BLOCK);
	struct stat st;

	memset(p, 0x77, 2 * BLOCK);
	must(fstat(fd, &st));
	is(st.st_blocks * 512, 2 * BLOCK, "st_blocks counts what is there");

	must(ftruncate(fd, BLOCK + PAGE));
	is(touch_read(p + BLOCK + PAGE), SIGBUS, "SIGBUS beyond the new end");
	is(touch_read(p + 2 * BLOCK - 1), SIGBUS, "up to the end");
	ok(all_bytes(p, BLOCK + PAGE, 0x77), "what is before it stays");
	must(ftruncate(fd, 2 * BLOCK));
	ok(all_bytes(p + BLOCK + PAGE, BLOCK - PAGE, 0),
	   "what was cut off in the middle of a block comes back as zeros");
	ok(all_bytes(p + BLOCK, PAGE, 0x77), "the page before it is whole");

	must(ftruncate(fd, 0));
	is(touch_write(p), SIGBUS, "SIGBUS in an empty file");
	must(fstat(fd, &st));
	is(st.st_blocks, 0, "an empty file holds nothing");
	is(get_info(fd).populated, 0, "says GMEM_GET_INFO");
	must(ftruncate(fd, BLOCK));
	ok(all_bytes(p, BLOCK, 0), "grown again, it is all zeros");

	is_errno(ftruncate(fd, -1), EINVAL, "no negative size");
	must(fstat(fd, &st));
	is(st.st_size, BLOCK, "and a refused size changes nothing");
	munmap(p, 2 * BLOCK);
	close(fd);
}

/* One page past the last block: it must not take 2 MiB for that. */
static void test_tail(void)
{
	int fd = new_file(BLOCK + 3 * PAGE);
	char *p = map(fd, BLOCK + 3 * PAGE);

	memset(p, 1, BLOCK + 3 * PAGE);
	is(get_info(fd).populated, BLOCK + 3 * PAGE,
	   "a file's last part takes single pages");
	is(get_info(fd).huge, BLOCK, "beside a 2 MiB block");
	is(get_info(fd).hidden, BLOCK + 3 * PAGE, "hidden both");
	must(ftruncate(fd, BLOCK + PAGE));
	is(get_info(fd).populated, BLOCK + PAGE, "and gives them back singly");
	munmap(p, BLOCK + 3 * PAGE);
	close(fd);
}

static void test_mmap(void)
{
	int fd = new_file(4 * BLOCK);
	char *p, *q, *room, path[64];
	int ro;

	p = must(mmap(NULL, 3 * BLOCK, PROT_READ, MAP_SHARED, fd, PAGE));
	is((uintptr_t)p % BLOCK, PAGE,
	   "a mapping has its file offset's place within 2 MiB");
	munmap(p, 3 * BLOCK);
	p = map(fd, 4 * BLOCK);
	is((uintptr_t)p % BLOCK, 0, "and one of the whole file is aligned");

	memset(p, 3, 4 * BLOCK);
	munmap(p + BLOCK + PAGE, PAGE);
	ok(all_bytes(p + BLOCK, PAGE, 3), "a hole in a mapping: before it");
	ok(all_bytes(p + BLOCK + 2 * PAGE, PAGE, 3), "after it");
	is(touch_read(p + BLOCK + PAGE), SIGSEGV, "in it");

	must(mprotect(p, 2 * PAGE, PROT_READ));
	is(touch_write(p), SIGSEGV, "mprotect takes writing away");
	is(touch_read(p), 0, "but not reading");
	must(mprotect(p, 2 * PAGE, PROT_READ | PROT_WRITE));
	is(touch_write(p), 0, "and gives it back");

	room = must(mmap(NULL, 3 * BLOCK, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	q = must(mremap(p + 2 * BLOCK, BLOCK, BLOCK,
			MREMAP_MAYMOVE | MREMAP_FIXED, room + PAGE));
	ok(all_bytes(q, BLOCK, 3), "mremap to an odd address moves a mapping");
	is_errno((long)mremap(p, PAGE, 2 * PAGE, 0), EFAULT,
		 "and does not grow one");
	munmap(room, 3 * BLOCK);
	munmap(p, 4 * BLOCK);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = must(open(path, O_RDONLY));
	is_errno((long)mmap(NULL, BLOCK, PROT_WRITE, MAP_SHARED, ro, 0), EACCES,
		 "no writable mapping of a descriptor opened to read");
	p = must(mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, ro, 0));
	is(p[0], 3, "but a readable one");
	is_errno(mprotect(p, PAGE, PROT_WRITE), EACCES,
		 "that stays readable only");
	close(ro);
	close(fd);
	munmap(p, BLOCK);
}

static void test_odd_mapping(void)
{
	int fd = new_file(4 * BLOCK);
	char *room = must(mmap(NULL, 8 * BLOCK, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *odd = (char *)(((uintptr_t)room + BLOCK) & ~(BLOCK - 1)) + PAGE;
	struct gmem_info info;

	must(mmap(odd, 4 * BLOCK, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_FIXED, fd, 0));
	memset(odd, 9, 4 * BLOCK);
	info = get_info(fd);
	is(info.map_faults_2m, 0, "a mapping at odd parity has no 2 MiB entry");
	is(info.map_faults_4k, 4 * 512, "but one for each page");
	is(info.huge, 4 * BLOCK, "of memory that is still in 2 MiB blocks");
	munmap(room, 8 * BLOCK);
	close(fd);
}

static void test_fork(void)
{
	int fd = new_file(2 * BLOCK);
	char *p = map(fd, 2 * BLOCK);
	int status;
	pid_t pid;

	memset(p, 1, BLOCK);
	pid = must(fork());
	if (!pid) {
		bool same = all_bytes(p, BLOCK, 1);

		memset(p, 2, 2 * BLOCK);
		_exit(!same);
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "a child sees its parent's memory");
	ok(all_bytes(p, 2 * BLOCK, 2), "and the parent what the child wrote");
	munmap(p, 2 * BLOCK);
	close(fd);
}

/* Everything that would reach pages by GUP, and so through the direct map. */
static void test_no_gup(void)
{
	int fd = new_file(BLOCK), disk, mem, pipefd[2];
	char *p = map(fd, BLOCK);
	char buf[64] = "";
	struct iovec here = { buf, sizeof(buf) }, there = { p, sizeof(buf) };

	memset(p, 's', BLOCK);
	is_errno(process_vm_readv(getpid(), &here, 1, &there, 1, 0), EFAULT,
		 "process_vm_readv");
	is_errno(process_vm_writev(getpid(), &here, 1, &there, 1, 0), EFAULT,
		 "process_vm_writev");
	mem = must(open("/proc/self/mem", O_RDWR));
	is_errno(pread(mem, buf, sizeof(buf), (uintptr_t)p), EIO,
		 "/proc/PID/mem: read");
	is_errno(pwrite(mem, buf, sizeof(buf), (uintptr_t)p), EIO,
		 "/proc/PID/mem: write");
	close(mem);

	disk = must(open("/var/tmp/disk", O_CREAT | O_RDWR, 0600));
	is(write(disk, p, PAGE), PAGE, "buffered write from it works");
	is(pread(disk, p + PAGE, PAGE, 0), PAGE, "and buffered read into it");
	ok(all_bytes(p + PAGE, PAGE, 's'), "with its contents");
	must(fsync(disk));
	close(disk);
	disk = must(open("/var/tmp/disk", O_RDWR | O_DIRECT));
	is_errno(pwrite(disk, p, PAGE, 0), EFAULT, "O_DIRECT from it");
	is_errno(pread(disk, p, PAGE, 0), EFAULT, "O_DIRECT into it");
	close(disk);
	unlink("/var/tmp/disk");

	must(pipe(pipefd));
	is_errno(vmsplice(pipefd[1], &there, 1, 0), EFAULT, "vmsplice");
	is_errno(madvise(p, BLOCK, MADV_POPULATE_WRITE), EINVAL,
		 "MADV_POPULATE_WRITE says that it can't");
	close(pipefd[0]);
	close(pipefd[1]);
	munmap(p, BLOCK);
	close(fd);
}

static void test_size_limit(void)
{
	struct statfs fs;
	int fd;
	char *p;

	must(mkdir("/run/small", 0700));
	must(mount("none", "/run/small", "gmemfs", 0, "size=4m"));
	must(statfs("/run/small", &fs));
	is(fs.f_type, GMEMFS_MAGIC, "statfs: type");
	is(fs.f_bsize, PAGE, "block size");
	is(fs.f_blocks, 4 * 256, "size");
	is(fs.f_bfree, 4 * 256, "all of it free");

	fd = new_file_in("/run/small", 3 * BLOCK);
	p = map(fd, 3 * BLOCK);
	memset(p, 1, BLOCK);
	must(statfs("/run/small", &fs));
	is(fs.f_bfree, 512, "a block less");
	memset(p + BLOCK, 1, BLOCK);
	is(touch_write(p + 2 * BLOCK), SIGBUS, "SIGBUS when it is full");
	must(statfs("/run/small", &fs));
	is(fs.f_bfree, 0, "nothing free");
	is(fs.f_bavail, 0, "nothing to be had");
	must(ftruncate(fd, BLOCK));
	must(ftruncate(fd, 3 * BLOCK));
	is(touch_write(p + 2 * BLOCK), 0, "room again after a truncate");
	munmap(p, 3 * BLOCK);
	close(fd);
	must(statfs("/run/small", &fs));
	is(fs.f_bfree, 1024, "all of it free again");

	/* 1 MiB and a page left: too little for a block, enough for pages. */
	fd = new_file_in("/run/small", 2 * BLOCK);
	must(umount2("/run/small", MNT_DETACH));
	must(mount("none", "/run/small", "gmemfs", 0, "size=3m"));
	close(fd);
	fd = new_file_in("/run/small", 2 * BLOCK);
	p = map(fd, 2 * BLOCK);
	memset(p, 1, BLOCK + BLOCK / 2);
	is(get_info(fd).populated, BLOCK + BLOCK / 2,
	   "with no room for 2 MiB it takes single pages");
	is(touch_write(p + BLOCK + BLOCK / 2), SIGBUS, "to the last one");
	munmap(p, 2 * BLOCK);
	close(fd);
	must(umount("/run/small"));
}

static void test_huge_never(void)
{
	int fd;
	char *p;

	must(mkdir("/run/never", 0700));
	must(mount("none", "/run/never", "gmemfs", 0, "huge=never"));
	fd = new_file_in("/run/never", BLOCK);
	p = map(fd, BLOCK);
	p[5 * PAGE] = 1;
	is(get_info(fd).populated, PAGE, "huge=never takes a page at a time");
	is(get_info(fd).huge, 0, "none of it huge");
	is(get_info(fd).hidden, PAGE, "hidden too");
	is(get_info(fd).flags, GMEM_FLAG_NO_HUGE, "as its flag says");
	memset(p, 6, BLOCK);
	ok(all_bytes(p, BLOCK, 6), "and works");
	munmap(p, BLOCK);
	close(fd);
	must(umount("/run/never"));
}

static void test_fdinfo(void)
{
	int fd = new_file(2 * BLOCK);
	char *p = map(fd, 2 * BLOCK), path[64];

	*p = 1;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	is(number_in(path, "gmem-size"), 4096, "fdinfo: size");
	is(number_in(path, "gmem-populated"), 2048, "populated");
	is(number_in(path, "gmem-hidden"), 2048, "hidden");
	is(number_in(path, "gmem-huge"), 2048, "huge");
	is(number_in(path, "gmem-flags"), 0, "flags");
	munmap(p, 2 * BLOCK);
	close(fd);
}

int main(void)
{
	test_create_and_unlink();
	test_tmpfile();
	test_contents();
	test_truncate();
	test_tail();
	test_mmap();
	test_odd_mapping();
	test_fork();
	test_no_gup();
	test_size_limit();
	test_huge_never();
	test_fdinfo();
	nothing_is_left();
	return done_testing();
}
