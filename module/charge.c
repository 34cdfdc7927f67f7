// SPDX-License-Identifier: GPL-2.0
/*
 * Charging: how much a mount's files hold, and its limits, size= and
 * nr_inodes=.
 *
 * The same limits bound the kernel memory that a file takes for itself. What a
 * file takes to manage much memory isn't charged: it is a small part of that
 * memory. Of all else, the first 4 KiB of a file are bounded by nr_inodes=,
 * and the rest counts in size=: blocks that have little memory or none
 * (block.c), and extended attributes.
 */
#include <linux/atomic.h>
#include <linux/fs.h>

#include "charge.h"
#include "gmem_inode.h"
#include "gmem_sb.h"

static int gmem_charge(atomic_long_t *counter, unsigned long limit,
		       unsigned long nr)
{
	long used = atomic_long_read(counter);

	do {
		if (limit && used + nr > limit)
			return -ENOSPC;
	} while (!atomic_long_try_cmpxchg(counter, &used, used + nr));
	return 0;
}

/**
 * gmem_sb_charge - charge a mount's size
 * @sb: the mount
 * @nr: pages
 *
 * Return: 0, or -ENOSPC if less than that is left.
 */
int gmem_sb_charge(struct super_block *sb, unsigned long nr)
{
	struct gmem_sb *sbi = gmem_sb(sb);

	/* A remount may change the limit at the same time. */
	return gmem_charge(&sbi->used, READ_ONCE(sbi->limit), nr);
}

/*
 * gmem_sb_has - does a mount have so many pages left? A guess, unlocked. It has
 * none left if it holds more than a remount allows.
 */
bool gmem_sb_has(struct super_block *sb, unsigned long nr)
{
	unsigned long limit = READ_ONCE(gmem_sb(sb)->limit);
	unsigned long used = atomic_long_read(&gmem_sb(sb)->used);

	return !limit || !nr || (used <= limit && nr <= limit - used);
}

void gmem_sb_uncharge(struct super_block *sb, unsigned long nr)
{
	atomic_long_sub(nr, &gmem_sb(sb)->used);
}

/* Charge nr_inodes=: for an inode, or for one more name of an inode. */
int gmem_sb_charge_inode(struct super_block *sb)
{
	struct gmem_sb *sbi = gmem_sb(sb);

	return gmem_charge(&sbi->inodes, READ_ONCE(sbi->inode_limit), 1);
}

void gmem_sb_uncharge_inode(struct super_block *sb)
{
	atomic_long_dec(&gmem_sb(sb)->inodes);
}

/* ---- what a file takes for itself ---- */

static long gmem_bookkeeping_pages(size_t bytes)
{
	return bytes > PAGE_SIZE ? DIV_ROUND_UP(bytes - PAGE_SIZE, PAGE_SIZE)
				 : 0;
}

/**
 * gmem_charge_bookkeeping - charge kernel memory that a file takes for itself
 * @inode: the file
 * @bytes: how much
 *
 * Return: 0, or -ENOSPC if the mount's size= has less than that left.
 */
int gmem_charge_bookkeeping(struct inode *inode, size_t bytes)
{
	struct gmem_inode *gi = gmem_i(inode);
	long more;
	int ret;

	spin_lock(&gi->bookkeeping_lock);
	more = gmem_bookkeeping_pages(gi->bookkeeping + bytes) -
	       gmem_bookkeeping_pages(gi->bookkeeping);
	ret = more ? gmem_sb_charge(inode->i_sb, more) : 0;
	if (!ret)
		gi->bookkeeping += bytes;
	spin_unlock(&gi->bookkeeping_lock);
	return ret;
}

/* The same, even over the limit: the caller gives up more memory. */
void gmem_charge_bookkeeping_anyway(struct inode *inode, size_t bytes)
{
	struct gmem_inode *gi = gmem_i(inode);

	spin_lock(&gi->bookkeeping_lock);
	atomic_long_add(gmem_bookkeeping_pages(gi->bookkeeping + bytes) -
			gmem_bookkeeping_pages(gi->bookkeeping),
			&gmem_sb(inode->i_sb)->used);
	gi->bookkeeping += bytes;
	spin_unlock(&gi->bookkeeping_lock);
}

void gmem_uncharge_bookkeeping(struct inode *inode, size_t bytes)
{
	struct gmem_inode *gi = gmem_i(inode);

	spin_lock(&gi->bookkeeping_lock);
	gmem_sb_uncharge(inode->i_sb,
			 gmem_bookkeeping_pages(gi->bookkeeping) -
			 gmem_bookkeeping_pages(gi->bookkeeping - bytes));
	gi->bookkeeping -= bytes;
	spin_unlock(&gi->bookkeeping_lock);
}

/**
 * gmem_bookkeeping_take_over - charge a file for kernel memory instead of pages
 * @inode: the file, which gives up pages
 * @bytes: how much kernel memory it takes for itself from now on
 *
 * Return: for so many of these pages the mount stays charged.
 */
unsigned int gmem_bookkeeping_take_over(struct inode *inode, size_t bytes)
{
	struct gmem_inode *gi = gmem_i(inode);
	unsigned int pages;

	spin_lock(&gi->bookkeeping_lock);
	pages = gmem_bookkeeping_pages(gi->bookkeeping + bytes) -
		gmem_bookkeeping_pages(gi->bookkeeping);
	gi->bookkeeping += bytes;
	spin_unlock(&gi->bookkeeping_lock);
	return pages;
}

/**
 * gmem_charge_instead - charge a mount for pages instead of kernel memory
 * @inode: the file, which gets pages
 * @nr: how many
 * @bytes: how much kernel memory it takes for itself till now, but not any more
 *
 * In one step: of what the mount counts for that kernel memory, nobody else can
 * take anything meanwhile.
 *
 * Return: 0, or -ENOSPC if the mount's size= has not enough left.
 */
int gmem_charge_instead(struct inode *inode, unsigned long nr, size_t bytes)
{
	struct gmem_inode *gi = gmem_i(inode);
	int ret;

	spin_lock(&gi->bookkeeping_lock);
	nr -= gmem_bookkeeping_pages(gi->bookkeeping) -
	      gmem_bookkeeping_pages(gi->bookkeeping - bytes);
	ret = gmem_sb_charge(inode->i_sb, nr);
	if (!ret)
		gi->bookkeeping -= bytes;
	spin_unlock(&gi->bookkeeping_lock);
	return ret;
}

/* How many pages less would the mount count if a file took @bytes less? */
unsigned long gmem_bookkeeping_saved(struct inode *inode, size_t bytes)
{
	struct gmem_inode *gi = gmem_i(inode);
	size_t now;

	spin_lock(&gi->bookkeeping_lock);
	now = gi->bookkeeping;
	spin_unlock(&gi->bookkeeping_lock);
	return gmem_bookkeeping_pages(now) -
	       gmem_bookkeeping_pages(now - min(now, bytes));
}

/* ---- what a file holds ---- */

/* gmem_inode_account - the file has @nr pages more, or fewer if negative */
void gmem_inode_account(struct inode *inode, long nr, bool huge)
{
	struct gmem_inode *gi = gmem_i(inode);

	atomic_long_add(nr, &gi->populated);
	if (huge)
		atomic_long_add(nr, &gi->huge);
	if (nr > 0)
		inode_add_bytes(inode, (loff_t)nr << PAGE_SHIFT);
	else
		inode_sub_bytes(inode, (loff_t)-nr << PAGE_SHIFT);
}
