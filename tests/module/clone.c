// SPDX-License-Identifier: GPL-2.0
/*
 * Clones: a file has the memory of another one without a copy, until one of the
 * two is written to. Then only that one changes, in whichever way it is written
 * to, whatever became of the other, and however the memory is held.
 */
#include "gmem_test.h"

#include <linux/falloc.h>

#define BLOCKS	3L
#define SIZE	(BLOCKS * (long)BLOCK)
#define PAGES	(SIZE / (long)PAGE)
#define TOP	"/tmp/clone"

#include "clones.h"

static char *buffer;

/* ---- contents: each page has its number and a letter in it ---- */

static void stamp(char *page, long nr, char letter)
{
	memset(page, letter, PAGE);
	memcpy(page, &nr, sizeof(nr));
}

static bool stamped(const char *page, long nr, char letter)
{
	long found;

	memcpy(&found, page, sizeof(found));
	return found == nr &&
	       all_bytes(page + sizeof(nr), PAGE - sizeof(nr), letter);
}

static void fill(int fd, char letter)
{
	long i;

	for (i = 0; i < PAGES; i++) {
		stamp(buffer, i, letter);
		must(pwrite(fd, buffer, PAGE, i * PAGE));
	}
}

/* How many of the pages @from to @to are not as fill() left them, by read() */
static long changed(int fd, long from, long to, char letter)
{
	long i, n = 0;

	for (i = from; i < to; i++)
		if (pread(fd, buffer, PAGE, i * PAGE) != (ssize_t)PAGE ||
		    !stamped(buffer, i, letter))
			n++;
	return n;
}

static uint8_t state_of(int fd, long page)
{
	uint8_t byte;
	struct gmem_state get = {
		.offset = page * PAGE, .size = PAGE,
		.states = (uintptr_t)&byte,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return byte;
}

static bool cloned(int fd, long page)
{
	return state_of(fd, page) & GMEM_STATE_CLONED;
}

static bool huge(int fd, long page)
{
	return state_of(fd, page) & GMEM_STATE_HUGE;
}

/* ---- mounts ---- */

static long free_pages(void)
{
	struct statfs fs;

	must(statfs(TOP, &fs));
	return fs.f_bfree;
}

/* ---- each way to write ---- */

static void by_mapping(int fd, long page)
{
	char *p = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			    page * PAGE));

	stamp(p, page, 'W');
	munmap(p, PAGE);
}

/* The entry is there first, for reading. */
static void by_mapping_read_first(int fd, long page)
{
	char *p = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			    page * PAGE));

	is(*(volatile char *)(p + 100), 'T', "  it is read first");
	stamp(p, page, 'W');
	ok(stamped(p, page, 'W'), "  the write is seen");
	munmap(p, PAGE);
}

/* mprotect() must not make the entry writable. */
static void by_mprotect(int fd, long page)
{
	char *p = must(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd,
			    page * PAGE));

	is(*(volatile char *)(p + 100), 'T', "  it is read first");
	must(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	stamp(p, page, 'W');
	munmap(p, PAGE);
}

/* Of a mapping of the whole file, by 2 MiB where that is possible. */
static void by_huge_mapping(int fd, long page)
{
	char *p = map(fd, SIZE);

	is(*(volatile char *)(p + page * PAGE + 100), 'T',
	   "  it is read first");
	stamp(p + page * PAGE, page, 'W');
	munmap(p, SIZE);
}

static void by_write(int fd, long page)
{
	stamp(buffer, page, 'W');
	is(pwrite(fd, buffer, PAGE, page * PAGE), PAGE, "  write()");
}

static void by_part(int fd, long page)
{
	memset(buffer, 'W', PAGE);
	is(pwrite(fd, buffer, PAGE - sizeof(long), page * PAGE + sizeof(long)),
	   PAGE - sizeof(long), "  write() of a part");
}

static void by_shared_view(int fd, long page)
{
	int view;
	char *p;

	must(set_shared(fd, page * PAGE, PAGE));
	ok(!cloned(fd, page), "  a shared page is no clone's");
	view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	p = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, view,
		      page * PAGE));
	is(p[100], 'T', "  the shared view has the contents");
	stamp(p, page, 'W');
	munmap(p, PAGE);
	close(view);
	must(set_private(fd, page * PAGE, PAGE));
}

