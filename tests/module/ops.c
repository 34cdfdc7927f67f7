// SPDX-License-Identifier: GPL-2.0
/*
 * What can be done with a file beside mapping it: read, write, seek, allocate,
 * zero, punch, copy; and with a mapping: remap, protect, advise, lock.
 */
#include "gmem_test.h"

#include <sys/sendfile.h>
#include <sys/uio.h>

#define SIZE	(4 * BLOCK)

static char *pattern(size_t size, unsigned int seed)
{
	unsigned int *p = must(mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	size_t i;

	for (i = 0; i < size / sizeof(*p); i++)
		p[i] = seed + i * 2654435761u;
	return (char *)p;
}

static long held(int fd)
{
	struct stat st;

	must(fstat(fd, &st));
	return st.st_blocks * 512;
}

static bool reads_as(int fd, off_t at, size_t size, const char *want)
{
	char *buf = malloc(size);
	bool same = pread(fd, buf, size, at) == (ssize_t)size &&
		    !memcmp(buf, want, size);

	free(buf);
	return same;
}

static bool reads_zero(int fd, off_t at, size_t size)
{
	char *zero = calloc(1, size);
	bool same = reads_as(fd, at, size, zero);

	free(zero);
	return same;
}

static void test_write_then_map(void)
{
	char *want = pattern(SIZE, 1), *p;
	int fd = new_file(0);

	is(write(fd, want, SIZE), SIZE, "write 8 MiB to an empty file");
	is(get_info(fd).size, SIZE, "which has grown");
	is(get_info(fd).hidden, SIZE, "all of it is hidden");
	is(get_info(fd).huge, SIZE, "in 2 MiB blocks");
	p = map(fd, SIZE);
	ok(!memcmp(p, want, SIZE), "and the mapping shows it");
	p[BLOCK + 5] ^= 0x55;
	want[BLOCK + 5] ^= 0x55;
	ok(reads_as(fd, 0, SIZE, want), "read shows what the mapping wrote");
	is(lseek(fd, 0, SEEK_CUR), SIZE, "write moved the offset");
	munmap(p, SIZE);
	munmap(want, SIZE);
	close(fd);
}

static void test_odd_ranges(void)
{
	char *want = pattern(SIZE, 2);
	static const struct { off_t at; size_t len; } r[] = {
		{ 0, 1 }, { 1, PAGE }, { PAGE - 1, 2 }, { 3 * PAGE + 7, 12345 },
		{ BLOCK - 3, 6 }, { BLOCK - 100000, 300001 },
		{ 2 * BLOCK + 1, BLOCK + 4094 },
	};
	char *shadow = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int fd = new_file(SIZE);
	bool same = true;
	unsigned int i;

	for (i = 0; i < sizeof(r) / sizeof(r[0]); i++) {
		if (pwrite(fd, want + r[i].at, r[i].len, r[i].at) !=
		    (ssize_t)r[i].len)
			same = false;
		memcpy(shadow + r[i].at, want + r[i].at, r[i].len);
	}
	ok(same, "writes at odd offsets, of odd sizes");
	ok(reads_as(fd, 0, SIZE, shadow), "read as they should, holes as zeros");
	for (i = 0, same = true; i < sizeof(r) / sizeof(r[0]); i++)
		same = same && reads_as(fd, r[i].at, r[i].len,
					shadow + r[i].at);
	ok(same, "and in the same odd pieces");
	munmap(shadow, SIZE);
	munmap(want, SIZE);
	close(fd);
}

static void test_ends(void)
{
	struct iovec iov[2];
	char buf[64], two[64];
	int fd = new_file(0);

	is(write(fd, "guest", 5), 5, "a size needn't be whole pages");
	is(get_info(fd).size, 5, "it is 5 bytes");
	is(get_info(fd).populated, PAGE, "in one page");
	is(pread(fd, buf, sizeof(buf), 0), 5, "read ends at the end");
	is(pread(fd, buf, sizeof(buf), 5), 0, "beyond it is nothing");
	is(pwrite(fd, "!", 1, 100), 1, "write beyond the end");
	ok(reads_zero(fd, 5, 95), "what is between is zero");
	must(ftruncate(fd, 3));
	must(ftruncate(fd, 200));
	ok(reads_as(fd, 0, 3, "gue") && reads_zero(fd, 3, 197),
	   "truncate in a page zeroes what it cuts off");
	iov[0] = (struct iovec){ buf, 2 };
	iov[1] = (struct iovec){ two, 64 };
	is(preadv(fd, iov, 2, 1), 66, "preadv");
	ok(!memcmp(buf, &"gue"[1], 2) && all_bytes(two, 64, 0), "into two buffers");
	must(fcntl(fd, F_SETFL, O_APPEND));
	is(write(fd, "end", 3), 3, "O_APPEND");
	ok(reads_as(fd, 200, 3, "end"), "appends");
	close(fd);
}

/* The buffer is a mapping of the same file, not faulted in: no deadlock. */
static void test_own_mapping_as_buffer(void)
{
	char *want = pattern(BLOCK, 3), *p;
	int fd = new_file(4 * BLOCK);

	is(pwrite(fd, want, BLOCK, 0), BLOCK, "some contents");
	p = map(fd, 4 * BLOCK);
	is(pwrite(fd, p, BLOCK, BLOCK), BLOCK,
	   "write from a mapping of the same file");
	is(pread(fd, p + 2 * BLOCK, BLOCK, BLOCK), BLOCK,
	   "read into a mapping of the same file");
	ok(!memcmp(p + 2 * BLOCK, want, BLOCK), "twice copied, it's the same");
	munmap(p, 4 * BLOCK);
	munmap(want, BLOCK);
	close(fd);
}

static void test_partial_fault(void)
{
	char *p = must(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int fd = new_file(BLOCK);

	must(munmap(p + PAGE, PAGE));
	memset(p, 7, PAGE);
	is(pwrite(fd, p + PAGE / 2, PAGE, 0), PAGE / 2,
	   "a write that runs out of user memory is short");
	is(pread(fd, p + PAGE / 2, PAGE, 0), PAGE / 2, "so is a read");
	is_errno(pread(fd, p + PAGE, 1, 0), EFAULT, "EFAULT if it got nowhere");
	munmap(p, PAGE);
	close(fd);
}

static void test_splice(void)
{
	char path[] = "/tmp/gmem-ops-XXXXXX";
	int fd = new_file(BLOCK), file = must(mkstemp(path)), back, pipes[2];
	char *want = pattern(BLOCK, 4), buf[PAGE];
	off_t at = 0;
	size_t left;

	unlink(path);
	must(pwrite(fd, want, BLOCK, 0));
	for (left = BLOCK; left; left -= must(sendfile(file, fd, &at, left)))
		;
	ok(reads_as(file, 0, BLOCK, want), "sendfile out of a file copies");

	must(pipe(pipes));
	at = 0;
	is(splice(fd, &at, pipes[1], NULL, PAGE, 0), PAGE, "splice to a pipe");
	must(pwrite(fd, want + PAGE, PAGE, 0));
	is(read(pipes[0], buf, PAGE), PAGE, "and out of it");
	ok(!memcmp(buf, want, PAGE),
	   "what's in a pipe is a copy: later writes don't show");

	back = new_file(BLOCK);
	at = 0;
	for (left = BLOCK; left; left -= must(sendfile(back, file, &at, left)))
		;
	ok(reads_as(back, 0, BLOCK, want), "sendfile into a file");
	is(get_info(back).hidden, BLOCK, "which hides it");
	close(pipes[0]);
	close(pipes[1]);
	close(back);
	close(file);
	close(fd);
	munmap(want, BLOCK);
}

static void test_allocate(void)
{
	int fd = new_file(0);

	must(fallocate(fd, 0, 0, 3 * BLOCK));
	is(get_info(fd).size, 3 * BLOCK, "fallocate grows the file");
	is(held(fd), 3 * BLOCK, "and fills it");
	is(get_info(fd).huge, 3 * BLOCK, "with 2 MiB blocks");
	is(get_info(fd).hidden, 3 * BLOCK, "hidden");
	ok(reads_zero(fd, 0, 3 * BLOCK), "and zero");
	must(fallocate(fd, FALLOC_FL_KEEP_SIZE, 3 * BLOCK, BLOCK));
	is(get_info(fd).size, 3 * BLOCK, "KEEP_SIZE keeps the size");
	is(held(fd), 4 * BLOCK, "and allocates beyond it");
	must(ftruncate(fd, 3 * BLOCK));
	is(held(fd), 3 * BLOCK, "truncate to the same size takes that away");
	must(fallocate(fd, 0, 1, 10));
	is(held(fd), 3 * BLOCK, "what is there is not allocated again");
	close(fd);
}

static void test_punch(void)
{
	int fd = new_file(SIZE), mode = FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE;
	char *want = pattern(SIZE, 5), *p = map(fd, SIZE);

	memcpy(p, want, SIZE);
	must(fallocate(fd, mode, BLOCK, BLOCK));
	is(held(fd), SIZE - BLOCK, "a punched block is given back");
	ok(!memcmp(p, want, BLOCK), "what is before it stays");
	ok(!memcmp(p + 2 * BLOCK, want + 2 * BLOCK, 2 * BLOCK),
	   "and what is behind");
	ok(reads_zero(fd, BLOCK, BLOCK), "it reads as zeros");
	is(held(fd), SIZE - BLOCK, "which takes no memory");
	ok(all_bytes(p + BLOCK, PAGE, 0), "the mapping shows zeros");

	must(fallocate(fd, mode, 100, 3 * PAGE));
	memset(want + 100, 0, 3 * PAGE);
	ok(reads_as(fd, 0, BLOCK, want), "an odd range inside a block is zero");
	ok(!memcmp(p, want, BLOCK), "in the mapping too");
	p[2 * PAGE] = 9;
	want[2 * PAGE] = 9;
	ok(!memcmp(p, want, BLOCK), "a hole inside a block can be filled again");
	is(get_info(fd).hidden, held(fd), "all of it is hidden");

	must(fallocate(fd, mode, 0, BLOCK / 2));
	must(fallocate(fd, mode, BLOCK / 2, BLOCK / 2));
	is(held(fd), SIZE - BLOCK, "a block punched in parts goes with the last");
	must(madvise(p + 3 * BLOCK, BLOCK, MADV_REMOVE));
	is(held(fd), SIZE - 2 * BLOCK, "MADV_REMOVE punches");
	ok(!memcmp(p + 2 * BLOCK, want + 2 * BLOCK, BLOCK), "just what it says");
	must(fallocate(fd, mode, 0, 1UL << 40));
	is(held(fd), 0, "a hole larger than the file");
	is(get_info(fd).size, SIZE, "doesn't change its size");
	munmap(p, SIZE);
	munmap(want, SIZE);
	close(fd);
}

/* Block by block with single pages: they go back one by one. */
static void test_punch_singles(void)
{
	int fd = new_file(16 * PAGE), mode = FALLOC_FL_PUNCH_HOLE |
					     FALLOC_FL_KEEP_SIZE;
	char *p = map(fd, 16 * PAGE);

	memset(p, 3, 16 * PAGE);
	is(held(fd), 16 * PAGE, "16 single pages");
	must(fallocate(fd, mode, PAGE, 2 * PAGE));
	is(held(fd), 14 * PAGE, "two are punched and gone");
	ok(all_bytes(p + PAGE, 2 * PAGE, 0), "zeros there");
	ok(all_bytes(p + 3 * PAGE, 13 * PAGE, 3), "the others stay");
	munmap(p, 16 * PAGE);
	close(fd);
}

static void test_zero_range(void)
{
	char *want = pattern(SIZE, 6);
	int fd = new_file(SIZE);
	char *p;

	must(pwrite(fd, want, BLOCK, 0));
	p = map(fd, SIZE);
	must(fallocate(fd, FALLOC_FL_ZERO_RANGE, PAGE + 3, BLOCK));
	memset(want + PAGE + 3, 0, SIZE - PAGE - 3);
	ok(!memcmp(p, want, SIZE), "ZERO_RANGE zeroes just its range");
	ok(held(fd) > (long)BLOCK, "and allocates it");
	must(fallocate(fd, FALLOC_FL_ZERO_RANGE, SIZE, 10));
	is(get_info(fd).size, SIZE + 10, "it can grow the file");
	must(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		       SIZE + PAGE, 10));
	is(get_info(fd).size, SIZE + 10, "or not, with KEEP_SIZE");
	munmap(p, SIZE);
	munmap(want, SIZE);
	close(fd);
}

static void test_seek(void)
{
	int fd = new_file(SIZE), mode = FALLOC_FL_PUNCH_HOLE |
					FALLOC_FL_KEEP_SIZE;

	is(lseek(fd, 0, SEEK_HOLE), 0, "an empty file is a hole");
	is_errno(lseek(fd, 0, SEEK_DATA), ENXIO, "without data");
	must(fallocate(fd, 0, BLOCK, BLOCK));
	is(lseek(fd, 0, SEEK_DATA), BLOCK, "SEEK_DATA finds a block");
	is(lseek(fd, BLOCK + 5, SEEK_DATA), BLOCK + 5, "inside, it's where it is");
	is(lseek(fd, BLOCK, SEEK_HOLE), 2 * BLOCK, "SEEK_HOLE finds its end");
	must(fallocate(fd, mode, BLOCK + 8 * PAGE, 2 * PAGE));
	is(lseek(fd, BLOCK, SEEK_HOLE), BLOCK + 8 * PAGE,
	   "a hole inside a block");
	is(lseek(fd, BLOCK + 8 * PAGE, SEEK_DATA), BLOCK + 10 * PAGE,
	   "and its end");
	must(pwrite(fd, "x", 1, SIZE - 1));
	is(lseek(fd, 2 * BLOCK, SEEK_DATA), SIZE - BLOCK, "the last block");
	is(lseek(fd, SIZE - 1, SEEK_HOLE), SIZE, "a file ends with a hole");
	is_errno(lseek(fd, SIZE, SEEK_HOLE), ENXIO, "beyond is nothing");
	close(fd);
}

static void test_limits(void)
{
	struct rlimit old, limit;
	int fd = new_file(0);

	must(getrlimit(RLIMIT_FSIZE, &old));
	limit = (struct rlimit){ BLOCK, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	must(setrlimit(RLIMIT_FSIZE, &limit));
	is_errno(ftruncate(fd, BLOCK + 1), EFBIG, "RLIMIT_FSIZE: truncate");
	is_errno(fallocate(fd, 0, 0, BLOCK + 1), EFBIG, "fallocate");
	is_errno(pwrite(fd, "x", 1, BLOCK), EFBIG, "write");
	is(held(fd), 0, "nothing is allocated");
	must(setrlimit(RLIMIT_FSIZE, &old));
	close(fd);
}

/* Where the end of the last page would not be a number that there is. */
static void test_largest(void)
{
	int fd = new_file(0);
	char *p;

	is_errno(ftruncate(fd, SIZE_MOST + 1), EFBIG, "the largest: truncate");
	is_errno(ftruncate(fd, INT64_MAX), EFBIG, "and much beyond");
	is_errno(fallocate(fd, 0, SIZE_MOST, 1), EFBIG, "fallocate");
	is_errno(pwrite(fd, "x", 1, SIZE_MOST), EFBIG, "write");
	is(ftruncate(fd, SIZE_MOST), 0, "2^63 - 2 MiB is a size");
	is_errno(lseek(fd, 0, SEEK_DATA), ENXIO, "it is all hole");
	is(pwrite(fd, "x", 1, SIZE_MOST - 1), 1, "write the last byte");
	is(lseek(fd, 0, SEEK_DATA), SIZE_MOST - BLOCK, "data is in the end");
	is(lseek(fd, SIZE_MOST - 1, SEEK_HOLE), SIZE_MOST, "then a hole");
	p = must(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, SIZE_MOST - PAGE));
	is(p[PAGE - 1], 'x', "and it can be mapped");
	munmap(p, PAGE);
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		     SIZE_MOST - BLOCK, BLOCK), 0, "punch it");
	is(held(fd), 0, "and nothing is left");
	close(fd);
}

