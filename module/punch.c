// SPDX-License-Identifier: GPL-2.0
/*
 * Punch: a file gives memory back, in a range or all of it.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "block.h"
#include "carve.h"
#include "charge.h"
#include "common.h"
#include "gmem_inode.h"
#include "lend.h"
#include "mapslot.h"
#include "missing.h"
#include "orphan.h"
#include "pagearray.h"
#include "pageword.h"
#include "pieces.h"
#include "pool.h"
#include "punch.h"
#include "release.h"
#include "state.h"
#include "units.h"
#include "unmap.h"

/* So many blocks are looked at, at most, while others wait for the file. */
#define GMEM_PUNCH_MOST	4096

/**
 * struct gmem_leaving - blocks that leave a file
 * @batch: they are collected, so that they can share a TLB flush
 * @charged: pages for which the mount is charged until they are released: a
 *	     task may take long for that
 */
struct gmem_leaving {
	struct gmem_batch batch;
	unsigned long charged;
};

static void gmem_leaving_release(struct inode *inode, struct gmem_leaving *out)
{
	struct gmem_batch *batch = &out->batch;

	batch->nr = gmem_pool_give(batch->blocks, batch->nr, true);
	gmem_release_blocks(batch->blocks, batch->nr);
	batch->nr = 0;
	gmem_sb_uncharge(inode->i_sb, out->charged);
	out->charged = 0;
}

/* Return: for how many pages the mount isn't charged any more: 1, or 0. */
static long gmem_put_back_page(struct inode *inode, struct page *page)
{
	gmem_inode_account(inode, -1, false);
	if (gmem_is_common_single(page) &&
	    !gmem_common_drop(page, 1, inode, 1))
		return 0;
	if (gmem_lend_leave(page, 1, inode) || !gmem_carve_give(page))
		gmem_release_left(page, 1);
	return 1;
}

/**
 * gmem_page_put_back - give up a page that was taken for a file, which hasn't
 *			found a place in it
 * @inode: the file
 * @page: the page
 */
void gmem_page_put_back(struct inode *inode, struct page *page)
{
	gmem_sb_uncharge(inode->i_sb, gmem_put_back_page(inode, page));
}

/**
 * gmem_block_put_single - a block gives up one of its single pages
 * @inode: the file; the caller holds its invalidate_lock exclusively, or is its
 *	   last user; no user has the page mapped
 * @block: its block
 * @slot: where the page is
 */
void gmem_block_put_single(struct inode *inode, struct gmem_block *block,
			   unsigned int slot)
{
	struct page *page = gmem_page_array_get(block->pages, slot);
	long charged;

	block->nr_common -= gmem_is_common_single(page);
	charged = gmem_put_back_page(inode, page);
	gmem_page_array_clear(block->pages, slot);
	block->nr_pages--;
	gmem_sb_uncharge(inode->i_sb,
			 charged - (long)gmem_block_take_over(inode, block));
}

/* @charged: for so many of its pages the mount is charged. */
static void gmem_put_back_huge(struct inode *inode, struct page *page,
			       unsigned int charged, struct gmem_leaving *out)
{
	struct gmem_batch *batch = &out->batch;

	gmem_inode_account(inode, -(long)GMEM_BLOCK_PAGES, true);
	if (gmem_lend_leave(page, GMEM_BLOCK_PAGES, inode)) {
		gmem_release_left(page, GMEM_BLOCK_PAGES);
		gmem_sb_uncharge(inode->i_sb, charged);
		return;
	}
	out->charged += charged;
	batch->blocks[batch->nr++] = page;
	if (batch->nr == GMEM_BATCH)
		gmem_leaving_release(inode, out);
}

/* ---- a part of a block ---- */

static bool gmem_punch_singles(struct inode *inode, struct gmem_block *block,
			       unsigned int from, unsigned int to)
{
	unsigned int slot;

	for (slot = from; block->pages && slot < to; slot++)
		if (gmem_page_array_get(block->pages, slot))
			gmem_block_put_single(inode, block, slot);
	return !block->nr_pages;
}

static bool gmem_used_outside(const struct gmem_block *block,
			      unsigned int from, unsigned int to)
{
	return find_next_zero_bit(block->holes, from, 0) < from ||
	       find_next_zero_bit(block->holes, GMEM_BLOCK_PAGES, to) <
	       GMEM_BLOCK_PAGES;
}

/*
 * A page that somebody has pinned, or that KVM has borrowed, doesn't become a
 * hole but stays a zeroed page of the file: it may still be written to, and a
 * hole is zero. So check that before zeroing.
 */