static const struct {
	const char *name;
	void (*write)(int fd, long page);
} ways[] = {
	{ "a mapping", by_mapping },
	{ "a mapping that was read", by_mapping_read_first },
	{ "a mapping that becomes writable", by_mprotect },
	{ "a large mapping", by_huge_mapping },
	{ "write()", by_write },
	{ "write() of a part", by_part },
	{ "the shared view", by_shared_view },
};

#define WAYS	((long)(sizeof(ways) / sizeof(*ways)))

static int make(bool singles)
{
	int fd = singles ? new_singles(SIZE) : new_file(SIZE);

	fill(fd, 'T');
	return fd;
}

/* @to is written to; @other has the same memory, and must not change. */
static void write_ways(int to, int other, long first)
{
	long i, page;

	for (i = 0; i < WAYS; i++) {
		page = first + i * 3;
		/* In a block that is mapped as a whole. */
		if (ways[i].write == by_huge_mapping)
			page = 600;
		ok(cloned(to, page), "%s: the page is cloned", ways[i].name);
		ways[i].write(to, page);
		ok(pread(to, buffer, PAGE, page * PAGE) == (ssize_t)PAGE &&
		   stamped(buffer, page, 'W'), "  it is written to");
		ok(!cloned(to, page), "  and is the file's own");
		is(changed(to, page + 1, page + 3, 'T'), 0,
		   "  its neighbours are as they were");
		is(changed(other, 0, PAGES, 'T'), 0,
		   "  the other file is as it was");
	}
}

static void test_ways(bool singles, bool to_source)
{
	int from = make(singles), to = new_file(SIZE);
	char *live = map(from, SIZE);
	long i, mapped;

	if (singles) {
		close(to);
		to = new_singles(SIZE);
	}
	/* The source is mapped writable. */
	for (i = 0; i < PAGES; i++)
		stamp(live + i * PAGE, i, 'T');
	is(ioctl(to, FICLONE, from), 0, "FICLONE, %s, then the %s is written",
	   singles ? "single pages" : "blocks", to_source ? "source" : "clone");
	is(get_info(to).cloned, SIZE, "all of the clone is in common");
	is(get_info(from).cloned, SIZE, "and of the source");
	is(get_info(to).populated, SIZE, "it counts as populated");
	is(get_info(to).hidden, SIZE, "and hidden");
	is(get_info(to).huge, singles ? 0 : SIZE, "in blocks, or not");
	is(huge(to, 5), !singles, "as its state says");
	is(changed(to, 0, PAGES, 'T'), 0, "it has the contents");
	mapped = 0;
	for (i = 0; i < PAGES; i++)
		mapped += stamped(live + i * PAGE, i, 'T');
	is(mapped, PAGES, "the source's mapping, too");
	if (to_source)
		write_ways(from, to, 7);
	else
		write_ways(to, from, 7);
	munmap(live, SIZE);
	close(from);
	close(to);
}

/* ---- changes that aren't writes ---- */

static void test_changes(bool singles)
{
	int from = make(singles), to = make(singles);
	long nr = 600;

	is(ioctl(to, FICLONE, from), 0, "FICLONE over other contents");
	is(changed(to, 0, PAGES, 'T'), 0, "replaces them");

	must(fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       3 * PAGE + 100, 2 * PAGE));
	is(changed(to, 3, 6, 'T'), 3, "punch: three pages change");
	must(pread(to, buffer, PAGE, 4 * PAGE));
	ok(all_bytes(buffer, PAGE, 0), "one is a hole");
	ok(!(state_of(to, 4) & GMEM_STATE_POPULATED), "as its state says");
	must(pread(to, buffer, PAGE, 3 * PAGE));
	ok(all_bytes(buffer + 100, PAGE - 100, 0), "one is zero in part");
	is(buffer[99], 'T', "and as it was before that");
	stamp(buffer, 4, 'W');
	is(pwrite(to, buffer, 10, 4 * PAGE), 10, "the hole is filled");
	must(pread(to, buffer, PAGE, 4 * PAGE));
	ok(all_bytes(buffer + 10, PAGE - 10, 0), "with zeros around");

	must(fallocate(to, FALLOC_FL_ZERO_RANGE, 20 * PAGE, 3 * PAGE));
	is(changed(to, 19, 24, 'T'), 3, "zero range: three pages change");

	must(fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       512 * PAGE, BLOCK));
	is(changed(to, 512, 1024, 'T'), 512, "a block is punched");
	is(set_private(to, 0, SIZE), 0, "private, which it is");
	is(changed(from, 0, PAGES, 'T'), 0, "the source is as it was");

	must(ftruncate(to, nr * PAGE + 100));
	must(ftruncate(to, SIZE));
	must(pread(to, buffer, PAGE, nr * PAGE));
	ok(all_bytes(buffer, PAGE, 0), "truncated in the punched block");
	is(ioctl(to, FICLONE, from), 0, "cloned again");
	must(ftruncate(to, nr * PAGE + 100));
	must(ftruncate(to, SIZE));
	is(changed(to, 0, nr, 'T'), 0, "truncated: as it was before the end");
	must(pread(to, buffer, PAGE, nr * PAGE));
	ok(buffer[99] == 'T' && all_bytes(buffer + 100, PAGE - 100, 0),
	   "zero in the last page");
	is(changed(to, nr, PAGES, 'T'), PAGES - nr, "and gone behind it");
	is(changed(from, 0, PAGES, 'T'), 0, "the source is as it was");
	close(from);
	close(to);
}

