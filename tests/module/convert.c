// SPDX-License-Identifier: GPL-2.0
/*
 * Private and shared: conversion of ranges, what is wanted and what is, the
 * shared view, pins, and that the guest view is left alone.
 */
#include "gmem_test.h"

#include "../../ctl/kcore.h"

#define SIZE	((long)(4 * BLOCK))
#define PAGES	(SIZE / (long)PAGE)

static const uint8_t *states(int fd)
{
	static uint8_t buf[64 * 512];
	struct gmem_state get = {
		.size = get_info(fd).size, .states = (uintptr_t)buf,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return buf;
}

static uint8_t state(int fd, long pgoff)
{
	return states(fd)[pgoff];
}

/* Is every page's state this, the bits that are asked for? */
static bool all_states(int fd, long from, long to, uint8_t mask, uint8_t want)
{
	const uint8_t *s = states(fd);

	for (; from < to; from++) {
		if ((s[from] & mask) == want)
			continue;
		diag("page %ld: %#x, not %#x", from, s[from] & mask, want);
		return false;
	}
	return true;
}

#define WANT_AND_IS	(GMEM_STATE_SHARED | GMEM_STATE_EXPOSED)

static void test_bad_input(void)
{
	int fd = new_file(SIZE), ro, wo;
	struct gmem_attributes set = { .size = PAGE, .reserved = { 0, 1 } };
	struct gmem_state get = { .size = PAGE, .reserved = { 1 } };
	char path[32];

	is_errno(set_shared(fd, 0, 0), EINVAL, "nothing to convert");
	is_errno(set_shared(fd, 1, PAGE), EINVAL, "an odd offset");
	is_errno(set_shared(fd, 0, PAGE + 1), EINVAL, "an odd size");
	is_errno(set_shared(fd, SIZE, PAGE), EINVAL, "beyond the end");
	is_errno(set_shared(fd, PAGE, SIZE), EINVAL, "over the end");
	is_errno(set_shared(fd, -PAGE, 2 * PAGE), EINVAL, "wrapping around");
	is_errno(set_flags(fd, 0, PAGE, 1, 0, NULL), EINVAL,
		 "unknown attribute");
	is_errno(set_flags(fd, 0, PAGE, 0, 2, NULL), EINVAL, "unknown flag");
	is_errno(ioctl(fd, GMEM_SET_ATTRIBUTES, &set), EINVAL,
		 "a reserved field");
	is_errno(ioctl(fd, GMEM_SET_ATTRIBUTES, NULL), EFAULT, "no struct");
	is_errno(ioctl(fd, GMEM_GET_STATE, &get), EINVAL,
		 "states: a reserved field");
	get.reserved[0] = 0;
	is_errno(ioctl(fd, GMEM_GET_STATE, &get), EFAULT,
		 "states: nowhere to put them");
	get.size = SIZE + PAGE;
	is_errno(ioctl(fd, GMEM_GET_STATE, &get), EINVAL,
		 "states: over the end");
	is_errno(ioctl(fd, GMEM_SHARED_VIEW, 1), EINVAL, "view: an argument");

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = must(open(path, O_RDONLY | O_CLOEXEC));
	is_errno(set_shared(ro, 0, PAGE), EBADF, "a file open for reading");
	close(ro);
	wo = must(open(path, O_WRONLY | O_CLOEXEC));
	is_errno(ioctl(wo, GMEM_SHARED_VIEW, 0), EBADF,
		 "a view of a file open for writing only");
	close(wo);
	ok(all_states(fd, 0, PAGES, 0xff, 0), "nothing of that changed a page");
	close(fd);
}

static void test_in_place(void)
{
	int fd = new_file(SIZE), i;
	char *p = map(fd, SIZE);
	long faults;

	for (i = 0; i < PAGES; i++)
		memset(p + i * PAGE, 'a' + i % 23, PAGE);
	faults = get_info(fd).map_faults_2m + get_info(fd).map_faults_4k;
	ok(all_states(fd, 0, PAGES, WANT_AND_IS, 0), "private and hidden");

	must(set_shared(fd, 3 * PAGE, 5 * PAGE));
	ok(all_states(fd, 3, 8, WANT_AND_IS, WANT_AND_IS),
	   "some pages are shared, and exposed");
	ok(all_states(fd, 0, 3, WANT_AND_IS, 0) &&
	   all_states(fd, 8, PAGES, WANT_AND_IS, 0), "the others as before");
	is(get_info(fd).hidden, SIZE - 5 * (long)PAGE, "in the totals too");
	is(get_info(fd).shared, 5 * PAGE, "of what is shared");

	must(set_shared(fd, BLOCK, BLOCK));
	ok(all_states(fd, 512, 1024, WANT_AND_IS, WANT_AND_IS),
	   "a whole block");
	must(set_shared(fd, BLOCK / 2, 2 * BLOCK));
	ok(all_states(fd, 256, 1280, WANT_AND_IS, WANT_AND_IS),
	   "a range across blocks, some of it shared already");
	must(set_private(fd, 0, SIZE));
	ok(all_states(fd, 0, PAGES, WANT_AND_IS, 0), "and all of it back");
	is(get_info(fd).hidden, SIZE, "hidden");
	is(get_info(fd).shared, 0, "nothing is shared");

	for (i = 0; i < PAGES; i++)
		if (!all_bytes(p + i * PAGE, PAGE, 'a' + i % 23))
			break;
	is(i, PAGES, "the contents are as they were");
	is(get_info(fd).map_faults_2m + get_info(fd).map_faults_4k, faults,
	   "and the guest view has not faulted once");
	munmap(p, SIZE);
	close(fd);
}

/* Shared when there is no memory yet; a mixed block; then memory comes. */
static void test_holes(void)
{
	int fd = new_file(SIZE);
	char *s = shared_map(fd, SIZE), *p = map(fd, SIZE);

	must(set_shared(fd, 0, BLOCK));
	must(set_shared(fd, BLOCK + PAGE, PAGE));
	ok(all_states(fd, 0, 512, 0xff, GMEM_STATE_SHARED),
	   "holes can be shared");
	is(get_info(fd).populated, 0, "without memory");
	s[0] = 1;
	ok(all_states(fd, 0, 512, WANT_AND_IS, WANT_AND_IS),
	   "a shared block's memory is exposed when it comes");
	p[BLOCK] = 2;
	is(state(fd, 512) & WANT_AND_IS, 0, "a private page beside a shared");
	s[BLOCK + PAGE] = 3;
	is(state(fd, 513) & WANT_AND_IS, WANT_AND_IS,
	   "which is exposed when it's used");
	is(state(fd, 514) & WANT_AND_IS, 0, "and nothing else is");
	is(p[BLOCK + PAGE], 3, "both views show the same");

	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       SIZE));
	is(get_info(fd).populated, 0, "punched");
	ok(all_states(fd, 0, 512, 0xff, GMEM_STATE_SHARED),
	   "what is wanted stays");
	is(s[5], 0, "and the shared view works");
	is(touch_read(s + BLOCK), SIGBUS, "where it's shared");
	must(ftruncate(fd, BLOCK + PAGE));
	must(ftruncate(fd, SIZE));
	is(state(fd, 513), GMEM_STATE_SHARED,
	   "truncate doesn't change what is wanted, either");
	is(touch_read(s + BLOCK + 2 * PAGE), SIGBUS, "private is private");
	munmap(s, SIZE);
	munmap(p, SIZE);
	close(fd);
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
}

