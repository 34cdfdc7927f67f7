// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: the memory of a file, by offset.
 *
 * A block is 2 MiB of a file. Its memory is one physically contiguous run of
 * 512 pages if the host has one, and single pages otherwise. Either way each
 * page has a refcount of its own, and no page is ever in the page cache.
 *
 * If a part of a contiguous block is punched, or cut off by truncate, that part
 * is zeroed at once. But its memory stays until nothing of the block is in use:
 * to free a part, the direct map's 2 MiB entry would have to be split for ever.
 *
 * After a clone, several files may have a contiguous block in common. Then
 * single pages take the place of those that a file has written to, or of holes
 * that it has filled.
 */
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "block.h"
#include "charge.h"
#include "fault_inject.h"
#include "gmem_inode.h"
#include "units.h"

struct gmem_block *gmem_block_find(struct inode *inode, pgoff_t pgoff)
{
	return xa_load(&gmem_i(inode)->blocks, pgoff >> GMEM_BLOCK_ORDER);
}

/* The first page from @pgoff on that is in a block; @end if none is below. */
pgoff_t gmem_block_next(struct inode *inode, pgoff_t pgoff, pgoff_t end)
{
	unsigned long index = pgoff >> GMEM_BLOCK_ORDER;

	if (!xa_find(&gmem_i(inode)->blocks, &index,
		     (end - 1) >> GMEM_BLOCK_ORDER, XA_PRESENT))
		return end;
	return max(pgoff, index << GMEM_BLOCK_ORDER);
}

/* ---- blocks come and go ---- */

/*
 * A block with little memory is charged for itself, its array of single pages,
 * its @wants, and its part of the xarray. The array is 3 KiB. If blocks are far
 * from each other, the xarray has a node for each on each of its lower levels:
 * four nodes of 576 bytes with 2^18 blocks, up to seven with fewer. So a block
 * with one page, far from all others, takes up to 10 KiB and counts 8 KiB.
 *
 * A block with enough memory isn't charged: all that is small beside it. So a
 * full block counts 512 pages, and none counts more on its way to that: a mount
 * that is as large as its files has room for them. Single pages that others
 * have, too, don't count as memory here: they are charged only once.
 */
#define GMEM_BLOCK_COST	SZ_4K

