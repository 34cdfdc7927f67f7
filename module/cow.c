// SPDX-License-Identifier: GPL-2.0
/*
 * Copy on write: a file gets pages of its own in place of those that it has in
 * common with others (common.c). Whoever is about to write to a file, or to
 * expose a page of it, calls this first.
 *
 * The caller holds the file's invalidate_lock exclusively: a page leaves the
 * file, and whoever holds the lock shared may have its address. The file's
 * guest view is unmapped there before another page takes its place. Other users
 * have the common page mapped read-only, and don't notice. A shared view has
 * none of them mapped: all users want them private.
 *
 * How much is copied, is up to the mount's cow=. A file that holds its memory
 * in contiguous blocks only (GMEM_FLAG_HUGE_ONLY) always gets a whole block.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "block.h"
#include "carve.h"
#include "charge.h"
#include "common.h"
#include "cow.h"
#include "fault_inject.h"
#include "gmem_inode.h"
#include "gmem_sb.h"
#include "mapslot.h"
#include "pagearray.h"
#include "pageword.h"
#include "place.h"
#include "poison.h"
#include "populate.h"
#include "punch.h"
#include "state.h"
#include "units.h"
#include "unmap.h"

/* After half of a block was copied, the rest follows (cow=auto). */
#define GMEM_COW_MOST	(GMEM_BLOCK_PAGES / 2)

/* If there was no contiguous memory, try again after so many more pages. */
#define GMEM_COW_AGAIN	64U

static pgoff_t gmem_block_start(const struct gmem_block *block)
{
	return block->index << GMEM_BLOCK_ORDER;
}

/* No shared view has what the caller is about: it is common, or private. */
static void gmem_unmap_pages(struct inode *inode,
			     const struct gmem_block *block, unsigned int slot,
			     unsigned long nr)
{
	gmem_unmap_guest(inode,
			 (loff_t)(gmem_block_start(block) + slot) << PAGE_SHIFT,
			 (loff_t)nr << PAGE_SHIFT);
}

/* ---- whole blocks ---- */

/* May the page go, once there is a copy of it elsewhere in the file? */
static bool gmem_may_move(const struct page *page)
{
	unsigned long other = GMEM_PAGE_OWNED | GMEM_PAGE_CARVED |
			      GMEM_PAGE_COMMON | GMEM_PAGE_DEVICE;

	return (gmem_page_word(page) & ~other) == GMEM_PAGE_HIDDEN &&
	       !gmem_page_has_device(page) && !gmem_page_poisoned(page);
}

/*
 * Can all that the file has in a common block be copied to one place? Return:
 * 0; -EHWPOISON if the common memory has a memory error; -EBUSY if a page is
 * wanted shared, or one of the file's own must stay where it is: it was in a
 * shared view, is lent, a device has it, or it has a memory error.
 */
static int gmem_may_join_up(struct inode *inode, const struct gmem_block *block)
{
	unsigned int slot;
	struct page *page;

	if (gmem_any_poisoned(block->huge, GMEM_BLOCK_PAGES))
		return -EHWPOISON;
	if (!gmem_state_all(inode, block, false))
		return -EBUSY;
	for (slot = 0; block->nr_pages && slot < GMEM_BLOCK_PAGES; slot++) {
		page = gmem_page_array_get(block->pages, slot);
		if (page && !gmem_may_move(page))
			return -EBUSY;
	}
	return 0;
}

/*
 * Unmap a block, of which all that the file has is copied to one place then.
 * Until that, KVM may borrow a page. A loan that begins later isn't kept: KVM
 * looks the page up again, and finds another one (borrow.c).
 *
 * Return: 0 if it can be copied; or as gmem_may_join_up().
 */
static int gmem_unmap_to_join(struct inode *inode,
			      const struct gmem_block *block)
{
	int ret = gmem_may_join_up(inode, block);

	if (ret)
		return ret;
	gmem_fault_delay_joining();
	gmem_unmap_pages(inode, block, 0, GMEM_BLOCK_PAGES);
	return gmem_may_join_up(inode, block);
}

/* The block is common, and no other file has it any more. */
static bool gmem_is_last_user(const struct gmem_block *block)
{
	unsigned int slot = find_first_zero_bit(block->holes, GMEM_BLOCK_PAGES);

	return slot < GMEM_BLOCK_PAGES &&
	       gmem_common_users(block, slot, block->huge + slot) == 1;
}

/*
 * The file owns the block's memory again. Its single pages go back to where
 * they would have been without a clone, and what was punched is zeroed.
 */
