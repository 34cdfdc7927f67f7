// SPDX-License-Identifier: GPL-2.0
/*
 * What a conversion to private costs in steps: blocks, and single pages, that
 * are neighbours in memory are hidden in one step, with one flush of all CPUs
 * at most. Steps are counted by the module's tracepoint, flushes by probes at
 * the kernel's function, both of this process only; what there should be
 * follows from where the memory lies.
 */
#include "gmem_test.h"

#include "../../ctl/kcore.h"

#define BLOCKS		40
#define SIZE		((long)(BLOCKS * BLOCK))
#define BLOCK_PAGES	((long)(BLOCK / PAGE))
#define TOGETHER	16	/* blocks: GMEM_BATCH of the module */
#define SINGLES_TOGETHER	64
#define BOTH		(GMEM_STATE_SHARED | GMEM_STATE_EXPOSED)
#define MAX_STEPS	1024

struct step {
	uint64_t pfn;
	unsigned long nr;
};

struct steps {
	long nr;
	long own_flushes;
	long shared_flushes;
	struct step step[MAX_STEPS];
};

static struct kcore kcore;

/* ---- what the kernel did ---- */

static void add_probe(const char *text)
{
	int fd = must(open(TRACING "/kprobe_events",
			   O_WRONLY | O_APPEND | O_CLOEXEC));

	must(write(fd, text, strlen(text)));
	close(fd);
}

static void trace(const char *event, const char *on)
{
	char path[128];

	snprintf(path, sizeof(path), TRACING "/events/%s/enable", event);
	must(write_text(path, on));
}

/*
 * cpa_flush() ends a step in which something has changed, where that step has a
 * flush of its own. A flush when an entry is split isn't by it. The probes
 * stay: to set them takes executable memory, which may split an entry.
 */
static void set_up_tracing(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	must(write_text(TRACING "/set_event_pid", pid));
	must(write_text(TRACING "/buffer_size_kb", "4096"));
	add_probe("p:runs/own cpa_flush\n");
	add_probe("p:runs/shared gmem_flush_tlbs\n");
	trace("runs", "1");
}

static void start_steps(void)
{
	must(write_text(TRACING "/trace", ""));
	trace("gmemfs/gmem_hide", "1");
}

static void add_step(struct steps *s, const char *line)
{
	struct step *step = &s->step[s->nr];
	int ret;

	if (s->nr == MAX_STEPS)
		bail_out("more than %d steps", MAX_STEPS);
	if (sscanf(line, "gmem_hide: pfn=%lx nr=%lu ret=%d", &step->pfn,
		   &step->nr, &ret) != 3 || ret)
		bail_out("%s", line);
	s->nr++;
}

static const struct steps *end_steps(void)
{
	static struct steps s;
	char line[512], *at;
	FILE *f;

	trace("gmemfs/gmem_hide", "0");
	s.nr = 0;
	s.own_flushes = 0;
	s.shared_flushes = 0;
	f = fopen(TRACING "/trace", "re");
	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, "gmem_hide: ");
		if (at)
			add_step(&s, at);
		s.own_flushes += !!strstr(line, " own: (");
		s.shared_flushes += !!strstr(line, " shared: (");
	}
	if (!f)
		bail_out("no trace");
	fclose(f);
	return &s;
}

/* ---- what it should do ---- */

