// SPDX-License-Identifier: GPL-2.0
/*
 * A block leaves its file while KVM has one page of it: that page is held, and
 * the 511 others are the kernel's, and nothing else. The kernel soon merges
 * what it gets, and writes into the page structs of it; whoever took that for a
 * note of gmemfs would put free pages on a list, and the host would die of it.
 */
#include <limits.h>
#include <sched.h>

#include "kvm.h"
#include "../module/gmem_test.h"

#define ROUNDS	12

static const unsigned int slots[] = {
	0, 1, 15, 16, 31, 32, 48, 64, 100, 128, 256, 300, 496, 511,
};

static struct vm vm;

/*
 * What is freed on a CPU goes to the free lists, where it is merged, when that
 * CPU has enough: as soon as can be.
 */
static void free_at_once(void)
{
	cpu_set_t cpus;

	must(write_text("/proc/sys/vm/percpu_pagelist_high_fraction",
			"1000000"));
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	must(sched_setaffinity(0, sizeof(cpus), &cpus));
}

static bool set_clock(uint64_t value)
{
	return vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, value);
}

static bool run(void)
{
	struct kvm_clock_data clock = { .clock = 12345678 };

	must(ioctl(vm.fd, KVM_SET_CLOCK, &clock));
	return !vcpu_run(&vm.vcpus[0]) &&
	       vm.vcpus[0].run->exit_reason == KVM_EXIT_IO;
}

/* Return: the bytes that are held while KVM has the page at @slot. */
static long leave(unsigned int slot, bool close_it)
{
	int fd = new_file(BLOCK);
	char *mem = map(fd, BLOCK);
	long held;

	memset(mem, 1, BLOCK);
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, BLOCK));
	if (!set_clock((GUEST_FILE + slot * PAGE) | 1) || !run() ||
	    get_info(fd).lent != PAGE)
		bail_out("KVM has no page of the file");
	if (close_it)
		munmap(mem, BLOCK);
	else
		must(ftruncate(fd, 0));
	close(fd);
	held = sysfs("pinned_bytes");

	if (!set_clock(0))
		bail_out("the clock can't be switched off");
	must(vm_set_slot(&vm, 1, GUEST_FILE, NULL, 0));
	if (!close_it)
		munmap(mem, BLOCK);
	return held;
}

static void leaves(unsigned int slot, bool close_it)
{
	long least = LONG_MAX, most = 0, held;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		held = leave(slot, close_it);
		least = held < least ? held : least;
		most = held > most ? held : most;
		if (!becomes("pinned_bytes", 0))
			break;
	}
	is(least, PAGE, "page %u of a block that %s: it is held", slot,
	   close_it ? "is closed" : "is truncated");
	is(most, PAGE, "and it alone");
	is(sysfs("pinned_bytes"), 0, "and only as long as KVM has it");
}

int main(void)
{
	unsigned int i;

	free_at_once();
	vm_make(&vm, 1, false);
	for (i = 0; i < sizeof(slots) / sizeof(*slots); i++)
		leaves(slots[i], i % 2);
	vm_free(&vm);
	ok(system("dmesg | grep -q 'work func gmem_'"),
	   "the kernel doesn't complain of the work that frees it");
	nothing_is_left();
	return done_testing();
}
