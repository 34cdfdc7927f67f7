// SPDX-License-Identifier: GPL-2.0
/*
 * carve: single pages come out of memory that was hidden together. So they take
 * few edits of the direct map and split none of its entries; they are zeroed,
 * charged one by one, and given up when nobody needs them.
 */
#include "gmem_test.h"

#define CGROUP	"/sys/fs/cgroup/gmem-carve"
#define SIZE	((long)(32 * BLOCK))
#define PAGES	((long)(BLOCK / PAGE))

static void punch(int fd, long offset, long size)
{
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
		       size));
}

/* ---- edits of the direct map ---- */

static void count_edits(void)
{
	must(write_text(TRACING "/trace", ""));
	must(write_text(TRACING "/events/gmemfs/gmem_hide/enable", "1"));
	must(write_text(TRACING "/events/gmemfs/gmem_expose/enable", "1"));
}

static int edits(const char *event)
{
	char line[512];
	int n = 0;
	FILE *f;

	must(write_text(TRACING "/events/gmemfs/gmem_hide/enable", "0"));
	must(write_text(TRACING "/events/gmemfs/gmem_expose/enable", "0"));
	f = fopen(TRACING "/trace", "re");
	while (f && fgets(line, sizeof(line), f))
		n += !!strstr(line, event);
	fclose(f);
	return n;
}

/* Is all that is hidden the files', or spare? */
static bool hidden_is(long files, long spare)
{
	if (becomes("hidden_bytes", files + spare) &&
	    becomes("spare_bytes", spare))
		return true;
	return false;
}

/* Entries of the direct map that are split are counted here. */
static long small_entries(void)
{
	return meminfo("DirectMap4k");
}

static void test_few_edits(void)
{
	int fd = new_singles(SIZE), n;
	char *p = map(fd, SIZE);
	long before = small_entries();

	count_edits();
	ok(all_bytes(p, SIZE, 0), "64 MiB of single pages are zero");
	n = edits("gmem_hide");
	ok(n <= 32, "%d edits of the direct map, 32 at most", n);
	is(small_entries(), before, "that split no entry of it");
	is(get_info(fd).hidden, SIZE, "all are hidden");
	is(get_info(fd).huge, 0, "none is a part of a 2 MiB page");
	ok(hidden_is(SIZE, 0), "and no other page");
	memset(p, 1, SIZE);
	munmap(p, SIZE);
	count_edits();
	close(fd);
	n = edits("gmem_expose");
	ok(n <= 32, "%d edits to give them back", n);
	ok(hidden_is(0, 0), "nothing stays hidden, or spare");
	is(small_entries(), before, "and no entry was split");
}

/* ---- what is spare ---- */

static void test_tail(void)
{
	int fd = new_file(BLOCK + PAGE);
	char *p = map(fd, BLOCK + PAGE);

	p[BLOCK] = 1;
	is(get_info(fd).hidden, PAGE, "a file's tail is a page");
	ok(hidden_is(PAGE, (PAGES - 1) * PAGE), "the rest of its block is spare");
	punch(fd, BLOCK, PAGE);
	ok(hidden_is(0, 0), "until the last page of it is punched");
	munmap(p, BLOCK + PAGE);
	close(fd);
}

/* What one file has punched is there for the next, and empty. */
static void test_used_again(void)
{
	int one = new_singles(4 * BLOCK), two = new_singles(2 * BLOCK);
	char *p = map(one, 4 * BLOCK), *q = map(two, 2 * BLOCK);
	long i;

	memset(p, 0xaa, 4 * BLOCK);
	for (i = 0; i < 4 * PAGES; i += 2)
		punch(one, i * PAGE, PAGE);
	ok(hidden_is(2 * BLOCK, 2 * BLOCK), "every other page is spare");
	count_edits();
	ok(all_bytes(q, 2 * BLOCK, 0), "another file gets them, zeroed");
	is(edits("gmem_"), 0, "without any edit of the direct map");
	ok(hidden_is(4 * BLOCK, 0), "none is left");
	memset(q, 0xbb, 2 * BLOCK);
	close(two);
	munmap(q, 2 * BLOCK);
	ok(hidden_is(2 * BLOCK, 2 * BLOCK), "they come back");
	for (i = 0; i < 4 * PAGES; i++)
		if (!all_bytes(p + i * PAGE, PAGE, i % 2 ? 0xaa : 0))
			break;
	is(i, 4 * PAGES, "the first file's pages and holes are as they were");
	munmap(p, 4 * BLOCK);
	close(one);
	ok(hidden_is(0, 0), "and all go with the last file");
}

