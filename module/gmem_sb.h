/* SPDX-License-Identifier: GPL-2.0 */
/* The super block of gmemfs. */
#ifndef GMEMFS_GMEM_SB_H
#define GMEMFS_GMEM_SB_H

#include <linux/atomic.h>
#include <linux/fs.h>

struct gmem_refusals;

/* What is copied when a file writes to a page that others have, too: cow.c. */
enum gmem_cow {
	GMEM_COW_AUTO,	/* a page; most of a block: all of it */
	GMEM_COW_PAGE,
	GMEM_COW_BLOCK,
};

/**
 * struct gmem_sb - one mount
 * @limit: most pages that its files may hold together, 0 for no limit
 * @used: pages that count towards @limit
 * @inode_limit: most inodes and further names, 0 for no limit
 * @inodes: how many of these there are
 * @file_flags: GMEM_FLAG_* that new files get
 * @cow: how much is copied on write
 * @mode: permissions of the root directory
 * @uid: owner of the root directory
 * @gid: group of the root directory
 * @like_hugetlbfs: statfs() reports hugetlbfs
 * @refusals: how often the log says why there is no memory: refusal.c
 * @set_operations: gives a new inode its operations: ops.c
 */
struct gmem_sb {
	unsigned long limit;
	atomic_long_t used;
	unsigned long inode_limit;
	atomic_long_t inodes;
	u64 file_flags;
	enum gmem_cow cow;
	umode_t mode;
	kuid_t uid;
	kgid_t gid;
	bool like_hugetlbfs;
	struct gmem_refusals *refusals;
	void (*set_operations)(struct inode *inode, dev_t dev);
};

static inline struct gmem_sb *gmem_sb(const struct super_block *sb)
{
	return sb->s_fs_info;
}

#endif /* GMEMFS_GMEM_SB_H */
