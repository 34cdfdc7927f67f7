// SPDX-License-Identifier: GPL-2.0
/*
 * Populate: memory for a file's holes, and where it comes from.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "charge.h"
#include "fault_inject.h"
#include "inode.h"
#include "lend.h"
#include "pieces.h"
#include "pool.h"
#include "populate.h"
#include "prepare.h"
#include "release.h"
#include "state.h"
#include "units.h"

/* ---- where memory comes from ---- */

/* A block that was prepared ahead: by this call, or by the pool. */
static struct page *gmem_take_ready(const struct gmem_want *want)
{
	struct gmem_batch *batch = want->batch;

	if (batch && batch->nr)
		return batch->blocks[--batch->nr];
	return gmem_pool_take(&want->place);
}

static struct page *gmem_take_hidden(struct inode *inode, unsigned int order,
				     const struct gmem_want *want)
{
	struct page *page = order ? gmem_take_ready(want) : NULL;

	if (!page)
		page = gmem_prepare(order, &want->place);
	if (!IS_ERR(page))
		gmem_lend_assign(page, 1U << order, inode);
	return page;
}

/* Is memory that is @shared left in the direct map from the start? */
static bool gmem_never_hidden(struct inode *inode, bool shared)
{
	return shared || gmem_i(inode)->flags & GMEM_FLAG_KEEP_DIRECT_MAP;
}

/* Zeroed, hidden or not, and charged to mount and file. */
static struct page *gmem_take(struct inode *inode, unsigned int order,
			      bool exposed, const struct gmem_want *want)
{
	unsigned int nr = 1U << order;
	struct page *page;

	if (!gmem_sb_charge(inode->i_sb, nr))
		return ERR_PTR(-ENOSPC);

	if (exposed)
		page = gmem_alloc(order, &want->place) ?: ERR_PTR(-ENOMEM);
	else
		page = gmem_take_hidden(inode, order, want);
	if (IS_ERR(page)) {
		gmem_sb_uncharge(inode->i_sb, nr);
		return page;
	}
	if (!exposed)
		atomic_long_add(nr, &gmem_i(inode)->hidden);
	gmem_inode_account(inode, nr, order);
	return page;
}

/* ---- populate ---- */

/*
 * Not for the last block of a file that ends inside it: that would waste. A
 * write() knows better than the size how far the file will go.
 */
static bool gmem_may_be_huge(struct inode *inode, pgoff_t pgoff,
			     const struct gmem_want *want)
{
	u64 flags = gmem_i(inode)->flags;
	loff_t end = (loff_t)(round_down(pgoff, GMEM_BLOCK_PAGES) +
			      GMEM_BLOCK_PAGES) << PAGE_SHIFT;

	if (flags & (GMEM_FLAG_NO_HUGE | GMEM_FLAG_HUGE_ONLY))
		return flags & GMEM_FLAG_HUGE_ONLY;
	return end <= max(i_size_read(inode), want->end);
}

static struct page *gmem_populate_single(struct inode *inode,
					 struct gmem_block *block,
					 unsigned int slot,
					 const struct gmem_want *want)
{
	struct page *page;

	if (!block->pages && !gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		block->pages = kcalloc(GMEM_BLOCK_PAGES, sizeof(*block->pages),
				       GFP_KERNEL_ACCOUNT);
	if (!block->pages)
		return ERR_PTR(-ENOMEM);
	if (block->pages[slot])
		return block->pages[slot];

	page = gmem_take(inode, 0,
			 gmem_never_hidden(inode, gmem_state_shared(inode,
								    block,
								    slot)),
			 want);
	if (!IS_ERR(page))
		block->pages[slot] = page;
	return page;
}

/* A hole in a contiguous block has its memory, and it is zeroed. */
static struct page *gmem_fill_hole(struct gmem_block *block, unsigned int slot)
{
	if (__test_and_clear_bit(slot, block->holes))
		WRITE_ONCE(block->nr_holes, block->nr_holes - 1);
	return block->huge + slot;
}

static struct page *gmem_populate_locked(struct inode *inode,
					 struct gmem_block *block,
					 pgoff_t pgoff,
					 const struct gmem_want *want)
{
	unsigned int slot = pgoff % GMEM_BLOCK_PAGES;
	struct page *huge;
	bool shared;

	if (block->huge)
		return gmem_fill_hole(block, slot);
	if (block->pages || !gmem_may_be_huge(inode, pgoff, want))
		return gmem_populate_single(inode, block, slot, want);

	shared = gmem_state_all(inode, block, true);
	huge = gmem_take(inode, GMEM_BLOCK_ORDER,
			 gmem_never_hidden(inode, shared), want);
	if (!IS_ERR(huge)) {
		WRITE_ONCE(block->huge, huge);
		return huge + slot;
	}
	if (gmem_i(inode)->flags & GMEM_FLAG_HUGE_ONLY)
		return huge;
	return gmem_populate_single(inode, block, slot, want);
}

/**
 * gmem_block_populate - the page at an offset of a file, made if it's a hole
 * @inode: the file, whose invalidate_lock the caller holds, at least shared
 * @pgoff: offset in pages, below the file's size or what @want says of it
 * @want: how memory is to be had
 *
 * Return: the page, or an ERR_PTR: -ENOMEM; -ENOSPC over the mount's size;
 * -EBUSY while the host hibernates; -EIO where the direct map can't be edited.
 */
struct page *gmem_block_populate(struct inode *inode, pgoff_t pgoff,
				 const struct gmem_want *want)
{
	struct gmem_block *block = gmem_block_get(inode, pgoff);
	struct page *page;

	if (IS_ERR(block))
		return ERR_CAST(block);

	mutex_lock(&block->lock);
	page = gmem_populate_locked(inode, block, pgoff, want);
	mutex_unlock(&block->lock);
	return page;
}

/* ---- blocks prepared for one call ---- */

/**
 * gmem_batch_fill - prepare blocks for several of a file's, with few flushes
 * @inode: the file
 * @want: how memory is to be had, with an empty batch
 * @nr: how many blocks would be good to have
 *
 * Not what the pool has, which is ready, nor for files that aren't hidden. That
 * it prepares less than wanted is no error: each block tries again by itself.
 */
void gmem_batch_fill(struct inode *inode, struct gmem_want *want,
		     unsigned int nr)
{
	if (gmem_i(inode)->flags &
	    (GMEM_FLAG_KEEP_DIRECT_MAP | GMEM_FLAG_NO_HUGE |
	     GMEM_FLAG_INIT_SHARED))
		return;
	if (nr < 2 || gmem_pool_clean(want->place.node))
		return;
	want->batch->nr = gmem_prepare_blocks(want->batch->blocks,
					      min(nr, GMEM_BATCH),
					      &want->place);
}

/* What of a batch nobody needed. */
void gmem_batch_drop(struct gmem_batch *batch)
{
	batch->nr = gmem_pool_give(batch->blocks, batch->nr, false);
	gmem_release_clean(batch->blocks, batch->nr);
	batch->nr = 0;
}
