/* SPDX-License-Identifier: GPL-2.0 */
/* Guest pages that KVM has mapped for a vCPU: vcpumap.c. */
#ifndef GMEMFS_VCPUMAP_H
#define GMEMFS_VCPUMAP_H

#include <linux/types.h>

struct gmem_map_call;
struct kvm_host_map;
struct kvm_vcpu;

int gmem_vcpumap_map(const struct gmem_map_call *call);
void gmem_vcpumap_unmap(struct kvm_vcpu *vcpu, struct kvm_host_map *map,
			bool dirty);
void gmem_vcpumap_forget_all(void);

#endif /* GMEMFS_VCPUMAP_H */
