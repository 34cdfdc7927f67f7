/* SPDX-License-Identifier: GPL-2.0 */
/* vCPUs, each with a thread that runs it until the VM ends. */
#ifndef VCPU_H
#define VCPU_H

#include <stdint.h>

#include "error.h"
#include "thread.h"
#include "vm.h"

struct kvm_run;

/* Why a vCPU comes to us. */
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
	struct thread thread;
	struct seldom said;
	uint64_t exits[VCPU_EXITS];	/* by enum vcpu_exit; atomic */
};

/* Return: 0, or -1 said why. vcpu_destroy() may be called after either. */
int vcpu_create(struct vcpu *vcpu, struct vm *vm, unsigned int id,
		unsigned int cpus);

/* The first vCPU begins at the kernel's entry; the others wait for it. */
int vcpu_set_entry(struct vcpu *vcpu, uint64_t entry);

int vcpu_start(struct vcpu *vcpu);

/* The VM has ended: it needn't run any more. */
void vcpu_tell(struct vcpu *vcpu);

/* After the VM has ended. Return: as of thread_end() */
int vcpu_stop(struct vcpu *vcpu);
void vcpu_destroy(struct vcpu *vcpu);

#endif
