// SPDX-License-Identifier: GPL-2.0
/*
 * bench-convert ROUNDS RUN...: makes pages of gmemfs shared, and private again,
 * in runs of RUN pages a call, and, to compare, in single pages, a call each.
 * Prints how long each took, and what the kernel did for it:
 *	round=ROUND OPERATION WAY units=N calls=N ns=N cpu_ns=N KEY=VALUE...
 * where OPERATION is share-RUN or private-RUN, and WAY run or page. Units are
 * pages, and cpu_ns is the CPU time of this process alone. Round 0 comes before
 * the others: entries of the direct map that are split stay split, so splits
 * are seen only there. Each way has its own memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/gmemfs.h>

#include "clocks.h"
#include "counters.h"
#include "text.h"

#define MNT_GMEMFS	"/dev/gmem"
#define MAX_RUNS	8

/* The least number of pages. Page by page takes long, so it uses no more. */
#define PAGES		4096UL

struct memory {
	const char *way;
	int fd;
	unsigned long pages;
	unsigned long step;	/* pages a call */
	unsigned long run;	/* the RUN it is measured for */
};

static struct memory memories[2 * MAX_RUNS];
static int nr_memories;

static void add_memory(const char *way, unsigned long pages,
		       unsigned long step, unsigned long run)
{
	int fd = open(MNT_GMEMFS, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 || fallocate(fd, 0, 0, pages * GMEM_PAGE_SIZE))
		die("can't get %lu pages of gmemfs", pages);
	memories[nr_memories++] = (struct memory){
		.way = way, .fd = fd, .pages = pages, .step = step,
		.run = run,
	};
}

static void add_run(const char *arg)
{
	unsigned long run = strtoul(arg, NULL, 10);

	errno = EINVAL;
	if (!run || (run < PAGES && PAGES % run) ||
	    nr_memories == 2 * MAX_RUNS)
		die("can't divide %lu pages into runs of %s", PAGES, arg);
	add_memory("run", run > PAGES ? run : PAGES, run, run);
	add_memory("page", PAGES, 1, run);
}

static void convert(const struct memory *m, bool share)
{
	struct gmem_attributes set = {
		.size = m->step * GMEM_PAGE_SIZE,
		.attributes = share ? 0 : GMEM_ATTRIBUTE_PRIVATE,
	};
	unsigned long at;

	for (at = 0; at < m->pages; at += m->step) {
		set.offset = at * GMEM_PAGE_SIZE;
		if (ioctl(m->fd, GMEM_SET_ATTRIBUTES, &set))
			die("GMEM_SET_ATTRIBUTES");
	}
}

/* Check that the conversion worked: all of the memory is shared, or hidden. */
static void check(const struct memory *m, bool share)
{
	struct gmem_info info = { 0 };
	unsigned long bytes = m->pages * GMEM_PAGE_SIZE;

	if (ioctl(m->fd, GMEM_GET_INFO, &info))
		die("GMEM_GET_INFO");
	errno = EIO;
	if (info.shared != (share ? bytes : 0) ||
	    info.hidden != (share ? 0 : bytes))
		die("after converting, %llu bytes are shared, %llu hidden",
		    info.shared, info.hidden);
}

static void measure(int round, const struct memory *m, bool share)
{
	struct counters from = counters_read(), to;
	int64_t cpu_ns = own_cpu_ns(), ns = host_ns();

	convert(m, share);
	ns = host_ns() - ns;
	cpu_ns = own_cpu_ns() - cpu_ns;
	to = counters_read();
	check(m, share);
	printf("round=%d %s-%lu %s units=%lu calls=%lu ns=%lld cpu_ns=%lld",
	       round, share ? "share" : "private", m->run, m->way, m->pages,
	       m->pages / m->step, (long long)ns, (long long)cpu_ns);
	counters_print(&from, &to);
	putchar('\n');
}

static void measure_both_ways(int round, const struct memory *m)
{
	measure(round, m, true);
	measure(round, m, false);
}

int main(int argc, char **argv)
{
	int rounds, round, i;

	errno = EINVAL;
	if (argc < 3)
		die("usage: bench-convert ROUNDS RUN...");
	rounds = atoi(argv[1]);
	for (i = 2; i < argc; i++)
		add_run(argv[i]);
	counters_start();
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Every second round has the reverse order. */
	for (round = 0; round <= rounds; round++)
		for (i = 0; i < nr_memories; i++)
			measure_both_ways(round, &memories[round % 2 ?
							   nr_memories - 1 - i :
							   i]);
	return 0;
}
