// SPDX-License-Identifier: GPL-2.0
/*
 * Bookkeeping: the kernel memory that files take for themselves is bounded by
 * the mount's size=, whatever is asked of them. What was charged comes back.
 */
#include "gmem_test.h"

#include <pthread.h>
#include <sys/xattr.h>

#define SMALL	"/run/small"
#define ROOMY	"/run/roomy"
#define LIMIT	(8UL << 20)
#define TRIES	30000L
#define FILES	2000
#define THREADS	8
#define LOOKS	1500
#define REFILLS	400
/* Slabs are got by the page and not given back at once. */
#define SLACK_KB	(4 * 1024)

static long slab_kb(void)
{
	return meminfo("Slab");
}

/* Pages that a mount has given out. */
static long used_in(const char *dir)
{
	struct statfs fs;

	must(statfs(dir, &fs));
	return fs.f_blocks - fs.f_bfree;
}

static long used(void)
{
	return used_in(SMALL);
}

static int huge_hole(long size)
{
	return new_file_in(SMALL, size);
}

static int create_in(const char *name, uint64_t size, uint64_t flags)
{
	struct gmem_create create = { .size = size, .flags = flags };
	int dir = must(open(name, O_RDONLY | O_DIRECTORY));
	int fd = must(ioctl(dir, GMEM_CREATE, &create));

	close(dir);
	return fd;
}

static void punch(int fd, unsigned long at, unsigned long size)
{
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
		       size));
}

/*
 * A debugging kernel adds KASAN's redzones to each object, and kmemleak's note
 * of it. And KASAN keeps freed objects for a while, here those of refused
 * calls: 24 to 42 MB of slab were seen for the 8 MB of the limit.
 */
static void took_little(long before, const char *what)
{
	long more = slab_kb() - before, limit_kb = LIMIT / 1024;

	if (on_debugging_kernel())
		limit_kb *= 8;
	ok(more < limit_kb + SLACK_KB, "%s: %ld kB of slab more", what, more);
}

/* Each write would need a block of its own. */
static void test_writes(void)
{
	int fd = huge_hole(TRIES * BLOCK);
	long before = slab_kb(), i, refused = 0;

	for (i = 0; i < TRIES; i++)
		if (pwrite(fd, "x", 1, i * BLOCK) < 0 && errno == ENOSPC)
			refused++;
	ok(refused > TRIES - 64, "writes are refused: %ld of %ld", refused,
	   TRIES);
	took_little(before, "writes");
	close(fd);
	is(used(), 0, "all comes back");
}

static void test_faults(void)
{
	int fd = huge_hole(TRIES * BLOCK);
	char *mem = map(fd, TRIES * BLOCK);
	long before = slab_kb(), i, refused = 0;

	/* Some of that is the page tables of this process. */
	for (i = 0; i < TRIES / 10; i++)
		refused += touch_write(mem + i * BLOCK) == SIGBUS;
	ok(refused > TRIES / 10 - 64, "faults are refused: %ld", refused);
	took_little(before, "faults");
	munmap(mem, TRIES * BLOCK);
	close(fd);
	is(used(), 0, "all comes back");
}

static void test_allocate(void)
{
	int fd = huge_hole(TRIES * BLOCK);
	long before = slab_kb(), i, refused = 0;

	for (i = 0; i < TRIES; i++)
		refused += fallocate(fd, FALLOC_FL_KEEP_SIZE, i * BLOCK,
				     PAGE) < 0;
	ok(refused > TRIES - 64, "allocations are refused: %ld", refused);
	took_little(before, "allocations");
	close(fd);
	is(used(), 0, "all comes back");
}

