// SPDX-License-Identifier: GPL-2.0
/*
 * Who comes first: memory that is shared, or kept in the direct map, before KVM
 * has it, and what happens to it then. KVM's clock page is every kind of page,
 * and is hidden, zeroed, punched, cut off, unmapped or closed while KVM has it,
 * in each order, with pages lent or not. KVM goes on writing to it.
 *
 * A page that KVM has stays in the direct map, whatever it was when KVM got it.
 */
#include "kvm.h"
#include "../module/gmem_test.h"

#define SIZE	(2 * BLOCK)
#define X	3
#define GUARD	"/sys/module/gmemfs/parameters/guard"

/* How the page came to be what it is, before KVM gets it. */
enum first {
	PRIVATE,		/* hidden when it is lent */
	SHARED_HOLE,		/* a hole that was shared, then filled */
	SHARED_FILE,		/* a file with GMEM_FLAG_INIT_SHARED */
	SHARED_LATER,		/* filled, then shared */
	SHARED_SINGLE,		/* shared as a hole, in single pages */
	SHARED_AROUND,		/* its block is, but for one page */
	KEPT,			/* GMEM_FLAG_KEEP_DIRECT_MAP */
	FIRSTS
};

static const char *const first_names[FIRSTS] = {
	"private", "a shared hole", "a shared file", "shared later",
	"single and shared", "shared in part", "kept",
};

/* What happens then, while KVM has the page. */
enum then {
	HIDE, HIDE_PAGE, HIDE_ZERO, HIDE_TWICE, PUNCH, PUNCH_PAGE, TRUNCATE,
	ZERO_RANGE, UNMAP, FORK, DELETE_SLOT, LOG_DIRTY, THENS
};

static const char *const then_names[THENS] = {
	"made private", "made private by itself", "made private and zeroed",
	"made private, shared and private again", "punched",
	"punched by itself", "cut off", "zeroed", "unmapped", "forked",
	"its slot deleted", "dirty logging on",
};

static struct vm vm;
static int fd;
static char *mem;

static int open_first(enum first first)
{
	struct gmem_create create = { .size = SIZE };
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), new;

	switch (first) {
	case SHARED_FILE:
		create.flags = GMEM_FLAG_INIT_SHARED;
		break;
	case SHARED_SINGLE:
		create.flags = GMEM_FLAG_NO_HUGE;
		break;
	case KEPT:
		create.flags = GMEM_FLAG_KEEP_DIRECT_MAP;
		break;
	default:
		break;
	}
	new = must(ioctl(dir, GMEM_CREATE, &create));
	close(dir);
	return new;
}

static void set_up(enum first first)
{
	fd = open_first(first);
	if (first == SHARED_HOLE || first == SHARED_SINGLE)
		must(set_shared(fd, 0, SIZE));
	mem = map(fd, SIZE);
	memset(mem, 0, SIZE);
	if (first == SHARED_LATER)
		must(set_shared(fd, 0, SIZE));
	if (first == SHARED_AROUND)
		must(set_shared(fd, 0, (X + 1) * PAGE));
	vm_make(&vm, 1, false);
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));
}

static bool clock_at_x(void)
{
	return vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK,
			    (GUEST_FILE + X * PAGE) | 1);
}

/* Before the guest's next round, KVM writes its clock. */
static bool run(void)
{
	struct kvm_clock_data clock = { .clock = 12345678 };

	must(ioctl(vm.fd, KVM_SET_CLOCK, &clock));
	return !vcpu_run(&vm.vcpus[0]) &&
	       vm.vcpus[0].run->exit_reason == KVM_EXIT_IO;
}

static void fork_and_wait(void)
{
	pid_t pid = must(fork());

	if (!pid)
		_exit(mem[X * PAGE] ? 0 : 0);
	must(waitpid(pid, NULL, 0));
}

static int log_dirty(void)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1, .guest_phys_addr = GUEST_FILE, .memory_size = SIZE,
		.userspace_addr = (uintptr_t)mem,
		.flags = KVM_MEM_LOG_DIRTY_PAGES,
	};

	return ioctl(vm.fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static int punch(long offset, long size)
{
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			 offset, size);
}

