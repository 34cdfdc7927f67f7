// SPDX-License-Identifier: GPL-2.0
/*
 * The only program of a test guest: fills most of the guest's memory with a
 * pattern that follows from a secret, and tells the tag by which the pattern
 * can be recognised (see ../lib/secret.h). Runs as the guest's init.
 *
 * On the console, each line beginning with "secret-init: ":
 *	hello clocksource=... mem_total_kib=...
 *	filled N%
 *	tag=... pages=...
 * Then it waits for lines. At "time" it tells its clocks, and what a process of
 * its own, which reads them all the while and on all CPUs, has seen of them:
 *	time mono_ms=... real_ms=... readings=... backwards=...
 * At any other line it checks every page and powers the guest off:
 *	checked intact pages=...
 *	checked CORRUPT pages=... of=...
 * With clock_reads=N on its kernel's command line it reads the clock N times
 * instead, for a benchmark, and then waits for a line and powers off:
 *	clocked reads=N ns=...
 * Whenever it can't go on:
 *	FAILED: what: why
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../lib/secret.h"
#include "init.h"

const char *const init_name = "secret-init";

/* What we fill, of all the guest has, and what we leave to its kernel. */
#define FILL_PERCENT	78
#define LEAVE_KIB	(40 * 1024)

#define CLOCKSOURCE \
	"/sys/devices/system/clocksource/clocksource0/current_clocksource"

struct clocks {
	uint64_t readings;
	uint64_t backwards;
};

struct memory {
	uint64_t secret;
	uint64_t tag;
	uint64_t *words;
	size_t pages;
};

static void read_line(const char *path, char *line, int size)
{
	FILE *f = fopen(path, "r");

	if (!f)
		die(path);
	if (!fgets(line, size, f))
		die(path);
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
}

static void hello(void)
{
	char clocksource[64];

	read_line(CLOCKSOURCE, clocksource, sizeof(clocksource));
	say("hello clocksource=%s mem_total_kib=%lu", clocksource,
	    meminfo("MemTotal"));
}

static uint64_t read_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void go_to_cpu(unsigned int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

static _Noreturn void watch_clocks(volatile struct clocks *seen)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t mono = 0, real = 0;

	for (;;) {
		uint64_t last_mono = mono, last_real = real;

		go_to_cpu(seen->readings % cpus);
		mono = read_clock(CLOCK_MONOTONIC);
		real = read_clock(CLOCK_REALTIME);
		seen->backwards += mono < last_mono || real < last_real;
		seen->readings++;
		usleep(5000);
	}
}

static volatile struct clocks *start_clocks(void)
{
	struct clocks *seen;
	pid_t pid;

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (seen == MAP_FAILED)
		die("mmap");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		watch_clocks(seen);
	return seen;
}

static void tell_time(volatile struct clocks *seen)
{
	say("time mono_ms=%llu real_ms=%llu readings=%llu backwards=%llu",
	    (unsigned long long)read_clock(CLOCK_MONOTONIC) / 1000000,
	    (unsigned long long)read_clock(CLOCK_REALTIME) / 1000000,
	    (unsigned long long)seen->readings,
	    (unsigned long long)seen->backwards);
}

static size_t pages_to_fill(void)
{
	unsigned long want = meminfo("MemTotal") / 100 * FILL_PERCENT;
	unsigned long free = meminfo("MemAvailable");

	if (free < LEAVE_KIB * 2) {
		errno = ENOMEM;
		die("this guest is too small");
	}
	if (want > free - LEAVE_KIB)
		want = free - LEAVE_KIB;
	return want / (SECRET_PAGE_SIZE / 1024);
}

static void take_memory(struct memory *m)
{
	size_t len;

	m->pages = pages_to_fill();
	len = m->pages * SECRET_PAGE_SIZE;
	m->words = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->words == MAP_FAILED)
		die("mmap");
	/* Only to have fewer faults, each dear under emulation. */
	madvise(m->words, len, MADV_HUGEPAGE);
	if (mlock(m->words, len))
		die("mlock");
}

static uint64_t *page_at(const struct memory *m, size_t page)
{
	return m->words + page * SECRET_WORDS;
}

static void fill(const struct memory *m)
{
	size_t quarter = m->pages / 4 + 1;

	for (size_t i = 0; i < m->pages; i++) {
		secret_fill(page_at(m, i), secret_first(m->secret, i), m->tag);
		if (i % quarter == quarter - 1)
			say("filled %zu%%", (i + 1) * 100 / m->pages);
	}
}

static size_t count_corrupt(const struct memory *m)
{
	size_t corrupt = 0;

	for (size_t i = 0; i < m->pages; i++)
		if (!secret_intact(page_at(m, i), secret_first(m->secret, i),
				   m->tag))
			corrupt++;
	return corrupt;
}

/* The kernel passes what it doesn't know on, as variables. */
static unsigned long clock_reads(void)
{
	const char *reads = getenv("clock_reads");

	return reads ? strtoul(reads, NULL, 10) : 0;
}

static void clock_loop(unsigned long reads)
{
	struct timespec from, to;
	unsigned long i;

	/* What the kernel still does after its start is not our subject. */
	sleep(3);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 0; i < reads; i++)
		clock_gettime(CLOCK_MONOTONIC, &to);
	say("clocked reads=%lu ns=%lld", reads,
	    (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec -
	    from.tv_nsec);
}

static void wait_for_end(volatile struct clocks *seen)
{
	char line[64];

	while (fgets(line, sizeof(line), stdin)) {
		if (!seen || strncmp(line, "time", 4))
			return;
		tell_time(seen);
	}
	die("console");
}

int main(void)
{
	volatile struct clocks *seen;
	struct memory m;
	size_t corrupt;

	mount_all();
	hello();
	if (clock_reads()) {
		clock_loop(clock_reads());
		wait_for_end(NULL);
		power_off();
	}
	seen = start_clocks();
	draw(&m.secret, sizeof(m.secret));
	draw(&m.tag, sizeof(m.tag));
	take_memory(&m);
	fill(&m);
	say("tag=%016llx pages=%zu", (unsigned long long)m.tag, m.pages);

	wait_for_end(seen);
	corrupt = count_corrupt(&m);
	if (corrupt)
		say("checked CORRUPT pages=%zu of=%zu", corrupt, m.pages);
	else
		say("checked intact pages=%zu", m.pages);
	power_off();
}
