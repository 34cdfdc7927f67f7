// SPDX-License-Identifier: GPL-2.0
/*
 * bench-clone ROUNDS MIB: clones of files, beside what they are compared with.
 * Each line that it prints is a measurement:
 *	round=ROUND OPERATION WAY units=N ns=N cpu_ns=N KEY=VALUE...
 *	round=ROUND OPERATION WAY error=WHY
 * units are pages. cpu_ns is the CPU time of the process that does it, without
 * the kernel's workers, such as the one that fills the pool up again. OPERATION
 * is one of
 *	clone	a file of MIB gets the contents of another one: by FICLONE, or
 *		by read() and write(), as cp copies where files can't be cloned
 *	cow	a byte of one page in 16 is written, for the first time, in a
 *		mapping of a clone, or in a private mapping
 *	cow-all	the same, of every page
 *	read	a byte of each page of a clone, or of a file that was never
 *		cloned, is read in a new mapping
 * All but the first have MIB / 16. Each runs in a process of its own, whose end
 * frees what it has made. Every second round has the reverse order, and round 0
 * comes before the others, to warm up.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/gmemfs.h>

#include "clocks.h"
#include "counters.h"
#include "pool.h"
#include "text.h"

#define PAGE		4096UL
#define CHUNK		(1UL << 20)
#define APART		16	/* pages, of which "cow" writes to one */
#define MOUNTS		"/run/bench-clone/"	/* host-clone makes them */

/* What cp of coreutils 9 reads and writes at a time. */
#define CP_BUFFER	(256UL << 10)

/* Files that are cloned, mapped privately, or read. They stay. */
enum origin {
	LARGE, USUAL, BY_PAGE, BY_BLOCK, NEVER_CLONED, ON_TMPFS, ORIGINS
};

static struct {
	const char *dir;
	unsigned int part;	/* it has so much of MIB */
	size_t size;
	int fd;
} origins[ORIGINS] = {
	[LARGE]		= { .dir = "/dev/gmem", .part = 1 },
	[USUAL]		= { .dir = "/dev/gmem", .part = 16 },
	[BY_PAGE]	= { .dir = MOUNTS "cow-page", .part = 16 },
	[BY_BLOCK]	= { .dir = MOUNTS "cow-block", .part = 16 },
	[NEVER_CLONED]	= { .dir = "/dev/gmem", .part = 16 },
	[ON_TMPFS]	= { .dir = MOUNTS "tmpfs", .part = 16 },
};

struct measure {
	const char *operation;
	const char *way;
	enum origin from;
	void (*run)(const struct measure *m);
	unsigned int step;	/* of so many pages, one is written */
	unsigned int pool;	/* has the file's size ready so often */
};

struct start {
	struct counters counters;
	int64_t ns;
	int64_t cpu_ns;
};

static int round_number;

/* ---- files ---- */

