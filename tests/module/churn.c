// SPDX-License-Identifier: GPL-2.0
/*
 * churn [SECONDS [SEED]]: eight processes fault, read, write, truncate, punch,
 * allocate, remap, fork and get killed on the same two files, while the pool
 * comes and goes.
 *
 * A page's contents are a function of where it is, so whoever reads a word
 * finds that or 0, whatever the others do. Anything else is another page's.
 */
#include "gmem_test.h"

#include "../lib/chance.h"

#include <time.h>

#define WORKERS	8
#define FILES	2
#define SIZE	((long)(12 * BLOCK))
#define PAGES	(SIZE / (long)PAGE)

struct stats {
	uint64_t ops;
	uint64_t bad;
	uint64_t bus;
	uint64_t forks;
};

static struct stats *stats;
static int files[FILES];
static uint64_t seed;

static uint64_t below(uint64_t n)
{
	return chance(&seed) % n;
}

static uint64_t word_of(int file, long pgoff)
{
	return (file + 1) * 0x9e3779b97f4a7c15UL ^ (pgoff + 1) *
	       0xbf58476d1ce4e5b9UL;
}

static void check_words(int file, long pgoff, const uint64_t *words)
{
	uint64_t want = word_of(file, pgoff);
	unsigned int i;

	for (i = 0; i < PAGE / sizeof(*words); i += 63) {
		uint64_t got = *(volatile const uint64_t *)&words[i];

		if (!got || got == want)
			continue;
		__atomic_add_fetch(&stats->bad, 1, __ATOMIC_RELAXED);
		fprintf(stderr, "# file %d page %ld word %u: %#lx\n", file,
			pgoff, i, got);
	}
}

static void fill_words(int file, long pgoff, uint64_t *words)
{
	unsigned int i;

	for (i = 0; i < PAGE / sizeof(*words); i++)
		words[i] = word_of(file, pgoff);
}

/* ---- what a process does ---- */

static void touch_pages(int file, char *map_at)
{
	volatile long pgoff = below(PAGES), n = 1 + below(40);

	if (sigsetjmp(fault_jump, 1)) {
		__atomic_add_fetch(&stats->bus, 1, __ATOMIC_RELAXED);
		return;
	}
	for (; n-- && pgoff < PAGES; pgoff++) {
		uint64_t *words = (uint64_t *)(map_at + pgoff * PAGE);

		check_words(file, pgoff, words);
		if (below(2))
			fill_words(file, pgoff, words);
	}
}

static void use_read(int file)
{
	uint64_t words[PAGE / 8];
	long pgoff = below(PAGES);

	if (pread(files[file], words, PAGE, pgoff * PAGE) == (ssize_t)PAGE)
		check_words(file, pgoff, words);
}

static void use_write(int file)
{
	uint64_t words[PAGE / 8];
	long pgoff = below(PAGES);

	fill_words(file, pgoff, words);
	if (pwrite(files[file], words, PAGE, pgoff * PAGE) < 0 &&
	    errno != ENOSPC)
		__atomic_add_fetch(&stats->bad, 1, __ATOMIC_RELAXED);
}

static void change_file(int file)
{
	long at = below(PAGES) * PAGE, size = (1 + below(1024)) * PAGE;

	switch (below(5)) {
	case 0:
		ftruncate(files[file], at);
		ftruncate(files[file], SIZE);
		return;
	case 1:
		fallocate(files[file], FALLOC_FL_KEEP_SIZE, at, size);
		return;
	case 2:
		fallocate(files[file],
			  FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, at, size);
		return;
	default:
		fallocate(files[file],
			  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, size);
	}
}

/* Another mapping, at an address that may not fit the blocks. */
static void map_elsewhere(int file)
{
	volatile long at = below(PAGES), n = 1 + below(600);
	char *volatile p;

	if (at + n > PAGES)
		n = PAGES - at;
	p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		 files[file], at * PAGE);
	if (p == MAP_FAILED)
		return;
	if (!sigsetjmp(fault_jump, 1))
		check_words(file, at, (uint64_t *)(uintptr_t)p);
	if (n > 2)
		munmap(p + PAGE, PAGE);
	munmap(p, n * PAGE);
}

/* A child with all of the mappings, which touches some and is killed. */
static void fork_and_kill(int file, char *map_at)
{
	pid_t pid = fork();

	if (pid < 0)
		return;
	if (!pid) {
		for (;;)
			touch_pages(file, map_at);
	}
	__atomic_add_fetch(&stats->forks, 1, __ATOMIC_RELAXED);
	usleep(below(20000));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static _Noreturn void work(int worker)
{
	struct sigaction act = {
		.sa_handler = on_fault, .sa_flags = SA_NODEFER
	};
	char *maps[FILES];
	int i;

	seed ^= (worker + 1) * 0x94d049bb133111ebUL;
	sigaction(SIGBUS, &act, NULL);
	for (i = 0; i < FILES; i++)
		maps[i] = map(files[i], SIZE);
	for (;;) {
		int file = below(FILES);

		switch (below(16)) {
		case 0:
			change_file(file);
			break;
		case 1:
			map_elsewhere(file);
			break;
		case 2:
			fork_and_kill(file, maps[file]);
			break;
		case 3:
		case 4:
			use_read(file);
			break;
		case 5:
		case 6:
			use_write(file);
			break;
		default:
			touch_pages(file, maps[file]);
		}
		__atomic_add_fetch(&stats->ops, 1, __ATOMIC_RELAXED);
	}
}

/* A worker that is killed is started again. */
static void supervise(long seconds)
{
	time_t end = time(NULL) + seconds;
	pid_t pids[WORKERS] = {};
	int i;

	while (time(NULL) < end) {
		for (i = 0; i < WORKERS; i++) {
			if (pids[i])
				continue;
			below(2);
			pids[i] = must(fork());
			if (!pids[i]) {
				must(setpgid(0, 0));
				work(i);
			}
		}
		usleep(300000);
		must(write_text("/sys/fs/gmemfs/pool/low_bytes",
				below(2) ? "16777216" : "0"));
		i = below(WORKERS);
		kill(-pids[i], SIGKILL);
		must(waitpid(pids[i], NULL, 0));
		pids[i] = 0;
	}
	for (i = 0; i < WORKERS; i++) {
		if (!pids[i])
			continue;
		kill(-pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 60, before, after, i;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	if (!seed)
		seed = (uint64_t)now.tv_nsec << 20 | 1;
	diag("%ld s, seed %lu", seconds, seed);
	stats = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	before = free_kb();
	for (i = 0; i < FILES; i++)
		files[i] = new_file(SIZE);
	supervise(seconds);

	diag("%lu operations, %lu forks, %lu SIGBUS", stats->ops, stats->forks,
	     stats->bus);
	ok(stats->ops > (uint64_t)seconds * 10, "all of them got somewhere");
	ok(stats->forks > 0 && stats->bus > 0, "forked, and hit by truncates");
	is(stats->bad, 0, "no word is another page's, no write failed");
	for (i = 0; i < FILES; i++)
		close(files[i]);
	must(write_text("/sys/fs/gmemfs/pool/low_bytes", "0"));
	ok(becomes("pool/free_bytes", 0), "the pool is empty afterwards");
	ok(becomes("hidden_bytes", 0), "nothing is hidden");
	is(sysfs("quarantined_bytes"), 0, "nothing is in quarantine");
	after = free_kb_again(before, 8 * 1024);
	ok(before - after < 8 * 1024,
	   "as much memory is free as before: %ld and %ld kB", before, after);
	return done_testing();
}
