// SPDX-License-Identifier: GPL-2.0
/*
 * Each step of a conversion that can fail is made to fail (debug build): what
 * is before error_offset is converted, nothing from there on, and the same call
 * goes on when it's made again.
 */
#include "gmem_test.h"

#include "../../ctl/kcore.h"

#define BLOCKS	3
#define SIZE	((long)(BLOCKS * BLOCK))
#define BOTH	(GMEM_STATE_SHARED | GMEM_STATE_EXPOSED)

static int fd;
static char *p;
static struct kcore kcore;

static int convert(long offset, bool share, uint64_t flags, long *stopped)
{
	struct gmem_attributes set = {
		.offset = offset, .size = SIZE - offset, .flags = flags,
		.attributes = share ? 0 : GMEM_ATTRIBUTE_PRIVATE,
	};
	int ret = ioctl(fd, GMEM_SET_ATTRIBUTES, &set);

	*stopped = set.error_offset;
	return ret;
}

/* Is this so of the file's pages, from an offset to another? */
static bool states_are(long from, long to, uint8_t want)
{
	static uint8_t states[SIZE / PAGE];
	struct gmem_state get = {
		.size = SIZE, .states = (uintptr_t)states,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	for (; from < to; from += PAGE) {
		if ((states[from / PAGE] & BOTH) == want)
			continue;
		diag("at %lx: %#x", from, states[from / PAGE]);
		return false;
	}
	return true;
}

/* The second block can't be shared; then it can. */
static void test_sharing(const char *kind)
{
	long stopped;

	inject(kind, 2);
	is_errno(convert(0, true, 0, &stopped), ENOMEM, "fail_%s: ENOMEM",
		 kind);
	is(stopped, BLOCK, "at the second block");
	ok(states_are(0, stopped, BOTH), "before that, all is shared");
	ok(states_are(stopped, SIZE, 0), "from there on nothing");
	is(convert(stopped, true, 0, &stopped), 0, "again: it goes on");
	ok(states_are(0, SIZE, BOTH), "and all is shared");
	is(get_info(fd).hidden, 0, "as the totals say");
	ok(all_bytes(p, SIZE, 4), "contents stay");
	must(convert(0, false, 0, &stopped));
}

/* ---- what is hidden together, and isn't ---- */

/*
 * Blocks that are no neighbours, if they can be had: memory for another file is
 * taken between each two. From the first to the last, or the other way round.
 */
static void scatter(uint64_t *pfns, bool reverse)
{
	int other = new_file(SIZE);
	char *o = map(other, SIZE);
	long i, n;

	fd = new_file(SIZE);
	p = map(fd, SIZE);
	for (n = 0; n < BLOCKS; n++) {
		i = reverse ? BLOCKS - 1 - n : n;
		pfns[i] = fault_pfn(p + i * BLOCK);
		o[i * BLOCK] = 1;
	}
	memset(p, 4, SIZE);
	munmap(o, SIZE);
	close(other);
}

static int in_direct_map(const uint64_t *pfns)
{
	int i, n = 0;

	for (i = 0; i < BLOCKS; i++)
		n += kcore_has_frame(&kcore, pfns[i]) +
		     kcore_has_frame(&kcore, pfns[i] + BLOCK / PAGE - 1);
	return n;
}

/* All of it is shared: states, totals and page tables agree. */
static void is_as_before(const uint64_t *pfns)
{
	ok(states_are(0, SIZE, BOTH), "all is shared yet, and exposed");
	is(get_info(fd).hidden, 0, "as the totals say");
	ok(becomes("hidden_bytes", 0), "those of the host, too");
	is(in_direct_map(pfns), 2 * BLOCKS, "and the direct map");
}

static void is_all_private(const uint64_t *pfns)
{
	ok(states_are(0, SIZE, 0), "all is private, and hidden");
	is(get_info(fd).hidden, SIZE, "as the totals say");
	is(sysfs("hidden_bytes"), SIZE, "those of the host, too");
	is(in_direct_map(pfns), 0, "and the direct map");
	ok(all_bytes(p, SIZE, 4), "contents stay");
}

static void test_together(void)
{
	uint64_t pfns[BLOCKS];
	long stopped;

	scatter(pfns, false);
	must(convert(0, true, 0, &stopped));
	inject("hide", 1);
	is(convert(0, false, 0, &stopped), 0,
	   "what can't be hidden together is, block by block");
	is_all_private(pfns);

	must(convert(0, true, 0, &stopped));
	inject("hide", -1);
	is_errno(convert(0, false, 0, &stopped), ENOMEM, "nor so: ENOMEM");
	is(stopped, 0, "at the first block");
	is_as_before(pfns);

	inject("hide", -2);
	is_errno(convert(PAGE, false, 0, &stopped), ENOMEM,
		 "after a part of a block: ENOMEM");
	is(stopped, BLOCK, "at the second block");
	ok(states_are(0, PAGE, BOTH) && states_are(PAGE, BLOCK, 0) &&
	   states_are(BLOCK, SIZE, BOTH), "so say the states");
	is(get_info(fd).hidden, BLOCK - PAGE, "and the totals");
	is(in_direct_map(pfns), 2 * BLOCKS - 1, "and the direct map");
	inject("hide", 0);
	is(convert(0, false, 0, &stopped), 0, "again: it goes on");
	is_all_private(pfns);
	munmap(p, SIZE);
	close(fd);
}

static bool neighbours(uint64_t a, uint64_t b)
{
	return a + BLOCK / PAGE == b || b + BLOCK / PAGE == a;
}

/* What is hidden first isn't the first of the file, nor its neighbour. */
static bool are_backwards(const uint64_t *pfns)
{
	return !neighbours(pfns[0], pfns[1]) && !neighbours(pfns[0], pfns[2]) &&
	       (pfns[0] > pfns[1] || pfns[0] > pfns[2]);
}

/* Where memory comes from is up to the kernel, so it's tried a few times. */
static void scatter_backwards(uint64_t *pfns)
{
	int other[16], n;

	for (n = 0; n < 16; n++) {
		scatter(pfns, n % 2);
		if (are_backwards(pfns))
			break;
		munmap(p, SIZE);
		other[n] = fd;
	}
	if (n == 16)
		bail_out("no blocks that aren't neighbours, nor in order");
	while (n--)
		close(other[n]);
}

/* One step of several is done, and the next fails. */
static void test_undone(void)
{
	uint64_t pfns[BLOCKS];
	int view, hidden;
	long stopped;
	char *s;

	scatter_backwards(pfns);
	view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	s = map(view, SIZE);
	must(convert(0, true, 0, &stopped));
	inject("hide", -2);
	is_errno(convert(0, false, 0, &stopped), ENOMEM,
		 "the second step fails, and what it's tried with: ENOMEM");
	is(stopped, 0, "at the first block");
	is_as_before(pfns);

	inject("hide", -2);
	inject("expose", -1);
	is_errno(convert(0, false, 0, &stopped), ENOMEM,
		 "nor can the first be undone: ENOMEM");
	is(stopped, 0, "at the first block");
	inject("hide", 0);
	inject("expose", 0);
	hidden = get_info(fd).hidden / BLOCK;
	ok(hidden > 0 && hidden < BLOCKS, "%d blocks are hidden", hidden);
	is(get_info(fd).shared, SIZE, "though all is wanted shared");
	is(sysfs("hidden_bytes"), hidden * BLOCK, "as the host's totals say");
	is(in_direct_map(pfns), 2 * (BLOCKS - hidden), "and the direct map");
	ok(all_bytes(s, SIZE, 4), "a shared view has the contents");
	is_as_before(pfns);
	is(convert(0, false, 0, &stopped), 0, "again");
	is_all_private(pfns);
	munmap(s, SIZE);
	munmap(p, SIZE);
	close(view);
	close(fd);
}

/* The same for a block that is made of single pages. */
static void test_singles(void)
{
	struct gmem_create create = {
		.size = SIZE, .flags = GMEM_FLAG_NO_HUGE,
	};
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	long stopped;

	fd = must(ioctl(dir, GMEM_CREATE, &create));
	p = map(fd, SIZE);
	memset(p, 4, SIZE);
	must(convert(0, true, 0, &stopped));
	inject("hide", 1);
	is(convert(0, false, 0, &stopped), 0,
	   "single pages that can't be hidden together are, one by one");
	is(get_info(fd).hidden, SIZE, "hidden");
	must(convert(0, true, 0, &stopped));
	inject("hide", -2);
	is_errno(convert(0, false, 0, &stopped), ENOMEM, "nor so: ENOMEM");
	inject("hide", 0);
	ok(states_are(0, stopped, 0), "at %#lx: before that, all is private",
	   stopped);
	ok(states_are(stopped, SIZE, BOTH), "from there on nothing");
	is(get_info(fd).hidden, stopped, "as the totals say");
	is(sysfs("hidden_bytes"), stopped, "those of the host, too");
	is(convert(stopped, false, 0, &stopped), 0, "again: it goes on");
	is(get_info(fd).hidden, SIZE, "all is hidden");
	ok(all_bytes(p, SIZE, 4), "contents stay");
	munmap(p, SIZE);
	close(fd);
	close(dir);
}

/*
 * Once they are zeroed, pages are as they were asked for, but for the direct
 * map: that is tried again when they are used.
 */
static void test_zeroed_not_exposed(void)
{
	int view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	char *s = map(view, SIZE);
	long stopped;

	memset(p, 4, SIZE);
	inject("expose", -1);
	is(convert(0, true, GMEM_CONVERT_ZERO, &stopped), 0,
	   "shared and zeroed, though nothing can be exposed");
	inject("expose", 0);
	ok(states_are(0, SIZE, GMEM_STATE_SHARED), "all is shared, and hidden");
	ok(all_bytes(p, SIZE, 0), "and zeros");
	is(s[PAGE], 0, "a shared view has it");
	ok(states_are(PAGE, 2 * PAGE, BOTH), "and exposes it");
	is(convert(0, false, 0, &stopped), 0, "all is private again");
	ok(states_are(0, SIZE, 0), "and hidden");
	munmap(s, SIZE);
	close(view);
}

/* Memory that is shared first is known all the same: to hide it needs none. */
static void test_shared_first(void)
{
	struct gmem_create create = {
		.size = SIZE, .flags = GMEM_FLAG_INIT_SHARED,
	};
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	long stopped;

	fd = must(ioctl(dir, GMEM_CREATE, &create));
	p = map(fd, SIZE);
	memset(p, 4, SIZE);
	ok(states_are(0, SIZE, BOTH), "all is shared, and exposed");
	/* What is wanted of a block takes memory, once. */
	inject("alloc_meta", 1);
	is_errno(convert(PAGE, false, 0, &stopped), ENOMEM,
		 "no memory for what is wanted: ENOMEM");
	is(stopped, PAGE, "at the first page");
	ok(states_are(0, SIZE, BOTH), "all is shared yet");
	inject("alloc_meta", -2);
	is_errno(convert(0, false, 0, &stopped), ENOMEM,
		 "nor for that of the second block: ENOMEM");
	inject("alloc_meta", 0);
	is(stopped, BLOCK, "before it");
	ok(states_are(0, BLOCK, 0), "before that, all is private");
	ok(states_are(BLOCK, SIZE, BOTH), "from there on nothing");
	is(convert(stopped, false, 0, &stopped), 0, "again: it goes on");
	is(get_info(fd).hidden, SIZE, "and all is hidden");
	ok(all_bytes(p, SIZE, 4), "contents stay");
	munmap(p, SIZE);
	close(fd);
	close(dir);
}

int main(void)
{
	fd = new_file(SIZE);
	p = map(fd, SIZE);
	memset(p, 4, SIZE);
	test_sharing("alloc_meta");
	test_sharing("expose");
	test_zeroed_not_exposed();
	munmap(p, SIZE);
	close(fd);
	test_shared_first();
	if (kcore_open(&kcore))
		bail_out("kcore: %s", kcore.error);
	test_together();
	test_undone();
	test_singles();
	kcore_close(&kcore);
	nothing_is_left();
	return done_testing();
}
