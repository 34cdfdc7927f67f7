/* SPDX-License-Identifier: GPL-2.0 */
/* A VM that outlives its VMM's address space: vmmexit.c. */
#ifndef GMEMFS_VMMEXIT_H
#define GMEMFS_VMMEXIT_H

struct gmem_hook;
struct kvm;

extern struct gmem_hook gmem_vmm_release_hook;

int gmem_vmm_find(void);
int gmem_vmm_get(struct kvm *kvm);
void gmem_vmm_put(struct kvm *kvm);

#endif /* GMEMFS_VMMEXIT_H */
