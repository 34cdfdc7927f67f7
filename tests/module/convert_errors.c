// SPDX-License-Identifier: GPL-2.0
/*
 * Each step of a conversion that can fail is made to fail (debug build): what
 * is before error_offset is converted, nothing from there on, and the same call
 * goes on when it's made again.
 */
#include "gmem_test.h"

#define SIZE	((long)(3 * BLOCK))
#define BOTH	(GMEM_STATE_SHARED | GMEM_STATE_EXPOSED)

static int fd;
static char *p;

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

/* The second block can't be converted; then it can. */
static void test_step(const char *kind, bool share)
{
	uint8_t before = share ? 0 : BOTH, after = share ? BOTH : 0;
	long stopped;

	inject(kind, 2);
	is_errno(convert(0, share, 0, &stopped), ENOMEM,
		 "fail_%s, %s: ENOMEM", kind, share ? "share" : "private");
	is(stopped, BLOCK, "at the second block");
	ok(states_are(0, stopped, after), "before that, all is converted");
	ok(states_are(stopped, SIZE, before), "from there on nothing");
	is(convert(stopped, share, 0, &stopped), 0, "again: it goes on");
	ok(states_are(0, SIZE, after), "and all is converted");
	is(get_info(fd).hidden, share ? 0 : SIZE, "as the totals say");
	ok(all_bytes(p, SIZE, 4), "contents stay");
}

/* Hidden to be zeroed, and not zeroed: still shared, and used as such. */
static void test_zeroing(void)
{
	int view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	char *s = map(view, SIZE);
	long stopped;

	must(convert(0, true, 0, &stopped));
	inject("scrub_map", 1);
	is_errno(convert(0, false, GMEM_CONVERT_ZERO, &stopped), ENOMEM,
		 "fail_scrub_map: ENOMEM");
	is(stopped, 0, "at the first page");
	is(get_info(fd).shared, SIZE, "all is shared yet");
	is(s[0], 4, "with its contents");
	ok(states_are(0, PAGE, BOTH), "the shared view exposes it again");
	is(convert(0, false, GMEM_CONVERT_ZERO, &stopped), 0, "again");
	ok(all_bytes(p, SIZE, 0), "all is zeros");
	ok(states_are(0, SIZE, 0), "and private");
	munmap(s, SIZE);
	close(view);
}

/* Memory that was never hidden must become known first. */
static void test_adopting(void)
{
	struct gmem_create create = {
		.size = SIZE, .flags = GMEM_FLAG_INIT_SHARED,
	};
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	long stopped;

	fd = must(ioctl(dir, GMEM_CREATE, &create));
	p = map(fd, SIZE);
	memset(p, 4, SIZE);
	/* For each block its record, and that it's known. */
	inject("alloc_meta", 4);
	is_errno(convert(0, false, 0, &stopped), ENOMEM, "not adopted: ENOMEM");
	is(stopped, BLOCK, "at the second block");
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
	test_step("alloc_meta", true);
	test_step("hide", false);
	test_step("expose", true);
	test_zeroing();
	munmap(p, SIZE);
	close(fd);
	test_adopting();
	is(sysfs("hidden_bytes"), 0, "nothing stays hidden");
	is(sysfs("quarantined_bytes"), 0, "nothing in quarantine");
	return done_testing();
}
