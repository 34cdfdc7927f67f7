// SPDX-License-Identifier: GPL-2.0
/*
 * bench-windows ROUNDS MIB...: opens and closes windows in regions of MIB MiB,
 * without an access, and with a copy of 4 KiB to the region. Prints how long
 * that took, and how often a region had no key:
 *	round=ROUND OPERATION WAY units=N ns=N cycles=N misses=N recycled=N
 * where OPERATION is pair-MIB or copy-MIB, and WAY is the kind of windows:
 *	no-window	none: the loop alone, and the copy without a window
 *	own-key		the region has a key of its own
 *	key		regions share keys, and the region has one
 *	no-key		regions share keys, and another region loses its key:
 *			there are more regions than keys, and each is used
 *			when it is the least recently used one
 *	mprotect	no key, but mprotect()
 * Cycles are those of the time stamp counter. All memory is populated and
 * mapped.
 */
#include <errno.h>
#include <gmem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "text.h"

#define COPY		4096
#define BLOCK		(2UL << 20)
#define MAX_SIZES	4
#define MAX_REGIONS	20

struct way {
	const char *name;
	uint32_t windows;
	unsigned int regions;
	unsigned long units;
};

static const struct way ways[] = {
	{ "no-window",	GMEM_WINDOWS_NONE,	1,		50000 },
	{ "own-key",	GMEM_WINDOWS_OWN_KEY,	1,		50000 },
	{ "key",	GMEM_WINDOWS_KEYS,	1,		50000 },
	{ "no-key",	GMEM_WINDOWS_KEYS,	MAX_REGIONS,	1000 },
	{ "mprotect",	GMEM_WINDOWS_PROCESS,	1,		1000 },
};

#define WAYS	(sizeof(ways) / sizeof(ways[0]))

/* The regions that a way is measured with. */
struct set {
	const struct way *way;
	unsigned long mib;
	struct gmem_region *regions[MAX_REGIONS];
};

static struct set sets[MAX_SIZES * WAYS];
static unsigned int nr_sets;
static char source[COPY];

static void check(int ret)
{
	if (!ret)
		return;
	fprintf(stderr, "bench-windows: %s\n", gmem_last_error());
	exit(1);
}

/* ---- regions ---- */

static void map_all(struct gmem_region *r)
{
	volatile char *p = r->address;
	struct gmem_window w;
	uint64_t at;

	check(gmem_file_populate(r->fd, 0, r->size));
	check(gmem_window_open(&w, r, GMEM_WRITE));
	for (at = 0; at < r->size; at += BLOCK)
		p[at] = 1;
	gmem_window_close(&w);
}

static struct gmem_region *make(const struct way *way, unsigned long mib)
{
	struct gmem_region_options options = {
		.size = mib << 20, .windows = way->windows,
		.backends = 1 << GMEM_BACKEND_GMEMFS,
	};
	struct gmem_region *r;

	check(gmem_region_create(&options, &r));
	errno = EOPNOTSUPP;
	if (r->windows != way->windows)
		die("%s: this host has no such windows", way->name);
	map_all(r);
	return r;
}

static void add_sets(const char *arg)
{
	unsigned long mib = strtoul(arg, NULL, 10);
	unsigned int i, j;

	errno = EINVAL;
	if (!mib || mib % 2 || nr_sets == MAX_SIZES * WAYS)
		die("can't use regions of %s MiB", arg);
	for (i = 0; i < WAYS; i++) {
		struct set *s = &sets[nr_sets++];

		s->way = &ways[i];
		s->mib = mib;
		for (j = 0; j < s->way->regions; j++)
			s->regions[j] = make(s->way, mib);
	}
}

/* ---- what is measured ---- */

static __attribute__((always_inline))
inline void work(const struct set *s, bool window, bool copy)
{
	struct gmem_region *const *end = s->regions + s->way->regions;
	struct gmem_region *const *at = s->regions;
	unsigned long i;

	for (i = 0; i < s->way->units; i++) {
		struct gmem_window w;

		if (window)
			check(gmem_window_open(&w, *at, GMEM_WRITE));
		if (copy)
			memcpy((*at)->address, source, COPY);
		/* The compiler must keep the loop and the copy. */
		__asm__ volatile("" : : : "memory");
		if (window)
			gmem_window_close(&w);
		if (++at == end)
			at = s->regions;
	}
}

/* Each loop is compiled separately, so that it has no branch for the way. */
static void work_on(const struct set *s, bool copy)
{
	bool window = s->way->windows != GMEM_WINDOWS_NONE;

	if (window && copy)
		work(s, true, true);
	else if (window)
		work(s, true, false);
	else if (copy)
		work(s, false, true);
	else
		work(s, false, false);
}

/* Check that the copy has arrived in the region. */
static void check_copy(const struct set *s)
{
	char is[COPY];
	unsigned int i;

	errno = EIO;
	for (i = 0; i < s->way->regions; i++) {
		check(gmem_region_read(s->regions[i], 0, is, COPY));
		if (memcmp(is, source, COPY))
			die("%s: the region doesn't have what was copied to it",
			    s->way->name);
	}
}

/* Check that a region missed its key exactly where it should have. */
static void check_misses(const struct set *s, uint64_t misses)
{
	bool missing = s->way->regions > 1;

	errno = EIO;
	if (misses != (missing ? s->way->units : 0))
		die("%s: %llu of %lu windows found no key", s->way->name,
		    (unsigned long long)misses, s->way->units);
}

/* A single region gets its key back, if another region has taken it. */
static void prepare(const struct set *s)
{
	char byte;

	if (s->way->regions == 1)
		check(gmem_region_read(s->regions[0], 0, &byte, 1));
}

static void measure(int round, const struct set *s, bool copy)
{
	struct gmem_window_stats before, after;
	struct timespec begin, end;
	uint64_t cycles;

	memset(source, round + 1, COPY);
	prepare(s);
	gmem_window_stats(&before);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	cycles = __rdtsc();
	work_on(s, copy);
	cycles = __rdtsc() - cycles;
	clock_gettime(CLOCK_MONOTONIC, &end);
	gmem_window_stats(&after);
	check_misses(s, after.misses - before.misses);
	if (copy)
		check_copy(s);
	printf("round=%d %s-%lu %s units=%lu ns=%lld cycles=%llu misses=%llu recycled=%llu\n",
	       round, copy ? "copy" : "pair", s->mib, s->way->name,
	       s->way->units,
	       (end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec -
	       begin.tv_nsec, (unsigned long long)cycles,
	       (unsigned long long)(after.misses - before.misses),
	       (unsigned long long)(after.recycled - before.recycled));
}

static void measure_both(int round, const struct set *s)
{
	measure(round, s, false);
	measure(round, s, true);
}

int main(int argc, char **argv)
{
	int rounds, round, i;
	unsigned int n;

	errno = EINVAL;
	if (argc < 3)
		die("usage: bench-windows ROUNDS MIB...");
	rounds = atoi(argv[1]);
	for (i = 2; i < argc; i++)
		add_sets(argv[i]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Every second round has the reverse order. */
	for (round = 0; round <= rounds; round++)
		for (n = 0; n < nr_sets; n++)
			measure_both(round, &sets[round % 2 ?
						  nr_sets - 1 - n : n]);
	return 0;
}