static void test_no_space(void)
{
	char *want = pattern(SIZE, 7), *p;
	int fd, ret;

	must(mkdir("/tmp/small", 0700));
	must(mount("none", "/tmp/small", "gmemfs", 0, "size=4m"));
	fd = new_file_in("/tmp/small", 0);
	is_errno(fallocate(fd, 0, 0, SIZE), ENOSPC,
		 "fallocate of more than the mount has");
	is(held(fd), 0, "allocates nothing");
	is(get_info(fd).size, 0, "and doesn't grow the file");
	is(write(fd, want, SIZE), 2 * BLOCK, "a write is short");
	is_errno(write(fd, want, 1), ENOSPC, "and then fails");
	ok(reads_as(fd, 0, 2 * BLOCK, want), "what it wrote is there");
	must(ftruncate(fd, SIZE));
	p = map(fd, SIZE);
	is(touch_write(p + 2 * BLOCK), SIGBUS, "a fault gets SIGBUS");
	ret = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			BLOCK);
	is(ret, 0, "a hole makes room");
	is(touch_write(p + 2 * BLOCK), 0, "and the fault works");
	munmap(p, SIZE);
	close(fd);
	must(umount("/tmp/small"));
	must(rmdir("/tmp/small"));
	munmap(want, SIZE);
}

