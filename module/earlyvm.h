/* SPDX-License-Identifier: GPL-2.0 */
/* VMs that ran before KVM was hooked: earlyvm.c. */
#ifndef GMEMFS_EARLYVM_H
#define GMEMFS_EARLYVM_H

#include <linux/types.h>

int gmem_early_vms_note(void);
void gmem_early_vms_forget(void);
bool gmem_early_vms_has(const struct mm_struct *mm);

#endif /* GMEMFS_EARLYVM_H */
