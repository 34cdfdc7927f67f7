// SPDX-License-Identifier: GPL-2.0
/*
 * pool: the pool fills, is drawn from, gets blocks back, gives way, and what
 * comes out of it is zero, hidden and charged to who gets it.
 */
#include "gmem_test.h"

#define POOL	"/sys/fs/gmemfs/pool/"
#define CGROUP	"/sys/fs/cgroup/gmem-pool"
#define SIZE	((long)(8 * BLOCK))

static long pool(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "pool/%s", name);
	return sysfs(path);
}

static void set_low(long bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", bytes);
	must(write_text(POOL "low_bytes", text));
}

static bool pool_is(long bytes)
{
	return becomes("pool/free_bytes", bytes) &&
	       becomes("pool/dirty_bytes", 0);
}

static void test_off(void)
{
	long hits = pool("hits"), misses = pool("misses");
	int fd = new_file(BLOCK);
	char *p = map(fd, BLOCK);

	is(pool("low_bytes"), 0, "without being asked there is no pool");
	p[0] = 1;
	is(pool("hits") + pool("misses"), hits + misses, "and nobody asks it");
	munmap(p, BLOCK);
	close(fd);
	is(pool("free_bytes") + pool("dirty_bytes"), 0, "or gives to it");
}

static void test_bad_input(void)
{
	is_errno(write_text(POOL "low_bytes", "lots"), EINVAL, "not a number");
	is_errno(write_text(POOL "low_bytes", "-1"), EINVAL, "negative");
	is_errno(write_text(POOL "low_bytes", "1000000000000000"), EINVAL,
		 "more than the host has");
	is_errno(write_text(POOL "low_bytes", "18446744073709551615"), EINVAL,
		 "so much that it wraps around when it is rounded");
	is(pool("low_bytes"), 0, "nothing of that is taken");
	set_low(1);
	is(pool("low_bytes"), BLOCK, "a byte is a block");
	set_low(0);
	ok(pool_is(0), "and back");
}

static void test_fill_and_draw(void)
{
	long hits, misses, refills = pool("refills");
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	set_low(SIZE);
	ok(pool_is(SIZE), "it fills to the low watermark");
	ok(pool("refills") >= refills + SIZE / (long)BLOCK, "counted as refills");
	is(sysfs("hidden_bytes"), SIZE, "with hidden memory");

	hits = pool("hits");
	misses = pool("misses");
	ok(all_bytes(p, BLOCK, 0), "what comes out of it is zero");
	is(pool("hits"), hits + 1, "a hit");
	is(pool("misses"), misses, "and no miss");
	is(get_info(fd).hidden, BLOCK, "it's hidden");
	is(get_info(fd).huge, BLOCK, "it's 2 MiB");
	ok(pool_is(SIZE), "what was taken is refilled");
	munmap(p, SIZE);
	close(fd);
	ok(pool_is(SIZE), "it stays at that when the file is gone");
	set_low(0);
	ok(pool_is(0), "it empties");
	ok(becomes("hidden_bytes", 0), "and hides nothing any more");
}

/* Full of one tenant's data, then the next one's. */
static void test_scrub(void)
{
	long scrubs, refills;
	bool zero = true;
	int i, fd;
	char *p;

	set_low(SIZE);
	ok(pool_is(SIZE), "full");
	scrubs = pool("scrubs");
	/* What the worker has replaced before it comes back isn't scrubbed. */
	for (i = 0; i < 8 || (i < 100 && pool("scrubs") == scrubs); i++) {
		fd = new_file(SIZE);
		p = map(fd, SIZE);
		zero = zero && all_bytes(p, SIZE, 0);
		memset(p, 0xa0 + i, SIZE);
		munmap(p, SIZE);
		close(fd);
	}
	ok(zero, "each of %d tenants in turn finds zeros", i);
	ok(pool("scrubs") > scrubs, "blocks were scrubbed and used again");
	ok(pool_is(SIZE), "full again");
	refills = pool("refills");
	fd = new_file(BLOCK);
	p = map(fd, BLOCK);
	p[0] = 1;
	munmap(p, BLOCK);
	close(fd);
	ok(pool_is(SIZE), "full again");
	ok(pool("refills") <= refills + 1, "mostly with what came back");
	set_low(0);
	ok(pool_is(0), "it empties");
	ok(becomes("hidden_bytes", 0), "and nothing stays hidden");
}

