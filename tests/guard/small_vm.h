/* SPDX-License-Identifier: GPL-2.0 */
/* A VM whose guest is a few instructions in real mode. */
#ifndef GMEM_TEST_SMALL_VM_H
#define GMEM_TEST_SMALL_VM_H

#include "../module/gmem_test.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

struct small_vm {
	int kvm, vm, vcpu;
	struct kvm_run *run;
};

/* One vCPU in real mode, at address 0. */
static struct small_vm make_vm(char *mem, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.memory_size = size, .userspace_addr = (uintptr_t)mem,
	};
	struct kvm_regs regs = { .rflags = 2 };
	struct kvm_sregs sregs;
	struct small_vm v;

	v.kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	v.vm = must(ioctl(v.kvm, KVM_CREATE_VM, 0));
	must(ioctl(v.vm, KVM_SET_USER_MEMORY_REGION, &region));
	v.vcpu = must(ioctl(v.vm, KVM_CREATE_VCPU, 0));
	v.run = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  v.vcpu, 0));
	must(ioctl(v.vcpu, KVM_GET_SREGS, &sregs));
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	must(ioctl(v.vcpu, KVM_SET_SREGS, &sregs));
	must(ioctl(v.vcpu, KVM_SET_REGS, &regs));
	return v;
}

static void free_vm(struct small_vm *v)
{
	munmap(v->run, PAGE);
	close(v->vcpu);
	close(v->vm);
	close(v->kvm);
}

#endif /* GMEM_TEST_SMALL_VM_H */