static void gmem_join_up(struct inode *inode, struct gmem_block *block)
{
	unsigned int slot;
	struct page *page;

	for_each_set_bit(slot, block->holes, GMEM_BLOCK_PAGES) {
		page = block->pages ? gmem_page_array_get(block->pages, slot)
				    : NULL;
		cond_resched();
		if (!page) {
			gmem_slot_zero(block->huge + slot, 1);
			continue;
		}
		gmem_slot_copy(block->huge + slot, page);
		gmem_block_put_single(inode, block, slot);
		__clear_bit(slot, block->holes);
		WRITE_ONCE(block->nr_holes, block->nr_holes - 1);
	}
	gmem_page_array_free(block->pages);
	WRITE_ONCE(block->pages, NULL);
	block->common = false;
	gmem_block_set_charged(inode, block, false);
}

/* Take a common block over, if no other file has it. Return: 1, or 0. */
static int gmem_take_back(struct inode *inode, struct gmem_block *block)
{
	unsigned int holes = block->nr_holes;

	if (!gmem_is_last_user(block) || gmem_unmap_to_join(inode, block))
		return 0;
	if (!gmem_common_take(block->huge, GMEM_BLOCK_PAGES, inode, holes))
		return 0;
	gmem_inode_account(inode, holes, true);
	gmem_join_up(inode, block);
	return 1;
}

static bool gmem_huge_only(struct inode *inode)
{
	return gmem_i(inode)->flags & GMEM_FLAG_HUGE_ONLY;
}

/* Is all of the block to be copied now? */
static bool gmem_copies_block(struct inode *inode,
			      const struct gmem_block *block)
{
	/* For a guess, other tasks may add pages meanwhile. */
	unsigned int copied = data_race(gmem_block_own(block));

	if (gmem_huge_only(inode))
		return true;
	if (copied % GMEM_COW_AGAIN)
		return false;
	switch (gmem_sb(inode->i_sb)->cow) {
	case GMEM_COW_PAGE:
		return false;
	case GMEM_COW_BLOCK:
		return true;
	default:
		return copied >= GMEM_COW_MOST;
	}
}

/**
 * gmem_owns_blockwise - would a write to a common page make all of its block
 *			 the file's own?
 * @inode: the file; the caller holds its invalidate_lock
 * @block: its block
 * @slot: where the page is
 *
 * A guess, which gmem_own_page() may decide otherwise.
 */
bool gmem_owns_blockwise(struct inode *inode, const struct gmem_block *block,
			 unsigned int slot)
{
	return gmem_in_base(block, slot) &&
	       (gmem_is_last_user(block) || gmem_copies_block(inode, block));
}

/*
 * Some of its pages are the file's own, and writable: so it is unmapped first.
 *
 * Return: 1, or an errno.
 */
static int gmem_copy_block(struct inode *inode, struct gmem_block *block,
			   const struct gmem_want *want)
{
	struct page *huge, *page;
	unsigned int slot;
	int ret;

	ret = gmem_unmap_to_join(inode, block);
	if (ret)
		return ret;
	huge = gmem_take_contiguous(inode, block, 0, want);
	if (IS_ERR(huge))
		return PTR_ERR(huge);
	for (slot = 0; slot < GMEM_BLOCK_PAGES; slot++) {
		page = gmem_block_page(block, slot);
		if (page)
			gmem_slot_copy(huge + slot, page);
		cond_resched();
	}
	gmem_block_replace(inode, block, huge);
	return 1;
}

/* ---- pages ---- */

static struct page *gmem_copy_of(struct inode *inode, struct page *page,
				 const struct gmem_want *want)
{
	struct page *copy;

	if (gmem_page_poisoned(page))
		return ERR_PTR(-EHWPOISON);
	copy = gmem_take_single(inode, 0, want);
	if (!IS_ERR(copy))
		gmem_slot_copy(copy, page);
	return copy;
}

/* A single page takes the place of a common one. Return: 1, or an errno. */
static int gmem_copy_page(struct inode *inode, struct gmem_block *block,
			  unsigned int slot, struct page *page,
			  const struct gmem_want *want)
{
	struct gmem_page_array *pages = block->pages ?: gmem_page_array_new();
	struct page *copy;

	if (!pages)
		return -ENOMEM;
	copy = gmem_copy_of(inode, page, want);
	if (IS_ERR(copy)) {
		if (pages != block->pages)
			gmem_page_array_free(pages);
		return PTR_ERR(copy);
	}
	WRITE_ONCE(block->pages, pages);
	gmem_unmap_pages(inode, block, slot, 1);
	gmem_block_set_single(inode, block, slot, copy);
	return 1;
}

static int gmem_own_single(struct inode *inode, struct gmem_block *block,
			   unsigned int slot, struct page *page,
			   const struct gmem_want *want)
{
	if (gmem_common_users(block, slot, page) == 1) {
		/* It is mapped read-only. */
		gmem_unmap_pages(inode, block, slot, 1);
		if (gmem_common_take(page, 1, inode, 0)) {
			block->nr_common--;
			gmem_block_charge_array(inode, block);
			return 1;
		}
	}
	return gmem_copy_page(inode, block, slot, page, want);
}

