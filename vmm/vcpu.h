/* SPDX-License-Identifier: GPL-2.0 */
/* vCPUs. Each has a thread that runs it until the VM ends. */
#ifndef VCPU_H
#define VCPU_H

#include <stdint.h>

#include "thread.h"
#include "vm.h"

struct kvm_cpuid2;
struct kvm_run;

/* Why KVM_RUN has returned. */
enum vcpu_exit {
	EXIT_PORT,
	EXIT_MMIO,
	EXIT_HYPERCALL,
	EXIT_CLOCK,
	EXIT_OTHER,	/* signals, mostly */
	VCPU_EXITS,
};

struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	struct kvm_cpuid2 *cpuid;	/* as it was set */
	struct thread thread;
	uint64_t exits[VCPU_EXITS];	/* by enum vcpu_exit; atomic */
};

/* Return: 0, or -1 after fail(). vcpu_destroy() may be called after either. */
int vcpu_create(struct vcpu *vcpu, struct vm *vm, unsigned int id,
		unsigned int cpus);

/*
 * For the first vCPU only: it begins at the kernel's entry. The others wait
 * until the guest starts them.
 */
int vcpu_set_entry(struct vcpu *vcpu, uint64_t entry);

int vcpu_start(struct vcpu *vcpu);

/* After vm_end(): tell the thread to end. vcpu_stop() waits for that. */
void vcpu_tell(struct vcpu *vcpu);

/*
 * Have all vCPUs wait, for a snapshot. What each has asked for is done: it
 * waits outside of KVM_RUN, and KVM has nothing to complete. Only one thread
 * may do this at a time. Return: 0; or -1 after fail(), and then they run on
 */
int vcpu_pause(struct vcpu *vcpus, unsigned int nr);
void vcpu_go_on(struct vm *vm);

/* After vm_end(). Return: as thread_end() */
int vcpu_stop(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);

#endif