static int open_new(enum origin from)
{
	int fd = open(origins[from].dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		die("can't make a file in %s", origins[from].dir);
	return fd;
}

static void write_all(int fd, const char *data, size_t size)
{
	ssize_t done;

	while (size) {
		done = write(fd, data, size);
		if (done <= 0)
			die("write");
		data += done;
		size -= done;
	}
}

static void make_origin(enum origin which, size_t size)
{
	static char chunk[CHUNK];
	size_t at;

	memset(chunk, 'T', CHUNK);
	origins[which].size = size / origins[which].part;
	origins[which].fd = open_new(which);
	for (at = 0; at < origins[which].size; at += CHUNK)
		write_all(origins[which].fd, chunk, CHUNK);
}

static int clone_of(enum origin from)
{
	int to = open_new(from);

	if (ioctl(to, FICLONE, origins[from].fd))
		die("FICLONE");
	return to;
}

static char *map(int fd, size_t size, int flags)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static struct gmem_info info_of(int fd)
{
	struct gmem_info info = { 0 };

	if (ioctl(fd, GMEM_GET_INFO, &info))
		die("GMEM_GET_INFO");
	return info;
}

/* ---- measuring ---- */

static struct start start_now(void)
{
	struct start s;

	s.counters = counters_read();
	s.ns = host_ns();
	s.cpu_ns = own_cpu_ns();
	return s;
}

/* @more: further figures, each after a blank */
static void report(const struct measure *m, const struct start *s,
		   const struct start *end, size_t units, const char *more)
{
	printf("round=%d %s %s units=%zu ns=%lld cpu_ns=%lld%s", round_number,
	       m->operation, m->way, units, (long long)(end->ns - s->ns),
	       (long long)(end->cpu_ns - s->cpu_ns), more);
	counters_print(&s->counters, &end->counters);
	putchar('\n');
}

/* The clocks stop before anything else is looked at. */
static struct start end_now(void)
{
	struct start end;

	end.cpu_ns = own_cpu_ns();
	end.ns = host_ns();
	end.counters = counters_read();
	return end;
}

/* ---- clones and copies of a file ---- */

static void run_clone(const struct measure *m)
{
	int from = origins[m->from].fd, to = open_new(m->from);
	struct start s = start_now(), end;

	if (ioctl(to, FICLONE, from))
		die("FICLONE");
	end = end_now();
	errno = EIO;
	if (info_of(to).cloned != origins[m->from].size)
		die("not all of a clone is in common");
	report(m, &s, &end, origins[m->from].size / PAGE, "");
}

static void run_cp(const struct measure *m)
{
	int from = origins[m->from].fd, to = open_new(m->from);
	static char buffer[CP_BUFFER];
	struct start s, end;
	ssize_t got;

	if (lseek(from, 0, SEEK_SET))
		die("lseek");
	s = start_now();
	while ((got = read(from, buffer, CP_BUFFER)) > 0)
		write_all(to, buffer, got);
	end = end_now();
	errno = EIO;
	if (got || info_of(to).populated != origins[m->from].size)
		die("not all was copied");
	report(m, &s, &end, origins[m->from].size / PAGE, "");
}

/* ---- first writes ---- */

/* The pages have to be the mapping's own then, and the file as it was. */
static void check_pages(const struct measure *m, const char *p)
{
	size_t at;
	char byte;

	errno = EIO;
	for (at = 0; at < origins[m->from].size; at += m->step * PAGE)
		if (p[at] != 'W' || p[at + 1] != 'T' ||
		    pread(origins[m->from].fd, &byte, 1, at) != 1 ||
		    byte != 'T')
			die("%s, %s: wrong contents", m->operation, m->way);
}

static void write_pages(const struct measure *m, char *p)
{
	size_t size = origins[m->from].size, at;
	volatile char *pages = p;
	struct start s, end;

	s = start_now();
	for (at = 0; at < size; at += m->step * PAGE)
		pages[at] = 'W';
	end = end_now();
	check_pages(m, p);
	report(m, &s, &end, size / PAGE / m->step, "");
}

static void run_cow(const struct measure *m)
{
	write_pages(m, map(clone_of(m->from), origins[m->from].size,
			   MAP_SHARED));
}

static void run_cow_private(const struct measure *m)
{
	write_pages(m, map(origins[m->from].fd, origins[m->from].size,
			   MAP_PRIVATE));
}

/* ---- read faults ---- */

static void read_pages(const struct measure *m, int fd)
{
	size_t size = origins[m->from].size, at;
	struct gmem_info before = info_of(fd), after;
	volatile char *p = map(fd, size, MAP_SHARED);
	struct start s, end;
	char more[64];

	s = start_now();
	for (at = 0; at < size; at += PAGE)
		(void)p[at];
	end = end_now();
	after = info_of(fd);
	snprintf(more, sizeof(more), " blocks=%zu faults_2m=%llu faults_4k=%llu",
		 size / GMEM_BLOCK_SIZE,
		 after.map_faults_2m - before.map_faults_2m,
		 after.map_faults_4k - before.map_faults_4k);
	report(m, &s, &end, size / PAGE, more);
}

static void run_read_clone(const struct measure *m)
{
	read_pages(m, clone_of(m->from));
}

static void run_read(const struct measure *m)
{
	read_pages(m, origins[m->from].fd);
}

/* ---- all of it ---- */

/* With cow=auto, half of a block is copied by pages, and then all of it. */
static const struct measure measures[] = {
	{ "clone", "clone", LARGE, run_clone, 0, 0 },
	{ "clone", "cp", LARGE, run_cp, 0, 1 },
	{ "cow", "auto", USUAL, run_cow, APART, 2 },
	{ "cow", "page", BY_PAGE, run_cow, APART, 2 },
	{ "cow", "block", BY_BLOCK, run_cow, APART, 2 },
	{ "cow", "private", USUAL, run_cow_private, APART, 2 },
	{ "cow", "tmpfs", ON_TMPFS, run_cow_private, APART, 0 },
	{ "cow-all", "auto", USUAL, run_cow, 1, 2 },
	{ "cow-all", "page", BY_PAGE, run_cow, 1, 2 },
	{ "cow-all", "block", BY_BLOCK, run_cow, 1, 2 },
	{ "cow-all", "private", USUAL, run_cow_private, 1, 2 },
	{ "cow-all", "tmpfs", ON_TMPFS, run_cow_private, 1, 0 },
	{ "read", "clone", USUAL, run_read_clone, 0, 0 },
	{ "read", "file", NEVER_CLONED, run_read, 0, 0 },
};

#define MEASURES	((int)(sizeof(measures) / sizeof(measures[0])))

static void run_one(const struct measure *m)
{
	size_t ready = m->pool * origins[m->from].size;
	int ret = ready ? pool_warm(ready) : pool_cold();

	if (ret)
		printf("round=%d %s %s error=pool:%s\n", round_number,
		       m->operation, m->way, strerrorname_np(-ret));
	else
		m->run(m);
}

/* Then the pool is empty again, and only the origins have hidden memory. */
static void run_apart(const struct measure *m, int64_t held)
{
	int status;

	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		run_one(m);
		exit(0);
	}
	if (wait(&status) < 0 || status)
		exit(1);
	pool_cold();
	pool_settle(held);
}

int main(int argc, char **argv)
{
	int rounds, which, i;
	int64_t held;
	size_t size;

	errno = EINVAL;
	if (argc != 3)
		die("usage: bench-clone ROUNDS MIB");
	rounds = atoi(argv[1]);
	size = strtoul(argv[2], NULL, 10) << 20;
	if (!size || size / 16 % GMEM_BLOCK_SIZE)
		die("MIB must be a multiple of 32, not %s", argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	counters_start();
	pool_cold();
	for (which = 0; which < ORIGINS; which++)
		make_origin(which, size);
	held = file_number("/sys/fs/gmemfs/hidden_bytes");
	for (round_number = 0; round_number <= rounds; round_number++)
		for (i = 0; i < MEASURES; i++)
			run_apart(&measures[round_number % 2 ?
					    MEASURES - 1 - i : i], held);
	return 0;
}
