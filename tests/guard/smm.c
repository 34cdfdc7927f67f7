// SPDX-License-Identifier: GPL-2.0
/*
 * System management mode out of a guest's guest: to come back from there, KVM
 * maps two pages of the guest's memory at once, the VMCB and where the host's
 * state is saved. Linux 7.3's makes the second map at the address where it made
 * the first. Both pages must be there until each is given back.
 */
#include "kvm.h"
#include "../module/gmem_test.h"

#define SIZE		GUEST_FILE_SIZE
#define ROUNDS		200
#define SMM_SPACE	(1U << 16)	/* of slots */
#define HANDLER		0x38000		/* as after a reset */
#define COUNTER		0x0ff0

/* In the 16 bit mode that it begins in: inc word [COUNTER]; rsm */
static const unsigned char handler[] = {
	0xff, 0x06, COUNTER & 0xff, COUNTER >> 8, 0x0f, 0xaa,
};

static struct vm vm;
static char *mem;

static unsigned int smis(void)
{
	return *(volatile uint16_t *)(vm.low + COUNTER);
}

/* Until the guest's guest has ticked. */
static bool run(void)
{
	struct vcpu *vcpu = &vm.vcpus[0];

	return !vcpu_run(vcpu) && vcpu->run->exit_reason == KVM_EXIT_IO &&
	       vcpu->run->io.port == GUEST_TICK_PORT;
}

static void set_up(int fd)
{
	mem = map(fd, SIZE);
	vm_make(&vm, 1, false);
	memcpy(vm.low + HANDLER, handler, sizeof(handler));
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));
	must(vm_set_slot(&vm, SMM_SPACE, 0, vm.low, GUEST_LOW_SIZE));
	must(vm_set_slot(&vm, SMM_SPACE + 1, GUEST_FILE, mem, SIZE));
	vcpu_reset(&vm.vcpus[0], GUEST_NESTED, 1);
}

static void test_smm(void)
{
	unsigned int i, ticks = 0;
	long loans;

	ok(run(), "a guest's guest runs");
	is(sysfs("lent_bytes"), 0, "nothing stays lent while it does");
	loans = sysfs("loans");
	for (i = 0; i < ROUNDS; i++) {
		must(ioctl(vm.vcpus[0].fd, KVM_SMI));
		ticks += run();
	}
	is(ticks, ROUNDS, "and goes on after each system management interrupt");
	ok(smis() >= ROUNDS - 1, "of which %u came", smis());
	ok(sysfs("loans") - loans >= 2 * (ROUNDS - 1),
	   "for each, two pages were lent: %ld in all",
	   sysfs("loans") - loans);
	ok(becomes("lent_bytes", 0), "and were returned");
	is(vm.vcpus[0].guest->l2_exits, 0, "the guest itself never ran");
}

int main(void)
{
	int fd = new_file(SIZE);

	if (ioctl(must(open("/dev/kvm", O_RDWR | O_CLOEXEC)),
		  KVM_CHECK_EXTENSION, KVM_CAP_X86_SMM) < 1)
		bail_out("KVM has no system management mode");
	set_up(fd);
	test_smm();
	vm_free(&vm);
	munmap(mem, SIZE);
	close(fd);
	nothing_is_left();
	return done_testing();
}
