// SPDX-License-Identifier: GPL-2.0
/*
 * Convert: private to shared and back, in place.
 *
 * The guest view never changes: the pages stay where they are, so what VMMs
 * have mapped and what KVM has in stage 2 stays. Only the direct map and the
 * shared views change.
 *
 * A conversion holds the file's invalidate_lock exclusively: meanwhile nobody
 * faults, reads, or gives back pages of the file. It makes pages private in
 * three steps: unmap them from all shared views; check that nobody else has a
 * reference to them; remove them from the direct map. After the first step,
 * only a fault could get a new reference to a page, and faults wait for the
 * lock.
 *
 * The lock is held for one block at a time; or for up to GMEM_BATCH whole
 * blocks that become private together. Of these, physically contiguous blocks
 * leave the direct map in one step, with one TLB flush. So do single pages of
 * one block. Where edits can share a flush, the lock is held for up to
 * GMEM_UNDER_LOCK pages that become private, unless somebody waits for it, and
 * there is one flush before it is let go of.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "convert.h"
#include "cow.h"
#include "directmap.h"
#include "faults.h"
#include "frame.h"
#include "gmem_inode.h"
#include "lend.h"
#include "mapslot.h"
#include "pageword.h"
#include "pieces.h"
#include "poison.h"
#include "state.h"
#include "units.h"
#include "unmap.h"

static_assert(sizeof(struct gmem_attributes) == 64);

/**
 * struct gmem_conversion - one call of GMEM_SET_ATTRIBUTES
 * @inode: the file
 * @shared: the new attribute: shared, or private
 * @zero: zero the pages that change
 * @flush: for pages that became private under the lock that is held now
 */
struct gmem_conversion {
	struct inode *inode;
	bool shared;
	bool zero;
	struct gmem_flush flush;
};

/* For how much memory, in pages, the lock is held at most: 64 MiB. */
#define GMEM_UNDER_LOCK	(32 * GMEM_BLOCK_PAGES)

/* How many single pages are hidden together: the array is on the stack. */
#define GMEM_SINGLES	64

struct gmem_singles {
	unsigned int nr;
	struct page *pages[GMEM_SINGLES];
};

/* ---- a part of a block ---- */

/* Zero the pages that change. @page: the first; NULL: it is a hole. */
static void gmem_convert_zero(struct gmem_conversion *c,
			      struct gmem_block *block, struct page *page,
			      unsigned int slot, unsigned int nr)
{
	unsigned int i;

	for (i = 0; c->zero && i < nr; i++) {
		if (gmem_state_shared(c->inode, block, slot + i) == c->shared)
			continue;
		if (page)
			gmem_slot_zero(page + i, 1);
		gmem_faults_zero(c->inode, block, slot + i);
	}
}

/*
 * Return: 0; or why a page can't be converted. A page that is shared and pinned
 * can't become private: the holder of the pin could go on reading it.
 */
static int gmem_why_not(struct gmem_conversion *c, struct gmem_block *block,
			struct page *page, unsigned int slot)
{
	if (gmem_page_poisoned(page))
		return -EIO;
	if (!c->shared && gmem_page_may_be_had(page) &&
	    gmem_state_shared(c->inode, block, slot) &&
	    (gmem_page_pinned(page) || gmem_lend_keeps(page)))
		return -EAGAIN;
	return 0;
}

/*
 * How many pages, from the first on, can be converted for certain? A quick look
 * that is enough for most. No page has a memory error before gmem_poison_seen
 * is set.
 */
static unsigned int gmem_surely_convertible(struct gmem_conversion *c,
					    struct page *page, unsigned int nr)
{
	unsigned int i = 0;

	if (READ_ONCE(gmem_poison_seen))
		return 0;
	if (c->shared)
		return nr;
	while (i < nr && !gmem_page_may_be_had(page + i))
		i++;
	return i;
}

/*
 * How many pages, from the first on, can be converted? Sets @why to the reason
 * why the next can't, or to 0.
 */