/* ---- mappings ---- */

static void test_remap(void)
{
	int fd = new_file(SIZE);
	char *want = pattern(SIZE, 8), *p = map(fd, SIZE), *q, *at;

	memcpy(p, want, SIZE);
	must(munmap(p + BLOCK + PAGE, 2 * PAGE));
	is(touch_read(p + BLOCK + PAGE), SIGSEGV, "a part is unmapped");
	ok(!memcmp(p + BLOCK, want + BLOCK, PAGE), "not what is before it");
	ok(!memcmp(p + BLOCK + 3 * PAGE, want + BLOCK + 3 * PAGE, BLOCK),
	   "nor what is behind it, though it was one entry of 2 MiB");

	at = must(mmap(NULL, BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0));
	q = mremap(p, BLOCK, BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, at);
	ok(q == at, "mremap moves");
	ok(!memcmp(q, want, BLOCK), "and the contents come along");
	is_errno((long)mremap(q, BLOCK, SIZE, MREMAP_MAYMOVE), EFAULT,
		 "but it can't grow a mapping");
	munmap(q, BLOCK);
	munmap(p + BLOCK, SIZE - BLOCK);
	munmap(want, SIZE);
	close(fd);
}

static void test_protect(void)
{
	int fd = new_file(BLOCK);
	char *p = map(fd, BLOCK);

	memset(p, 5, BLOCK);
	must(mprotect(p + PAGE, PAGE, PROT_READ));
	is(touch_write(p + PAGE), SIGSEGV, "mprotect: no writing");
	is(touch_read(p + PAGE), 0, "but reading");
	is(touch_write(p + 2 * PAGE), 0, "beside it, writing");
	must(mprotect(p + PAGE, PAGE, PROT_NONE));
	is(touch_read(p + PAGE), SIGSEGV, "then not even reading");
	must(mprotect(p, BLOCK, PROT_READ | PROT_WRITE));
	ok(all_bytes(p, BLOCK, 5), "and all is there when it's open again");
	munmap(p, BLOCK);
	close(fd);
}

