/* SPDX-License-Identifier: GPL-2.0 */
/* What gmemfs knows of an inode. */
#ifndef GMEMFS_GMEM_INODE_H
#define GMEMFS_GMEM_INODE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/xarray.h>

#include "budget.h"

/**
 * struct gmem_inode - one file, directory or other inode
 * @flags: GMEM_FLAG_*, fixed when the file is made
 * @blocks: struct gmem_block by index of 2 MiB
 * @shared_view: where the mappings of the shared view are known; those of the
 *		 guest view are in the inode's own
 * @populated: pages the file holds
 * @hidden: those of them that are absent from the direct map
 * @lent: those of them that are in the direct map for KVM's use only
 * @huge: those of them that lie in 2 MiB blocks
 * @faults_2m: 2 MiB entries put into user page tables
 * @faults_4k: 4 KiB entries put into user page tables
 * @flushes: that lending its pages may still cause: budget.c
 * @waiting_loans: its pages that KVM has returned and that aren't hidden yet
 * @bookkeeping_lock: @bookkeeping
 * @bookkeeping: bytes of kernel memory that the file takes for itself, and
 *		 that aren't for memory that it holds: charge.c
 * @xattr_lock: the two below; writers hold the inode's i_rwsem as well
 * @xattrs: struct gmem_xattr, see xattr.c
 * @xattr_bytes: memory that they take
 */
struct gmem_inode {
	struct inode vfs;
	u64 flags;
	struct xarray blocks;
	struct address_space shared_view;
	atomic_long_t populated;
	atomic_long_t hidden;
	atomic_long_t lent;
	atomic_long_t huge;
	atomic_long_t faults_2m;
	atomic_long_t faults_4k;
	struct gmem_budget flushes;
	atomic_t waiting_loans;
	spinlock_t bookkeeping_lock;	/* see above */
	size_t bookkeeping;
	rwlock_t xattr_lock;
	struct list_head xattrs;
	size_t xattr_bytes;
};

static inline struct gmem_inode *gmem_i(const struct inode *inode)
{
	return container_of(inode, struct gmem_inode, vfs);
}

#endif /* GMEMFS_GMEM_INODE_H */