static unsigned int gmem_convertible(struct gmem_conversion *c,
				     struct gmem_block *block,
				     struct page *page, unsigned int slot,
				     unsigned int nr, int *why)
{
	unsigned int i;
	int ret = 0;

	for (i = gmem_surely_convertible(c, page, nr); i < nr; i++) {
		ret = gmem_why_not(c, block, page + i, slot + i);
		if (ret)
			break;
	}
	*why = ret;
	return i;
}

static bool gmem_keeps_all(struct gmem_conversion *c)
{
	return gmem_i(c->inode)->flags & GMEM_FLAG_KEEP_DIRECT_MAP;
}

static int gmem_make_private(struct gmem_conversion *c, struct page *page,
			     unsigned int nr)
{
	if (gmem_keeps_all(c))
		return 0;
	return gmem_lend_make_private(page, nr, c->inode, &c->flush);
}

static int gmem_make_shared(struct gmem_conversion *c, struct page *page,
			    unsigned int nr)
{
	if (gmem_keeps_all(c))
		return 0;
	return gmem_frame_expose(page, nr, GMEM_WANTED, c->inode);
}

/*
 * With @zero, pages are zeroed while they are hidden. Once that is done, an
 * error of the direct map doesn't count: the page is shared, and the first
 * fault of a shared view exposes it.
 */
static int gmem_share_span(struct gmem_conversion *c, struct gmem_block *block,
			   struct page *page, unsigned int slot,
			   unsigned int nr)
{
	int ret;

	gmem_convert_zero(c, block, page, slot, nr);
	ret = gmem_make_shared(c, page, nr);
	return c->zero ? 0 : ret;
}

/*
 * These pages don't become private after all. Those that are wanted shared are
 * exposed again. If that fails, too, the first fault of a shared view exposes
 * them.
 */
static void gmem_unhide_slots(struct gmem_conversion *c,
			      struct gmem_block *block, unsigned int slot,
			      unsigned int to)
{
	struct page *page;

	for (; slot < to; slot++) {
		page = gmem_block_page(block, slot);
		if (page && gmem_state_shared(c->inode, block, slot))
			gmem_frame_expose(page, 1, GMEM_WANTED, c->inode);
	}
}

static int gmem_unshare_span(struct gmem_conversion *c,
			     struct gmem_block *block, struct page *page,
			     unsigned int slot, unsigned int nr)
{
	int ret = gmem_make_private(c, page, nr);

	if (ret)
		gmem_unhide_slots(c, block, slot, slot + nr);
	else
		gmem_convert_zero(c, block, page, slot, nr);
	return ret;
}

/*
 * Sets @nr to how many are converted, the first ones: fewer if there is an
 * error.
 */
static int gmem_convert_span(struct gmem_conversion *c,
			     struct gmem_block *block, struct page *page,
			     unsigned int slot, unsigned int *nr)
{
	int ret = 0, why;

	*nr = gmem_convertible(c, block, page, slot, *nr, &why);
	if (*nr)
		ret = c->shared ? gmem_share_span(c, block, page, slot, *nr)
				: gmem_unshare_span(c, block, page, slot, *nr);
	if (ret)
		*nr = 0;
	return ret ?: why;
}

/* ---- what becomes private together ---- */

/* Zeroing takes longer than any TLB flush: so it goes piece by piece. */
static bool gmem_hides_together(struct gmem_conversion *c)
{
	return !c->shared && !c->zero && !gmem_keeps_all(c);
}

/*
 * Make pieces of @each pages private. They may come in any order: contiguous
 * ones take one step and one TLB flush. Return: 0, or an errno: some may be
 * hidden.
 */
static int gmem_hide_pieces(struct gmem_conversion *c, struct page **pieces,
			    unsigned int nr, unsigned int each)
{
	unsigned int i, run;
	int ret = 0;

	gmem_sort_pieces(pieces, nr);
	for (i = 0; i < nr && !ret; i += run) {
		run = gmem_run_length(pieces + i, nr - i, each);
		ret = gmem_lend_make_private(pieces[i], run * each, c->inode,
					     &c->flush);
	}
	return ret;
}