static void test_fallocate_and_write(void)
{
	long hits;
	int fd = new_file(0);
	static char buf[BLOCK];

	set_low(SIZE);
	ok(pool_is(SIZE), "full");
	hits = pool("hits");
	must(fallocate(fd, 0, 0, SIZE / 2));
	is(pool("hits"), hits + SIZE / 2 / (long)BLOCK, "fallocate draws from it");
	ok(pool_is(SIZE), "refilled");
	hits = pool("hits");
	must(pwrite(fd, buf, BLOCK, SIZE / 2));
	is(pool("hits"), hits + 1, "write draws from it");
	close(fd);
	set_low(0);
	ok(pool_is(0), "it empties");
}

/* Direct-map edits of this process: none, since the worker has made them. */
static void test_no_edits_in_the_filling_task(void)
{
	int fd = new_file(SIZE), edits = 0;
	char line[512], me[32], *p = map(fd, SIZE);
	FILE *f;

	set_low(SIZE);
	ok(pool_is(SIZE), "full");
	must(write_text(TRACING "/trace", ""));
	must(write_text(TRACING "/events/gmemfs/gmem_hide/enable", "1"));
	memset(p, 1, SIZE);
	must(write_text(TRACING "/events/gmemfs/gmem_hide/enable", "0"));
	snprintf(me, sizeof(me), "-%d ", getpid());
	f = fopen(TRACING "/trace", "re");
	while (f && fgets(line, sizeof(line), f))
		edits += strstr(line, "gmem_hide") && strstr(line, me);
	fclose(f);
	is(edits, 0, "filling from the pool edits no page table of the kernel's");
	munmap(p, SIZE);
	close(fd);
	set_low(0);
	ok(pool_is(0), "it empties");
}

/* ---- cgroups ---- */

static long cgroup_bytes(void)
{
	return cgroup_memory(CGROUP "/memory.current");
}

static void fill_in_cgroup(int fd, size_t size)
{
	int status;
	pid_t pid = must(fork());

	if (!pid) {
		must(write_text(CGROUP "/cgroup.procs", "0"));
		memset(map(fd, size), 1, size);
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "a task of a cgroup fills a file from the pool");
}

/* A block counts as the pool's a moment before it is uncharged. */
static bool is_uncharged(void)
{
	int tries;

	for (tries = 0; tries < 600 && cgroup_bytes() >= (long)BLOCK; tries++)
		usleep(100000);
	return cgroup_bytes() < (long)BLOCK;
}

static void test_charge(void)
{
	int fd = new_file(SIZE);

	set_low(SIZE);
	ok(pool_is(SIZE), "full");
	fill_in_cgroup(fd, SIZE);
	ok(cgroup_bytes() >= (long)SIZE, "which is charged to its cgroup");
	close(fd);
	ok(pool_is(SIZE), "it goes back to the pool");
	ok(is_uncharged(), "which is charged to none");
	set_low(0);
	ok(pool_is(0), "it empties");
}

/* Whatever files give back, the pool keeps no more than it is to have. */
static void test_dirty_is_bounded(void)
{
	long low = 2 * BLOCK, most = 0, dirty;
	int fd = new_file(32 * BLOCK), i;
	char *p = map(fd, 32 * BLOCK);

	set_low(low);
	ok(pool_is(low), "full");
	memset(p, 1, 32 * BLOCK);
	munmap(p, 32 * BLOCK);
	/* Piece by piece, so that it can be seen. */
	for (i = 31; i >= 0; i--) {
		must(ftruncate(fd, i * BLOCK));
		dirty = pool("dirty_bytes");
		most = dirty > most ? dirty : most;
	}
	ok(most <= low, "of 64 MiB, it had %ld KiB at most to zero",
	   most / 1024);
	close(fd);
	ok(pool_is(low), "and is full again");
	set_low(0);
	ok(pool_is(0), "it empties");
}

/*
 * What a cgroup has given back isn't charged to it while it waits to be zeroed.
 * Nobody may be killed for that, or get single pages.
 */
