// SPDX-License-Identifier: GPL-2.0
/* Populate: get memory for a file's holes. */
#include <linux/mm.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "carve.h"
#include "charge.h"
#include "fault_inject.h"
#include "frame.h"
#include "gmem_inode.h"
#include "missing.h"
#include "pagearray.h"
#include "pageword.h"
#include "pieces.h"
#include "poison.h"
#include "pool.h"
#include "populate.h"
#include "prepare.h"
#include "release.h"
#include "state.h"
#include "units.h"

/* ---- where memory comes from ---- */

/* Has this call prepared blocks ahead, and charged them to the mount? */
static bool gmem_has_prepared(const struct gmem_want *want)
{
	return want->batch && want->batch->nr;
}

/* Why new memory isn't hidden, or 0. @shared: is all of it wanted shared? */
static unsigned long gmem_reasons(struct inode *inode, bool shared)
{
	if (gmem_i(inode)->flags & GMEM_FLAG_KEEP_DIRECT_MAP)
		return GMEM_KEPT;
	return shared ? GMEM_WANTED : 0;
}

/**
 * gmem_take_single - take a page for a file, and charge mount and file for it
 * @inode: the file
 * @reasons: why it is not hidden (GMEM_REASONS), or 0
 * @want: how the memory should be got
 *
 * Return: the page, zeroed, or an ERR_PTR as of gmem_block_populate().
 */
struct page *gmem_take_single(struct inode *inode, unsigned long reasons,
			      const struct gmem_want *want)
{
	struct page *page;
	int ret;

	ret = gmem_sb_charge(inode->i_sb, 1);
	if (ret)
		return ERR_PTR(ret);
	page = reasons ? gmem_prepare(0, &want->place, reasons)
		       : gmem_carve_take(&want->place);
	if (IS_ERR(page)) {
		gmem_sb_uncharge(inode->i_sb, 1);
		return page;
	}
	gmem_frame_assign(page, 1, inode);
	gmem_inode_account(inode, 1, false);
	return page;
}

/* Charge the mount, and take memory from the pool or the kernel. */
static struct page *gmem_take_more(struct inode *inode,
				   struct gmem_block *block,
				   unsigned long reasons,
				   const struct gmem_want *want)
{
	struct page *page = NULL;
	int ret;

	ret = gmem_block_charge_memory(inode, block);
	if (ret)
		return ERR_PTR(ret);
	if (!reasons)
		page = gmem_pool_take(&want->place);
	if (!page)
		page = gmem_prepare(GMEM_BLOCK_ORDER, &want->place, reasons);
	if (IS_ERR(page))
		gmem_sb_uncharge(inode->i_sb, GMEM_BLOCK_PAGES -
				 gmem_block_take_over(inode, block));
	return page;
}

/**
 * gmem_take_contiguous - take memory for all of a block
 * @inode: the file; mount and file are charged for the memory
 * @block: its block, locked, or the caller holds the invalidate_lock
 *	   exclusively; it isn't charged any more
 * @reasons: as of gmem_take_single()
 * @want: how the memory should be got
 *
 * Return: as gmem_take_single().
 */
struct page *gmem_take_contiguous(struct inode *inode, struct gmem_block *block,
				  unsigned long reasons,
				  const struct gmem_want *want)
{
	struct page *page;

	if (!reasons && gmem_has_prepared(want)) {
		page = want->batch->blocks[--want->batch->nr];
		gmem_block_set_charged(inode, block, false);
	} else {
		page = gmem_take_more(inode, block, reasons, want);
	}
	if (IS_ERR(page))
		return page;
	gmem_frame_assign(page, GMEM_BLOCK_PAGES, inode);
	gmem_inode_account(inode, GMEM_BLOCK_PAGES, true);
	return page;
}

/* ---- populate ---- */

/*
 * Not for the last block of a file that ends inside it: that would waste
 * memory. If the caller expects the file to grow, @want has the size.
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

/**
 * gmem_block_need_array - have an array of single pages in a block
 * @block: the block, locked
 *
 * Return: false if there is no memory.
 */
