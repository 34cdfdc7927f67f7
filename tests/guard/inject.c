// SPDX-License-Identifier: GPL-2.0
/*
 * What the module does within KVM's calls fails, step by step: KVM has its
 * clock or has none, as the module could lend the page or not; either way the
 * guest runs, and with the next call all is well.
 */
#include "kvm.h"
#include "../module/gmem_test.h"
#include "../lib/faults.h"

#define SIZE	(2 * BLOCK)
#define X	3

static struct vm vm;
static int fd;
static char *mem;

static int set_clock(void)
{
	return vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK,
			    (GUEST_FILE + X * PAGE) | 1) ? 0 : -1;
}

static int clock_off(void)
{
	return vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, 0) ? 0 : -1;
}

/* KVM writes all clocks before it enters the guest. */
static int run(void)
{
	struct kvm_clock_data clock = {};

	must(ioctl(vm.fd, KVM_GET_CLOCK, &clock));
	clock.flags = 0;
	must(ioctl(vm.fd, KVM_SET_CLOCK, &clock));
	return vcpu_run(&vm.vcpus[0]);
}

/* The memory is gone and has come back: KVM looks for its clock's page anew. */
static void with_new_memory(void)
{
	must(set_clock());
	must(ftruncate(fd, 0));
	must(ftruncate(fd, SIZE));
	mem[X * PAGE] = 0;
}

static void with_clock(void)
{
	must(set_clock());
}

static int drop_memory(void)
{
	return ftruncate(fd, 0);
}

static int take_slot(void)
{
	return vm_set_slot(&vm, 1, GUEST_FILE, mem, 0);
}

static void give_slot(void)
{
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));
}

static int share(void)
{
	return set_shared(fd, 0, BLOCK);
}

static void hide(void)
{
	must(set_private(fd, 0, BLOCK));
}

static void regrow(void)
{
	must(ftruncate(fd, SIZE));
	mem[X * PAGE] = 0;
}

static const struct call {
	const char *name;
	void (*prepare)(void);
	int (*make)(void);
	void (*undo)(void);
} calls[] = {
	{ "a clock's page", .make = set_clock },
	{ "a clock's page, on entry", .prepare = with_new_memory, .make = run },
	{ "no clock any more", .prepare = with_clock, .make = clock_off },
	{ "truncate under a clock", .prepare = with_clock,
	  .make = drop_memory, .undo = regrow },
	{ "no slot any more", .prepare = with_clock, .make = take_slot,
	  .undo = give_slot },
	{ "share under a clock", .prepare = with_clock, .make = share,
	  .undo = hide },
};

static bool is_lent(void)
{
	return get_info(fd).lent == PAGE;
}

/* What couldn't be hidden when it came back is hidden a moment later. */
static bool nothing_lent(void)
{
	int i;

	for (i = 0; i < 600 && get_info(fd).lent; i++)
		usleep(100000);
	return !get_info(fd).lent && get_info(fd).hidden;
}

/* The nth step fails. *@fired: there was an nth. */
static bool survives(const struct call *call, int n, bool *fired)
{
	int ret;

	if (call->prepare)
		call->prepare();
	fail_nth(n);
	ret = call->make();
	*fired = has_failed();
	if (ret && !*fired) {
		diag("%s, %d: %s", call->name, n, strerror(errno));
		return false;
	}
	if (ret && call->make()) {
		diag("%s, %d: and again: %s", call->name, n, strerror(errno));
		return false;
	}
	if (call->undo)
		call->undo();
	if (run() || set_clock() || run() || !is_lent()) {
		diag("%s, %d: no clock afterwards", call->name, n);
		return false;
	}
	must(clock_off());
	return nothing_lent();
}

static void test_call(const struct call *call)
{
	bool good = true, fired = true;
	int n, failed = 0;

	for (n = 1; good && fired && n < FAULTS_MOST; n++) {
		good = survives(call, n, &fired);
		failed += fired;
	}
	ok(good && !fired, "%s: any of %d steps may fail", call->name, failed);
}

int main(void)
{
	unsigned int i;

	need_faults();
	only_module();
	fd = new_file(SIZE);
	mem = map(fd, SIZE);
	mem[X * PAGE] = 0;
	vm_make(&vm, 1, false);
	give_slot();
	ok(!set_clock() && !run() && is_lent(), "a guest with a clock");
	must(clock_off());
	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		test_call(&calls[i]);
	vm_free(&vm);
	munmap(mem, SIZE);
	close(fd);
	nothing_is_left();
	return done_testing();
}
