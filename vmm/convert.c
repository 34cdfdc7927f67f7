// SPDX-License-Identifier: GPL-2.0
/* The hypercall for conversions, and the policy which of them are allowed. */
#include <errno.h>
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <sys/ioctl.h>

#include "convert.h"
#include "error.h"

/* The other attributes are the page size that the guest uses. */
#define ATTRIBUTE_PRIVATE	(1ULL << 4)

#define PAGE_SHIFT	12

int convert_enable(struct vm *vm)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXIT_HYPERCALL,
		.args[0] = 1ULL << KVM_HC_MAP_GPA_RANGE,
	};

	if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap))
		return fail_errno("KVM_CAP_EXIT_HYPERCALL");
	return 0;
}

/*
 * The policy: the guest decides about its own memory. What it shares is as
 * readable as other memory of the host. This can't harm other guests.
 */
static int convert(struct vm *vm, uint64_t address, uint64_t pages,
		   bool private)
{
	uint64_t size = pages << PAGE_SHIFT, part;
	int ret = 0;

	if (pages > UINT64_MAX >> PAGE_SHIFT)
		return -EINVAL;
	if (!guest_has(&vm->guest, address, size))
		return -EFAULT;
	for (; size && !ret && !vm_has_ended(vm); size -= part) {
		part = size < CONVERT_PART ? size : CONVERT_PART;
		/* A snapshot interrupts this thread; the guest mustn't see. */
		do
			ret = guest_convert(&vm->guest, address, part, private);
		while (ret == -EINTR && !vm_has_ended(vm));
		address += part;
	}
	return ret;
}

static uint64_t answer(int ret)
{
	switch (ret) {
	case 0:
		return 0;
	case -EOPNOTSUPP:
		return -(uint64_t)KVM_EOPNOTSUPP;
	case -EFAULT:
		return -(uint64_t)KVM_EFAULT;
	default:
		return -(uint64_t)KVM_EINVAL;
	}
}

void convert_handle(struct vm *vm, struct kvm_run *run)
{
	int ret;

	if (run->hypercall.nr != KVM_HC_MAP_GPA_RANGE) {
		run->hypercall.ret = -(uint64_t)KVM_ENOSYS;
		return;
	}
	ret = convert(vm, run->hypercall.args[0], run->hypercall.args[1],
		      run->hypercall.args[2] & ATTRIBUTE_PRIVATE);
	run->hypercall.ret = answer(ret);
}
