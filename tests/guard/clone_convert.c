// SPDX-License-Identifier: GPL-2.0
/*
 * Conversion of a guest's memory that is a clone: pages become shared, the guest
 * and the shared view see each other's writes, and they become private again.
 * Nothing of that touches the template or another clone: neither their contents
 * nor what is private, hidden or in common there.
 */
#include "template.h"

#include <linux/fs.h>

#define ALONE	0x5000L		/* a page that is converted */
#define BESIDE	0x6000L		/* and one in the same block that isn't */
#define SECOND	((long)BLOCK)	/* a block that is converted */

/* In real mode. Both pages are written to, and the first is added to again. */
static const unsigned char code[] = {
	0xc7, 0x06, 0x00, 0x50, 0x01, 0x00,	/* mov word [ALONE], 1 */
	0xc7, 0x06, 0x00, 0x60, 0x01, 0x00,	/* mov word [BESIDE], 1 */
	0xf4,					/* hlt */
	0x83, 0x06, 0x00, 0x50, 0x10,		/* add word [ALONE], 16 */
	0xf4,					/* hlt */
	0x83, 0x06, 0x00, 0x50, 0x20,		/* add word [ALONE], 32 */
	0xf4,					/* hlt */
};

static void run(struct small_vm *v, const char *what)
{
	is(ioctl(v->vcpu, KVM_RUN, 0), 0, "%s: the guest runs", what);
	is(v->run->exit_reason, KVM_EXIT_HLT, "  until it halts");
}

/* How many of the file's pages have all the bits of @set, and none of @clear? */
static long count_state(int fd, uint8_t set, uint8_t clear)
{
	static uint8_t states[TEMPLATE_SIZE / PAGE];
	struct gmem_state get = {
		.size = TEMPLATE_SIZE, .states = (uintptr_t)states,
	};
	long n = 0;
	size_t i;

	must(ioctl(fd, GMEM_GET_STATE, &get));
	for (i = 0; i < sizeof(states); i++)
		n += (states[i] & set) == set && !(states[i] & clear);
	return n;
}

/* Private, hidden, and in common with others, as before. */
static void check_others(int from, int other, const char *when)
{
	int fds[] = { from, other };
	size_t i;

	for (i = 0; i < 2; i++) {
		ok(untouched(fds[i]), "%s: the %s has its contents", when,
		   i ? "other clone" : "template");
		is(count_state(fds[i], GMEM_STATE_POPULATED | GMEM_STATE_CLONED,
			       GMEM_STATE_SHARED | GMEM_STATE_EXPOSED |
			       GMEM_STATE_LENT),
		   TEMPLATE_SIZE / PAGE, "  all of it private, hidden, in common");
		is(get_info(fds[i]).hidden, TEMPLATE_SIZE, "  as it says");
		is(get_info(fds[i]).shared, 0, "  and nothing shared");
	}
}

/* The device's side: the page is ordinary memory there. */
static void test_page(struct small_vm *v, int to, char *mem)
{
	char *view;

	is(set_shared(to, ALONE, PAGE), 0, "a page becomes shared");
	ok(state_of(to, ALONE) & GMEM_STATE_EXPOSED, "  it is exposed");
	ok(!(state_of(to, BESIDE) & GMEM_STATE_EXPOSED), "  and no other");
	view = shared_map(to, TEMPLATE_SIZE);
	is(view[ALONE], 1, "  the view has what the guest wrote");
	view[ALONE] = 2;
	run(v, "shared");
	is(view[ALONE], 18, "  the guest has added to what the view wrote");
	munmap(view, TEMPLATE_SIZE);
	is(set_private(to, ALONE, PAGE), 0, "it becomes private");
	ok(!(state_of(to, ALONE) & GMEM_STATE_EXPOSED), "  it is hidden");
	run(v, "private");
	is(mem[ALONE], 50, "  the guest goes on with its contents");
	is(mem[BESIDE], 1, "  and with those of the other page");
}

/* One that nobody has written to. */
static void test_block(int from, int other, int to)
{
	is(set_shared(to, SECOND, BLOCK), 0, "a block becomes shared");
	is(count_state(to, GMEM_STATE_SHARED | GMEM_STATE_EXPOSED,
		       GMEM_STATE_CLONED), BLOCK / PAGE,
	   "  all of it is exposed, and the file's own");
	ok(lettered(to, SECOND, TEMPLATE_SIZE), "  with its contents");
	check_others(from, other, "a block is shared");
	is(set_private(to, SECOND, BLOCK), 0, "the block becomes private");
	is(get_info(to).hidden, TEMPLATE_SIZE, "  all is hidden again");
	ok(lettered(to, SECOND, TEMPLATE_SIZE), "  with its contents");
}

/* Zeroing is a write, too. */
static void test_zeroed(int to)
{
	struct gmem_attributes set = {
		.offset = SECOND + 2 * PAGE, .size = PAGE,
		.flags = GMEM_CONVERT_ZERO,
	};
	char page[PAGE];

	is(ioctl(to, GMEM_SET_ATTRIBUTES, &set), 0, "a page is zeroed by it");
	must(pread(to, page, PAGE, set.offset));
	ok(all_bytes(page, PAGE, 0), "  in this file");
	must(set_private(to, set.offset, PAGE));
}

static void test_convert(uint64_t flags, const char *what)
{
	int from = new_template(flags, code, sizeof(code));
	int to = new_with(flags), other = new_with(flags);
	struct small_vm v;
	char *mem;

	must(ioctl(to, FICLONE, from));
	must(ioctl(other, FICLONE, from));
	mem = map(to, TEMPLATE_SIZE);
	v = make_vm(mem, TEMPLATE_SIZE);
	run(&v, what);
	check_others(from, other, what);
	test_page(&v, to, mem);
	check_others(from, other, "a page was shared");
	test_block(from, other, to);
	test_zeroed(to);
	check_others(from, other, "a page was zeroed");
	free_vm(&v);
	munmap(mem, TEMPLATE_SIZE);
	close(from);
	close(to);
	close(other);
}

int main(void)
{
	test_convert(0, "2 MiB");
	test_convert(GMEM_FLAG_NO_HUGE, "single pages");
	test_convert(GMEM_FLAG_HUGE_ONLY, "2 MiB only");
	nothing_is_left();
	return done_testing();
}