static int by_pfn(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * These pieces go together: the next steps are their runs, which end where the
 * next larger entry of the direct map may.
 */
static void expect_runs(struct steps *s, const uint64_t *pfns, long nr,
			long each)
{
	uint64_t sorted[SINGLES_TOGETHER];
	long i;

	memcpy(sorted, pfns, nr * sizeof(*pfns));
	qsort(sorted, nr, sizeof(*sorted), by_pfn);
	for (i = 0; i < nr; i++) {
		struct step *last = &s->step[s->nr - 1];

		if (i && sorted[i] == last->pfn + last->nr &&
		    sorted[i] % (BLOCK_PAGES * each)) {
			last->nr += each;
			continue;
		}
		s->step[s->nr++] = (struct step){ sorted[i], each };
	}
}

static void expect_one(struct steps *s, uint64_t pfn, long nr)
{
	s->step[s->nr++] = (struct step){ pfn, nr };
}

/* Blocks of a file from one to another, all of which have memory to hide. */
static void expect_blocks(struct steps *s, const uint64_t *pfns, long from,
			  long to)
{
	for (; from < to; from += TOGETHER)
		expect_runs(s, pfns + from,
			    to - from < TOGETHER ? to - from : TOGETHER,
			    BLOCK_PAGES);
}

/*
 * Where the kernel has no function for many pages that doesn't flush, steps of
 * more pages than this flush by themselves. The others share a flush.
 */
#define FEW_PAGES	33

static long steps_of(const struct steps *s, unsigned long least,
		     unsigned long most)
{
	long i, n = 0;

	for (i = 0; i < s->nr; i++)
		n += s->step[i].nr >= least && s->step[i].nr <= most;
	return n;
}

static void are_steps(const struct steps *got, const struct steps *want,
		      const char *what)
{
	bool all_share = kernel_has("set_direct_map_valid_noflush");
	long own = all_share ? 0 : steps_of(want, FEW_PAGES + 1, -1UL);
	long share = all_share ? want->nr : steps_of(want, 1, FEW_PAGES);
	long i;

	is(got->nr, want->nr, "%s: %ld steps", what, want->nr);
	for (i = 0; i < got->nr && i < want->nr; i++)
		if (got->step[i].pfn != want->step[i].pfn ||
		    got->step[i].nr != want->step[i].nr)
			break;
	is(i, want->nr, "for the memory that they should be for");
	is(got->own_flushes, own, "a flush each for those that can't share one");
	ok(got->shared_flushes <= share && !got->shared_flushes == !share,
	   "%ld steps share %ld", share, got->shared_flushes);
}

/* ---- files ---- */

static int new_flagged(long size, uint64_t flags)
{
	struct gmem_create create = { .size = size, .flags = flags };
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int fd = must(ioctl(dir, GMEM_CREATE, &create));

	close(dir);
	return fd;
}

/* Maps a file and asks where each of its blocks lies. */
static char *map_blocks(int fd, uint64_t *pfns)
{
	char *p = map(fd, SIZE);
	long i;

	must(fallocate(fd, 0, 0, SIZE));
	for (i = 0; i < BLOCKS; i++) {
		pfns[i] = fault_pfn(p + i * BLOCK);
		if (pfns[i] % BLOCK_PAGES)
			bail_out("block %ld isn't 2 MiB", i);
	}
	memset(p, 3, SIZE);
	return p;
}

/* Do the states say so of all pages from one to another? */
static bool states_are(int fd, long from, long to, uint8_t want)
{
	static uint8_t states[SIZE / PAGE];
	struct gmem_state get = {
		.size = get_info(fd).size, .states = (uintptr_t)states,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	for (; from < to; from++) {
		if ((states[from] & BOTH) == want)
			continue;
		diag("page %ld: %#x", from, states[from]);
		return false;
	}
	return true;
}

/* How many of the blocks' first and last pages the direct map has. */
static long exposed(const uint64_t *pfns)
{
	long i, n = 0;

	for (i = 0; i < BLOCKS; i++)
		n += kcore_has_frame(&kcore, pfns[i]) +
		     kcore_has_frame(&kcore, pfns[i] + BLOCK_PAGES - 1);
	return n;
}

/* ---- tests ---- */

static void test_whole(void)
{
	int fd = new_file(SIZE);
	uint64_t pfns[BLOCKS];
	char *p = map_blocks(fd, pfns);
	struct steps want = {};
	long splits;

	must(set_shared(fd, 0, SIZE));
	is(exposed(pfns), 2 * BLOCKS, "%d blocks, shared", BLOCKS);
	expect_blocks(&want, pfns, 0, BLOCKS);
	ok(want.nr < BLOCKS, "some of which are neighbours");
	splits = vmstat("direct_map_level2_splits");
	start_steps();
	must(set_private(fd, 0, SIZE));
	are_steps(end_steps(), &want, "made private");
	is(exposed(pfns), 0, "the direct map has none of it");
	ok(states_are(fd, 0, SIZE / PAGE, 0), "as the states say");
	is(get_info(fd).hidden, SIZE, "the file");
	is(sysfs("hidden_bytes"), SIZE, "and the totals");
	is(vmstat("direct_map_level2_splits"), splits,
	   "no entry of 2 MiB is split");
	ok(all_bytes(p, SIZE, 3), "contents stay");
	start_steps();
	must(set_private(fd, 0, SIZE));
	is(end_steps()->nr, 0, "once more: no step");
	munmap(p, SIZE);
	close(fd);
}

/* Some of it's private already, some has no memory, and the ends are parts. */
static void test_mixed(void)
{
	int fd = new_file(SIZE);
	uint64_t pfns[BLOCKS], going[TOGETHER] = {};
	char *p = map_blocks(fd, pfns);
	struct steps want = {};
	long i, nr = 0;

	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       5 * BLOCK, BLOCK));
	must(set_shared(fd, 0, SIZE));
	must(set_private(fd, 3 * BLOCK, BLOCK));
	must(set_private(fd, 4 * BLOCK + 7 * PAGE, 300 * PAGE));
	for (i = 1; i < 1 + TOGETHER; i++)
		if (i != 3 && i != 5)
			going[nr++] = pfns[i];

	expect_one(&want, pfns[0] + 1, BLOCK_PAGES - 1);
	expect_runs(&want, going, nr, BLOCK_PAGES);
	expect_one(&want, pfns[1 + TOGETHER], 2);
	start_steps();
	must(set_private(fd, PAGE, (TOGETHER + 1) * BLOCK + PAGE));
	are_steps(end_steps(), &want, "a range of all kinds");
	ok(states_are(fd, 0, 1, BOTH) &&
	   states_are(fd, 1, (1 + TOGETHER) * BLOCK_PAGES + 2, 0) &&
	   states_are(fd, (1 + TOGETHER) * BLOCK_PAGES + 2, SIZE / PAGE, BOTH),
	   "all of the range is private, and nothing else");
	is(get_info(fd).hidden, TOGETHER * BLOCK + PAGE, "hidden");
	is(sysfs("hidden_bytes"), TOGETHER * BLOCK + PAGE, "in the totals");
	munmap(p, SIZE);
	close(fd);
}