static void test_refill_at_limit(void)
{
	int fd = new_file(SIZE), status, i;
	char text[32];
	pid_t pid;

	snprintf(text, sizeof(text), "%zu", SIZE + 2 * BLOCK);
	must(write_text(CGROUP "/memory.max", text));
	set_low(4 * SIZE);
	ok(pool_is(4 * SIZE), "a large pool");
	pid = must(fork());
	if (!pid) {
		char *p = map(fd, SIZE);

		must(write_text(CGROUP "/cgroup.procs", "0"));
		for (i = 1; i <= 5; i++) {
			must(fallocate(fd, FALLOC_FL_PUNCH_HOLE |
				       FALLOC_FL_KEEP_SIZE, 0, SIZE));
			memset(p, i, SIZE);
		}
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "a task fills and punches within its cgroup's limit");
	is(number_in(CGROUP "/memory.events", "oom_kill"), 0,
	   "no task was killed");
	is(get_info(fd).huge, SIZE, "all of it is blocks");
	close(fd);
	set_low(0);
	ok(pool_is(0), "it empties");
	must(write_text(CGROUP "/memory.max", "max"));
}

/* At its limit, a task gets no memory from the pool either. */
static void test_cgroup_limit(void)
{
	int fd = new_file(SIZE), status;
	char *p = map(fd, SIZE);
	pid_t pid;

	must(write_text(CGROUP "/memory.max", "6291456"));
	set_low(SIZE);
	ok(pool_is(SIZE), "full");
	pid = must(fork());
	if (!pid) {
		must(write_text(CGROUP "/cgroup.procs", "0"));
		memset(p, 1, SIZE);
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	   "over its cgroup's limit a task is killed");
	ok(get_info(fd).populated < 6291456, "it got no more than the limit");
	memset(p, 2, SIZE);
	ok(all_bytes(p, SIZE, 2), "and the file is as good as before");
	munmap(p, SIZE);
	close(fd);
	set_low(0);
	ok(pool_is(0), "it empties");
	must(write_text(CGROUP "/memory.max", "max"));
}

/* ---- giving way ---- */

static void test_shrinks_under_pressure(void)
{
	long low = meminfo("MemAvailable") * 1024 / 4 / BLOCK * BLOCK, shrunk;

	set_low(low);
	ok(becomes("pool/free_bytes", low), "a pool of a quarter of the memory");
	shrunk = pool("shrunk");
	is(take_memory(low / 2), 0,
	   "somebody else gets memory that the pool had");
	ok(pool("shrunk") > shrunk, "it was shrunk");
	set_low(0);
	ok(pool_is(0), "it empties");
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
}

/* Linux asks before it kills. By SysRq it kills all the same. */
static void test_out_of_memory(void)
{
	long shrunk;
	int status;
	pid_t pid;

	set_low(4 * BLOCK);
	ok(becomes("pool/free_bytes", 4 * BLOCK), "a pool of four blocks");
	shrunk = pool("shrunk");
	pid = must(fork());
	if (!pid) {
		must(write_text("/proc/self/oom_score_adj", "1000"));
		must(write_text("/proc/sysrq-trigger", "f"));
		for (;;)
			pause();
	}
	must(waitpid(pid, &status, 0));
	is(WIFSIGNALED(status) ? WTERMSIG(status) : 0, SIGKILL,
	   "the OOM killer comes");
	is(pool("shrunk") - shrunk, 4, "and the pool let go of all before");
	set_low(0);
	ok(pool_is(0), "it empties");
}

int main(void)
{
	long before, after;

	/* The first fill of a file makes bookkeeping that stays. */
	test_off();
	before = free_kb();
	test_bad_input();
	test_fill_and_draw();
	test_scrub();
	test_fallocate_and_write();
	test_no_edits_in_the_filling_task();
	if (have_cgroup(CGROUP, "memory")) {
		test_charge();
		test_dirty_is_bounded();
		test_refill_at_limit();
		test_cgroup_limit();
		must(rmdir(CGROUP));
	} else {
		skip(1, "no memory cgroups here: %s", strerror(errno));
	}
	test_shrinks_under_pressure();
	test_out_of_memory();
	after = free_kb_again(before, 8 * 1024);
	ok(before - after < 8 * 1024,
	   "as much memory is free as before: %ld and %ld kB", before, after);
	is(sysfs("quarantined_bytes"), 0, "nothing in quarantine");
	return done_testing();
}
