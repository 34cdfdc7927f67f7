/* SPDX-License-Identifier: GPL-2.0 */
/* The guard: guard.c. */
#ifndef GMEMFS_GUARD_H
#define GMEMFS_GUARD_H

struct inode;

int gmem_guard_init(void);
void gmem_guard_exit(void);
int gmem_guard_allows_sharing(struct inode *inode);
int gmem_guard_allows_mapping(struct inode *inode);
int gmem_guard_hold_kvm(void);
void gmem_guard_release_kvm(void);

#endif /* GMEMFS_GUARD_H */