/* What is wanted of holes is remembered, as long as the mount has room. */
static void test_conversion(void)
{
	long size = 1L << 40, before = slab_kb();
	int fd = huge_hole(size);
	uint64_t stopped;

	is_errno(set_flags(fd, 0, size, 0, 0, &stopped), ENOSPC,
		 "1 TiB of holes can't all be shared");
	ok(stopped > 0 && !(stopped % BLOCK), "some of them are: %ld MiB",
	   (long)(stopped >> 20));
	took_little(before, "conversion");
	is(set_private(fd, 0, stopped), 0, "they are private again");
	is(used(), 0, "and what that took comes back");
	is(set_private(fd, 0, size), 0, "what is so already needs nothing");
	is(used(), 0, "and takes nothing");
	close(fd);
}

/*
 * Blocks that are far from each other share little of the xarray that has them:
 * each has nodes of its own there.
 */
static void test_far_apart(void)
{
	long size = SIZE_MOST & -(long)BLOCK, before = slab_kb(), n = 0;
	int fd = huge_hole(size);

	while (n < TRIES && !set_shared(fd, (n << 24) * BLOCK, PAGE))
		n++;
	ok(n > 256 && n < TRIES && errno == ENOSPC,
	   "%ld pages that are 2^45 bytes apart are shared, then ENOSPC", n);
	took_little(before, "they");
	is(lseek(fd, 0, SEEK_DATA), -1, "there is no data");
	is(lseek(fd, 0, SEEK_HOLE), 0, "but holes");
	is(get_info(fd).shared, 0, "of which nothing is shared");
	close(fd);
	is(used(), 0, "all comes back");
}

/*
 * A block of single pages has an array of them, as large as one page. So one
 * page in each block takes twice what the file has.
 */
static void test_singles(void)
{
	struct gmem_create create = {
		.size = TRIES * BLOCK,
		.flags = GMEM_FLAG_NO_HUGE,
	};
	long before = slab_kb(), n = 0;
	int dir = must(open(SMALL, O_RDONLY | O_DIRECTORY));
	int fd = must(ioctl(dir, GMEM_CREATE, &create));

	close(dir);
	while (n < TRIES && pwrite(fd, "x", 1, n * BLOCK) == 1)
		n++;
	is(errno, ENOSPC, "one page in each block, until the mount is full");
	is(used(), LIMIT / PAGE, "it is full");
	ok(n <= (long)(LIMIT / PAGE) / 2 + 1, "at half of its pages: %ld", n);
	took_little(before, "their arrays");
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		     n / 2 * BLOCK), 0, "half of them are punched");
	ok(used() <= (long)(LIMIT / PAGE) / 2 + 1, "half comes back: %ld",
	   used());
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		     TRIES * BLOCK), 0, "and the rest");
	is(set_shared(fd, 0, LIMIT), 0, "the first blocks are shared");
	is(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LIMIT), 0,
	   "a mount has room for as many single pages as it is large");
	is(used(), LIMIT / PAGE, "and is full then");
	close(fd);
	is(used(), 0, "all comes back");
}

/* A block counts a page until it has memory: there is room for that, too. */
static void test_exactly(void)
{
	int fd = huge_hole(LIMIT + BLOCK);

	is(set_shared(fd, LIMIT, PAGE), 0, "a file has a setting, no memory");
	is(fallocate(fd, 0, 0, LIMIT), 0, "its holes before that are filled");
	is(used(), LIMIT / PAGE, "to the mount's limit");
	close(fd);
	is(used(), 0, "all comes back");
}

/* A block with one page counts two, until it has many. */
static void test_filled_up(void)
{
	int fd = create_in(SMALL, LIMIT, GMEM_FLAG_NO_HUGE);
	unsigned long at;

	for (at = 0; at < LIMIT; at += BLOCK)
		must(pwrite(fd, "x", 1, at));
	is(fallocate(fd, 0, 0, LIMIT), 0, "a file with some pages is filled");
	is(used(), LIMIT / PAGE, "to the mount's limit");
	close(fd);
	is(used(), 0, "all comes back");
}

static bool enough;

static void *fill_and_cut(void *done)
{
	unsigned long size = 2 * LIMIT;
	int fd = huge_hole(0);

	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
		if (!fallocate(fd, 0, 0, size))
			__atomic_add_fetch((long *)done, 1, __ATOMIC_RELAXED);
		must(ftruncate(fd, 0));
		size = size == LIMIT / 2 ? 2 * LIMIT : LIMIT / 2;
	}
	close(fd);
	return NULL;
}