static void gmem_make_holes(struct gmem_block *block, unsigned int from,
			    unsigned int to)
{
	for (; from < to; from++) {
		if (gmem_page_held(block->huge + from))
			continue;
		__set_bit(from, block->holes);
		WRITE_ONCE(block->nr_holes, block->nr_holes + 1);
	}
}

/* Return: true if nothing of the block is in use any more. */
static bool gmem_punch_huge(struct gmem_block *block, unsigned int from,
			    unsigned int to)
{
	unsigned int slot, end;

	if (!gmem_used_outside(block, from, to))
		return true;

	for (slot = from; slot < to; slot = end) {
		slot = find_next_zero_bit(block->holes, to, slot);
		end = find_next_bit(block->holes, to, slot);
		gmem_make_holes(block, slot, end);
		gmem_slot_zero(block->huge + slot, end - slot);
	}
	return false;
}

/* A block whose memory goes stays if it has @wants. */
static void gmem_drop_huge(struct inode *inode, struct gmem_block *block,
			   struct gmem_leaving *out)
{
	unsigned int charged = GMEM_BLOCK_PAGES;

	gmem_state_settle(inode, block);
	if (block->wants)
		charged -= gmem_block_take_over(inode, block);
	gmem_put_back_huge(inode, block->huge, charged, out);
}

/* ---- common blocks ---- */

/* The file uses fewer pages of the common block. */
static void gmem_unuse_base(struct inode *inode, struct gmem_block *block,
			    unsigned int from, unsigned int to)
{
	unsigned int holes;

	bitmap_set(block->holes, from, to - from);
	holes = bitmap_weight(block->holes, GMEM_BLOCK_PAGES);
	gmem_common_use(inode, (long)block->nr_holes - holes);
	gmem_inode_account(inode, (long)block->nr_holes - holes, true);
	WRITE_ONCE(block->nr_holes, holes);
}

/*
 * The file doesn't use the common block any more. If it was the last user, the
 * memory goes. The block stays charged for itself if it stays.
 */
static void gmem_put_back_base(struct inode *inode, struct gmem_block *block,
			       struct gmem_leaving *out)
{
	unsigned int used = GMEM_BLOCK_PAGES - block->nr_holes;
	unsigned int holes = block->nr_holes, charged = 0;
	struct page *huge = block->huge;
	bool last;

	last = gmem_common_drop(huge, GMEM_BLOCK_PAGES, inode, used);
	block->common = false;
	WRITE_ONCE(block->huge, NULL);
	bitmap_zero(block->holes, GMEM_BLOCK_PAGES);
	block->nr_holes = 0;
	if (last)
		charged = GMEM_BLOCK_PAGES;
	if (block->nr_pages || block->wants) {
		charged -= last ? gmem_block_take_over(inode, block) : 0;
		gmem_block_charge_array(inode, block);
	}
	if (last) {
		gmem_inode_account(inode, holes, true);
		gmem_put_back_huge(inode, huge, charged, out);
	} else {
		gmem_inode_account(inode, -(long)used, true);
	}
}

/* Return: true if the block has no memory left. */
static bool gmem_punch_common(struct inode *inode, struct gmem_block *block,
			      unsigned int from, unsigned int to,
			      struct gmem_leaving *out)
{
	gmem_punch_singles(inode, block, from, to);
	gmem_unuse_base(inode, block, from, to);
	if (block->nr_holes < GMEM_BLOCK_PAGES)
		return false;
	gmem_put_back_base(inode, block, out);
	return !block->nr_pages;
}

/* ---- blocks ---- */

/* Give back the block's memory in some slots. Return: true if none is left. */
static bool gmem_block_drop(struct inode *inode, struct gmem_block *block,
			    unsigned int from, unsigned int to,
			    struct gmem_leaving *out)
{
	if (block->common)
		return gmem_punch_common(inode, block, from, to, out);
	if (!block->huge)
		return gmem_punch_singles(inode, block, from, to);
	if (!gmem_punch_huge(block, from, to))
		return false;
	gmem_drop_huge(inode, block, out);
	return true;
}

/*
 * The block's memory is gone. What userspace wants of its pages stays until the
 * file goes.
 */
static void gmem_block_empty(struct inode *inode, struct gmem_block *block)
{
	gmem_page_array_free(block->pages);
	block->pages = NULL;
	block->huge = NULL;
	bitmap_zero(block->holes, GMEM_BLOCK_PAGES);
	block->nr_holes = 0;
	gmem_state_settle(inode, block);
}