static void test_views(void)
{
	int fd = new_file(SIZE), view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	char *s = shared_map(fd, SIZE), *p = map(fd, SIZE);

	memset(p, 1, SIZE);
	is(touch_read(s), SIGBUS, "the shared view of a private page: SIGBUS");
	must(set_shared(fd, 0, BLOCK));
	is(s[0], 1, "of a shared one: its contents");
	s[PAGE] = 9;
	is(p[PAGE], 9, "the guest view shows what it writes");
	must(set_private(fd, 0, PAGE));
	is(touch_read(s), SIGBUS, "made private, it's gone from the view");
	is(touch_read(s + PAGE), 0, "not the next");
	is(p[0], 1, "the guest view has it");
	is_errno((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, view, 0),
		 EINVAL, "no private mappings of it");
	close(view);
	is(touch_read(s + SIZE - 1), SIGBUS, "private up to the end");
	munmap(s, SIZE);
	munmap(p, SIZE);
	close(fd);
}

static int reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return must(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

/* By /proc, each kind of view opens as what it is. */
static void test_reopen(void)
{
	int fd = new_file(SIZE), view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	int view2 = reopen(view), fd2 = reopen(fd);
	char *s = map(view2, SIZE), *p = map(fd2, SIZE);
	char path[32], name[96], want[96];
	struct stat st;

	memset(p, 1, SIZE);
	must(set_shared(view2, PAGE, PAGE));
	is(touch_read(s), SIGBUS, "a shared view, opened by /proc: SIGBUS");
	is(touch_read(s + PAGE), 0, "a shared page is there");
	is(get_info(view2).shared, PAGE, "it's the same file");
	must(fstat(view2, &st));
	snprintf(want, sizeof(want),
		 MNT "/gmem_shared_view:[%lu] (deleted)", st.st_ino);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", view2);
	memset(name, 0, sizeof(name));
	must(readlink(path, name, sizeof(name) - 1));
	is_str(name, want, "and has a name that says what it is");
	name[strlen(name) - strlen(" (deleted)")] = 0;
	is_errno(access(name, F_OK), ENOENT, "by which nobody finds one");
	munmap(s, SIZE);
	munmap(p, SIZE);
	close(fd);
	close(fd2);
	close(view);
	is(get_info(view2).populated, SIZE, "one of them keeps the file");
	close(view2);
	ok(becomes("hidden_bytes", 0), "and the last takes it away");
}

/* The direct map itself, by somebody who doesn't ask the module. */
static void test_witness(void)
{
	int fd = new_file(BLOCK);
	char *p = map(fd, BLOCK);
	uint64_t pfn = fault_pfn(p);
	struct kcore kcore, *k = &kcore;

	if (kcore_open(k))
		bail_out("kcore: %s", k->error);

	ok(!kcore_has_frame(k, pfn) && !kcore_has_frame(k, pfn + 511),
	   "a private block is not in the direct map");
	must(set_shared(fd, 7 * PAGE, PAGE));
	ok(kcore_has_frame(k, pfn + 7), "a page that is shared is");
	ok(!kcore_has_frame(k, pfn + 6) && !kcore_has_frame(k, pfn + 8),
	   "and not those beside it");
	must(set_private(fd, 7 * PAGE, PAGE));
	ok(!kcore_has_frame(k, pfn + 7), "made private, it's gone");
	must(set_shared(fd, 0, BLOCK));
	ok(kcore_has_frame(k, pfn) && kcore_has_frame(k, pfn + 511),
	   "a shared block");
	must(set_private(fd, 0, BLOCK));
	ok(!kcore_has_frame(k, pfn) && !kcore_has_frame(k, pfn + 511),
	   "and back");
	kcore_close(k);
	munmap(p, BLOCK);
	close(fd);
}

static void test_zeroing(void)
{
	int fd = new_file(2 * BLOCK), dir;
	char *p = map(fd, 2 * BLOCK);
	struct gmem_create create = {
		.size = BLOCK, .flags = GMEM_FLAG_ZERO_ON_CONVERT,
	};

	memset(p, 4, 2 * BLOCK);
	must(set_shared(fd, 0, PAGE));
	must(set_flags(fd, 0, 4 * PAGE, 0, GMEM_CONVERT_ZERO, NULL));
	ok(all_bytes(p, PAGE, 4), "a page that was shared already stays");
	ok(all_bytes(p + PAGE, 3 * PAGE, 0), "those that change are zeroed");
	ok(all_bytes(p + 4 * PAGE, BLOCK, 4), "and no others");
	must(set_flags(fd, BLOCK, BLOCK, 0, 0, NULL));
	must(set_flags(fd, 0, 2 * BLOCK, GMEM_ATTRIBUTE_PRIVATE,
		       GMEM_CONVERT_ZERO, NULL));
	ok(all_bytes(p + BLOCK, BLOCK, 0), "a block made private, and zeroed");
	ok(all_bytes(p + 4 * PAGE, BLOCK - 4 * PAGE, 4),
	   "what was private stays");
	munmap(p, 2 * BLOCK);
	close(fd);

	dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	fd = must(ioctl(dir, GMEM_CREATE, &create));
	p = map(fd, BLOCK);
	memset(p, 5, BLOCK);
	must(set_shared(fd, 0, PAGE));
	ok(all_bytes(p, PAGE, 0) && all_bytes(p + PAGE, PAGE, 5),
	   "a file that zeroes on conversion");
	munmap(p, BLOCK);
	close(fd);
	close(dir);
}

static bool mounted_with(const char *dir, const char *options)
{
	FILE *f = fopen("/proc/mounts", "re");
	bool found = false;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		found = found || (strstr(line, dir) && strstr(line, options));
	if (f)
		fclose(f);
	return found;
}

static void test_init_shared(void)
{
	int fd;
	char *p, *s;

	must(mkdir("/tmp/shared", 0700));
	must(mount("none", "/tmp/shared", "gmemfs", 0, "init=shared"));
	fd = new_file_in("/tmp/shared", SIZE);
	s = shared_map(fd, SIZE);
	p = map(fd, SIZE);
	memset(s, 6, BLOCK);
	ok(all_states(fd, 0, 512, WANT_AND_IS, WANT_AND_IS),
	   "init=shared: shared and exposed");
	ok(becomes("hidden_bytes", 0), "it never was hidden");
	must(set_private(fd, PAGE, 2 * PAGE));
	ok(all_states(fd, 1, 3, WANT_AND_IS, 0), "it can be made private");
	is(state(fd, 0) & WANT_AND_IS, WANT_AND_IS, "page by page");
	is(sysfs("hidden_bytes"), 2 * PAGE, "and is hidden");
	ok(all_bytes(p, BLOCK, 6), "with its contents");
	must(set_private(fd, 0, SIZE));
	is(get_info(fd).hidden, BLOCK, "all of it");
	must(set_shared(fd, 0, SIZE));
	is(get_info(fd).hidden, 0, "and back");
	memset(s, 7, SIZE);
	ok(all_bytes(p, SIZE, 7), "one memory");
	munmap(s, SIZE);
	munmap(p, SIZE);
	close(fd);
	must(umount("/tmp/shared"));
	must(mount("none", "/tmp/shared", "gmemfs", 0,
		   "init=shared,zero_on_convert=yes"));
	ok(mounted_with("/tmp/shared", "init=shared,zero_on_convert=yes"),
	   "/proc/mounts shows both options");
	must(umount("/tmp/shared"));
	must(rmdir("/tmp/shared"));
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
}

/* A pipe holds a page of the shared view: a pin that lasts as we like. */
static void test_pinned(void)
{
	int fd = new_file(SIZE), pipes[2], i;
	char *s = shared_map(fd, SIZE), *p = map(fd, SIZE), buf[PAGE];
	struct iovec iov = { s + 5 * PAGE, PAGE };
	uint64_t where;

	memset(p, 8, SIZE);
	must(set_shared(fd, 0, SIZE));
	must(pipe(pipes));
	is(vmsplice(pipes[1], &iov, 1, 0), PAGE,
	   "vmsplice of a shared page");
	is(state(fd, 5) & GMEM_STATE_PINNED, GMEM_STATE_PINNED,
	   "it's pinned, and GMEM_GET_STATE says so");
	is(state(fd, 6) & GMEM_STATE_PINNED, 0, "the next is not");

	is_errno(set_flags(fd, 0, SIZE, GMEM_ATTRIBUTE_PRIVATE, 0, &where),
		 EAGAIN, "a pinned page can't be made private");
	is(where, 5 * PAGE, "error_offset says which");
	ok(all_states(fd, 0, 5, WANT_AND_IS, 0), "all before it is private");
	ok(all_states(fd, 5, PAGES, WANT_AND_IS, WANT_AND_IS),
	   "and nothing from there on");
	must(set_flags(fd, 6 * PAGE, SIZE - 6 * PAGE, GMEM_ATTRIBUTE_PRIVATE,
		       0, NULL));
	is_errno(set_private(fd, 0, SIZE), EAGAIN, "still that one page");
	is(read(pipes[0], buf, PAGE), PAGE, "who has pinned it lets go");
	ok(all_bytes(buf, PAGE, 8), "with its contents");
	for (i = 0; i < 3000 && set_private(fd, 0, SIZE); i++)
		usleep(20000);
	ok(all_states(fd, 0, PAGES, WANT_AND_IS, 0), "then it can");
	ok(all_bytes(p, SIZE, 8), "and the contents are there");
	close(pipes[0]);
	close(pipes[1]);
	munmap(s, SIZE);
	munmap(p, SIZE);
	close(fd);
}

/* The file goes while a page of it is pinned: it's zeroed when it's let go. */
static void test_pinned_when_the_file_goes(void)
{
	int fd = new_file(BLOCK), pipes[2];
	char *s = shared_map(fd, BLOCK), buf[PAGE];
	struct iovec iov = { s, PAGE };

	must(set_shared(fd, 0, BLOCK));
	memset(s, 3, BLOCK);
	must(pipe(pipes));
	is(vmsplice(pipes[1], &iov, 1, 0), PAGE, "a page is pinned");
	munmap(s, BLOCK);
	close(fd);
	is(sysfs("pinned_bytes"), PAGE, "its file is gone, it is kept");
	ok(becomes("hidden_bytes", 0), "and nothing is hidden");
	is(read(pipes[0], buf, PAGE), PAGE, "it can be read still");
	close(pipes[0]);
	close(pipes[1]);
	ok(becomes("pinned_bytes", 0), "and then it goes too");
}

static void test_punch_pinned(void)
{
	int fd = new_file(BLOCK), pipes[2];
	char *s = shared_map(fd, BLOCK), buf[PAGE];
	struct iovec iov = { s + PAGE, PAGE };

	must(set_shared(fd, 0, BLOCK));
	memset(s, 3, BLOCK);
	must(pipe(pipes));
	is(vmsplice(pipes[1], &iov, 1, 0), PAGE, "a page is pinned");
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       4 * PAGE));
	ok(all_bytes(s, 4 * PAGE, 0), "punched, it reads as zeros");
	ok(all_bytes(s + 4 * PAGE, PAGE, 3), "and no more than that");
	is(read(pipes[0], buf, PAGE), PAGE, "let go");
	close(pipes[0]);
	close(pipes[1]);
	munmap(s, BLOCK);
	close(fd);
	is(sysfs("pinned_bytes"), 0, "nothing is kept");
}

