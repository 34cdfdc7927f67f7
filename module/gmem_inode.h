/* SPDX-License-Identifier: GPL-2.0 */
/* The inode of gmemfs. */
#ifndef GMEMFS_GMEM_INODE_H
#define GMEMFS_GMEM_INODE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "budget.h"

struct gmem_channel;

/**
 * struct gmem_inode - one file, directory or other inode
 * @vfs: the kernel's inode
 * @flags: GMEM_FLAG_*, fixed when the file is made
 * @blocks: struct gmem_block, by index of 2 MiB
 * @channel: what is missing, if the file has a fault channel: missing.c
 * @shared_view: lists the mappings of the shared view; those of the guest view
 *		 are in the inode's own address_space
 * @populated: pages that the file holds
 * @hidden: those of them that are absent from the direct map
 * @lent: those of them that are in the direct map only for KVM
 * @huge: those of them that are in contiguous 2 MiB blocks
 * @common: those of them that it has, or had, in common with others: common.c
 * @device: those of them that devices have, or had: device.c
 * @faults_2m: 2 MiB entries put into user page tables
 * @faults_4k: 4 KiB entries put into user page tables
 * @flushes: TLB flushes that lending its pages may still cause: budget.c
 * @waiting_loans: its pages that KVM has returned and that aren't hidden yet
 * @bookkeeping_lock: protects @bookkeeping
 * @bookkeeping: bytes of kernel memory that the file takes for itself, and not
 *		 to manage its memory: charge.c
 * @xattr_lock: protects the two below; writers also hold the inode's i_rwsem
 * @xattrs: struct gmem_xattr, see xattr.c
 * @xattr_bytes: bytes of memory that they take
 */
struct gmem_inode {
	struct inode vfs;
	u64 flags;
	struct xarray blocks;
	struct gmem_channel *channel;
	struct address_space shared_view;
	atomic_long_t populated;
	atomic_long_t hidden;
	atomic_long_t lent;
	atomic_long_t huge;
	atomic_long_t common;
	atomic_long_t device;
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

/* Does a page begin at the file's end, or behind it? */
static inline bool gmem_beyond_end(const struct inode *inode, pgoff_t pgoff)
{
	return pgoff >= DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE);
}

/*
 * gmem_pause_shared - let others have the CPU, or the invalidate_lock, which
 *		       the caller holds shared
 *
 * For walks of many blocks: one page of memory is enough for a file of any
 * number of them. What the caller has found out may change.
 */
static inline void gmem_pause_shared(struct inode *inode)
{
	if (rwsem_is_contended(&inode->i_mapping->invalidate_lock)) {
		filemap_invalidate_unlock_shared(inode->i_mapping);
		cond_resched();
		filemap_invalidate_lock_shared(inode->i_mapping);
	} else {
		cond_resched();
	}
}

#endif /* GMEMFS_GMEM_INODE_H */