/* ---- who goes first ---- */

static void test_last(const char *option, const char *what)
{
	int from, to, third;
	long before;

	mount_with(option);
	from = new_file_in(TOP, SIZE);
	to = new_file_in(TOP, SIZE);
	third = new_file_in(TOP, SIZE);
	fill(from, 'T');
	before = free_pages();
	must(ioctl(to, FICLONE, from));
	must(ioctl(third, FICLONE, to));
	ok(before - free_pages() <= 2 * BLOCKS + 2,
	   "%s: a clone of a clone counts its blocks only", what);
	must(ftruncate(from, 0));
	is(changed(to, 0, PAGES, 'T'), 0, "%s: the source is truncated", what);
	must(fallocate(third, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       SIZE));
	is(changed(to, 0, PAGES, 'T'), 0, "a clone is punched");
	before = free_pages();
	by_mapping(to, 5);
	by_write(to, 600);
	ok(free_pages() >= before, "to write to what is left takes no memory");
	ok(!cloned(to, 6) && !cloned(to, 601), "it is no clone any more");
	is(changed(to, 6, 600, 'T'), 0, "and leaves the rest");
	is(changed(to, 601, PAGES, 'T'), 0, "as it was");
	is(get_info(to).huge, get_info(to).populated, "in blocks");
	close(from);
	close(to);
	close(third);
	is(umount(TOP), 0, "all can be unmounted");
}

/* Pages of its own come back into a block that nobody else has any more. */
static void test_joined(void)
{
	int from = make(false), to = new_file(SIZE);

	must(ioctl(to, FICLONE, from));
	by_mapping(to, 5);
	by_mapping(to, 9);
	must(fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       12 * PAGE, PAGE));
	ok(!huge(to, 5), "what was copied is a single page");
	close(from);
	by_mapping(to, 20);
	ok(huge(to, 5) && huge(to, 9) && huge(to, 20),
	   "after the source has gone, the block is whole again");
	must(pread(to, buffer, PAGE, 9 * PAGE));
	ok(stamped(buffer, 9, 'W'), "with what was written");
	must(pread(to, buffer, PAGE, 12 * PAGE));
	ok(all_bytes(buffer, PAGE, 0), "and the hole");
	by_write(to, 12);
	is(changed(to, 21, PAGES, 'T'), 0, "the rest is as it was");
	close(to);
}

/* ---- how much is copied ---- */

static void test_policy(const char *option, long copied, bool whole)
{
	int from, to;
	long i;

	mount_with(option);
	from = new_file_in(TOP, SIZE);
	to = new_file_in(TOP, SIZE);
	fill(from, 'T');
	must(ioctl(to, FICLONE, from));
	for (i = 0; i < copied; i++)
		by_mapping(to, i);
	is(huge(to, 0), whole, "%s: after %ld pages, whole or not", option,
	   copied);
	is(cloned(to, 511), !whole, "the rest is copied or not");
	is(changed(to, copied, PAGES, 'T'), 0, "and as it was");
	is(changed(from, 0, PAGES, 'T'), 0, "the source, too");
	close(from);
	close(to);
	must(umount(TOP));
}

/* ---- no room for a copy ---- */

