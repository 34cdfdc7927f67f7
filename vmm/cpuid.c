// SPDX-License-Identifier: GPL-2.0
/*
 * The vCPU's CPUID: all that KVM supports, without nested virtualisation, and
 * with conversions of memory. The topology is one socket of single-threaded
 * cores.
 */
#include <errno.h>
#include <gmem.h>
#include <asm/kvm_para.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "cpuid.h"
#include "error.h"

#define ENTRIES_MAX	256

#define LEAF_FEATURES		1
#define FEATURES_ECX_TSC_DEADLINE	(1U << 24)
#define FEATURES_ECX_HYPERVISOR		(1U << 31)
#define FEATURES_EDX_HTT		(1U << 28)

#define LEAF_TOPOLOGY		0xb
#define LEAF_TOPOLOGY_2		0x1f
#define LEVEL_SMT		1
#define LEVEL_CORE		2

#define LEAF_KVM_FEATURES	KVM_CPUID_FEATURES

#define LEAF_AMD_SIZES		0x80000008
#define LEAF_AMD_TOPOLOGY	0x8000001e

static struct kvm_cpuid2 *get_supported(int kvm_fd)
{
	struct kvm_cpuid2 *cpuid;

	cpuid = calloc(1, sizeof(*cpuid) +
			  ENTRIES_MAX * sizeof(cpuid->entries[0]));
	if (!cpuid) {
		fail("no memory for CPUID");
		return NULL;
	}
	cpuid->nent = ENTRIES_MAX;
	if (ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, cpuid)) {
		fail_errno("KVM_GET_SUPPORTED_CPUID");
		free(cpuid);
		return NULL;
	}
	return cpuid;
}

/* How many bits of an APIC id are for the number of the core. */
static unsigned int core_bits(unsigned int cpus)
{
	unsigned int bits = 0;

	while (1U << bits < cpus)
		bits++;
	return bits;
}

static void set_topology(struct kvm_cpuid_entry2 *e, unsigned int id,
			 unsigned int cpus)
{
	e->edx = id;
	e->ecx = e->index;
	e->eax = 0;
	e->ebx = 0;
	if (e->index == 0) {
		e->ebx = 1;
		e->ecx |= LEVEL_SMT << 8;
	} else if (e->index == 1) {
		e->eax = core_bits(cpus);
		e->ebx = cpus;
		e->ecx |= LEVEL_CORE << 8;
	}
}

/* KVM's in-kernel timer has the deadline mode, even if the CPU hasn't. */
static void set_features(struct kvm_cpuid_entry2 *e, unsigned int id,
			 unsigned int cpus)
{
	e->ebx &= 0x0000ffff;
	e->ebx |= id << 24 | cpus << 16;
	e->ecx |= FEATURES_ECX_HYPERVISOR | FEATURES_ECX_TSC_DEADLINE;
	e->edx &= ~FEATURES_EDX_HTT;
	if (cpus > 1)
		e->edx |= FEATURES_EDX_HTT;
}

static void set_entry(struct kvm_cpuid_entry2 *e, unsigned int id,
		      unsigned int cpus)
{
	switch (e->function) {
	case LEAF_FEATURES:
		set_features(e, id, cpus);
		break;
	case LEAF_TOPOLOGY:
	case LEAF_TOPOLOGY_2:
		set_topology(e, id, cpus);
		break;
	case LEAF_KVM_FEATURES:
		e->eax |= 1U << KVM_FEATURE_HC_MAP_GPA_RANGE;
		break;
	case LEAF_AMD_SIZES:
		e->ecx &= ~0xf0ffU;
		e->ecx |= core_bits(cpus) << 12 | (cpus - 1);
		break;
	case LEAF_AMD_TOPOLOGY:
		e->eax = id;
		e->ebx = id;
		e->ecx = 0;
		break;
	}
}

static int set(int vcpu_fd, struct kvm_cpuid2 *cpuid)
{
	if (ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid))
		return fail_errno("KVM_SET_CPUID2");
	if (gmem_vcpu_enforce_cpuid(vcpu_fd))
		return fail_gmem("CPUID");
	return 0;
}

struct kvm_cpuid2 *cpuid_set(int kvm_fd, int vcpu_fd, unsigned int id,
			     unsigned int cpus)
{
	struct kvm_cpuid2 *cpuid = get_supported(kvm_fd);

	if (!cpuid)
		return NULL;
	gmem_cpuid_forbid_nesting(cpuid);
	for (unsigned int i = 0; i < cpuid->nent; i++)
		set_entry(&cpuid->entries[i], id, cpus);
	if (!set(vcpu_fd, cpuid))
		return cpuid;
	free(cpuid);
	return NULL;
}
