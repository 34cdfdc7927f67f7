// SPDX-License-Identifier: GPL-2.0
/*
 * A page of a template gets a memory error: all files that have it in common
 * get that reported, none gets the data, and nothing of it is copied, nor put
 * into the direct map. All else of the clones is as it was, and goes on.
 */
#include "gmem_test.h"

#include <linux/falloc.h>

#include "../../ctl/kcore.h"
#include "../lib/hwpoison.h"

#define TOP	"/tmp/clone-poison"
#define SIZE	(2 * (long)BLOCK)
#define BAD	7L
#define CLONES	2

#include "clones.h"

static int template, clones[CLONES];
static uint64_t bad_pfn;
static struct kcore kcore;
static char buffer[16 * PAGE];

/**
 * struct way - how a mount's files hold their memory, and copy it
 * @single: they share single pages, and clone them one by one
 * @whole: they copy blocks, or nothing
 */
static const struct way {
	const char *options;
	bool single, whole;
} ways[] = {
	{ "cow=auto", .single = false },
	{ "cow=page", .single = false },
	{ "cow=block", .single = false },
	{ "huge=never", .single = true },
	{ "huge=always", .whole = true },
};

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

static bool page_has(int fd, long page, char letter)
{
	return pread(fd, buffer, PAGE, page * PAGE) == (ssize_t)PAGE &&
	       all_bytes(buffer, PAGE, letter);
}

static void make_template(void)
{
	char *mem;

	template = new_file_in(TOP, SIZE);
	mem = map(template, SIZE);
	bad_pfn = fault_pfn(mem + BAD * PAGE);
	memset(mem, 'T', SIZE);
	munmap(mem, SIZE);
}

static void make_clones(void)
{
	int i;

	for (i = 0; i < CLONES; i++) {
		clones[i] = new_file_in(TOP, SIZE);
		must(ioctl(clones[i], FICLONE, template));
	}
	ok(state_of(clones[0], BAD) & GMEM_STATE_CLONED,
	   "the page is in common");
}

/* ---- it is reported ---- */

static void is_reported(int fd, const char *who)
{
	uint8_t state = state_of(fd, BAD);
	char *p = map(fd, SIZE);

	ok(state & GMEM_STATE_POISONED, "%s: its state has the error", who);
	is(state & GMEM_STATE_EXPOSED, 0, "  and it isn't exposed");
	is_errno(pread(fd, buffer, PAGE, BAD * PAGE), EIO, "  read() is EIO");
	is(pread(fd, buffer, sizeof(buffer), 0), BAD * PAGE,
	   "  a longer one ends before it");
	ok(all_bytes(buffer, BAD * PAGE, 'T'), "  with what is there");
	ok(page_has(fd, BAD + 1, 'T'), "  behind it all is well");
	is_errno(pwrite(fd, "W", 1, BAD * PAGE), EIO, "  write() is EIO");
	is_errno(fallocate(fd, 0, 0, SIZE), EIO, "  to reserve is EIO");
	is_errno(fallocate(fd, FALLOC_FL_ZERO_RANGE, BAD * PAGE, PAGE), EIO,
		 "  and to zero it");
	is_errno(set_shared(fd, BAD * PAGE, PAGE), EIO, "  to share it is EIO");
	is(touch_read(p + BAD * PAGE), SIGBUS, "  a mapping gets SIGBUS");
	is(touch_write(p + BAD * PAGE), SIGBUS, "  a write by it, too");
	is(touch_read(p + (BAD + 1) * PAGE), 0, "  not so its neighbour");
	munmap(p, SIZE);
}

static void is_in_no_map(void)
{
	ok(!kcore_has_frame(&kcore, bad_pfn), "it isn't in the direct map");
}

/* ---- it isn't copied ---- */

/* Where only all of a block can be copied, none of it is. */
static void neighbours_are_written(int fd, const struct way *way)
{
	char *p = map(fd, SIZE);

	if (way->whole) {
		is_errno(pwrite(fd, "W", 1, (BAD + 1) * PAGE), EIO,
			 "its block can't be copied");
		is(touch_write(p + (BAD + 2) * PAGE), SIGBUS,
		   "nor by a mapping");
	} else {
		is(pwrite(fd, "W", 1, (BAD + 1) * PAGE), 1,
		   "its neighbour is written");
		is(touch_write(p + (BAD + 2) * PAGE), 0, "and by a mapping");
	}
	is(pwrite(fd, "W", 1, BLOCK), 1, "and so is another block");
	munmap(p, SIZE);
	ok(page_has(template, BAD + 1, 'T') && page_has(template, 512, 'T'),
	   "the template is as it was");
}