static int gmem_own_of_base(struct inode *inode, struct gmem_block *block,
			    unsigned int slot, const struct gmem_want *want)
{
	int ret = gmem_take_back(inode, block);

	if (ret)
		return ret;
	if (gmem_copies_block(inode, block)) {
		ret = gmem_copy_block(inode, block, want);
		if (ret > 0 || gmem_huge_only(inode))
			return ret;
	}
	return gmem_copy_page(inode, block, slot, block->huge + slot, want);
}

/**
 * gmem_own_page - make a page the file's own
 * @inode: the file; the caller holds its invalidate_lock exclusively
 * @pgoff: offset in pages
 * @want: how memory should be got
 *
 * Return: 0 if it is, or is a hole; 1 if it was common, and is unmapped from
 * the guest view; or an errno: -ENOMEM; -ENOSPC over the mount's size;
 * -EHWPOISON if the page has a memory error, or the block that is to be copied
 * with it; or as of gmem_block_populate().
 */
int gmem_own_page(struct inode *inode, pgoff_t pgoff,
		  const struct gmem_want *want)
{
	struct gmem_block *block = gmem_block_find(inode, pgoff);
	struct page *page = gmem_block_page(block, pgoff);
	unsigned int slot = pgoff % GMEM_BLOCK_PAGES;

	lockdep_assert_held_write(&inode->i_mapping->invalidate_lock);
	if (!page || !gmem_is_common(inode, block, slot, page))
		return 0;
	if (gmem_in_base(block, slot))
		return gmem_own_of_base(inode, block, slot, want);
	return gmem_own_single(inode, block, slot, page, want);
}

/* ---- ranges ---- */

/*
 * A block that is owned as a whole is taken over, or copied at once. Otherwise
 * its pages are owned one by one.
 */
static void gmem_own_block(struct inode *inode, struct gmem_block *block,
			   const struct gmem_want *want)
{
	if (!block->common || gmem_sb(inode->i_sb)->cow == GMEM_COW_PAGE)
		return;
	if (!gmem_take_back(inode, block))
		gmem_copy_block(inode, block, want);
}

static bool gmem_has_all_of(const struct gmem_block *block, pgoff_t first,
			    pgoff_t end)
{
	return first == gmem_block_start(block) &&
	       end - first >= GMEM_BLOCK_PAGES;
}

/**
 * gmem_own - make what a file has in a range its own
 * @inode: the file; the caller holds its invalidate_lock exclusively
 * @first: first page
 * @end: page after the last
 * @want: how memory should be got; NULL: where the task's policy says
 *
 * On an error, the pages before are the file's own.
 *
 * Return: 0, -EINTR, or an errno as of gmem_own_page().
 */
int gmem_own(struct inode *inode, pgoff_t first, pgoff_t end,
	     const struct gmem_want *want)
{
	struct gmem_want usual = {};
	struct gmem_block *block;
	int ret = 0;

	if (!gmem_has_common(inode))
		return 0;
	while (first < end && ret >= 0) {
		block = gmem_block_find(inode, first);
		if (!block) {
			first = round_down(first, GMEM_BLOCK_PAGES) +
				GMEM_BLOCK_PAGES;
			continue;
		}
		if (!want)
			usual.place = gmem_place_of_vma(NULL, block->index);
		if (gmem_has_all_of(block, first, end))
			gmem_own_block(inode, block, want ?: &usual);
		ret = gmem_own_page(inode, first++, want ?: &usual);
		if (ret >= 0 && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return min(ret, 0);
}

/**
 * gmem_own_ends - own the pages of which only a part changes
 * @inode: the file; the caller holds its invalidate_lock exclusively
 * @start: first byte of a range that is zeroed, or given back
 * @end: byte after the last
 *
 * A file that holds its memory in contiguous blocks has no hole in a common
 * one. So there this is about all of the block.
 *
 * Return: as gmem_own().
 */
int gmem_own_ends(struct inode *inode, loff_t start, loff_t end)
{
	loff_t unit = gmem_huge_only(inode) ? GMEM_BLOCK_SIZE : PAGE_SIZE;
	pgoff_t first = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;
	int ret = 0;

	if (start & (unit - 1))
		ret = gmem_own(inode, first, first + 1, NULL);
	if (!ret && end & (unit - 1))
		ret = gmem_own(inode, last, last + 1, NULL);
	return ret;
}

/**
 * gmem_unshare - the same as gmem_own(), for a caller without the lock
 * @inode: the file; the caller holds its i_rwsem, so it isn't cloned meanwhile
 * @first: first page
 * @end: page after the last
 * @want: how memory should be got; NULL: where the task's policy says
 */
int gmem_unshare(struct inode *inode, pgoff_t first, pgoff_t end,
		 const struct gmem_want *want)
{
	int ret;

	if (!gmem_has_common(inode))
		return 0;
	filemap_invalidate_lock(inode->i_mapping);
	ret = gmem_own(inode, first, end, want);
	filemap_invalidate_unlock(inode->i_mapping);
	gmem_carve_settle();
	return ret;
}