/**
 * gmem_drop_locked - free a file's memory in a range; what is missing of it
 *		    is as it was
 * @inode: the file. The caller holds the invalidate_lock exclusively and has
 *	   unmapped the range, or is the file's last user.
 * @first: first page
 * @end: page after the last
 */
void gmem_drop_locked(struct inode *inode, pgoff_t first, pgoff_t end)
{
	struct xarray *blocks = &gmem_i(inode)->blocks;
	struct gmem_leaving out = {};
	struct gmem_block *block;
	unsigned long index;

	if (first >= end)
		return;
	xa_for_each_range(blocks, index, block, first >> GMEM_BLOCK_ORDER,
			  (end - 1) >> GMEM_BLOCK_ORDER) {
		pgoff_t start = index << GMEM_BLOCK_ORDER;
		unsigned int from = first > start ? first - start : 0;
		unsigned int to = min(end - start, GMEM_BLOCK_PAGES);

		if (gmem_block_drop(inode, block, from, to, &out)) {
			gmem_block_empty(inode, block);
			gmem_block_tidy(inode, block);
		}
		cond_resched();
	}
	gmem_leaving_release(inode, &out);
}

/* gmem_punch_locked - the same, and all of it is zeros by right from now on */
void gmem_punch_locked(struct inode *inode, pgoff_t first, pgoff_t end)
{
	gmem_drop_locked(inode, first, end);
	gmem_missing_punched(inode, first, end);
}

/**
 * gmem_punch_ends - of a range, give back what is only a part of a block
 * @inode: the file. The caller holds the invalidate_lock exclusively, and has
 *	   unmapped the range.
 * @first: first page
 * @end: page after the last
 *
 * At once: if the file is such that no common block of it may have holes, the
 * caller has made these blocks its own, and mmap() may clone them as soon as
 * the lock is free.
 */
void gmem_punch_ends(struct inode *inode, pgoff_t first, pgoff_t end)
{
	pgoff_t inner = min(round_up(first, GMEM_BLOCK_PAGES), end);

	gmem_punch_locked(inode, first, inner);
	gmem_punch_locked(inode, max(inner, round_down(end, GMEM_BLOCK_PAGES)),
			  end);
}

/* ---- for clones: the caller holds the invalidate_lock exclusively ---- */

/**
 * gmem_block_vacate - give back a block's memory, but keep the block
 * @inode: the file, which has unmapped it
 * @block: its block
 * @from: first page
 * @to: page after the last
 */
void gmem_block_vacate(struct inode *inode, struct gmem_block *block,
		       unsigned int from, unsigned int to)
{
	struct gmem_leaving out = {};

	if (gmem_block_bare(block))
		return;
	if (gmem_block_drop(inode, block, from, to, &out))
		gmem_block_empty(inode, block);
	gmem_leaving_release(inode, &out);
	gmem_block_set_charged(inode, block,
			       gmem_block_own(block) < GMEM_ENOUGH &&
			       (block->common || !block->huge));
}

/**
 * gmem_block_leave_base - don't use pages of a common block any more
 * @inode: the file, which has unmapped them
 * @block: its block, common
 * @from: first page
 * @to: page after the last
 */
void gmem_block_leave_base(struct inode *inode, struct gmem_block *block,
			   unsigned int from, unsigned int to)
{
	struct gmem_leaving out = {};

	gmem_unuse_base(inode, block, from, to);
	if (block->nr_holes < GMEM_BLOCK_PAGES)
		return;
	gmem_put_back_base(inode, block, &out);
	gmem_leaving_release(inode, &out);
}

/**
 * gmem_block_set_single - put a single page into a block
 * @inode: the file, which has unmapped what it has there
 * @block: its block. It has an array of pages. Its memory isn't contiguous,
 *	   unless that is common.
 * @slot: where
 * @page: a page that the file is charged for already, or has in common
 */
void gmem_block_set_single(struct inode *inode, struct gmem_block *block,
			   unsigned int slot, struct page *page)
{
	struct page *old = gmem_page_array_get(block->pages, slot);

	gmem_page_array_set(block->pages, slot, page);
	block->nr_common += gmem_is_common_single(page);
	if (old) {
		block->nr_common -= gmem_is_common_single(old);
		gmem_sb_uncharge(inode->i_sb, gmem_put_back_page(inode, old));
	} else {
		block->nr_pages++;
	}
	gmem_block_charge_array(inode, block);
	if (gmem_in_base(block, slot))
		gmem_block_leave_base(inode, block, slot, slot + 1);
}