/* It can be cloned again where that takes no copy. */
static void is_cloned_again(const struct way *way)
{
	int fd = new_file_in(TOP, SIZE);
	char *p;

	is(ioctl(fd, FICLONE, clones[1]), 0, "a clone of a clone");
	is_errno(pread(fd, buffer, PAGE, BAD * PAGE), EIO,
		 "gets the error reported");
	close(fd);
	p = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE,
		      template, 0));
	is(touch_read(p + BAD * PAGE), SIGBUS, "and so does a private mapping");
	is(touch_write(p + BAD * PAGE), SIGBUS, "that writes");
	is(p[(BAD + 1) * PAGE], 'T', "it has the neighbour");
	munmap(p, SIZE);
	if (way->single)
		return;
	fd = new_file_in(TOP, 0);
	is_errno(clone_range(fd, 0, template, BAD * PAGE, PAGE), EIO,
		 "where it would have to be copied, it is EIO");
	is(pread(fd, buffer, PAGE, 0), 0, "with nothing done");
	is_errno(clone_range(fd, 0, template, (BAD - 2) * PAGE, 4 * PAGE), EIO,
		 "in the middle, too");
	is(pread(fd, buffer, sizeof(buffer), 0), 2 * PAGE,
	   "with what is before it");
	close(fd);
}

/* ---- it can be given up ---- */

static void is_given_up(int fd, const struct way *way)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

	is_errno(ftruncate(fd, BAD * PAGE + 100), EIO,
		 "a file can't end within it: it would be copied");
	if (way->whole)
		is(fallocate(fd, punch, 0, BLOCK), 0, "its block is punched");
	else
		is(fallocate(fd, punch, BAD * PAGE, PAGE), 0, "it is punched");
	ok(page_has(fd, BAD, 0), "what is there then is zero");
	memset(buffer, 'n', PAGE);
	is(pwrite(fd, buffer, PAGE, BAD * PAGE), PAGE, "and can be written");
	ok(page_has(fd, BAD, 'n'), "and read");
	is(state_of(fd, BAD) & GMEM_STATE_POISONED, 0, "it has no error");
	ok(state_of(template, BAD) & GMEM_STATE_POISONED,
	   "the template still has one");
}

/* The file that is left may own the rest, but not by taking the page along. */
static void last_is_left(int fd, const struct way *way)
{
	is_errno(pread(fd, buffer, PAGE, BAD * PAGE), EIO,
		 "who has it last gets the error, too");
	is_errno(pwrite(fd, "W", 1, BAD * PAGE), EIO, "also for a write");
	if (!way->whole)
		is(pwrite(fd, "L", 1, (BAD + 3) * PAGE), 1,
		   "it can write beside it");
	ok(page_has(fd, BAD + 4, 'T'), "and has the rest");
	is_in_no_map();
	close(fd);
}

static void test_way(const struct way *way)
{
	diag("%s", way->options);
	mount_with(way->options);
	make_template();
	make_clones();
	is(state_of(template, BAD) & GMEM_STATE_POISONED, 0, "it is well");
	poison(bad_pfn);
	is_reported(template, "the template");
	is_reported(clones[0], "a clone");
	is_in_no_map();
	is_cloned_again(way);
	neighbours_are_written(clones[0], way);
	is_given_up(clones[1], way);
	close(clones[1]);
	close(template);
	last_is_left(clones[0], way);
	is_in_no_map();
	is(umount(TOP), 0, "the mount goes");
}

/* What is wanted shared is copied for a clone, and the page can't be. */
static void test_shared(void)
{
	int fd, to;
	char *p;

	mount_with("init=shared");
	fd = new_file_in(TOP, SIZE);
	to = new_file_in(TOP, SIZE);
	p = map(fd, SIZE);
	bad_pfn = fault_pfn(p + BAD * PAGE);
	memset(p, 'T', SIZE);
	munmap(p, SIZE);
	poison(bad_pfn);
	is_errno(ioctl(to, FICLONE, fd), EIO, "shared: a clone is EIO");
	ok(!page_has(to, BAD, 'T'), "and doesn't have the data");
	is_errno((long)mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0), EIO,
		 "a private mapping is EIO");
	close(to);
	close(fd);
	is(umount(TOP), 0, "the mount goes");
}

int main(void)
{
	unsigned int i;

	if (!can_poison())
		skip_all("this kernel has no hwpoison-inject");
	must(kcore_open(&kcore));
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		test_way(&ways[i]);
	test_shared();
	kcore_close(&kcore);
	nothing_is_left();
	return done_testing();
}
