// SPDX-License-Identifier: GPL-2.0
/*
 * flushes: how often conversion and truncation flush the TLBs of all CPUs for
 * their edits of the direct map. Scattered single pages share one flush; whole
 * blocks where the kernel has a function for that, which exposes without any.
 *
 * Counted are calls, by this task, of the functions that flush: the kernel's
 * set_memory_np() and set_memory_p(), and the module's gmem_flush_tlbs().
 */
#include "gmem_test.h"

#define SIZE	((long)(32 * BLOCK))

static bool can_share;

static void count_flushes(bool on)
{
	must(write_text(TRACING "/events/enable", "0"));
	if (!on) {
		must(write_text(TRACING "/kprobe_events", ""));
		return;
	}
	must(write_text(TRACING "/kprobe_events",
			"p:gmemtest/np set_memory_np\n"
			"p:gmemtest/p set_memory_p\n"
			"p:gmemtest/all gmem_flush_tlbs\n"));
	must(write_text(TRACING "/trace", ""));
	must(write_text(TRACING "/events/gmemtest/enable", "1"));
}

/* Since count_flushes(true). */
static int flushes(void)
{
	char line[512], me[32];
	int n = 0;
	FILE *f;

	must(write_text(TRACING "/events/gmemtest/enable", "0"));
	snprintf(me, sizeof(me), "-%d ", getpid());
	f = fopen(TRACING "/trace", "re");
	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, me) && line[0] != '#';
	if (f)
		fclose(f);
	count_flushes(false);
	return n;
}

/* Where blocks can share a flush: that many; elsewhere, @otherwise at most. */
static void check(int n, int shared, int otherwise, const char *what)
{
	if (can_share)
		is(n, shared, "%s: flushes", what);
	else
		ok(n <= otherwise, "%s: %d flushes, %d at most", what, n,
		   otherwise);
}

static void test_blocks(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	memset(p, 7, SIZE);
	count_flushes(true);
	must(set_shared(fd, 0, SIZE));
	check(flushes(), 0, 32, "64 MiB of blocks become shared");
	count_flushes(true);
	must(set_private(fd, 0, SIZE));
	check(flushes(), 1, 32, "and private");
	is(get_info(fd).hidden, SIZE, "all are hidden");
	ok(all_bytes(p, SIZE, 7), "with their contents");
	munmap(p, SIZE);
	count_flushes(true);
	must(ftruncate(fd, 0));
	check(flushes(), 0, 32, "and are given back");
	close(fd);
}

/* Two files take turns, so no two pages of one are neighbours in memory. */
static void test_scattered(void)
{
	int fd = new_singles(SIZE / 2), other = new_singles(SIZE / 2);
	char *p = map(fd, SIZE / 2), *q = map(other, SIZE / 2);
	long i, pages = SIZE / 2 / PAGE;

	for (i = 0; i < pages; i++) {
		p[i * PAGE] = 3;
		q[i * PAGE] = 3;
	}
	must(set_shared(fd, 0, SIZE / 2));
	must(set_private(fd, 0, SIZE / 2));
	count_flushes(true);
	must(set_shared(fd, 0, SIZE / 2));
	is(flushes(), 0, "8192 scattered pages become shared: flushes");
	count_flushes(true);
	must(set_private(fd, 0, SIZE / 2));
	is(flushes(), 1, "and private: flushes");
	is(get_info(fd).hidden, SIZE / 2, "all are hidden");
	for (i = 0; i < pages; i++)
		if (p[i * PAGE] != 3 || q[i * PAGE] != 3)
			break;
	is(i, pages, "with their contents");
	munmap(p, SIZE / 2);
	munmap(q, SIZE / 2);
	close(fd);
	close(other);
}

/* A part of a block, and of the next: as many flushes as one. */
static void test_parts(void)
{
	int fd = new_file(2 * BLOCK);
	char *p = map(fd, 2 * BLOCK);

	memset(p, 9, 2 * BLOCK);
	must(set_shared(fd, BLOCK / 2, BLOCK));
	count_flushes(true);
	must(set_private(fd, BLOCK / 2, BLOCK));
	check(flushes(), 1, 2, "halves of two blocks become private");
	is(get_info(fd).hidden, 2 * BLOCK, "all is hidden");
	ok(all_bytes(p, 2 * BLOCK, 9), "with its contents");
	munmap(p, 2 * BLOCK);
	close(fd);
}

int main(void)
{
	can_share = kernel_has("set_direct_map_valid_noflush");
	diag("this kernel's edits %s a flush", can_share ? "share" :
							   "can't share");
	test_blocks();
	test_scattered();
	test_parts();
	nothing_is_left();
	return done_testing();
}
