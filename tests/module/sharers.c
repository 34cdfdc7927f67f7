// SPDX-License-Identifier: GPL-2.0
/*
 * How many places in files have a page: what GMEM_GET_STATE says of each, and
 * GMEM_GET_INFO and fdinfo of what most have. It follows each clone, copy, hole
 * and end of a file, for blocks and for single pages.
 */
#include "gmem_test.h"

#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

#define TOP	"/tmp/sharers"
#define SIZE	(2 * (long)BLOCK)
#define PAGES	(SIZE / (long)PAGE)
#define MANY	260

#include "clones.h"

static uint8_t states[PAGES], sharers[PAGES];

static int ask(int fd, long page, long pages)
{
	struct gmem_state get = {
		.offset = page * PAGE, .size = pages * PAGE,
		.states = (uintptr_t)states, .sharers = (uintptr_t)sharers,
	};

	memset(sharers, 0xee, sizeof(sharers));
	return ioctl(fd, GMEM_GET_STATE, &get);
}

/* Of one page. */
static int of(int fd, long page)
{
	must(ask(fd, page, 1));
	return sharers[0];
}

/* How many of the pages @from to @to have @n? */
static long count(int fd, long from, long to, int n)
{
	long i, found = 0;

	must(ask(fd, from, to - from));
	for (i = 0; i < to - from; i++)
		found += sharers[i] == n;
	return found;
}

static int make(bool singles)
{
	int fd = singles ? new_singles(SIZE) : new_file(SIZE);

	must(fallocate(fd, 0, 0, SIZE));
	return fd;
}

static int clone_of(int from, bool singles)
{
	int to = singles ? new_singles(SIZE) : new_file(SIZE);

	must(ioctl(to, FICLONE, from));
	return to;
}

static void write_page(int fd, long page)
{
	is(pwrite(fd, "w", 1, page * PAGE), 1, "  a byte is written");
}

/* ---- one file, and what it is cloned to ---- */

static void test_followed(bool singles)
{
	const char *what = singles ? "single pages" : "blocks";
	int from = make(singles), to, third;

	is(count(from, 0, PAGES, 1), PAGES, "%s: nobody else has a page", what);
	is(get_info(from).sharers, 0, "  nothing is in common");
	to = clone_of(from, singles);
	is(count(from, 0, PAGES, 2), PAGES, "%s: cloned, two have each", what);
	is(count(to, 0, PAGES, 2), PAGES, "  as the clone says, too");
	is(get_info(from).sharers, 2, "  in the total");
	third = clone_of(to, singles);
	is(count(from, 0, PAGES, 3), PAGES, "%s: a clone of a clone", what);
	is(get_info(third).sharers, 3, "  in the total");

	write_page(to, 300);
	is(of(to, 300), 1, "  a page that was copied is the file's own");
	/* The block is still that of three, whoever uses which page of it. */
	is(of(from, 300), singles ? 2 : 3, "  the others still have theirs");
	is(count(to, 0, PAGES, 3), PAGES - 1, "  and all the rest");
	is(get_info(to).sharers, 3, "  which is what the total says");

	must(fallocate(third, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       BLOCK));
	is(count(third, 0, 512, 0), 512, "%s: nobody has a hole's", what);
	is(count(from, 0, 300, 2), 300, "  two have what was there");
	is(count(from, 512, PAGES, 3), PAGES - 512, "  three have the rest");
	is(get_info(from).sharers, 3, "  as the total says");

	close(third);
	close(from);
	is(count(to, 0, PAGES, 1), PAGES, "%s: the others are gone", what);
	is(get_info(to).sharers, 1, "  one has what was in common");
	ok(states[5] & GMEM_STATE_CLONED, "  which it still counts as");
	must(fallocate(to, 0, 0, SIZE));
	is(get_info(to).sharers, 0, "  until it is the file's own");
	is(get_info(to).cloned, 0, "  and nothing is in common");
	close(to);
}

/* ---- places ---- */