bool gmem_block_need_array(struct gmem_block *block)
{
	struct gmem_page_array *pages;

	if (block->pages)
		return true;
	pages = gmem_page_array_new();
	if (!pages)
		return false;
	/* As in gmem_populate_single(). */
	smp_store_release(&block->pages, pages);
	return true;
}

/**
 * gmem_block_take_single - take a single page for a block, which hasn't it yet
 * @inode: the file; the caller holds its invalidate_lock
 * @block: its block
 * @slot: where the page will be
 * @want: how the memory should be got
 *
 * Return: as gmem_take_single().
 */
struct page *gmem_block_take_single(struct inode *inode,
				    struct gmem_block *block, unsigned int slot,
				    const struct gmem_want *want)
{
	bool shared = gmem_state_shared(inode, block, slot);

	return gmem_take_single(inode, gmem_reasons(inode, shared), want);
}

/**
 * gmem_block_add_single - put a page where a block has none; doesn't sleep
 * @block: the block, locked, with an array
 * @slot: where
 * @page: the page
 *
 * The caller calls gmem_block_charge_array() then.
 */
void gmem_block_add_single(struct gmem_block *block, unsigned int slot,
			   struct page *page)
{
	/* Who finds the page finds its contents. */
	smp_wmb();
	gmem_page_array_set(block->pages, slot, page);
	block->nr_pages++;
}

static struct page *gmem_populate_single(struct inode *inode,
					 struct gmem_block *block,
					 unsigned int slot,
					 const struct gmem_want *want)
{
	struct gmem_page_array *pages = block->pages ?: gmem_page_array_new();
	struct page *page;

	if (!pages)
		return ERR_PTR(-ENOMEM);
	page = gmem_page_array_get(pages, slot);
	if (page)
		return page;

	page = gmem_block_take_single(inode, block, slot, want);
	if (!IS_ERR(page)) {
		gmem_page_array_set(pages, slot, page);
		/* A reader of @pages sees the page: gmem_block_page(). */
		smp_store_release(&block->pages, pages);
		block->nr_pages++;
		gmem_block_charge_array(inode, block);
	} else if (pages != block->pages) {
		gmem_page_array_free(pages);
	}
	return page;
}

/*
 * A hole in a contiguous block still has its memory, which is zeroed. In a
 * common block it is not: there others may have data.
 */
static struct page *gmem_fill_hole(struct gmem_block *block, unsigned int slot)
{
	if (__test_and_clear_bit(slot, block->holes))
		WRITE_ONCE(block->nr_holes, block->nr_holes - 1);
	return block->huge + slot;
}

/**
 * gmem_block_need_contiguous - have contiguous memory in a block, if it may be
 * @inode: the file; the caller holds its invalidate_lock
 * @block: its block, locked
 * @pgoff: a page in it
 * @want: how the memory should be got
 *
 * What is missing of it is a hole then.
 *
 * Return: 1 if the block has such memory of its own; 0 if the page is to be a
 * single one; or an errno as of gmem_block_populate().
 */
int gmem_block_need_contiguous(struct inode *inode, struct gmem_block *block,
			       pgoff_t pgoff, const struct gmem_want *want)
{
	struct page *huge;
	bool shared;

	if (block->huge)
		return !block->common;
	if (block->pages || !gmem_may_be_huge(inode, pgoff, want))
		return 0;
	shared = gmem_state_all(inode, block, true);
	huge = gmem_take_contiguous(inode, block, gmem_reasons(inode, shared),
				    want);
	if (IS_ERR(huge))
		return gmem_i(inode)->flags & GMEM_FLAG_HUGE_ONLY ?
		       PTR_ERR(huge) : 0;
	gmem_missing_to_holes(inode, block);
	/* Who finds the memory finds its holes. */
	smp_store_release(&block->huge, huge);
	return 1;
}

static struct page *gmem_populate_locked(struct inode *inode,
					 struct gmem_block *block,
					 pgoff_t pgoff,
					 const struct gmem_want *want)
{
	unsigned int slot = pgoff % GMEM_BLOCK_PAGES;
	int ret = gmem_block_need_contiguous(inode, block, pgoff, want);

	if (ret < 0)
		return ERR_PTR(ret);
	return ret ? gmem_fill_hole(block, slot)
		   : gmem_populate_single(inode, block, slot, want);
}

