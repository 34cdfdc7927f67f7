/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What KVM has of a guest, in a snapshot: vCPUs, interrupt controllers, timer,
 * clocks. No vCPU runs meanwhile. KVM checks what it is given; here it is
 * checked that nothing gets there past libgmem, and that the host is of the
 * kind that the guest has seen.
 */
#ifndef KVMSTATE_H
#define KVMSTATE_H

#include <linux/kvm.h>

#include "snapfile.h"
#include "vcpu.h"
#include "vm.h"

/* KVM's numbers: both PICs, and the I/O APIC. */
#define CHIPS	3

struct kvm_chips {
	struct kvm_irqchip irq[CHIPS];
	struct kvm_pit_state2 pit;
};

/*
 * The order to save: the chips are read before the vCPUs, and put into the
 * snapshot after them. So an interrupt that is on its way meanwhile is saved
 * twice, but not lost. Each returns 0, or -1 after fail().
 */
int kvmstate_read_chips(struct vm *vm, struct kvm_chips *chips);
int kvmstate_save_clock(struct vm *vm, struct snap_writer *writer);
int kvmstate_save_vcpu(struct vcpu *vcpu, struct snap_writer *writer);

/*
 * The order to restore: a vCPU's TSC needs the time of the snapshot, and the
 * chips may deliver interrupts at once to the vCPUs. Clocks go on from the
 * snapshot's time plus the time that has passed since. Return: 0, or -1 after
 * fail()
 */
int kvmstate_restore_clock(struct vm *vm, struct snap_reader *reader);
int kvmstate_restore_vcpu(struct vcpu *vcpu, struct snap_reader *reader);
int kvmstate_restore_chips(struct vm *vm, struct snap_reader *reader);

/*
 * At the end of a restore: set the VM's clock, and tell the guest that it was
 * stopped, so that its watchdogs don't bark. Return: 0, or -1 after fail()
 */
int kvmstate_start_clocks(struct vcpu *vcpus, unsigned int nr);

#endif
