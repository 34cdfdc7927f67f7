/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that the guest wants to share with the host, or to have for itself
 * again: by the hypercall KVM_HC_MAP_GPA_RANGE (Documentation/virt/kvm/x86/
 * hypercalls.rst of the kernel's sources).
 */
#ifndef CONVERT_H
#define CONVERT_H

#include "vm.h"

/*
 * What is converted at a time: all of the memory takes long. Of the same length
 * as what the module makes private in one go.
 */
#define CONVERT_PART	(32ULL << 20)

struct kvm_run;

/* Have KVM pass it on. Return: 0, or -1 said why */
int convert_enable(struct vm *vm);

/* After KVM_EXIT_HYPERCALL: answers the guest. */
void convert_handle(struct vm *vm, struct kvm_run *run);

#endif