/* Set the bits of a block's holes. */
static void gmem_find_holes(const struct gmem_block *block,
			    unsigned long *holes)
{
	unsigned int slot;

	for (slot = 0; slot < GMEM_BLOCK_PAGES; slot++)
		if (!gmem_block_page(block, slot))
			__set_bit(slot, holes);
}

/**
 * gmem_block_replace - a block gets contiguous memory instead of what it has
 * @inode: the file, which has unmapped the block
 * @block: its block
 * @huge: first page of the new memory, which the file owns and is charged for.
 *	  It has the block's contents, and is zero where the block has holes.
 */
void gmem_block_replace(struct inode *inode, struct gmem_block *block,
			struct page *huge)
{
	DECLARE_BITMAP(holes, GMEM_BLOCK_PAGES) = {};

	gmem_find_holes(block, holes);
	gmem_block_vacate(inode, block, 0, GMEM_BLOCK_PAGES);
	bitmap_copy(block->holes, holes, GMEM_BLOCK_PAGES);
	block->nr_holes = bitmap_weight(holes, GMEM_BLOCK_PAGES);
	WRITE_ONCE(block->huge, huge);
	gmem_block_set_charged(inode, block, false);
}

/* ---- a range ---- */

/*
 * Where to stop: after GMEM_BATCH blocks with memory, which take time to zero,
 * or after many blocks; or at @end.
 */
static pgoff_t gmem_punch_stop(struct inode *inode, pgoff_t first, pgoff_t end)
{
	struct xarray *blocks = &gmem_i(inode)->blocks;
	unsigned int nr = 0, full = 0;
	struct gmem_block *block;
	unsigned long index;

	xa_for_each_range(blocks, index, block, first >> GMEM_BLOCK_ORDER,
			  (end - 1) >> GMEM_BLOCK_ORDER) {
		if (full == GMEM_BATCH || nr++ == GMEM_PUNCH_MOST)
			return index << GMEM_BLOCK_ORDER;
		full += !gmem_block_bare(block);
	}
	return end;
}

/* Punch up to where to stop. Return: that. */
static pgoff_t gmem_punch_some(struct inode *inode, pgoff_t first, pgoff_t end,
			       bool mapped)
{
	pgoff_t stop;

	filemap_invalidate_lock(inode->i_mapping);
	stop = gmem_punch_stop(inode, first, end);
	if (mapped)
		gmem_unmap(inode, (loff_t)first << PAGE_SHIFT,
			   (loff_t)(stop - first) << PAGE_SHIFT);
	gmem_punch_locked(inode, first, stop);
	filemap_invalidate_unlock(inode->i_mapping);
	gmem_carve_settle();
	return stop;
}

/**
 * gmem_punch_hole - unmap blocks of a file and give their memory back
 * @inode: the file; the caller holds its i_rwsem exclusively, and has unmapped
 *	   the range once, with one flush
 * @first: first page, of a block
 * @end: page after the last, of a block
 *
 * Zeroing takes long, and faults wait for the invalidate_lock. So that is held
 * for a few blocks at a time. In between, a part that is still to be done may
 * get mapped again, and one that is done may get new memory.
 *
 * Return: 0; or -EINTR if the task was killed, with a part done.
 */
int gmem_punch_hole(struct inode *inode, pgoff_t first, pgoff_t end)
{
	lockdep_assert_held_write(&inode->i_rwsem);
	while (first < end) {
		first = gmem_punch_some(inode, first, end, true);
		if (first < end && fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

/**
 * gmem_punch_tail - give back a file's memory beyond its size
 * @inode: the file; the caller holds its i_rwsem exclusively, and has set the
 *	   size and unmapped the range under the invalidate_lock. So nobody can
 *	   map any of it again, and it gets no memory.
 * @first: first page, of a block
 */
void gmem_punch_tail(struct inode *inode, pgoff_t first)
{
	lockdep_assert_held_write(&inode->i_rwsem);
	while (first < GMEM_TO_END)
		first = gmem_punch_some(inode, first, GMEM_TO_END, false);
}

/* gmem_block_evict - the file goes: give back its memory, free its blocks */
void gmem_block_evict(struct inode *inode)
{
	struct xarray *blocks = &gmem_i(inode)->blocks;
	struct gmem_block *block;
	unsigned long index;
	pgoff_t first, stop;

	for (first = 0; first < GMEM_TO_END; first = stop) {
		stop = gmem_punch_stop(inode, first, GMEM_TO_END);
		gmem_punch_locked(inode, first, stop);
		gmem_carve_settle();
	}
	xa_for_each(blocks, index, block) {
		gmem_block_free(inode, block);
		cond_resched();
	}
}