/* A file's first page needs no more than that; others may. */
static int fill_mount(int *fds, int most)
{
	int n = 1;

	fds[0] = new_file_in(TOP, 0);
	while (free_pages() > 0 && write(fds[0], buffer, PAGE) > 0)
		;
	for (; free_pages() > 0 && n < most; n++) {
		fds[n] = new_file_in(TOP, 0);
		must(write(fds[n], buffer, PAGE));
	}
	is(free_pages(), 0, "the mount is full");
	return n;
}

static void test_full(void)
{
	int from, to, fds[8], n;
	char *p;

	mount_with("size=20m,cow=page");
	from = new_file_in(TOP, SIZE);
	to = new_file_in(TOP, SIZE);
	fill(from, 'T');
	must(ioctl(to, FICLONE, from));
	n = fill_mount(fds, 8);
	p = map(to, SIZE);
	is(touch_read(p + 5 * PAGE), 0, "full: a clone can be read");
	is(touch_write(p + 5 * PAGE), SIGBUS, "a write gets SIGBUS");
	is_errno(pwrite(to, "x", 1, 5 * PAGE), ENOSPC, "write(): ENOSPC");
	is_errno(fallocate(to, 0, 0, SIZE), ENOSPC, "fallocate(): ENOSPC");
	is_errno(ftruncate(to, 5 * PAGE + 1), ENOSPC, "ftruncate(): ENOSPC");
	is_errno(set_shared(to, 5 * PAGE, PAGE), ENOSPC, "shared: ENOSPC");
	is(changed(to, 0, PAGES, 'T'), 0, "the clone is as it was");
	is(changed(from, 0, PAGES, 'T'), 0, "the source is as it was");
	is(ftruncate(to, 5 * PAGE), 0, "whole pages can go");
	while (n--)
		close(fds[n]);
	is(touch_write(p), 0, "with room, it can be written");
	munmap(p, SIZE);
	close(to);
	close(from);
	must(umount(TOP));
}

static void test_reserve(void)
{
	int from = make(false), to = new_file(SIZE);

	must(ioctl(to, FICLONE, from));
	is(fallocate(to, 0, 0, 600 * PAGE), 0, "fallocate()");
	ok(!cloned(to, 0) && !cloned(to, 511) && !cloned(to, 599),
	   "makes what it covers the file's own");
	ok(cloned(to, 1030), "and leaves the rest");
	is(changed(to, 0, PAGES, 'T'), 0, "with the contents");
	close(from);
	close(to);
}

/* ---- ranges ---- */

static void test_ranges(bool singles)
{
	int fd = make(singles), other = new_file(SIZE);
	long i, wrong = 0;

	is(clone_range(fd, BLOCK, fd, 0, 10 * PAGE), 0, "within a file");
	for (i = 0; i < 10; i++) {
		must(pread(fd, buffer, PAGE, (512 + i) * PAGE));
		wrong += !stamped(buffer, i, 'T');
	}
	is(wrong, 0, "the pages are there");
	is(changed(fd, 522, PAGES, 'T'), 0, "the others as they were");
	is(clone_range(fd, 3 * PAGE, fd, 0, 2 * PAGE), 0, "within a block");
	must(pread(fd, buffer, PAGE, 4 * PAGE));
	ok(stamped(buffer, 1, 'T'), "the page is there");
	by_write(fd, 1);
	must(pread(fd, buffer, PAGE, 4 * PAGE));
	ok(stamped(buffer, 1, 'T'), "and stays when the source is written");

	is(clone_range(other, 7 * PAGE, fd, BLOCK + 20 * PAGE, 700 * PAGE), 0,
	   "to another offset");
	for (i = wrong = 0; i < 700; i++) {
		must(pread(other, buffer, PAGE, (7 + i) * PAGE));
		wrong += !stamped(buffer, 532 + i, 'T');
	}
	is(wrong, 0, "the pages are there");
	must(fallocate(other, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       7 * PAGE));
	if (singles)
		is(lseek(other, 7 * PAGE, SEEK_HOLE), 707 * (long)PAGE,
		   "and end where they should");

	is(clone_range(fd, 0, other, 0, 100 * PAGE), 0, "a hole is cloned");
	is(lseek(fd, 0, SEEK_DATA), 7 * (long)PAGE, "as a hole");
	close(fd);
	close(other);
}

