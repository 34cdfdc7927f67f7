/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Conversions: the guest makes memory shared or private by the hypercall
 * KVM_HC_MAP_GPA_RANGE (Documentation/virt/kvm/x86/hypercalls.rst of the
 * kernel's sources).
 */
#ifndef CONVERT_H
#define CONVERT_H

#include "vm.h"

/*
 * How much is converted in one call, because all of the memory takes long. The
 * module makes as much private in one step (GMEM_BATCH blocks).
 */
#define CONVERT_PART	(32ULL << 20)

struct kvm_run;

/* Make the hypercall exit to the VMM. Return: 0, or -1 after fail() */
int convert_enable(struct vm *vm);

/* Handle KVM_EXIT_HYPERCALL, and set the hypercall's result. */
void convert_handle(struct vm *vm, struct kvm_run *run);

#endif
