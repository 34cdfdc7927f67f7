// SPDX-License-Identifier: GPL-2.0
/*
 * Dirty logging of a guest on a clone, as migration and savevm use it: KVM logs
 * each page that the guest writes to, also the one by which it gets its own
 * copy, and none that nobody touches; what it says is dirty, and nothing else,
 * has other contents than the template. The template and another clone stay as
 * they were.
 */
#include "template.h"

#include <linux/fs.h>

#define PAGES	(TEMPLATE_SIZE / PAGE)
#define WORDS	(PAGES / 64)

/* What the code below writes to. The last ones are in the second block. */
#define NEAR	0x5000L
#define FIRST	0x7000L
#define LATER	0x9000L
#define FAR_AT	0x3000L
#define FAR	((long)BLOCK + FAR_AT)

/* In real mode. ES is the second block. */
static const unsigned char code[] = {
	0xc7, 0x06, 0x00, 0x50, 0x01, 0x00,		/* mov word [NEAR], 1 */
	0xf4,						/* hlt */
	0xc7, 0x06, 0x00, 0x50, 0x02, 0x00,		/* mov word [NEAR], 2 */
	0xc7, 0x06, 0x00, 0x70, 0x02, 0x00,		/* mov word [FIRST], 2 */
	0x26, 0xc7, 0x06, 0x00, 0x30, 0x02, 0x00,	/* mov word es:[FAR_AT], 2 */
	0xf4,						/* hlt */
	0xc7, 0x06, 0x00, 0x70, 0x03, 0x00,		/* mov word [FIRST], 3 */
	0xc7, 0x06, 0x00, 0x90, 0x03, 0x00,		/* mov word [LATER], 3 */
	0xf4,						/* hlt */
	0xc7, 0x06, 0x00, 0x90, 0x04, 0x00,		/* mov word [LATER], 4 */
	0x26, 0xc7, 0x06, 0x00, 0x30, 0x04, 0x00,	/* mov word es:[FAR_AT], 4 */
	0xf4,						/* hlt */
};

static uint64_t dirty[WORDS];

static void set_log(struct small_vm *v, char *mem, bool on)
{
	struct kvm_userspace_memory_region region = {
		.flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0,
		.memory_size = TEMPLATE_SIZE,
		.userspace_addr = (uintptr_t)mem,
	};

	must(ioctl(v->vm, KVM_SET_USER_MEMORY_REGION, &region));
}

/* KVM forgets with this what it has logged so far. */
static void take_log(struct small_vm *v)
{
	struct kvm_dirty_log log = { .dirty_bitmap = dirty };

	memset(dirty, 0, sizeof(dirty));
	must(ioctl(v->vm, KVM_GET_DIRTY_LOG, &log));
}

static bool is_dirty(long offset)
{
	long page = offset / PAGE;

	return dirty[page / 64] >> page % 64 & 1;
}

/* A page that is only read may count, where KVM has mapped it writable. */
static void only_near(const char *what, long a, long b, long c)
{
	long at, others = 0;

	for (at = PAGE; at < (long)TEMPLATE_SIZE; at += PAGE)
		others += is_dirty(at) && at != a && at != b && at != c;
	is(others, 0, "  %s: no other page is logged", what);
}

static void use_es(struct small_vm *v)
{
	struct kvm_sregs sregs;

	must(ioctl(v->vcpu, KVM_GET_SREGS, &sregs));
	sregs.es.base = BLOCK;
	must(ioctl(v->vcpu, KVM_SET_SREGS, &sregs));
}

static void run(struct small_vm *v, const char *what)
{
	is(ioctl(v->vcpu, KVM_RUN, 0), 0, "%s: the guest runs", what);
	is(v->run->exit_reason, KVM_EXIT_HLT, "  until it halts");
}

static int word_at(int fd, long offset)
{
	uint16_t word;

	must(pread(fd, &word, sizeof(word), offset));
	return word;
}