/* ---- devices ---- */

static void test_direct_io(void)
{
	int fd = new_file(BLOCK), disk, back;
	char path[] = "/var/tmp/gmem-convert-XXXXXX", *want;
	char *s = shared_map(fd, BLOCK), *p = map(fd, BLOCK);
	int file = must(mkstemp(path));

	want = malloc(BLOCK);
	must(getentropy(want, 256));
	for (long i = 256; i < (long)BLOCK; i++)
		want[i] = want[i - 256] + 1;
	must(pwrite(file, want, BLOCK, 0));
	must(fsync(file));
	disk = must(open(path, O_RDWR | O_DIRECT | O_CLOEXEC));
	unlink(path);

	is_errno(pread(disk, p, PAGE, 0), EFAULT,
		 "O_DIRECT into the guest view: EFAULT");
	is_errno(pread(disk, s, PAGE, 0), EFAULT,
		 "into the shared view of private pages too");
	must(set_shared(fd, 0, BLOCK));
	is(pread(disk, s, BLOCK, 0), BLOCK, "into shared pages it works");
	ok(!memcmp(p, want, BLOCK), "with real data");
	p[100] ^= 1;
	want[100] ^= 1;
	is(pwrite(disk, s, BLOCK, 0), BLOCK, "and out of them");
	must(fsync(disk));
	back = must(pread(file, want, BLOCK, 0));
	ok(back == (int)BLOCK && !memcmp(p, want, BLOCK), "that too");
	is_errno(pread(disk, p, PAGE, 0), EFAULT,
		 "the guest view refuses, shared or not");
	must(set_private(fd, 0, BLOCK));
	is_errno(pwrite(disk, s, PAGE, 0), EFAULT, "private again: EFAULT");
	ok(!memcmp(p, want, BLOCK), "and nothing was lost");
	close(disk);
	close(file);
	munmap(s, BLOCK);
	munmap(p, BLOCK);
	close(fd);
	free(want);
}

static void test_fork(void)
{
	int fd = new_file(BLOCK), status;
	char *s = shared_map(fd, BLOCK);
	pid_t pid;

	must(set_shared(fd, 0, BLOCK));
	memset(s, 1, BLOCK);
	pid = must(fork());
	if (!pid) {
		s[0] = 2;
		/* Ends with the mapping and an entry in it. */
		_exit(touch_read(s + PAGE));
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "a child has the shared view");
	is(s[0], 2, "and it's the same memory");
	must(set_private(fd, 0, BLOCK));
	is(touch_read(s), SIGBUS, "until it's private");
	munmap(s, BLOCK);
	close(fd);
}

int main(void)
{
	long before, after;

	test_bad_input();
	before = free_kb();
	test_in_place();
	test_holes();
	test_views();
	test_reopen();
	test_witness();
	test_zeroing();
	test_init_shared();
	test_pinned();
	test_pinned_when_the_file_goes();
	test_punch_pinned();
	test_direct_io();
	test_fork();
	nothing_is_left();
	after = free_kb_again(before, 4 * 1024);
	ok(before - after < 4 * 1024,
	   "as much memory is free as before: %ld and %ld kB", before, after);
	return done_testing();
}