/* ---- single pages of a block ---- */

/* Return: the first slot that can't go along, or that wasn't looked at. */
static unsigned int gmem_gather_singles(struct gmem_conversion *c,
					struct gmem_block *block,
					unsigned int slot, unsigned int to,
					struct gmem_singles *singles)
{
	struct page *page;
	int why;

	for (; slot < to && singles->nr < GMEM_SINGLES; slot++) {
		page = gmem_block_page(block, slot);
		if (!page)
			continue;
		if (!gmem_convertible(c, block, page, slot, 1, &why))
			break;
		singles->pages[singles->nr++] = page;
	}
	return slot;
}

/*
 * Not inline: the kernel is built so that arrays on the stack are zeroed, and
 * most conversions need none. Return: how many slots were converted.
 */
static noinline unsigned int
gmem_singles_together(struct gmem_conversion *c, struct gmem_block *block,
		      unsigned int slot, unsigned int to)
{
	struct gmem_singles singles = { .nr = 0 };
	unsigned int stop;

	stop = gmem_gather_singles(c, block, slot, to, &singles);
	if (gmem_hide_pieces(c, singles.pages, singles.nr, 1)) {
		gmem_unhide_slots(c, block, slot, stop);
		return 0;
	}
	gmem_state_set(block, slot, stop, false);
	return stop - slot;
}

/* ---- one block ---- */

/* Return: 0, or an errno with *@slot set to the first that isn't converted. */
static int gmem_convert_slots(struct gmem_conversion *c,
			      struct gmem_block *block, unsigned int *slot,
			      unsigned int to)
{
	struct page *page;
	unsigned int nr;
	bool whole;
	int ret = 0;

	while (*slot < to && !ret) {
		nr = 0;
		if (block->pages && gmem_hides_together(c))
			nr = gmem_singles_together(c, block, *slot, to);
		*slot += nr;
		if (nr)
			continue;
		/* Holes in a contiguous block are converted with the rest. */
		whole = block->huge && !block->common;
		page = whole ? block->huge + *slot
			     : gmem_block_page(block, *slot);
		nr = whole ? to - *slot : 1;
		if (page)
			ret = gmem_convert_span(c, block, page, *slot, &nr);
		else
			gmem_convert_zero(c, block, NULL, *slot, nr);
		gmem_state_set(block, *slot, *slot + nr, c->shared);
		*slot += nr;
	}
	return ret;
}

static void gmem_unmap_views(struct gmem_conversion *c, pgoff_t pgoff,
			     unsigned int nr)
{
	gmem_unmap_shared(c->inode, (loff_t)pgoff << PAGE_SHIFT,
			  (loff_t)nr << PAGE_SHIFT);
}

/* Free records of no memory that say no more than the file's default. */
static void gmem_settle(struct gmem_conversion *c, struct gmem_block *block)
{
	if (!gmem_block_bare(block))
		return;
	gmem_state_settle(c->inode, block);
	gmem_block_tidy(c->inode, block);
}

/*
 * Return: the block at @pgoff; NULL if nothing in it changes, so that a block
 * that doesn't exist isn't made for that; or an ERR_PTR.
 */
static struct gmem_block *gmem_block_to_convert(struct gmem_conversion *c,
						pgoff_t pgoff)
{
	struct gmem_block *block = gmem_block_find(c->inode, pgoff);

	if (gmem_state_all(c->inode, block, c->shared))
		return NULL;
	return block ?: gmem_block_get(c->inode, pgoff, true);
}

