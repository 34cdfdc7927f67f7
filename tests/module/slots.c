// SPDX-License-Identifier: GPL-2.0
/*
 * slots [SECONDS]: what is copied through map slots arrives whole, whatever
 * happens to the task. It is moved from CPU to CPU, and preempted by a
 * real-time task; and the user's memory is missing in the middle of a copy: it
 * is a mapping of this file, of another one, or of no file.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <time.h>

#include "../lib/chance.h"
#include "gmem_test.h"

#define WORKERS		4
/* Of each worker, in both files; and the most that it copies at once. */
#define OWN		(64 * PAGE)
#define MOST		(20 * PAGE)

/* What the workers count, in memory that all have. */
struct counts {
	unsigned long copies, moved, bad, failed;
};

static struct counts *counts;
static int fd, other;

/* ---- a worker ---- */

/* Where the user's memory is. */
enum buffer { SAME_FILE, OTHER_FILE, NO_FILE, NR_BUFFERS };

struct worker {
	unsigned int nr;
	uint64_t seed;
	struct counts *counts;
	char *memory[NR_BUFFERS];
};

static unsigned long below(struct worker *w, unsigned long n)
{
	return chance(&w->seed) % n;
}

static unsigned char byte_at(unsigned long i, unsigned long seed)
{
	return seed + i * 7 + (i >> 12) * 13;
}

static void fill(char *p, size_t size, unsigned long seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		p[i] = byte_at(i, seed);
}

static bool is_filled(const char *p, size_t size, unsigned long seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		if ((unsigned char)p[i] != byte_at(i, seed))
			return false;
	return true;
}

static char *map_at(int file, off_t offset)
{
	return must(mmap(NULL, OWN / 2, PROT_READ | PROT_WRITE, MAP_SHARED,
			 file, offset));
}

/* The second half of what the worker has is the user's memory. */
static off_t memory_offset(const struct worker *w)
{
	return w->nr * OWN + OWN / 2;
}

/* Makes whole pages go: the copy finds nothing there, and faults them in. */
static void forget(const struct worker *w, enum buffer kind, long page)
{
	const int how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	off_t offset = memory_offset(w) + page * PAGE;

	if (kind == NO_FILE)
		must(madvise(w->memory[kind] + page * PAGE, 2 * PAGE,
			     MADV_DONTNEED));
	else
		must(fallocate(kind == SAME_FILE ? fd : other, how, offset,
			       2 * PAGE));
}

/* Only the page tables forget them: their contents stay. */
static void unmap_now(struct worker *w, enum buffer buffer)
{
	char *p = w->memory[buffer];

	if (buffer == NO_FILE)
		return;
	must(mmap(p, OWN / 2, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		  buffer == SAME_FILE ? fd : other, memory_offset(w)));
}

/* Writes a pattern out of the buffer, reads it into it, and compares. */
static void copy_once(struct worker *w)
{
	enum buffer buffer = below(w, NR_BUFFERS);
	size_t size = 1 + below(w, MOST), in = below(w, OWN / 2 - MOST);
	off_t at = w->nr * OWN + below(w, OWN / 2 - MOST);
	char *p = w->memory[buffer] + in;
	unsigned long seed = below(w, 256);
	int cpu = sched_getcpu();

	fill(p, size, seed);
	unmap_now(w, buffer);
	if (pwrite(fd, p, size, at) != (ssize_t)size)
		w->counts->failed++;
	forget(w, buffer, below(w, OWN / 2 / PAGE - 1));
	if (pread(fd, p, size, at) != (ssize_t)size)
		w->counts->failed++;
	w->counts->bad += !is_filled(p, size, seed);
	w->counts->moved += sched_getcpu() != cpu;
	w->counts->copies++;
}

static void work(unsigned int nr, long seconds)
{
	struct worker w = { .nr = nr, .seed = nr + 1, .counts = &counts[nr] };
	time_t end = time(NULL) + seconds;

	w.memory[SAME_FILE] = map_at(fd, memory_offset(&w));
	w.memory[OTHER_FILE] = map_at(other, memory_offset(&w));
	w.memory[NO_FILE] = must(mmap(NULL, OWN / 2, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	while (time(NULL) < end)
		copy_once(&w);
	_exit(0);
}

/* ---- what disturbs them ---- */

static void run_on(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* A worker may have ended. */
	sched_setaffinity(pid, sizeof(set), &set);
}

/* A real-time task that takes a part of its CPU in short pieces. */
static void preempt(int cpu)
{
	struct sched_param param = { .sched_priority = 1 };
	volatile unsigned int i;

	run_on(0, cpu);
	must(sched_setscheduler(0, SCHED_FIFO, &param));
	for (;;) {
		usleep(300 + cpu * 100);
		for (i = 0; i < 20000; i++)
			;
	}
}

static pid_t start_preempting(int cpu)
{
	pid_t pid = must(fork());

	if (!pid)
		preempt(cpu);
	return pid;
}

static void move_about(const pid_t *pids, int cpus, long seconds)
{
	time_t end = time(NULL) + seconds;
	unsigned int i, round = 0;

	while (time(NULL) < end) {
		for (i = 0; i < WORKERS; i++)
			run_on(pids[i], (i + round) % cpus);
		round++;
		usleep(500);
	}
}

/* ---- the test ---- */

static void test_copies(long seconds)
{
	struct counts all = {};
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), status, i;
	pid_t pids[WORKERS], preempting[2];
	bool ended = true;

	for (i = 0; i < WORKERS; i++) {
		pids[i] = must(fork());
		if (!pids[i])
			work(i, seconds);
	}
	for (i = 0; i < 2; i++)
		preempting[i] = start_preempting(i % cpus);
	move_about(pids, cpus, seconds);
	for (i = 0; i < 2; i++)
		must(kill(preempting[i], SIGKILL));
	for (i = 0; i < WORKERS; i++) {
		must(waitpid(pids[i], &status, 0));
		ended = ended && !status;
		all.copies += counts[i].copies;
		all.moved += counts[i].moved;
		all.bad += counts[i].bad;
		all.failed += counts[i].failed;
	}
	for (i = 0; i < 2; i++)
		must(waitpid(preempting[i], &status, 0));
	ok(ended && all.copies >= WORKERS, "%lu copies there and back",
	   all.copies);
	ok(cpus == 1 || all.moved, "in %lu the task came to another CPU",
	   all.moved);
	is(all.failed, 0, "none was cut short");
	is(all.bad, 0, "and all arrived whole");
}

static void test_on(int (*make)(size_t size), const char *what, long seconds)
{
	diag("%s", what);
	memset(counts, 0, PAGE);
	fd = make(BLOCK);
	other = make(BLOCK);
	test_copies(seconds);
	close(fd);
	close(other);
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 5;

	counts = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	test_on(new_file, "2 MiB blocks", seconds);
	test_on(new_singles, "single pages", seconds);
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
	return done_testing();
}