static void test_pieces(void)
{
	int from = make(false), to = new_file(SIZE);
	long i;

	/* As copy_file_range() and cp do it. */
	for (i = 0; i < PAGES; i += 100)
		must(clone_range(to, i * PAGE, from, i * PAGE,
				 (PAGES - i < 100 ? PAGES - i : 100) * PAGE));
	is(changed(to, 0, PAGES, 'T'), 0, "cloned in pieces");
	is(get_info(to).huge, SIZE, "it is of blocks again");
	is(get_info(to).cloned, SIZE, "in common with the source");
	is(clone_range(to, 0, from, 0, SIZE), 0, "and cloned over itself");
	is(get_info(to).cloned, SIZE, "is as before");
	close(from);
	is(changed(to, 0, PAGES, 'T'), 0, "with the contents");
	close(to);
}

/* A block is common as a whole: also where it is mapped, but not cloned yet. */
static void test_live_parts(void)
{
	int from = make(false), to = new_file(SIZE);
	char *live = map(from, SIZE);

	stamp(live + 300 * PAGE, 300, 'T');
	is(clone_range(to, 0, from, 0, 100 * PAGE), 0, "a part of a block");
	is(clone_range(to, 100 * PAGE, from, 100 * PAGE, 412 * PAGE), 0,
	   "and the rest");
	stamp(live + 300 * PAGE, 300, 'W');
	is(changed(to, 0, 512, 'T'), 0,
	   "the source is written to where it was mapped: not the clone");
	munmap(live, SIZE);
	close(from);
	close(to);
}

static void test_copy(void)
{
	int from = make(false), to = new_file(0);
	loff_t in = 0, out = 0;
	ssize_t n;

	while ((n = must(copy_file_range(from, &in, to, &out, SIZE, 0))) > 0)
		;
	is(out, SIZE, "copy_file_range()");
	is(get_info(to).cloned, SIZE, "clones");
	is(changed(to, 0, PAGES, 'T'), 0, "the contents");
	in = 100;
	out = 0;
	is(copy_file_range(from, &in, to, &out, 1000, 0), 1000, "and copies");
	must(pread(to, buffer, PAGE, 0));
	ok(all_bytes(buffer, 1000, 'T'), "what isn't pages");
	close(from);
	close(to);
}

static void test_tail(void)
{
	int from = new_file(2 * PAGE + 10), to = new_file(0);
	struct stat st;

	memset(buffer, 'T', PAGE);
	must(pwrite(from, buffer, 10, 2 * PAGE));
	is(ioctl(to, FICLONE, from), 0, "a file that ends within a page");
	must(fstat(to, &st));
	is(st.st_size, 2 * (long)PAGE + 10, "its clone is as long");
	is(pread(to, buffer, PAGE, 2 * PAGE), 10, "with its last bytes");
	must(ftruncate(to, SIZE));
	is_errno(clone_range(to, 0, from, 0, 2 * PAGE + 10), EINVAL,
		 "a part of a page in the middle: EINVAL");
	close(from);
	close(to);
}

/* ---- what isn't shared is copied ---- */

static void test_copied(void)
{
	int from = make(false), to = new_file(SIZE);
	char *view;

	must(set_shared(from, 3 * PAGE, PAGE));
	view = shared_map(from, SIZE);
	stamp(view + 3 * PAGE, 3, 'S');
	is(ioctl(to, FICLONE, from), 0, "a source with a shared page");
	must(pread(to, buffer, PAGE, 3 * PAGE));
	ok(stamped(buffer, 3, 'S'), "its contents are there");
	is(changed(to, 4, PAGES, 'T'), 0, "and those around");
	ok(!(state_of(to, 3) & GMEM_STATE_EXPOSED), "hidden in the clone");
	stamp(view + 3 * PAGE, 3, 'X');
	must(pread(to, buffer, PAGE, 3 * PAGE));
	ok(stamped(buffer, 3, 'S'), "which has a copy");
	ok(cloned(to, 600), "other blocks are shared");
	munmap(view, SIZE);
	must(set_private(from, 0, SIZE));
	is(ioctl(to, FICLONE, from), 0, "private again");
	ok(cloned(to, 3), "it is shared");

	must(set_shared(to, 0, SIZE));
	is(get_info(to).cloned, 0, "a clone becomes shared: all is copied");
	is(ioctl(to, FICLONE, from), 0, "cloning to a shared file");
	is(get_info(to).cloned, 0, "copies");
	is(changed(to, 0, 3, 'T'), 0, "the contents");
	ok(state_of(to, 600) & GMEM_STATE_SHARED, "and it is still shared");
	close(from);
	close(to);
}

