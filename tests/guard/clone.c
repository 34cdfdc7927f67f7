// SPDX-License-Identifier: GPL-2.0
/*
 * A guest on a clone: its first store to a page that others have, too, works
 * with any instruction, also one that KVM can't emulate; so does its clock. The
 * same for a guest whose memory is cloned while it runs. What the other file
 * has stays as it was.
 */
#include "template.h"

#include <linux/fs.h>

#define SIZE	TEMPLATE_SIZE
#define STORED	0x5000
#define CLOCK	0x6000
#define MARK	0x7fc0	/* never written to */
#define ONE	0x3f800000	/* 1.0 as a float */

/* In real mode. KVM emulates no x87 instruction. */
static const unsigned char code[] = {
	0xa1, 0x00, 0x50,			/* mov ax, [0x5000] */
	0x66, 0xb9, 0x01, 0x4d, 0x56, 0x4b,	/* mov ecx, the clock's MSR */
	0x66, 0xb8, 0x01, 0x60, 0x00, 0x00,	/* mov eax, 0x6001 */
	0x66, 0x31, 0xd2,			/* xor edx, edx */
	0x0f, 0x30,				/* wrmsr */
	0xdb, 0xe3,				/* fninit */
	0xd9, 0xe8,				/* fld1 */
	0xd9, 0x1e, 0x00, 0x50,			/* fstp dword [0x5000] */
	0xf4,					/* hlt */
	0xd9, 0xee,				/* fldz */
	0xd9, 0x1e, 0x00, 0x50,			/* fstp dword [0x5000] */
	0xf4,					/* hlt */
};

static void run(struct small_vm *v, const char *what)
{
	is(ioctl(v->vcpu, KVM_RUN, 0), 0, "%s: the guest runs", what);
	is(v->run->exit_reason, KVM_EXIT_HLT, "  until it halts");
}

static unsigned int word_at(int fd, long offset)
{
	unsigned int word;

	must(pread(fd, &word, sizeof(word), offset));
	return word;
}

static void test_on_clone(uint64_t flags, const char *what)
{
	int from = new_template(flags, code, sizeof(code));
	int to = new_with(flags), to2 = new_with(flags);
	char *mem, *mem2;
	struct small_vm v, v2;

	must(ioctl(to, FICLONE, from));
	must(ioctl(to2, FICLONE, from));
	mem = map(to, SIZE);
	mem2 = map(to2, SIZE);
	v = make_vm(mem, SIZE);
	v2 = make_vm(mem2, SIZE);
	run(&v, what);
	is(word_at(to, STORED), ONE, "  and has stored");
	ok(untouched(from), "  the template is as it was");
	ok(untouched(to2), "  and the other clone");
	ok(state_of(to, CLOCK) & GMEM_STATE_LENT,
	   "  the clone's clock is its own");
	run(&v2, "the other clone");
	is(word_at(to2, STORED), ONE, "  and has stored");
	close(from);
	run(&v, "the template is gone");
	is(word_at(to, STORED), 0, "  and has stored");
	is(word_at(to2, STORED), ONE, "  the other clone is as it was");
	is(mem[MARK], 'T', "  with all contents");
	free_vm(&v);
	free_vm(&v2);
	munmap(mem, SIZE);
	munmap(mem2, SIZE);
	close(to);
	close(to2);
}

/* The guest has its memory mapped writable when it is cloned. */
static void test_of_running(uint64_t flags, const char *what)
{
	int from = new_template(flags, code, sizeof(code));
	int to = new_with(flags);
	char *mem = map(from, SIZE);
	struct small_vm v = make_vm(mem, SIZE);

	run(&v, what);
	is(word_at(from, STORED), ONE, "  and has stored");
	must(ioctl(to, FICLONE, from));
	is(word_at(to, STORED), ONE, "  a clone has that");
	ok(!(state_of(to, CLOCK) & GMEM_STATE_LENT),
	   "  but doesn't share the clock's page");
	run(&v, "cloned");
	is(word_at(from, STORED), 0, "  and has stored again");
	is(word_at(to, STORED), ONE, "  the clone is as it was");
	free_vm(&v);
	munmap(mem, SIZE);
	close(from);
	close(to);
}

int main(void)
{
	test_on_clone(0, "2 MiB");
	test_on_clone(GMEM_FLAG_NO_HUGE, "single pages");
	test_on_clone(GMEM_FLAG_HUGE_ONLY, "2 MiB only");
	test_of_running(0, "2 MiB, running");
	test_of_running(GMEM_FLAG_NO_HUGE, "single pages, running");
	nothing_is_left();
	return done_testing();
}
