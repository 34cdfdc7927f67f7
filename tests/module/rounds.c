// SPDX-License-Identifier: GPL-2.0
/*
 * 100 rounds of create, fill and kill: as many free pages as before, the same
 * direct map, not one split, nothing in quarantine.
 */
#include "gmem_test.h"

#define ROUNDS	100
#define SIZE	(16 * BLOCK)

struct host {
	long free_kb;
	long direct_4k, direct_2m, direct_1g;
	long splits_2m;
	long slab_kb;
};

static struct host measure(void)
{
	struct host h;

	h.free_kb = free_kb();
	h.direct_4k = meminfo("DirectMap4k");
	h.direct_2m = meminfo("DirectMap2M");
	h.direct_1g = meminfo("DirectMap1G");
	h.splits_2m = vmstat("direct_map_level2_splits");
	h.slab_kb = meminfo("Slab");
	return h;
}

/* A child fills a file and is killed in the middle of filling a second. */
static void one_round(int i)
{
	int pipefd[2];
	char byte;
	pid_t pid;

	must(pipe(pipefd));
	pid = must(fork());
	if (!pid) {
		int fd = new_file(SIZE), fd2 = new_file(SIZE);
		char *p = map(fd, SIZE), *q = map(fd2, SIZE);

		memset(p, i, SIZE);
		must(write(pipefd[1], "x", 1));
		for (;;)
			memset(q, i, SIZE);
	}
	close(pipefd[1]);
	must(read(pipefd[0], &byte, 1));
	close(pipefd[0]);
	usleep(i * 97 % 5000);
	must(kill(pid, SIGKILL));
	must(waitpid(pid, NULL, 0));
}

int main(void)
{
	struct host before, after;
	int i;

	/* The first rounds fill the caches that stay (slab, page tables). */
	for (i = 0; i < 10; i++)
		one_round(i);
	before = measure();
	for (i = 0; i < ROUNDS; i++)
		one_round(i);
	after = measure();
	after.free_kb = free_kb_again(before.free_kb, 4096);

	diag("free before %ld kB, after %ld kB; Slab %ld, %ld kB",
	     before.free_kb, after.free_kb, before.slab_kb, after.slab_kb);
	/*
	 * One lost block would be 2 MiB for each round, 200 MiB; one lost page
	 * for each block of the first file 6 MiB. The rest of the host makes
	 * up to 2 MiB of noise.
	 */
	ok(before.free_kb - after.free_kb < 4096,
	   "%d rounds later as much memory is free", ROUNDS);
	/* The first block in a GiB makes 512 entries of that, once. */
	is(after.direct_1g + after.direct_2m,
	   before.direct_1g + before.direct_2m, "DirectMap1G and 2M");
	is(after.direct_4k, before.direct_4k, "DirectMap4k");
	is(after.splits_2m, before.splits_2m, "no 2 MiB entry was split");
	nothing_is_left();
	return done_testing();
}