static struct gmem_block *gmem_block_new(struct inode *inode, pgoff_t pgoff,
					 bool charged)
{
	struct gmem_block *block = NULL;

	if (!gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		block = kzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
	if (!block)
		return ERR_PTR(-ENOMEM);
	if (charged && gmem_charge_bookkeeping(inode, GMEM_BLOCK_COST)) {
		kfree(block);
		return ERR_PTR(-ENOSPC);
	}
	mutex_init(&block->lock);
	block->index = pgoff >> GMEM_BLOCK_ORDER;
	block->charged = charged;
	return block;
}

/**
 * gmem_block_set_charged - charge a block for itself, or don't any more
 * @inode: the file
 * @block: its block, locked; or the caller holds the file's invalidate_lock
 *	   exclusively
 * @charged: it has little memory. That is charged even if the mount is full:
 *	     the task that made the block not charged has charged the mount for
 *	     all of its memory, and will fill the block or give that up.
 */
void gmem_block_set_charged(struct inode *inode, struct gmem_block *block,
			    bool charged)
{
	if (block->charged == charged)
		return;
	block->charged = charged;
	if (charged)
		gmem_charge_bookkeeping_anyway(inode, GMEM_BLOCK_COST);
	else
		gmem_uncharge_bookkeeping(inode, GMEM_BLOCK_COST);
}

/**
 * gmem_block_get - find or make the file's block around an offset
 * @inode: the file
 * @pgoff: offset in pages
 * @charged: charge a new block for itself; unless it gets memory at once, for
 *	     which the mount is charged already
 *
 * Return: the block, or an ERR_PTR: -ENOMEM; -ENOSPC if the mount is full.
 */
struct gmem_block *gmem_block_get(struct inode *inode, pgoff_t pgoff,
				  bool charged)
{
	struct gmem_block *block = gmem_block_find(inode, pgoff);
	struct gmem_block *other;

	if (block)
		return block;
	block = gmem_block_new(inode, pgoff, charged);
	if (IS_ERR(block))
		return block;
	other = xa_cmpxchg(&gmem_i(inode)->blocks, block->index, NULL, block,
			   GFP_KERNEL_ACCOUNT);
	if (!other)
		return block;

	/* Another task made it first, or there is no memory for the xarray. */
	gmem_block_set_charged(inode, block, false);
	kfree(block);
	return xa_is_err(other) ? ERR_PTR(xa_err(other)) : other;
}

/**
 * gmem_block_charge_memory - charge the mount for a block's 512 pages, and not
 *			      for the block itself any more
 * @inode: the file
 * @block: its block, locked, without memory
 *
 * gmem_block_take_over() is the way back.
 *
 * Return: 0, or -ENOSPC if the mount is full.
 */
int gmem_block_charge_memory(struct inode *inode, struct gmem_block *block)
{
	int ret = gmem_charge_instead(inode, GMEM_BLOCK_PAGES,
				      block->charged ? GMEM_BLOCK_COST : 0);

	if (!ret)
		block->charged = false;
	return ret;
}

/**
 * gmem_block_take_over - a block gives up memory: charge it for itself instead,
 *			  if it has little left
 * @inode: the file
 * @block: its block, with as many pages as it has left. It is locked, or the
 *	   caller holds the file's invalidate_lock exclusively, or is its last
 *	   user.
 *
 * Return: for so many of the pages that it gave up the mount stays charged.
 */
unsigned int gmem_block_take_over(struct inode *inode, struct gmem_block *block)
{
	if (block->charged || gmem_block_own(block) >= GMEM_ENOUGH)
		return 0;
	block->charged = true;
	return gmem_bookkeeping_take_over(inode, GMEM_BLOCK_COST);
}

/*
 * gmem_block_charge_array - a block of single pages has one more now, or one is
 *			     common that wasn't, or the other way round
 */
void gmem_block_charge_array(struct inode *inode, struct gmem_block *block)
{
	gmem_block_set_charged(inode, block,
			       gmem_block_own(block) < GMEM_ENOUGH);
}

/**
 * gmem_block_would_fill - is a block charged for itself, but not any more if it
 *			   had @more pages?
 * @block: a block; not locked, so the answer is a guess
 * @more: a number of pages. A block without memory is taken for one that gets a
 *	  contiguous block. The last page of %GMEM_ENOUGH is charged before the
 *	  block isn't.
 */
bool gmem_block_would_fill(const struct gmem_block *block, unsigned int more)
{
	/* A guess from values that change, as the comment above says. */
	if (!more || !data_race(block->charged))
		return false;
	if (gmem_block_bare(block))
		return true;
	/* The same. */
	return data_race(gmem_block_own(block)) + more > GMEM_ENOUGH;
}

/* How many pages less would the mount count if so many blocks were filled? */
unsigned long gmem_blocks_saved(struct inode *inode, unsigned long blocks)
{
	return gmem_bookkeeping_saved(inode, blocks * GMEM_BLOCK_COST);
}

/**
 * gmem_block_free - free a block that holds no memory
 * @inode: the file; the caller holds its invalidate_lock exclusively, or is the
 *	   file's last user
 * @block: its block
 */
void gmem_block_free(struct inode *inode, struct gmem_block *block)
{
	xa_erase(&gmem_i(inode)->blocks, block->index);
	gmem_block_set_charged(inode, block, false);
	mutex_destroy(&block->lock);
	kfree(block->wants);
	kfree(block);
}

/* gmem_block_tidy - free a block that holds no memory and no @wants */
void gmem_block_tidy(struct inode *inode, struct gmem_block *block)
{
	if (gmem_block_bare(block) && !block->wants)
		gmem_block_free(inode, block);
}