/* A block that is just being hidden, to be carved, isn't spare yet. */
#define ON_THE_WAY	((long)(2 * BLOCK))

/* What is hidden and not spare, read while both change. */
static long hidden_for_files(void)
{
	long before = sysfs("spare_bytes"), hidden = sysfs("hidden_bytes");
	long after = sysfs("spare_bytes");

	return hidden - (before > after ? before : after);
}

/* The mount has what is about to be a file's, and what was until just now. */
static void test_at_once(void)
{
	pthread_t threads[THREADS];
	long most = 0, done = 0, now;
	char options[64];
	/* There a look takes a second, as the threads do all they can. */
	int looks = on_debugging_kernel() ? LOOKS / 20 : LOOKS, i;

	must(mount("none", SMALL, "gmemfs", MS_REMOUNT, "size=16m"));
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, fill_and_cut, &done))
			bail_out("pthread_create() failed");
	for (i = 0; i < looks; i++) {
		now = hidden_for_files();
		most = now > most ? now : most;
		usleep(1000);
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ok(done > 0, "files were filled: %ld times", done);
	ok(most <= 2 * (long)LIMIT + ON_THE_WAY,
	   "many at once: %ld KiB, the mount may have %lu", most / 1024,
	   2 * LIMIT / 1024);
	is(used(), 0, "all comes back");
	snprintf(options, sizeof(options), "size=%lu", LIMIT);
	must(mount("none", SMALL, "gmemfs", MS_REMOUNT, options));
}

/* fallocate() gets memory for many blocks at a time, where there is room. */
static void test_batches(void)
{
	long size = 32L << 20;
	int fd;

	if (mkdir(ROOMY, 0700) && errno != EEXIST)
		bail_out("%s: %s", ROOMY, strerror(errno));
	must(mount("none", ROOMY, "gmemfs", 0, "size=128m"));
	fd = new_file_in(ROOMY, size);
	is(fallocate(fd, 0, 0, size), 0, "16 blocks at once");
	is(used_in(ROOMY), size / PAGE, "they are counted");
	must(ftruncate(fd, 0));
	is(used_in(ROOMY), 0, "and given back");

	must(ftruncate(fd, size));
	must(pwrite(fd, "x", 1, size / 2));
	is(fallocate(fd, 0, 0, size), 0, "around one that is there");
	is(used_in(ROOMY), size / PAGE, "they are counted");
	must(ftruncate(fd, 0));

	/* Room for a batch of two, not for one of 16 beside what is shared. */
	must(mount("none", ROOMY, "gmemfs", MS_REMOUNT, "size=66m"));
	size *= 2;
	must(ftruncate(fd, size));
	is(set_shared(fd, BLOCK, size - BLOCK), 0, "all but one are shared");
	is(fallocate(fd, 0, 0, size), 0, "and filled, with little to spare");
	is(used_in(ROOMY), size / PAGE, "they are counted");
	close(fd);
	is(used_in(ROOMY), 0, "all comes back");
	must(umount(ROOMY));
}

static void *ask_in_vain(void *file)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		if (pwrite(*(int *)file, "x", 1, BLOCK) != -1)
			bail_out("a block in a mount of half a block");
	return NULL;
}

/* Pages at @at and after it, until the mount has no more. Return: the end. */
static long fill_from(int fd, long at)
{
	while (pwrite(fd, "x", 1, at) == 1)
		at += PAGE;
	return at;
}

/*
 * A hole that is shared counts, and what fills it counts instead. Meanwhile
 * nobody else gets what it counts: the mount would hold more than its limit
 * when the memory can't be had. Then a page that is given back is none to take.
 */