static void test_kinds(void)
{
	static const char *const options[] = {
		"huge=always", "huge=never", "direct_map=kept", "init=shared",
	};
	unsigned int i, j;

	for (i = 0; i < 4; i++) {
		int from, to;

		mount_with(options[i]);
		from = new_file_in(TOP, SIZE);
		to = new_file_in(TOP, SIZE);
		fill(from, 'T');
		is(ioctl(to, FICLONE, from), 0, "%s: FICLONE", options[i]);
		is(changed(to, 0, PAGES, 'T'), 0, "contents");
		for (j = 0; j < 4; j++)
			by_mapping(to, 300 * j + 3);
		must(fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       5 * PAGE, 3 * PAGE));
		is(changed(to, 0, PAGES, 'T'), 7, "seven pages change");
		is(changed(from, 0, PAGES, 'T'), 0, "in the clone only");
		must(ftruncate(to, 700 * PAGE));
		is(changed(from, 0, PAGES, 'T'), 0, "it is truncated");
		close(from);
		is(changed(to, 8, 303, 'T'), 0, "the source goes");
		close(to);
		must(umount(TOP));
	}
}

/* ---- bad input ---- */

static void test_refused(void)
{
	int fd = make(false), to = new_file(SIZE), ro, dir, other;
	char path[64];

	is_errno(clone_range(to, 100, fd, 0, PAGE), EINVAL,
		 "a target that isn't a page: EINVAL");
	is_errno(clone_range(to, 0, fd, 100, PAGE), EINVAL, "a source");
	is_errno(clone_range(to, 0, fd, 0, 100), EINVAL, "a length");
	is_errno(clone_range(to, 0, fd, SIZE + BLOCK, PAGE), EINVAL,
		 "beyond the end: EINVAL");
	is_errno(clone_range(to, 0, fd, SIZE - PAGE, 2 * PAGE), EINVAL,
		 "over the end: EINVAL");
	is_errno(clone_range(fd, PAGE, fd, 0, 2 * PAGE), EINVAL,
		 "overlapping: EINVAL");
	is_errno(clone_range(to, SIZE_MOST, fd, 0, PAGE), EFBIG,
		 "a target that is too long: EFBIG");

	snprintf(path, sizeof(path), "/proc/self/fd/%d", to);
	ro = must(open(path, O_RDONLY));
	is_errno(ioctl(ro, FICLONE, fd), EBADF, "not open for writing: EBADF");
	close(ro);
	ro = must(open(path, O_WRONLY));
	is_errno(ioctl(to, FICLONE, ro), EBADF, "nor for reading: EBADF");
	close(ro);
	dir = must(open(MNT, O_RDONLY | O_DIRECTORY));
	is_errno(ioctl(to, FICLONE, dir), EISDIR, "a directory: EISDIR");
	close(dir);
	mount_with(NULL);
	other = new_file_in(TOP, SIZE);
	is_errno(ioctl(other, FICLONE, fd), EXDEV, "another mount: EXDEV");
	close(other);
	must(umount(TOP));
	is(get_info(to).populated, 0, "nothing was cloned");
	is(get_info(fd).cloned, 0, "of nothing");
	close(fd);
	close(to);
}

static void test_options(void)
{
	is_errno(mount("gmemfs", TOP, "gmemfs", 0, "cow=never"), EINVAL,
		 "cow=never is refused");
	mount_with("cow=block");
	is_errno(mount(NULL, TOP, NULL, MS_REMOUNT, "cow=page"), EINVAL,
		 "a remount with another one, too");
	must(umount(TOP));
}

int main(void)
{
	int i;

	buffer = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	mkdir(TOP, 0755);
	for (i = 0; i < 4; i++)
		test_ways(i & 1, i & 2);
	test_changes(false);
	test_changes(true);
	test_last("huge=try", "blocks");
	test_last("huge=always", "blocks only");
	test_joined();
	test_policy("cow=page", 300, false);
	test_policy("cow=block", 1, true);
	test_policy("cow=auto", 2, false);
	test_policy("cow=auto", 300, true);
	test_policy("huge=always,cow=page", 1, true);
	test_full();
	test_reserve();
	test_ranges(false);
	test_ranges(true);
	test_pieces();
	test_live_parts();
	test_copy();
	test_tail();
	test_copied();
	test_kinds();
	test_refused();
	test_options();
	nothing_is_left();
	return done_testing();
}
