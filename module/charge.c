// SPDX-License-Identifier: GPL-2.0
/*
 * Charging: what a mount's files hold, and its limits, size= and nr_inodes=.
 */
#include <linux/atomic.h>
#include <linux/fs.h>

#include "charge.h"
#include "super.h"

static bool gmem_charge(atomic_long_t *counter, unsigned long limit,
			unsigned long nr)
{
	long used = atomic_long_read(counter);

	do {
		if (limit && used + nr > limit)
			return false;
	} while (!atomic_long_try_cmpxchg(counter, &used, used + nr));
	return true;
}

/**
 * gmem_sb_charge - take part of a mount's size
 * @sb: the mount
 * @nr: pages
 *
 * Return: whether it still had that much.
 */
bool gmem_sb_charge(struct super_block *sb, unsigned long nr)
{
	struct gmem_sb *sbi = gmem_sb(sb);

	/* A remount may change the limit just now. */
	return gmem_charge(&sbi->used, READ_ONCE(sbi->limit), nr);
}

/* gmem_sb_has - does a mount still have so many pages, to all appearances? */
bool gmem_sb_has(struct super_block *sb, unsigned long nr)
{
	unsigned long limit = READ_ONCE(gmem_sb(sb)->limit);
	unsigned long used = atomic_long_read(&gmem_sb(sb)->used);

	return !limit || (used <= limit && nr <= limit - used);
}

void gmem_sb_uncharge(struct super_block *sb, unsigned long nr)
{
	atomic_long_sub(nr, &gmem_sb(sb)->used);
}

/* The same for nr_inodes: one inode, or one more name of an inode. */
bool gmem_sb_charge_inode(struct super_block *sb)
{
	struct gmem_sb *sbi = gmem_sb(sb);

	return gmem_charge(&sbi->inodes, READ_ONCE(sbi->inode_limit), 1);
}

void gmem_sb_uncharge_inode(struct super_block *sb)
{
	atomic_long_dec(&gmem_sb(sb)->inodes);
}
