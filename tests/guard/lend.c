// SPDX-License-Identifier: GPL-2.0
/*
 * lend [clock|deny|outlive]: what is lent to KVM, page by page, and when it is
 * hidden again. "clock": only that a clock page is lent. "deny": that none is,
 * and that the VM lives. "outlive": a VM that has lost its memory makes
 * /run/outlive.ready, waits for SIGUSR1 and runs; the module may be gone then.
 */
#include "kvm.h"
#include "../../ctl/kcore.h"
#include "../module/gmem_test.h"

#define SIZE	(2 * BLOCK)
#define X	3
#define Y	10

static struct kcore kcore;
static struct vm vm;
static int fd;
static char *mem;
static uint64_t first_pfn;

/* ---- what to do, and to see ---- */

static bool set_clock_page(unsigned int vcpu, unsigned int page)
{
	return vcpu_set_msr(&vm.vcpus[vcpu], MSR_CLOCK,
			    (GUEST_FILE + page * PAGE + vcpu * 64) | 1);
}

static bool clock_off(unsigned int vcpu)
{
	return vcpu_set_msr(&vm.vcpus[vcpu], MSR_CLOCK, 0);
}

static int set_slot(uint64_t size)
{
	return vm_set_slot(&vm, 1, GUEST_FILE, mem, size);
}

/* A round in the guest, before which KVM writes all of its clocks. */
static bool run(unsigned int vcpu)
{
	struct kvm_clock_data clock = {};

	must(ioctl(vm.fd, KVM_GET_CLOCK, &clock));
	clock.flags = 0;
	must(ioctl(vm.fd, KVM_SET_CLOCK, &clock));
	return !vcpu_run(&vm.vcpus[vcpu]) &&
	       vm.vcpus[vcpu].run->exit_reason == KVM_EXIT_IO;
}

/* struct pvclock_vcpu_time_info: tsc_to_system_mul, which is never 0. */
static uint32_t clock_factor(unsigned int page)
{
	return *(volatile uint32_t *)(mem + page * PAGE + 24);
}

static bool in_direct_map(unsigned int page)
{
	struct kcore_leaf leaf;
	int ret = kcore_lookup(&kcore, kcore_direct(&kcore, first_pfn + page),
			       &leaf);

	if (ret < 0)
		bail_out("kcore_lookup: %s", strerror(-ret));
	return ret;
}

static bool alone_in_direct_map(unsigned int page)
{
	return in_direct_map(page) && !in_direct_map(page - 1) &&
	       !in_direct_map(page + 1);
}