static void test_advise(void)
{
	int fd = new_file(BLOCK);
	unsigned char vec[512];
	char *p = map(fd, BLOCK);

	memset(p, 6, BLOCK);
	memset(vec, 1, sizeof(vec));
	is(mincore(p, BLOCK, vec), 0, "mincore works");
	ok(vec[0] == vec[511],
	   "and says the same of all pages: %d (6.12 doesn't look into such mappings)",
	   vec[0]);
	is_errno(madvise(p, BLOCK, MADV_DONTNEED), EINVAL,
		 "MADV_DONTNEED: the kernel refuses it on such mappings");
	ok(madvise(p, BLOCK, MADV_POPULATE_WRITE) == -1,
	   "MADV_POPULATE_WRITE too: it goes by GUP");
	is(msync(p, BLOCK, MS_SYNC), 0, "msync");
	is(mlock(p, BLOCK), 0, "mlock");
	is(munlock(p, BLOCK), 0, "munlock");
	is(fsync(fd), 0, "fsync");
	ok(all_bytes(p, BLOCK, 6), "none of that changes the contents");
	munmap(p, BLOCK);
	close(fd);
}

static void test_other_ways_in(void)
{
	int fd = new_file(BLOCK), mem, pipes[2];
	char *p = map(fd, BLOCK), buf[16] = "";
	struct iovec local = { buf, 16 }, remote = { p, 16 };

	memset(p, 0x41, BLOCK);
	is_errno(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), EFAULT,
		 "process_vm_readv reaches no hidden page");
	mem = must(open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	is_errno(pread(mem, buf, 16, (off_t)p), EIO, "nor /proc/PID/mem, read");
	is_errno(pwrite(mem, buf, 16, (off_t)p), EIO, "or written");
	must(pipe(pipes));
	is_errno(vmsplice(pipes[1], &remote, 1, 0), EFAULT, "nor vmsplice");
	is(write(pipes[1], p, 16), 16, "write to a pipe copies, and may");
	ok(all_bytes(p, BLOCK, 0x41), "nothing was changed");
	close(pipes[0]);
	close(pipes[1]);
	close(mem);
	munmap(p, BLOCK);
	close(fd);
}

int main(void)
{
	test_write_then_map();
	test_odd_ranges();
	test_ends();
	test_own_mapping_as_buffer();
	test_partial_fault();
	test_splice();
	test_allocate();
	test_punch();
	test_punch_singles();
	test_zero_range();
	test_seek();
	test_limits();
	test_largest();
	test_no_space();
	test_remap();
	test_protect();
	test_advise();
	test_other_ways_in();
	nothing_is_left();
	return done_testing();
}