/* Everything that wasn't written to is the template's. */
static bool as_template(int fd)
{
	return lettered(fd, PAGE, NEAR) && lettered(fd, NEAR + PAGE, FIRST) &&
	       lettered(fd, FIRST + PAGE, LATER) &&
	       lettered(fd, LATER + PAGE, FAR) &&
	       lettered(fd, FAR + PAGE, TEMPLATE_SIZE);
}

/* Its log is on and off; it is cloned itself while the log is on. */
static void test_log(uint64_t flags, const char *what)
{
	int from = new_template(flags, code, sizeof(code));
	int to = new_with(flags), other = new_with(flags);
	int late = new_with(flags);
	struct small_vm v;
	char *mem;

	must(ioctl(to, FICLONE, from));
	must(ioctl(other, FICLONE, from));
	mem = map(to, TEMPLATE_SIZE);
	v = make_vm(mem, TEMPLATE_SIZE);
	use_es(&v);
	run(&v, what);
	is(word_at(to, NEAR), 1, "  and has stored");

	set_log(&v, mem, true);
	run(&v, "logged");
	take_log(&v);
	ok(is_dirty(NEAR), "  a page that it had already is logged");
	ok(is_dirty(FIRST), "  and one that was in common until then");
	ok(is_dirty(FAR), "  in each block");
	only_near(what, NEAR, FIRST, FAR);
	is(word_at(to, FIRST), 2, "  it has stored");
	is(word_at(to, FAR), 2, "  in each block");

	run(&v, "logged again");
	take_log(&v);
	ok(is_dirty(FIRST) && is_dirty(LATER), "  both pages are logged");
	ok(!is_dirty(NEAR) && !is_dirty(FAR), "  and not the earlier ones");
	only_near(what, FIRST, LATER, LATER);

	must(ioctl(late, FICLONE, to));
	run(&v, "cloned while it is logged");
	take_log(&v);
	ok(is_dirty(LATER) && is_dirty(FAR), "  both pages are logged");
	is(word_at(to, LATER), 4, "  and written to");
	is(word_at(late, LATER), 3, "  the clone of it is as it was then");
	is(word_at(late, FAR), 2, "  in each block");
	set_log(&v, mem, false);

	ok(as_template(to), "  all else is the template's");
	ok(as_template(late), "  in its clone, too");
	ok(untouched(from), "  the template is as it was");
	ok(untouched(other), "  and the other clone");
	is(get_info(to).hidden, TEMPLATE_SIZE, "  all of it is hidden");
	is(get_info(from).hidden, TEMPLATE_SIZE, "  and of the template");
	free_vm(&v);
	munmap(mem, TEMPLATE_SIZE);
	close(from);
	close(to);
	close(other);
	close(late);
}

/* As QEMU's share=off. There is no file to look at: this is by the mapping. */
static void test_private(void)
{
	int from = new_template(0, code, sizeof(code));
	char *mem = must(mmap(NULL, TEMPLATE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE, from, 0));
	struct small_vm v = make_vm(mem, TEMPLATE_SIZE);

	use_es(&v);
	set_log(&v, mem, true);
	run(&v, "a private mapping");
	run(&v, "again");
	take_log(&v);
	ok(is_dirty(NEAR) && is_dirty(FIRST) && is_dirty(FAR),
	   "  what it has written is logged");
	only_near("a private mapping", NEAR, FIRST, FAR);
	is(mem[NEAR], 2, "  and is there");
	is(mem[FAR], 2, "  in each block");
	ok(untouched(from), "  the file is as it was");
	free_vm(&v);
	munmap(mem, TEMPLATE_SIZE);
	close(from);
}

int main(void)
{
	test_log(0, "2 MiB");
	test_log(GMEM_FLAG_NO_HUGE, "single pages");
	test_log(GMEM_FLAG_HUGE_ONLY, "2 MiB only");
	test_private();
	nothing_is_left();
	return done_testing();
}