static int gmem_convert_block(struct gmem_conversion *c, pgoff_t *pgoff,
			      pgoff_t end)
{
	pgoff_t start = round_down(*pgoff, GMEM_BLOCK_PAGES);
	unsigned int slot = *pgoff - start;
	unsigned int to = min(end - start, GMEM_BLOCK_PAGES);
	struct gmem_block *block = gmem_block_to_convert(c, *pgoff);
	int ret;

	if (!block) {
		*pgoff = start + to;
		return 0;
	}
	if (IS_ERR(block))
		return PTR_ERR(block);
	/* What others have, too, is private, and never exposed. */
	ret = c->shared ? gmem_own(c->inode, *pgoff, start + to, NULL) : 0;
	if (!ret)
		ret = gmem_state_need(c->inode, block);
	if (!ret) {
		if (!c->shared)
			gmem_unmap_views(c, *pgoff, to - slot);
		ret = gmem_convert_slots(c, block, &slot, to);
	}
	gmem_settle(c, block);
	*pgoff = start + slot;
	return ret;
}

/* ---- whole blocks ---- */

/*
 * Get a block ready to become private as a whole. Return: 0; or an errno if it
 * can't go along with others.
 */
static int gmem_go_along(struct gmem_conversion *c, struct gmem_block *block,
			 pgoff_t pgoff)
{
	int why;

	if (block->pages || block->common)
		return -EINVAL;
	if (block->huge) {
		gmem_unmap_views(c, pgoff, GMEM_BLOCK_PAGES);
		gmem_convertible(c, block, block->huge, 0, GMEM_BLOCK_PAGES,
				 &why);
		if (why)
			return why;
	}
	return gmem_state_need(c->inode, block);
}

/* Does the range begin with a whole block? */
static bool gmem_has_whole_block(pgoff_t pgoff, pgoff_t end)
{
	return pgoff % GMEM_BLOCK_PAGES == 0 &&
	       end - pgoff >= GMEM_BLOCK_PAGES;
}

/*
 * Return: the end of the blocks that go along, @pgoff if there are none. It
 * stops at the first that can't go along, whatever the reason:
 * gmem_convert_block() finds that out when it converts this block alone.
 */
static pgoff_t gmem_gather(struct gmem_conversion *c, pgoff_t pgoff,
			   pgoff_t end, struct gmem_batch *batch)
{
	struct gmem_block *block;

	end = min(end, pgoff + GMEM_BATCH * GMEM_BLOCK_PAGES);
	for (; end - pgoff >= GMEM_BLOCK_PAGES; pgoff += GMEM_BLOCK_PAGES) {
		block = gmem_block_to_convert(c, pgoff);
		if (!block)
			continue;
		if (IS_ERR(block))
			break;
		if (gmem_go_along(c, block, pgoff)) {
			gmem_settle(c, block);
			break;
		}
		if (block->huge)
			batch->blocks[batch->nr++] = block->huge;
		cond_resched();
		if (signal_pending(current))
			return pgoff + GMEM_BLOCK_PAGES;
	}
	return pgoff;
}

/*
 * These blocks are not converted after all. Pages that are wanted shared are
 * exposed again. If that fails, too, the first fault of a shared view exposes
 * them.
 */
static void gmem_unhide_blocks(struct gmem_conversion *c, pgoff_t pgoff,
			       pgoff_t stop)
{
	struct gmem_block *block;
	unsigned int from, to;

	for (; pgoff < stop; pgoff += GMEM_BLOCK_PAGES) {
		block = gmem_block_find(c->inode, pgoff);
		if (!block || !block->wants)
			continue;
		for_each_set_bitrange(from, to, block->wants->shared,
				      GMEM_BLOCK_PAGES)
			if (block->huge)
				gmem_frame_expose(block->huge + from, to - from,
						  GMEM_WANTED, c->inode);
		gmem_settle(c, block);
	}
}

static void gmem_note_private(struct gmem_conversion *c, pgoff_t pgoff,
			      pgoff_t stop)
{
	struct gmem_block *block;

	for (; pgoff < stop; pgoff += GMEM_BLOCK_PAGES) {
		block = gmem_block_find(c->inode, pgoff);
		if (gmem_state_all(c->inode, block, false))
			continue;
		gmem_state_set(block, 0, GMEM_BLOCK_PAGES, false);
		gmem_settle(c, block);
	}
}

