/* SPDX-License-Identifier: GPL-2.0 */
/* What userspace wants of each page, and its actual state: state.c. */
#ifndef GMEMFS_STATE_H
#define GMEMFS_STATE_H

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/types.h>

struct gmem_block;
struct inode;
struct page;

/**
 * struct gmem_wants - what userspace wants of a block that was converted
 * @shared: one bit for each page
 * @nr_shared: bits set in @shared
 */
struct gmem_wants {
	DECLARE_BITMAP(shared, HPAGE_PMD_NR);
	unsigned int nr_shared;
};

/**
 * struct gmem_census - what a file's blocks say when all are looked at
 * @shared: how many pages are wanted shared, without holes
 * @sharers: how many users has what it has in common, at most: common.c
 * @devices: how many pages devices have: device.c
 */
struct gmem_census {
	unsigned long shared;
	unsigned long sharers;
	unsigned long devices;
};

bool gmem_state_shared(struct inode *inode, const struct gmem_block *block,
		       unsigned int slot);
bool gmem_state_all(struct inode *inode, const struct gmem_block *block,
		    bool shared);
int gmem_state_need(struct inode *inode, struct gmem_block *block);
void gmem_state_set(struct gmem_block *block, unsigned int from,
		    unsigned int to, bool shared);
void gmem_state_settle(struct inode *inode, struct gmem_block *block);
struct gmem_census gmem_state_count(struct inode *inode);
bool gmem_range_valid(struct inode *inode, u64 offset, u64 size);
long gmem_get_state(struct inode *inode, void __user *arg);

#endif /* GMEMFS_STATE_H */
