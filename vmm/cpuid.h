/* SPDX-License-Identifier: GPL-2.0 */
/* What CPUID shows to a vCPU. */
#ifndef CPUID_H
#define CPUID_H

struct kvm_cpuid2;

/*
 * Set what a new vCPU shows. Return: the table, which the caller frees, or NULL
 * after fail()
 */
struct kvm_cpuid2 *cpuid_set(int kvm_fd, int vcpu_fd, unsigned int id,
			     unsigned int cpus);

#endif
