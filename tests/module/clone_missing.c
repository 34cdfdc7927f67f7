// SPDX-License-Identifier: GPL-2.0
/*
 * Fills by clone: the memory of another file comes where pages are missing,
 * without a copy; whole files, single blocks and pages, and while somebody
 * waits. What is missing can't be cloned.
 */
#include "channels.h"

#include <linux/falloc.h>

#define BLOCKS	3L
#define SIZE	(BLOCKS * (long)BLOCK)
#define PAGES	(SIZE / (long)PAGE)
#define TOP	"/tmp/clone_missing"

#include "clones.h"

static int new_template(bool singles)
{
	int fd = singles ? new_singles(SIZE) : new_file(SIZE);
	char page[PAGE];
	long i;

	for (i = 0; i < PAGES; i++) {
		make_contents(page, i * PAGE, PAGE, 'T');
		must(pwrite(fd, page, PAGE, i * PAGE));
	}
	return fd;
}

/* How many of the pages @from to @to aren't the template's? */
static long changed(int fd, long from, long to)
{
	char page[PAGE];
	long n = 0;

	for (; from < to; from++) {
		must(pread(fd, page, PAGE, from * PAGE));
		n += !has_contents(page, from, 'T');
	}
	return n;
}

struct access {
	int fd;
	long page;
};

static int loads(void *arg)
{
	struct access *a = arg;

	return !has_contents(map(a->fd, SIZE) + a->page * PAGE, a->page, 'T');
}

static int stores(void *arg)
{
	struct access *a = arg;
	char *p = map(a->fd, SIZE) + a->page * PAGE;

	p[PAGE - 1] = 'W';
	p[PAGE - 1] = 'T';
	return !has_contents(p, a->page, 'T');
}

static void test_blocks(bool singles, const char *what)
{
	int from = new_template(singles);
	int to = singles ? new_singles(SIZE) : new_file(SIZE);
	int channel = open_channel(to, SIZE, 0);
	struct access a = { to, 600 };
	struct toucher t = start_toucher(loads, &a);
	struct gmem_fault fault = next_fault(channel);

	await_sleep(&t);
	is(clone_range(to, fault.offset, from, fault.offset, fault.size), 0,
	   "%s: a block is cloned to where somebody waits", what);
	is(end_of(&t), 0, "  and seen");
	is(missing(to), SIZE - BLOCK, "  the rest is missing");
	is(get_info(to).cloned, BLOCK, "  nothing was copied");
	is(get_info(to).hidden, BLOCK, "  all is hidden");
	is_errno(fill_with(channel, BLOCK, BLOCK, 'X'), EEXIST,
		 "  there is nothing to fill any more");

	a.page = 3;
	t = start_toucher(stores, &a);
	next_fault(channel);
	is(clone_range(to, 0, from, 0, BLOCK), 0, "somebody writes");
	is(end_of(&t), 0, "  to a copy of its own");
	is(changed(from, 0, PAGES), 0, "  the template is as it was");
	must(clone_range(to, 2 * BLOCK, from, 2 * BLOCK, BLOCK));
	is(missing(to), 0, "then nothing is missing");
	is(changed(to, 0, PAGES), 0, "  and all is the template's");
	close(channel);
	close(from);
	close(to);
}

static void test_parts(bool singles, const char *what)
{
	int from = new_template(singles);
	int to = singles ? new_singles(SIZE) : new_file(SIZE);
	int channel = open_channel(to, SIZE, 0);

	must(clone_range(to, 0, from, 0, 8 * PAGE));
	is(missing(to), SIZE - 8 * PAGE, "%s: a few pages are cloned", what);
	is(fill_with(channel, 0, BLOCK, 'T'), 0, "  the others are filled");
	is(changed(to, 0, BLOCK / PAGE), 0, "  all are right");
	must(fill_with(channel, BLOCK, 8 * PAGE, 'T'));
	must(clone_range(to, BLOCK + 8 * PAGE, from, BLOCK + 8 * PAGE,
			 BLOCK - 8 * PAGE));
	is(missing(to), BLOCK, "the other way round");
	is(changed(to, BLOCK / PAGE, 2 * BLOCK / PAGE), 0, "  all are right");
	is(changed(from, 0, PAGES), 0, "  and so is the template");
	close(channel);
	close(from);
	close(to);
}

static void test_holes(void)
{
	int from = new_file(SIZE), to = new_file(SIZE);
	int channel = open_channel(to, SIZE, 0);
	char page[PAGE];

	must(clone_range(to, 0, from, 0, SIZE));
	is(missing(to), 0, "a clone of holes brings zeros");
	is(get_info(to).populated, 0, "  without memory");
	must(pread(to, page, PAGE, BLOCK));
	ok(all_bytes(page, PAGE, 0), "  that are read");
	close(channel);
	close(from);
	close(to);
}

/* A template of which only a part is there. */
static void test_source(void)
{
	int from = new_file(SIZE), to = new_file(SIZE);
	int channel = open_channel(from, SIZE, GMEM_FAULT_REATTACH);

	must(fill_with(channel, 0, BLOCK, 'T'));
	is(clone_range(to, 0, from, 0, BLOCK), 0, "what is there is cloned");
	is_errno(clone_range(to, 0, from, 0, BLOCK + PAGE), EBUSY,
		 "  but nothing that is missing");
	is(changed(to, 0, BLOCK / PAGE), 0, "  which changes nothing");
	is_errno(clone_range(from, 2 * BLOCK, from, BLOCK, BLOCK), EBUSY,
		 "  nor in the same file");
	is(missing(from), SIZE - BLOCK, "  where it is missing still");
	is(clone_range(from, BLOCK, from, 0, BLOCK), 0,
	   "  but what is there is, in the same file");
	is(missing(from), BLOCK, "  and is filled by that");
	must(fill_with(channel, 2 * BLOCK, BLOCK / 2, 'T'));
	must(clone_range(to, 2 * BLOCK, from, 2 * BLOCK, BLOCK / 2));
	must(fill_with(channel, 2 * BLOCK, BLOCK, 'T'));
	is(changed(from, 2 * BLOCK / PAGE, PAGES), 0,
	   "the rest of a block is filled after a part of it was cloned");
	is(changed(to, 2 * BLOCK / PAGE, 5 * BLOCK / 2 / PAGE), 0,
	   "  the clone is as it was");
	close(channel);
	close(from);
	close(to);
}

int main(void)
{
	test_blocks(false, "2 MiB");
	test_blocks(true, "single pages");
	test_parts(false, "2 MiB");
	test_parts(true, "single pages");
	test_holes();
	test_source();
	nothing_is_left();
	return done_testing();
}