static uint8_t state(unsigned int page)
{
	uint8_t byte;
	struct gmem_state get = {
		.offset = page * PAGE, .size = PAGE,
		.states = (uintptr_t)&byte,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return byte;
}

/* Pages that GMEM_GET_STATE says are lent, in bytes. */
static long lent_by_state(void)
{
	unsigned int page, pages = get_info(fd).size / PAGE;
	long bytes = 0;

	for (page = 0; page < pages; page++)
		if (state(page) & GMEM_STATE_LENT)
			bytes += PAGE;
	return bytes;
}

static void lent_is(long bytes, const char *when)
{
	is(lent_by_state(), bytes, "%s: by GMEM_GET_STATE too", when);
	is(get_info(fd).lent, bytes, "%s: the file has lent %ld bytes", when,
	   bytes);
	is(sysfs("lent_bytes"), bytes, "%s: and so has the module", when);
}

static long lent_within(long bytes, unsigned int tenths)
{
	while (tenths-- && get_info(fd).lent != (uint64_t)bytes)
		usleep(100000);
	return get_info(fd).lent;
}

static void set_up(void)
{
	if (kcore_open(&kcore))
		bail_out("%s", kcore.error);
	fd = new_file(SIZE);
	mem = map(fd, SIZE);
	first_pfn = fault_pfn(mem);
	vm_make(&vm, 2, false);
	must(set_slot(SIZE));
}

/* ---- the tests ---- */

static void test_one_page(void)
{
	uint64_t hidden = get_info(fd).hidden;

	ok(!in_direct_map(X), "at first X is hidden");
	ok(set_clock_page(0, X), "clock at X");
	lent_is(PAGE, "clock at X");
	is(get_info(fd).hidden, hidden - PAGE, "that much less is hidden");
	is(get_info(fd).populated, get_info(fd).hidden + get_info(fd).lent,
	   "all the file has is hidden or lent");
	ok(alone_in_direct_map(X), "X is in the direct map, its neighbours not");
	ok(run(0), "the guest runs");
	ok(clock_factor(X), "KVM has written the clock to X");
}

static void test_move(void)
{
	ok(set_clock_page(0, Y), "clock moves to Y");
	lent_is(PAGE, "clock at Y");
	ok(!in_direct_map(X), "X is hidden again");
	ok(alone_in_direct_map(Y), "Y is not");
	ok(run(0) && clock_factor(Y), "KVM has written the clock to Y");
}

static void test_two_vcpus(void)
{
	ok(set_clock_page(1, Y), "the other vCPU's clock at Y, too");
	lent_is(PAGE, "two borrowers");
	ok(run(1), "it runs");
	ok(clock_off(0), "the first is switched off");
	lent_is(PAGE, "one borrower left");
	ok(in_direct_map(Y), "Y is still there");
	ok(clock_off(1), "the second is switched off");
	lent_is(0, "no borrower left");
	ok(!in_direct_map(Y), "Y is hidden again");
}

static void test_truncate(void)
{
	long loans;

	ok(set_clock_page(0, X) && run(0), "clock at X");
	must(ftruncate(fd, 0));
	lent_is(0, "truncated");
	is(get_info(fd).hidden, 0, "nothing is hidden");
	ok(run(0), "the guest runs, without a clock");
	lent_is(0, "and run");
	must(ftruncate(fd, SIZE));
	first_pfn = fault_pfn(mem);
	ok(all_bytes(mem, SIZE, 0), "grown again, it is all zeros");
	loans = sysfs("loans");
	ok(run(0), "the guest runs");
	ok(sysfs("loans") > loans, "and its clock is back by itself");
	lent_is(PAGE, "grown");
	ok(alone_in_direct_map(X) && clock_factor(X), "at X");
	clock_off(0);
	lent_is(0, "switched off");
}

/* The tail of a block stays with the file, and so does what is lent of it. */
static void test_truncate_tail(void)
{
	ok(set_clock_page(0, Y) && run(0), "clock at Y");
	must(ftruncate(fd, Y * PAGE));
	ok(run(0), "the guest runs with Y beyond the end");
	lent_is(0, "beyond the end");
	must(ftruncate(fd, SIZE));
	ok(all_bytes(mem + Y * PAGE, PAGE, 0), "grown again, Y is zeros");
	ok(run(0) && clock_factor(Y), "and the clock is back");
	clock_off(0);
	lent_is(0, "switched off");
}

static int convert(unsigned int page, uint64_t attributes)
{
	struct gmem_attributes set = {
		.offset = page * PAGE, .size = PAGE, .attributes = attributes,
	};

	return ioctl(fd, GMEM_SET_ATTRIBUTES, &set);
}

/* What KVM has borrowed is converted meanwhile, and back. */
static void test_convert(void)
{
	ok(set_clock_page(0, X) && run(0), "clock at X");
	must(convert(X, 0));
	is(get_info(fd).lent, 0, "made shared, X is not lent but exposed");
	is(state(X) & GMEM_STATE_EXPOSED, GMEM_STATE_EXPOSED, "it's exposed");
	ok(run(0) && alone_in_direct_map(X), "the guest runs");
	must(convert(X, GMEM_ATTRIBUTE_PRIVATE));
	lent_is(PAGE, "made private while KVM has it");
	ok(run(0) && alone_in_direct_map(X), "it stays where KVM has it");
	ok(clock_off(0), "clock off");
	lent_is(0, "clock off");
	ok(!in_direct_map(X), "and it's hidden when it comes back");

	must(convert(X, 0));
	ok(set_clock_page(0, X) && run(0), "clock at a shared page");
	is(get_info(fd).lent, 0, "which needs no exposing");
	ok(clock_off(0), "clock off");
	ok(alone_in_direct_map(X), "and isn't hidden when it comes back");
	must(convert(X, GMEM_ATTRIBUTE_PRIVATE));
	ok(!in_direct_map(X), "but when it's made private");
}

static void test_slot(void)
{
	ok(set_clock_page(0, X) && run(0), "clock at X");
	must(set_slot(0));
	ok(run(0), "the guest runs without the slot");
	lent_is(0, "without the slot");
	must(set_slot(SIZE));
	ok(run(0), "the guest runs with the slot");
	lent_is(PAGE, "with the slot");
	clock_off(0);
	lent_is(0, "switched off");
}

static void test_unmap(void)
{
	ok(set_clock_page(0, X) && run(0), "clock at X");
	must(munmap(mem, SIZE));
	ok(run(0), "the guest runs without the mapping");
	lent_is(0, "without the mapping");
	must(mmap(mem, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		  fd, 0));
	clock_off(0);
}

static void test_kill(void)
{
	int ready[2];
	char c = 0;
	pid_t pid;

	must(pipe(ready));
	pid = must(fork());
	if (!pid) {
		vm_make(&vm, 2, false);
		must(set_slot(SIZE));
		c = set_clock_page(0, X) && set_clock_page(1, Y) && run(0) &&
		    run(1);
		must(write(ready[1], &c, 1));
		for (;;)
			pause();
	}
	must(read(ready[0], &c, 1));
	ok(c, "a VM of another process, with clocks at X and Y");
	lent_is(2 * PAGE, "two pages");
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
	is(lent_within(0, 600), 0, "killed: nothing is lent");
	ok(!in_direct_map(X) && !in_direct_map(Y), "and both are hidden");
	close(ready[0]);
	close(ready[1]);
}

/* KVM takes the MSR and has no clock, as for a page that isn't there. */
static void test_expose_fails(void)
{
	inject("expose", 1);
	set_clock_page(0, X);
	lent_is(0, "exposing fails");
	ok(!in_direct_map(X), "X stays hidden");
	inject("expose", -1);
	ok(run(0), "the guest runs all the same");
	lent_is(0, "exposing goes on failing");
	inject("expose", 0);
	ok(run(0), "the guest runs");
	lent_is(PAGE, "exposing works again");
	clock_off(0);
	lent_is(0, "switched off");
}

static void test_no_memory(void)
{
	inject("alloc_meta", -1);
	set_clock_page(0, X);
	lent_is(0, "no memory for a loan");
	ok(run(0), "the guest runs all the same");
	inject("alloc_meta", 0);
	clock_off(0);
}

static void test_hide_fails(void)
{
	ok(set_clock_page(0, X) && run(0), "clock at X");
	inject("hide", -1);
	clock_off(0);
	lent_is(PAGE, "hiding fails");
	inject("hide", 0);
	is(lent_within(0, 600), 0, "soon it is tried again");
	ok(!in_direct_map(X), "and X is hidden");

	set_clock_page(0, X);
	inject("hide", -1);
	clock_off(0);
	set_clock_page(0, X);
	inject("hide", 0);
	sleep(2);
	lent_is(PAGE, "borrowed again before that");
	ok(in_direct_map(X), "X stays in the direct map");
	clock_off(0);
	lent_is(0, "switched off");

	set_clock_page(0, X);
	inject("hide", 1);
	clock_off(0);
	must(ftruncate(fd, 0));
	lent_is(0, "truncated before that");
	must(ftruncate(fd, SIZE));
	first_pfn = fault_pfn(mem);
	sleep(2);
	ok(!in_direct_map(X), "nothing comes back to it");
}

/* What could not become private is wanted shared as before, also if lent. */
static void test_convert_fails(void)
{
	ok(set_clock_page(0, 0) && run(0), "clock at the first page");
	must(set_shared(fd, 0, BLOCK));
	inject("hide", -1);
	ok(set_private(fd, 0, BLOCK) && errno == ENOMEM,
	   "nothing can be hidden: ENOMEM");
	inject("hide", 0);
	ok(state(0) & GMEM_STATE_SHARED && state(0) & GMEM_STATE_LENT,
	   "the page is shared and lent");
	clock_off(0);
	lent_is(0, "the loan is over");
	ok(in_direct_map(0), "the page stays in the direct map: it is shared");
	must(set_private(fd, 0, BLOCK));
	ok(!in_direct_map(0), "until it is private");
}

static void test_injections(void)
{
	if (access("/sys/module/gmemfs/parameters/fail_hide", F_OK)) {
		skip(1, "not the debug build");
		return;
	}
	test_expose_fails();
	test_no_memory();
	test_hide_fails();
	test_convert_fails();
}

static void test_deny(void)
{
	set_clock_page(0, X);
	lent_is(0, "refused");
	ok(run(0) && run(0), "the guest runs");
	is(clock_factor(X), 0, "without a clock");
	lent_is(0, "still refused");
	ok(!in_direct_map(X), "X is hidden");
}

static void test_all(void)
{
	test_one_page();
	test_move();
	test_two_vcpus();
	test_truncate();
	test_truncate_tail();
	test_convert();
	test_slot();
	test_unmap();
	test_kill();
	test_injections();
}

static void outlive(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ok(set_clock_page(0, X) && run(0), "clock at X");
	munmap(mem, SIZE);
	close(fd);
	must(open("/run/outlive.ready", O_CREAT | O_WRONLY, 0600));
	sigwait(&set, &sig);
	ok(run(0), "the guest runs");
	ok(clock_off(0), "its clock is switched off");
	vm_free(&vm);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	set_up();
	if (!strcmp(what, "outlive")) {
		outlive();
		return done_testing();
	}
	if (!strcmp(what, "deny"))
		test_deny();
	else if (!strcmp(what, "clock"))
		test_one_page();
	else
		test_all();
	vm_free(&vm);
	munmap(mem, SIZE);
	close(fd);
	nothing_is_left();
	return done_testing();
}