/* A page that is exposed goes to the kernel alone. */
static void test_shared(void)
{
	int fd = new_singles(BLOCK);
	char *p = map(fd, BLOCK);

	memset(p, 1, BLOCK);
	must(set_shared(fd, 0, 8 * PAGE));
	punch(fd, 0, 16 * PAGE);
	ok(hidden_is(BLOCK - 16 * PAGE, 8 * PAGE),
	   "pages that are shared don't become spare");
	ok(all_bytes(p, 16 * PAGE, 0), "their holes get other pages");
	munmap(p, BLOCK);
	close(fd);
	ok(hidden_is(0, 0), "the others are given up without them");
}

/* A page that is pinned goes last, when nobody looks any more. */
static void test_pinned(void)
{
	int fd = new_singles(BLOCK), ends[2];
	struct iovec iov = { .iov_len = PAGE };
	char *p = map(fd, BLOCK), *shared;

	memset(p, 1, BLOCK);
	must(set_shared(fd, 0, PAGE));
	shared = shared_map(fd, BLOCK);
	iov.iov_base = shared;
	must(pipe(ends));
	must(vmsplice(ends[1], &iov, 1, 0));
	munmap(shared, BLOCK);
	munmap(p, BLOCK);
	close(fd);
	ok(hidden_is(0, BLOCK - PAGE), "a pinned page keeps its block");
	close(ends[0]);
	close(ends[1]);
	ok(hidden_is(0, 0), "until its holder lets go");
}

/* ---- the pool ---- */

static void test_pool(void)
{
	int fd = new_singles(4 * BLOCK);
	char *p = map(fd, 4 * BLOCK);
	long hits = sysfs("pool/hits");

	must(write_text("/sys/fs/gmemfs/pool/low_bytes", "8388608"));
	ok(becomes("pool/free_bytes", 4 * BLOCK), "a pool of 8 MiB");
	memset(p, 1, 4 * BLOCK);
	is(sysfs("pool/hits"), hits + 4, "its blocks are carved");
	ok(becomes("pool/free_bytes", 4 * BLOCK), "and replaced");
	munmap(p, 4 * BLOCK);
	close(fd);
	ok(becomes("pool/free_bytes", 4 * BLOCK), "it takes no more back");
	must(write_text("/sys/fs/gmemfs/pool/low_bytes", "0"));
	ok(hidden_is(0, 0), "it empties");
}

/* ---- cgroups ---- */

static long cgroup_bytes(void)
{
	return cgroup_memory(CGROUP "/memory.current");
}

/* Runs @what(@fd) in the cgroup. Return: the exit status. */
static int in_cgroup(void (*what)(int fd), int fd)
{
	pid_t pid = must(fork());
	int status;

	if (!pid) {
		must(write_text(CGROUP "/cgroup.procs", "0"));
		what(fd);
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	return status;
}

static void fill_all(int fd)
{
	memset(map(fd, SIZE), 1, SIZE);
}

static void touch_each_block(int fd)
{
	char *p = map(fd, SIZE);
	long i;

	for (i = 0; i < SIZE; i += BLOCK)
		p[i] = 1;
}

static void test_charge(void)
{
	int fd = new_singles(SIZE);
	long got;

	is(in_cgroup(touch_each_block, fd), 0, "a task takes a page a block");
	got = cgroup_bytes();
	ok(got < SIZE / 4, "its cgroup is charged for few: %ld KiB",
	   got / 1024);
	ok(hidden_is(32 * PAGE, BLOCK - 32 * PAGE), "of one block");
	is(in_cgroup(fill_all, fd), 0, "it fills the file");
	ok(cgroup_bytes() >= SIZE, "its cgroup is charged for all");
	punch(fd, 0, SIZE - PAGE);
	got = cgroup_bytes();
	ok(got < SIZE / 4, "and no more for what is punched: %ld KiB",
	   got / 1024);
	close(fd);
	ok(hidden_is(0, 0), "all goes");
}

static void test_limit(void)
{
	int fd = new_singles(SIZE), status;

	must(write_text(CGROUP "/memory.max", "16777216"));
	status = in_cgroup(fill_all, fd);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	   "over its cgroup's limit a task is killed");
	ok(get_info(fd).populated <= 16777216, "it got no more than the limit");
	must(write_text(CGROUP "/memory.max", "max"));
	close(fd);
	ok(hidden_is(0, 0), "all goes");
}