static int happen(enum then then)
{
	switch (then) {
	case HIDE:
		return set_private(fd, 0, SIZE);
	case HIDE_PAGE:
		return set_private(fd, X * PAGE, PAGE);
	case HIDE_ZERO:
		return set_flags(fd, 0, SIZE, GMEM_ATTRIBUTE_PRIVATE,
				 GMEM_CONVERT_ZERO, NULL);
	case HIDE_TWICE:
		return set_private(fd, 0, SIZE) || set_shared(fd, 0, SIZE) ||
		       set_private(fd, X * PAGE, PAGE) ? -1 : 0;
	case PUNCH:
		return punch(0, BLOCK);
	case PUNCH_PAGE:
		return punch(X * PAGE, PAGE);
	case TRUNCATE:
		return ftruncate(fd, 0) || ftruncate(fd, SIZE) ? -1 : 0;
	case ZERO_RANGE:
		return fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, SIZE);
	case UNMAP:
		return munmap(mem, SIZE);
	case FORK:
		fork_and_wait();
		return 0;
	case DELETE_SLOT:
		return vm_set_slot(&vm, 1, GUEST_FILE, mem, 0);
	default:
		return log_dirty();
	}
}

static void tear_down(enum then then)
{
	vm_free(&vm);
	if (then != UNMAP)
		munmap(mem, SIZE);
	close(fd);
}

/* Would @then make private what KVM has because it is shared? */
static bool is_kept_shared(enum first first, enum then then)
{
	return then <= HIDE_TWICE && first != PRIVATE && first != KEPT;
}

static void try_order(enum first first, enum then then, bool deny)
{
	bool lent = !deny || first != PRIVATE;
	int ret;

	set_up(first);
	vcpu_reset(&vm.vcpus[0], GUEST_IDLE, 1);
	clock_at_x();
	run();
	ret = happen(then);
	if (deny && is_kept_shared(first, then))
		is_errno(ret, EAGAIN, "%s, %s: it stays shared",
			 first_names[first], then_names[then]);
	else
		is(ret, 0, "%s, %s", first_names[first], then_names[then]);
	ok(run() && run(), "%s, %s: the guest goes on%s", first_names[first],
	   then_names[then], lent ? "" : " without a clock");
	if (then == UNMAP)
		munmap(mem, SIZE);
	vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, 0);
	is(get_info(fd).lent, 0, "%s, %s: all is returned",
	   first_names[first], then_names[then]);
	tear_down(then);
}

/* The page has the clock while it is made private, and is hidden afterwards. */
static void test_clock_stays(enum first first)
{
	uint64_t hidden;
	uint32_t version;

	set_up(first);
	vcpu_reset(&vm.vcpus[0], GUEST_IDLE, 1);
	ok(clock_at_x() && run(), "%s: it has the clock", first_names[first]);
	must(set_private(fd, 0, SIZE));
	is(get_info(fd).lent, PAGE, "made private it is lent");
	is(get_info(fd).hidden, SIZE - PAGE, "and all else is hidden");
	version = *(volatile uint32_t *)(mem + X * PAGE);
	ok(run(), "KVM writes its clock");
	ok(*(volatile uint32_t *)(mem + X * PAGE) != version, "into it");
	vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, 0);
	hidden = get_info(fd).hidden;
	is(hidden, SIZE, "when the clock is off, it is hidden, too");
	tear_down(HIDE);
}

static void all_orders(bool deny)
{
	unsigned int first, then;

	for (first = 0; first < FIRSTS; first++)
		for (then = 0; then < THENS; then++)
			try_order(first, then, deny);
}

/* What is lent stays so when the mode changes. */
static void test_mode_changes(void)
{
	set_up(SHARED_HOLE);
	vcpu_reset(&vm.vcpus[0], GUEST_IDLE, 1);
	must(write_text(GUARD, "deny"));
	ok(clock_at_x() && run(), "deny: a shared page may have the clock");
	is_errno(set_private(fd, 0, SIZE), EAGAIN, "and can't be made private");
	must(write_text(GUARD, "lend"));
	is(set_private(fd, 0, SIZE), 0, "lend: it can");
	ok(run(), "the guest runs");
	must(write_text(GUARD, "deny"));
	ok(run(), "deny: what is lent stays so");
	is(get_info(fd).lent, PAGE, "until it is returned");
	vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, 0);
	is(get_info(fd).lent, 0, "and then is not any more");
	clock_at_x();
	ok(run(), "the guest runs");
	is(get_info(fd).lent, 0, "nor lent again");
	tear_down(HIDE);
	must(write_text(GUARD, "lend"));
}

int main(void)
{
	vm_keep_one();
	test_clock_stays(SHARED_HOLE);
	test_clock_stays(SHARED_FILE);
	test_clock_stays(SHARED_LATER);
	test_clock_stays(SHARED_SINGLE);
	all_orders(false);
	must(write_text(GUARD, "deny"));
	all_orders(true);
	must(write_text(GUARD, "lend"));
	test_mode_changes();
	nothing_is_left();
	return done_testing();
}