/**
 * gmem_block_populate - the page at an offset of a file; a hole gets memory
 * @inode: the file; the caller holds its invalidate_lock, at least shared
 * @pgoff: offset in pages, below the file's size, or below @want->end
 * @want: how the memory should be got
 *
 * Return: the page, or an ERR_PTR: -ENOMEM; -ENOSPC over the mount's size;
 * -EBUSY while the host hibernates; -EPERM if KVM could not be hooked; -EIO if
 * the direct map can't be edited; -EHWPOISON if the page has a memory error;
 * or, unless @want fills what is missing, as of gmem_missing().
 */
struct page *gmem_block_populate(struct inode *inode, pgoff_t pgoff,
				 const struct gmem_want *want)
{
	struct gmem_block *block = gmem_block_find(inode, pgoff);
	struct page *page = gmem_block_page(block, pgoff);
	int ret;

	/* The invalidate_lock is held, so the page stays. */
	if (page)
		return gmem_page_poisoned(page) ? ERR_PTR(-EHWPOISON) : page;
	ret = want->fills ? 0 : gmem_missing_for_memory(inode, pgoff);
	if (ret)
		return ERR_PTR(ret);
	/* The mount is charged already for what will fill the block at once. */
	if (!block)
		block = gmem_block_get(inode, pgoff,
				       !gmem_has_prepared(want) ||
				       !gmem_may_be_huge(inode, pgoff, want));
	if (IS_ERR(block))
		return ERR_CAST(block);

	mutex_lock(&block->lock);
	page = gmem_populate_locked(inode, block, pgoff, want);
	mutex_unlock(&block->lock);
	if (!IS_ERR(page) && gmem_page_poisoned(page))
		return ERR_PTR(-EHWPOISON);
	return page;
}

/* ---- blocks prepared for one call ---- */

/**
 * gmem_batch_fill - prepare several blocks for a file, with few TLB flushes
 * @inode: the file
 * @want: how the memory should be got, with an empty batch
 * @nr: how many blocks are wanted, at most GMEM_BATCH. The file has nothing of
 *	them yet, so each takes one of these, unless other tasks fill or convert
 *	them first.
 *
 * Does nothing if the pool has blocks, if the file's memory isn't hidden or
 * consists of single pages, or if the mount is nearly full. It may prepare
 * fewer blocks than wanted. Each of the others then gets its memory alone.
 *
 * The mount is charged first, so that tasks that do this at the same time don't
 * take more memory than it may have. Until they use it, others can't. So the
 * mount must have room for twice as much.
 */
void gmem_batch_fill(struct inode *inode, struct gmem_want *want,
		     unsigned int nr)
{
	struct gmem_batch *batch = want->batch;
	struct super_block *sb = inode->i_sb;
	unsigned long pages = nr * GMEM_BLOCK_PAGES;

	if (gmem_i(inode)->flags &
	    (GMEM_FLAG_KEEP_DIRECT_MAP | GMEM_FLAG_NO_HUGE |
	     GMEM_FLAG_INIT_SHARED))
		return;
	if (nr < 2 || gmem_pool_clean(want->place.node))
		return;
	if (!gmem_sb_has(sb, 2 * pages) || gmem_sb_charge(sb, pages))
		return;
	batch->nr = gmem_prepare_blocks(batch->blocks, nr, &want->place);
	gmem_sb_uncharge(sb, pages - batch->nr * GMEM_BLOCK_PAGES);
}

/* Give up the blocks of a batch that weren't needed. */
void gmem_batch_drop(struct inode *inode, struct gmem_batch *batch)
{
	unsigned int nr = batch->nr;

	batch->nr = gmem_pool_give(batch->blocks, nr, false);
	gmem_release_clean(batch->blocks, batch->nr);
	batch->nr = 0;
	gmem_sb_uncharge(inode->i_sb, nr * GMEM_BLOCK_PAGES);
}
