/* SPDX-License-Identifier: GPL-2.0 */
/* What CPUID shows to a vCPU. */
#ifndef CPUID_H
#define CPUID_H

/* Return: 0, or -1 after fail() */
int cpuid_set(int kvm_fd, int vcpu_fd, unsigned int id, unsigned int cpus);

#endif