/*
 * Not inline, as gmem_singles_together(). Return: how many pages were
 * converted, in whole blocks.
 */
static noinline pgoff_t gmem_blocks_together(struct gmem_conversion *c,
					     pgoff_t pgoff, pgoff_t end)
{
	struct gmem_batch batch = {};
	pgoff_t stop;

	stop = gmem_gather(c, pgoff, end, &batch);
	if (gmem_hide_pieces(c, batch.blocks, batch.nr, GMEM_BLOCK_PAGES)) {
		gmem_unhide_blocks(c, pgoff, stop);
		return 0;
	}
	gmem_note_private(c, pgoff, stop);
	return stop - pgoff;
}

/* ---- a range ---- */

/* If blocks can't go together, one is tried alone: its error is returned. */
static int gmem_convert_step(struct gmem_conversion *c, pgoff_t *pgoff,
			     pgoff_t end)
{
	pgoff_t done = 0;

	if (gmem_hides_together(c) && gmem_has_whole_block(*pgoff, end))
		done = gmem_blocks_together(c, *pgoff, end);
	*pgoff += done;
	return done ? 0 : gmem_convert_block(c, pgoff, end);
}

/* May more become private under the same hold of the lock, for one flush? */
static bool gmem_goes_on(struct gmem_conversion *c)
{
	return gmem_hides_together(c) && gmem_directmap_shares_flush() &&
	       !rwsem_is_contended(&c->inode->i_mapping->invalidate_lock) &&
	       !signal_pending(current);
}

static int gmem_convert_some(struct gmem_conversion *c, pgoff_t *pgoff,
			     pgoff_t end)
{
	struct address_space *mapping = c->inode->i_mapping;
	int ret;

	end = min(end, round_down(*pgoff, GMEM_BLOCK_PAGES) + GMEM_UNDER_LOCK);
	filemap_invalidate_lock(mapping);
	do {
		ret = gmem_convert_step(c, pgoff, end);
		cond_resched();
	} while (!ret && *pgoff < end && gmem_goes_on(c));
	gmem_directmap_flush(&c->flush);
	filemap_invalidate_unlock(mapping);
	return ret;
}

static int gmem_convert(struct gmem_conversion *c, pgoff_t *pgoff, pgoff_t end)
{
	int ret = 0;

	while (*pgoff < end && !ret) {
		ret = gmem_convert_some(c, pgoff, end);
		if (!ret && *pgoff < end && signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}

/**
 * gmem_set_attributes - GMEM_SET_ATTRIBUTES: see the header of the ABI
 * @file: the file, open for writing
 * @arg: a struct gmem_attributes
 */
long gmem_set_attributes(struct file *file, void __user *arg)
{
	struct gmem_attributes __user *user = arg;
	struct inode *inode = file_inode(file);
	struct gmem_conversion c = { .inode = inode };
	struct gmem_attributes set;
	pgoff_t pgoff;
	int ret;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (copy_from_user(&set, arg, sizeof(set)))
		return -EFAULT;
	if (set.attributes & ~GMEM_ATTRIBUTE_PRIVATE ||
	    set.flags & ~GMEM_CONVERT_ZERO || set.error_offset ||
	    memchr_inv(set.reserved, 0, sizeof(set.reserved)) ||
	    !gmem_range_valid(inode, set.offset, set.size))
		return -EINVAL;

	c.shared = !(set.attributes & GMEM_ATTRIBUTE_PRIVATE);
	c.zero = set.flags & GMEM_CONVERT_ZERO ||
		 gmem_i(inode)->flags & GMEM_FLAG_ZERO_ON_CONVERT;
	pgoff = set.offset >> PAGE_SHIFT;
	ret = gmem_convert(&c, &pgoff, (set.offset + set.size) >> PAGE_SHIFT);
	if (ret == -EHWPOISON)
		ret = -EIO;
	if (ret && put_user((u64)pgoff << PAGE_SHIFT, &user->error_offset))
		return -EFAULT;
	return ret;
}