static void test_places(void)
{
	int fd = make(false), other;
	char *p;

	must(clone_range(fd, BLOCK, fd, 0, BLOCK));
	is(count(fd, 0, PAGES, 2), PAGES, "two places of one file have it");
	other = clone_of(fd, false);
	is(count(other, 0, PAGES, 4), PAGES, "and two of another");
	p = must(mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0));
	is(of(fd, 0), 6, "and two of a private mapping");
	munmap(p, SIZE);
	is(of(fd, 0), 4, "which is gone");
	close(other);
	must(ftruncate(fd, BLOCK));
	is(of(fd, 0), 1, "one place is left");
	write_page(fd, 0);
	is(get_info(fd).cloned, 0, "and has its memory for itself");
	is(get_info(fd).sharers, 0, "  as the total says");
	close(fd);
}

/* ---- what a byte can say ---- */

static void test_many(void)
{
	int fds[MANY], i, from = new_singles(PAGE);

	must(fallocate(from, 0, 0, PAGE));
	for (i = 0; i < MANY; i++) {
		fds[i] = new_singles(PAGE);
		must(ioctl(fds[i], FICLONE, from));
		if (i == 253)
			is(of(from, 0), 255, "255 have a page");
		if (i == 254)
			is(of(from, 0), 255, "256: a byte says 255");
	}
	is(of(from, 0), 255, "so it does of more");
	is(get_info(from).sharers, MANY + 1, "the total says how many");
	for (i = 0; i < MANY; i++)
		close(fds[i]);
	is(of(from, 0), 1, "all but one are gone");
	close(from);
}

/* ---- how it is asked ---- */

static void test_asked(void)
{
	int fd = make(false), to = clone_of(fd, false);
	struct gmem_state get = {
		.size = SIZE, .states = (uintptr_t)states,
	};
	char path[64];

	memset(sharers, 0xee, sizeof(sharers));
	is(ioctl(fd, GMEM_GET_STATE, &get), 0, "states alone");
	ok(all_bytes((char *)sharers, sizeof(sharers), (char)0xee),
	   "  write nothing else");
	get.sharers = 1;
	is_errno(ioctl(fd, GMEM_GET_STATE, &get), EFAULT, "a bad address");
	get.sharers = (uintptr_t)sharers;
	get.reserved[0] = 1;
	is_errno(ioctl(fd, GMEM_GET_STATE, &get), EINVAL, "a reserved field");

	must(fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       400 * PAGE, PAGE));
	must(ask(to, 100, 600));
	is(sharers[300], 0, "a range: each page at its place");
	is(sharers[299], 2, "  the one before");
	is(sharers[301], 2, "  the one after");
	is(sharers[600], 0xee, "  and nothing behind it");

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", to);
	is(number_in(path, "gmem-sharers"), 2, "fdinfo has the most");
	close(to);
	close(fd);
}

/* ---- meanwhile ---- */

static void clone_and_drop(int from)
{
	long i;

	for (i = 0; i < 300; i++) {
		int to = clone_of(from, false);

		if (i % 3 == 0)
			must(pwrite(to, "w", 1, i % PAGES * PAGE));
		if (i % 7 == 0)
			must(pwrite(from, "w", 1, i % PAGES * PAGE));
		close(to);
	}
}

/* Others come and go; this file always has its pages. */
static void test_meanwhile(void)
{
	int from = make(false), status;
	long asked = 0, wrong = 0, i;
	pid_t pid = must(fork());

	if (!pid) {
		clone_and_drop(from);
		_exit(0);
	}
	while (!must(waitpid(pid, &status, WNOHANG))) {
		must(ask(from, 0, PAGES));
		for (i = 0; i < PAGES; i++)
			wrong += sharers[i] < 1 || sharers[i] > 2;
		wrong += get_info(from).sharers > 2;
		asked++;
	}
	is(status, 0, "cloned and dropped by another process");
	diag("asked %ld times", asked);
	is(wrong, 0, "one has each page, or two");
	close(from);
}

int main(void)
{
	test_followed(false);
	test_followed(true);
	test_places();
	test_many();
	test_asked();
	test_meanwhile();
	nothing_is_left();
	return done_testing();
}
