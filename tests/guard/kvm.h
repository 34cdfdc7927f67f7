/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small client of KVM, for guests made of guest.c. Its memory: a little of
 * its own at address 0, and whatever a test puts into slots.
 */
#ifndef GUARD_KVM_H
#define GUARD_KVM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest.h"

#define VM_MAX_VCPUS	8
#define MSR_CLOCK	0x4b564d01
#define XEN_MSR		0x40000200

struct vm;

struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run;
	struct guest_cpu *guest;	/* in the guest's memory */
};

struct vm {
	int kvm_fd;
	int fd;
	char *low;
	bool hyperv;
	unsigned int nr_vcpus;
	struct vcpu vcpus[VM_MAX_VCPUS];
};

/* All of these end the test if KVM can't do what every KVM can. */
void vm_make(struct vm *vm, unsigned int nr_vcpus, bool hyperv);
void vm_free(struct vm *vm);

/* For who makes many VMs, one after another: one more, until the test ends. */
void vm_keep_one(void);

/* 0 or -1 and errno. @size 0 deletes the slot. Slot 0 is taken. */
int vm_set_slot(struct vm *vm, unsigned int slot, uint64_t addr, void *mem,
		uint64_t size);

/* To the guest's entry, whatever state the vCPU was in. */
void vcpu_reset(struct vcpu *vcpu, enum guest_mode mode, uint64_t seed);

/* KVM_RUN: 0 or -1 and errno; vcpu->run->exit_reason. */
int vcpu_run(struct vcpu *vcpu);

/* Did KVM take it? */
bool vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);

/* The guest's counts since the last call; the vCPU must not be running. */
void vcpu_take_counts(struct vcpu *vcpu, uint64_t counts[GUEST_COUNTS]);

#endif /* GUARD_KVM_H */
