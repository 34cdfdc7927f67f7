// SPDX-License-Identifier: GPL-2.0
/*
 * What a fault costs doesn't grow with the number of files, nor with the size
 * of one. On a host whose clock counts instructions (hostvm/run --icount): so
 * the same work takes the same time, but for interrupts.
 */
#define _GNU_SOURCE
#include <time.h>

#include "gmem_test.h"

#define FILES		10000
#define TIB		(1UL << 40)
/* Of the file of 1 TiB: places that have a page each, before it is measured. */
#define PLACES		4096
#define ROUNDS		9
/* May be so much dearer than on a host with one small file. */
#define PERCENT		110

static long now_ns(void)
{
	struct timespec t;

	must(clock_gettime(CLOCK_MONOTONIC, &t));
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const long *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* First touches of all pages of 2 MiB at an offset. Return: ns a page. */
static long touch_block(int fd, off_t offset)
{
	char *p = must(mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED,
			    fd, offset));
	long start = now_ns(), ns;
	size_t i;

	for (i = 0; i < BLOCK; i += PAGE)
		p[i] = 1;
	ns = (now_ns() - start) * PAGE / BLOCK;
	must(munmap(p, BLOCK));
	return ns;
}

/* The median of some blocks, from an offset on. */
static long touch_blocks(int fd, off_t offset)
{
	long ns[ROUNDS];
	unsigned int i;

	for (i = 0; i < ROUNDS; i++)
		ns[i] = touch_block(fd, offset + i * BLOCK);
	qsort(ns, ROUNDS, sizeof(*ns), compare);
	return ns[ROUNDS / 2];
}

static long touch_new(int (*make)(size_t size))
{
	int fd = make(ROUNDS * BLOCK);
	long ns = touch_blocks(fd, 0);

	close(fd);
	return ns;
}

static void is_no_dearer(long ns, long alone, const char *what)
{
	ok(ns * 100 <= alone * PERCENT,
	   "%s: %ld instructions a page, %ld alone", what, ns, alone);
}

/* With a page each; they stay open. */
static void make_files(void)
{
	unsigned int i;
	int fd;

	for (i = 0; i < FILES; i++) {
		fd = new_singles(PAGE);
		if (pwrite(fd, "x", 1, 0) != 1)
			bail_out("file %u: %s", i, strerror(errno));
	}
}

/* Pages here and there, so that what finds a block is as deep as it gets. */
static int make_large(void)
{
	int fd = new_singles(TIB);
	unsigned long i;

	for (i = 0; i < PLACES; i++)
		if (pwrite(fd, "x", 1, i * (TIB / PLACES)) != 1)
			bail_out("place %lu: %s", i, strerror(errno));
	return fd;
}

int main(void)
{
	const struct rlimit most = { FILES + 100, FILES + 100 };
	long single, whole;
	int large;

	if (on_debugging_kernel())
		skip_all("its checks cost more than what is counted");
	must(setrlimit(RLIMIT_NOFILE, &most));
	touch_new(new_singles);
	single = touch_new(new_singles);
	whole = touch_new(new_file);

	large = make_large();
	is_no_dearer(touch_blocks(large, TIB / 2 + BLOCK), single,
		     "in the middle of a file of 1 TiB");
	is_no_dearer(touch_blocks(large, TIB - (ROUNDS + 1) * BLOCK), single,
		     "and at its end");
	close(large);
	ok(becomes("hidden_bytes", 0), "its pages are back");

	make_files();
	is_no_dearer(touch_new(new_singles), single,
		     "beside 10,000 files, single pages");
	is_no_dearer(touch_new(new_file), whole, "and 2 MiB blocks");
	return done_testing();
}