/* What is before a pinned page goes together; what is behind it stays. */
static void test_pinned(void)
{
	int fd = new_file(SIZE), pipes[2], i;
	uint64_t pfns[BLOCKS], where;
	char *p = map_blocks(fd, pfns), *s = shared_map(fd, SIZE), buf[PAGE];
	struct iovec iov = { s + 6 * BLOCK + 9 * PAGE, PAGE };
	struct steps want = {};

	must(set_shared(fd, 0, SIZE));
	must(pipe(pipes));
	must(vmsplice(pipes[1], &iov, 1, 0));
	expect_blocks(&want, pfns, 0, 6);
	expect_one(&want, pfns[6], 9);
	start_steps();
	is_errno(set_flags(fd, 0, SIZE, GMEM_ATTRIBUTE_PRIVATE, 0, &where),
		 EAGAIN, "a page in the 7th block is pinned");
	are_steps(end_steps(), &want, "up to there");
	is(where, 6 * BLOCK + 9 * PAGE, "error_offset says where");
	ok(states_are(fd, 0, where / PAGE, 0) &&
	   states_are(fd, where / PAGE, SIZE / PAGE, BOTH),
	   "so say the states");
	is(exposed(pfns), 2 * BLOCKS - 13, "and the direct map");
	must(read(pipes[0], buf, PAGE));
	for (i = 0; i < 3000 && set_private(fd, where, SIZE - where); i++)
		usleep(20000);
	is(exposed(pfns), 0, "let go, the rest is hidden");
	close(pipes[0]);
	close(pipes[1]);
	munmap(s, SIZE);
	munmap(p, SIZE);
	close(fd);
}

/* Memory that never was hidden. */
static void test_init_shared(void)
{
	int fd = new_flagged(SIZE, GMEM_FLAG_INIT_SHARED);
	uint64_t pfns[BLOCKS];
	char *p = map_blocks(fd, pfns);
	struct steps want = {};

	expect_blocks(&want, pfns, 0, BLOCKS);
	start_steps();
	must(set_private(fd, 0, SIZE));
	are_steps(end_steps(), &want, "a file that was made shared");
	is(exposed(pfns), 0, "the direct map has none of it");
	is(get_info(fd).hidden, SIZE, "as the file says");
	munmap(p, SIZE);
	close(fd);
}