/* ---- giving way ---- */

/* A page of each block keeps it: the spare ones go to the kernel one by one. */
static void test_gives_way(void)
{
	long size = meminfo("MemAvailable") * 1024 / 4 / BLOCK * BLOCK, i;
	int fd = new_singles(size);
	char *p = map(fd, size);
	bool same = true;

	memset(p, 1, size);
	for (i = 0; i < size; i += BLOCK)
		punch(fd, i + PAGE, BLOCK - PAGE);
	ok(sysfs("spare_bytes") > size / 2,
	   "one page is left of each block: %ld MiB are spare",
	   sysfs("spare_bytes") >> 20);
	is(take_memory(size / 2), 0, "somebody else gets that memory");
	ok(sysfs("spare_bytes") < size / 2, "%ld MiB are still spare",
	   sysfs("spare_bytes") >> 20);
	for (i = 0; i < size; i += BLOCK)
		same = same && all_bytes(p + i, PAGE, 1);
	ok(same, "and the file's own pages are as they were");
	munmap(p, size);
	close(fd);
	ok(hidden_is(0, 0), "nothing stays hidden");
}

/*
 * As long as the pool has blocks, no entry is split for spare pages. A quarter
 * of the pool is wanted, and there is half as much in spare pages.
 */
static void test_whole_blocks_first(void)
{
	long part = on_debugging_kernel() ? 32 : 4;
	long low = meminfo("MemAvailable") * 1024 / part / BLOCK * BLOCK;
	long size = low / 2 / BLOCK * BLOCK, shrunk, spare, small, i;
	int fd = new_singles(size);
	char text[32], *p = map(fd, size);

	memset(p, 1, size);
	for (i = 0; i < size; i += BLOCK)
		punch(fd, i + PAGE, BLOCK - PAGE);
	snprintf(text, sizeof(text), "%ld", low);
	must(write_text("/sys/fs/gmemfs/pool/low_bytes", text));
	ok(becomes("pool/free_bytes", low), "%ld MiB are in the pool",
	   low >> 20);
	spare = sysfs("spare_bytes");
	small = small_entries();
	shrunk = sysfs("pool/shrunk");
	ok(spare > size / 2, "and %ld spare", spare >> 20);
	is(take_memory(low / 4), 0, "somebody else gets memory of the pool");
	shrunk = sysfs("pool/shrunk") - shrunk;
	ok(shrunk > 0, "%ld blocks of it", shrunk);
	if (shrunk < low / (long)BLOCK) {
		is(sysfs("spare_bytes"), spare, "the spare pages stay spare");
		small = small_entries() - small;
		ok(small < size / 1024 / 16, "and few entries are split");
	} else {
		skip(2, "the kernel asked for all of the pool");
	}
	must(write_text("/sys/fs/gmemfs/pool/low_bytes", "0"));
	munmap(p, size);
	close(fd);
	ok(hidden_is(0, 0), "nothing stays hidden");
}

/* Processes that fill and punch at once don't lose pages. */
static void fill_and_punch(int seed)
{
	int fd = new_singles(4 * BLOCK), i;
	char *p = map(fd, 4 * BLOCK);
	unsigned int at = seed;

	for (i = 0; i < 4000; i++) {
		at = at * 1103515245 + 12345;
		if (at >> 16 & 1)
			punch(fd, (at >> 17) % (4 * PAGES) * PAGE, PAGE);
		else
			p[(at >> 17) % (4 * PAGES) * PAGE] = seed;
		if (!all_bytes(p + (at >> 17) % (4 * PAGES) * PAGE + 1,
			       PAGE - 1, 0))
			_exit(1);
	}
	_exit(0);
}

static void test_many(void)
{
	int i, status, bad = 0;

	for (i = 0; i < 8; i++)
		if (!must(fork()))
			fill_and_punch(i + 1);
	for (i = 0; i < 8; i++) {
		must(wait(&status));
		bad += status != 0;
	}
	is(bad, 0, "eight processes fill and punch at once");
	ok(hidden_is(0, 0), "and nothing stays");
}

int main(void)
{
	test_few_edits();
	test_tail();
	test_used_again();
	test_shared();
	test_pinned();
	test_pool();
	if (have_cgroup(CGROUP, "memory")) {
		test_charge();
		test_limit();
	} else {
		skip(10, "no memory cgroups in this kernel");
	}
	test_whole_blocks_first();
	test_gives_way();
	test_many();
	nothing_is_left();
	return done_testing();
}