static void test_never_over(void)
{
	int i, more = 0, hole, fd;
	pthread_t thread;
	long end;

	must(mount("none", ROOMY, "gmemfs", 0, "size=1m"));
	hole = create_in(ROOMY, 4 * BLOCK, GMEM_FLAG_HUGE_ONLY);
	is(set_shared(hole, 0, 4 * BLOCK), 0, "holes are shared");
	fd = create_in(ROOMY, 2 * BLOCK, GMEM_FLAG_NO_HUGE);
	end = fill_from(fd, 0);
	enough = false;
	if (pthread_create(&thread, NULL, ask_in_vain, &hole))
		bail_out("pthread_create() failed");
	for (i = 0; i < REFILLS; i++) {
		punch(fd, end - 8 * PAGE, 8 * PAGE);
		end = fill_from(fd, end - 8 * PAGE);
		punch(fd, end - PAGE, PAGE);
		more += pwrite(fd, "x", 1, end - PAGE) == 1;
	}
	__atomic_store_n(&enough, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	is(more, REFILLS, "a full mount takes as much as it gave back");
	is(fallocate(fd, 0, 0, end), 0, "what is there needs nothing");
	is(mount("none", ROOMY, "gmemfs", MS_REMOUNT, "size=1m"), 0,
	   "nor does the same limit");
	close(fd);
	close(hole);
	is(used_in(ROOMY), 0, "all comes back");
	must(umount(ROOMY));
}

/* Memory is charged as before: what is wanted of it is no more than that. */
static void test_full(void)
{
	int fd = huge_hole(LIMIT);

	is(set_shared(fd, 0, LIMIT), 0, "a file of the mount's size is shared");
	is(fallocate(fd, 0, 0, LIMIT), 0, "and filled");
	is(used(), LIMIT / PAGE, "to the limit");
	is(set_private(fd, 0, LIMIT), 0, "converted");
	is(set_shared(fd, BLOCK, PAGE), 0, "and a page of it");
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, LIMIT),
	   0, "punched");
	ok(used() <= 1, "what is wanted of a hole is less than a page");
	close(fd);
	is(used(), 0, "all comes back");
}

static void test_attributes(void)
{
	/* With what it takes to keep it, not more than its slab's object. */
	static char value[32000];
	long before, set = 0, refused = 0, i;
	char name[64];
	int fd;

	for (i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), SMALL "/f%ld", i);
		close(must(open(name, O_RDWR | O_CREAT, 0600)));
	}
	before = slab_kb();
	for (i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), SMALL "/f%ld", i);
		fd = must(open(name, O_RDWR));
		if (fsetxattr(fd, "user.big", value, sizeof(value), 0))
			refused += errno == ENOSPC;
		else
			set++;
		close(fd);
	}
	ok(set * (long)sizeof(value) <= (long)LIMIT * 9 / 8,
	   "attributes are within size=: %ld of %zu bytes", set,
	   sizeof(value));
	is(set + refused, FILES, "the others are ENOSPC");
	took_little(before, "attributes");
	fd = must(open(SMALL "/f0", O_RDWR));
	is(fsetxattr(fd, "user.big", "x", 1, 0), 0, "less is taken");
	is(fsetxattr(fd, "user.big", value, sizeof(value), 0), 0,
	   "and more again, as there is room");
	close(fd);
	for (i = 0; i < FILES; i++) {
		snprintf(name, sizeof(name), SMALL "/f%ld", i);
		must(unlink(name));
	}
	is(used(), 0, "all comes back");
}

int main(void)
{
	char options[64];

	snprintf(options, sizeof(options), "size=%lu,nr_inodes=4k", LIMIT);
	if (mkdir(SMALL, 0700) && errno != EEXIST)
		bail_out("%s: %s", SMALL, strerror(errno));
	must(mount("none", SMALL, "gmemfs", 0, options));
	test_writes();
	test_faults();
	test_allocate();
	test_conversion();
	test_far_apart();
	test_singles();
	test_exactly();
	test_filled_up();
	test_at_once();
	test_batches();
	test_never_over();
	test_full();
	test_attributes();
	must(umount(SMALL));
	nothing_is_left();
	return done_testing();
}