/* What is zeroed goes block by block, of what stays there's nothing to hide. */
static void test_one_by_one(void)
{
	int fd = new_file(SIZE);
	uint64_t pfns[BLOCKS];
	char *p = map_blocks(fd, pfns);
	struct steps want = {};
	long i;

	must(set_shared(fd, 0, SIZE));
	for (i = 0; i < BLOCKS; i++)
		expect_one(&want, pfns[i], BLOCK_PAGES);
	start_steps();
	must(set_flags(fd, 0, SIZE, GMEM_ATTRIBUTE_PRIVATE, GMEM_CONVERT_ZERO,
		       NULL));
	are_steps(end_steps(), &want, "private and zeroed");
	ok(all_bytes(p, SIZE, 0), "all is zeros");
	munmap(p, SIZE);
	close(fd);

	fd = new_flagged(SIZE, GMEM_FLAG_KEEP_DIRECT_MAP);
	p = map_blocks(fd, pfns);
	must(set_shared(fd, 0, SIZE));
	start_steps();
	must(set_private(fd, 0, SIZE));
	is(end_steps()->nr, 0, "direct_map=kept: no step");
	is(exposed(pfns), 2 * BLOCKS, "and nothing is hidden");
	munmap(p, SIZE);
	close(fd);
}

/* ---- single pages ---- */

#define SINGLES		1024

/* As fault_pfn(), which would take minutes for all of them. */
static void read_faults(uint64_t *pfns)
{
	unsigned long pgoff, pfn;
	char line[512], *at;
	long n = 0;
	FILE *f = fopen(TRACING "/trace", "re");

	while (f && fgets(line, sizeof(line), f)) {
		at = strstr(line, "pgoff=");
		if (!at || sscanf(at, "pgoff=%lx order=0 pfn=%lx", &pgoff,
				  &pfn) != 2 || pgoff >= SINGLES || !pfn)
			continue;
		pfns[pgoff] = pfn;
		n++;
	}
	if (n != SINGLES)
		bail_out("%ld faults of %d are traced", n, SINGLES);
	fclose(f);
}

static char *map_singles(int fd, uint64_t *pfns)
{
	char *p = map(fd, SINGLES * PAGE);

	must(write_text(TRACING "/trace", ""));
	trace("gmemfs/gmem_fault", "1");
	memset(p, 6, SINGLES * PAGE);
	trace("gmemfs/gmem_fault", "0");
	read_faults(pfns);
	return p;
}

/* So many go together, whatever the order that they have in the file. */
static void expect_singles(struct steps *s, const uint64_t *pfns)
{
	long from;

	for (from = 0; from < SINGLES; from += SINGLES_TOGETHER)
		expect_runs(s, pfns + from, SINGLES_TOGETHER, 1);
}

static void test_singles(uint64_t flags, const char *what)
{
	int fd = new_flagged(SINGLES * PAGE, GMEM_FLAG_NO_HUGE | flags);
	static uint64_t pfns[SINGLES];
	static struct steps want;
	char *p = map_singles(fd, pfns);
	long i, n = 0;

	want.nr = 0;
	must(set_shared(fd, 0, SINGLES * PAGE));
	expect_singles(&want, pfns);
	ok(want.nr < SINGLES, "%s: some of %d are neighbours", what, SINGLES);
	start_steps();
	must(set_private(fd, 0, SINGLES * PAGE));
	are_steps(end_steps(), &want, what);
	for (i = 0; i < SINGLES; i++)
		n += kcore_has_frame(&kcore, pfns[i]);
	is(n, 0, "the direct map has none of them");
	is(get_info(fd).hidden, SINGLES * PAGE, "as the file says");
	must(set_shared(fd, 0, SINGLES * PAGE));
	for (i = 0; i < SINGLES; i++)
		n += kcore_has_frame(&kcore, pfns[i]);
	is(n, SINGLES, "shared again, it has all");
	is(get_info(fd).hidden, 0, "as the file says");
	ok(all_bytes(p, SINGLES * PAGE, 6), "contents stay");
	munmap(p, SINGLES * PAGE);
	close(fd);
}

int main(void)
{
	set_up_tracing();
	if (kcore_open(&kcore))
		bail_out("kcore: %s", kcore.error);
	test_whole();
	test_mixed();
	test_pinned();
	test_init_shared();
	test_one_by_one();
	test_singles(0, "single pages");
	test_singles(GMEM_FLAG_INIT_SHARED, "single pages that were shared");
	kcore_close(&kcore);
	nothing_is_left();
	is(sysfs("pinned_bytes"), 0, "nothing is pinned");
	return done_testing();
}
