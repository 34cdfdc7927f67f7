// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: which memory a file has where.
 *
 * A block is 2 MiB of a file. It is one physically contiguous run of 512 pages
 * where the host can give that, and single pages otherwise. Either way every
 * page has a refcount of its own and no page is ever in the page cache.
 *
 * A part of a contiguous block that is punched, or cut off by truncate, is
 * zeroed at once, but the memory stays until nothing of the block is in use:
 * to free a part, the direct map's 2 MiB entry would have to be split for ever.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "fault_inject.h"
#include "internal.h"
#include "lend.h"

/* ---- accounting ---- */

static void gmem_account(struct inode *inode, long nr, bool huge)
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
	gmem_account(inode, nr, order);
	return page;
}

/* ---- and where it goes ---- */

/* Blocks on their way out are collected, so that they can share a flush. */
static void gmem_batch_release(struct gmem_batch *batch)
{
	batch->nr = gmem_pool_give(batch->blocks, batch->nr, true);
	gmem_release_blocks(batch->blocks, batch->nr);
	batch->nr = 0;
}

static void gmem_put_back(struct inode *inode, struct page *page,
			  unsigned int order, struct gmem_batch *out)
{
	unsigned int nr = 1U << order, exposed;

	gmem_account(inode, -(long)nr, order);
	gmem_sb_uncharge(inode->i_sb, nr);
	if (!gmem_lend_is_ours(page_to_pfn(page))) {
		gmem_release_exposed(page, nr);
		return;
	}
	exposed = gmem_lend_leave(page, nr);
	atomic_long_sub(nr, &gmem_i(inode)->hidden);
	if (!order || exposed) {
		gmem_release(page, nr, nr - exposed);
		return;
	}
	out->blocks[out->nr++] = page;
	if (out->nr == GMEM_BATCH)
		gmem_batch_release(out);
}

/* ---- populate ---- */

struct gmem_block *gmem_block_find(struct inode *inode, pgoff_t pgoff)
{
	return xa_load(&gmem_i(inode)->blocks, pgoff >> GMEM_BLOCK_ORDER);
}

/* The file's block around @pgoff, made empty if there is none yet. */
struct gmem_block *gmem_block_get(struct inode *inode, pgoff_t pgoff)
{
	struct gmem_block *block = gmem_block_find(inode, pgoff);
	struct gmem_block *other;

	if (block)
		return block;
	if (gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		return ERR_PTR(-ENOMEM);

	block = kzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
	if (!block)
		return ERR_PTR(-ENOMEM);
	mutex_init(&block->lock);

	other = xa_cmpxchg(&gmem_i(inode)->blocks, pgoff >> GMEM_BLOCK_ORDER,
			   NULL, block, GFP_KERNEL_ACCOUNT);
	if (!other)
		return block;

	/* Another fault made it first, or the tree has no memory to grow. */
	kfree(block);
	return xa_is_err(other) ? ERR_PTR(xa_err(other)) : other;
}

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

/**
 * gmem_block_page - the page at an offset of a file, if there is one
 * @block: the file's block there, or NULL
 * @pgoff: offset in pages
 *
 * The caller holds the file's invalidate_lock: the page stays.
 *
 * Return: the page, or NULL for a hole.
 */
struct page *gmem_block_page(const struct gmem_block *block, pgoff_t pgoff)
{
	unsigned int slot = pgoff % GMEM_BLOCK_PAGES;
	struct page *huge, **pages;

	if (!block)
		return NULL;
	huge = READ_ONCE(block->huge);
	if (huge)
		return test_bit(slot, block->holes) ? NULL : huge + slot;
	pages = READ_ONCE(block->pages);
	return pages ? READ_ONCE(pages[slot]) : NULL;
}

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

/* ---- punch and truncate ---- */

static bool gmem_pages_empty(struct page **pages)
{
	return !pages || !memchr_inv(pages, 0,
				     GMEM_BLOCK_PAGES * sizeof(*pages));
}

static bool gmem_punch_singles(struct inode *inode, struct gmem_block *block,
			       unsigned int from, unsigned int to)
{
	unsigned int slot;

	for (slot = from; block->pages && slot < to; slot++) {
		if (!block->pages[slot])
			continue;
		gmem_put_back(inode, block->pages[slot], 0, NULL);
		block->pages[slot] = NULL;
	}
	return gmem_pages_empty(block->pages);
}

/*
 * Nobody sees these pages, and the file can't change until they are clean, so
 * for want of memory to map them with it waits.
 */
static void gmem_zero_hidden(struct page *page, unsigned int nr)
{
	while (gmem_tempmap_zero(page, nr))
		schedule_timeout_uninterruptible(1);
}

static bool gmem_used_outside(const struct gmem_block *block,
			      unsigned int from, unsigned int to)
{
	return find_next_zero_bit(block->holes, from, 0) < from ||
	       find_next_zero_bit(block->holes, GMEM_BLOCK_PAGES, to) <
	       GMEM_BLOCK_PAGES;
}

/*
 * What somebody has pinned stays a zeroed page of the file's: he may write to
 * it yet, and a hole is zero.
 */
static void gmem_make_holes(struct gmem_block *block, unsigned int from,
			    unsigned int to)
{
	for (; from < to; from++) {
		if (gmem_state_pinned(block->huge + from))
			continue;
		__set_bit(from, block->holes);
		WRITE_ONCE(block->nr_holes, block->nr_holes + 1);
	}
}

/* Return: whether nothing of the block is in use any more. */
static bool gmem_punch_huge(struct gmem_block *block, unsigned int from,
			    unsigned int to)
{
	unsigned int slot, end;

	if (!gmem_used_outside(block, from, to))
		return true;

	for (slot = from; slot < to; slot = end) {
		slot = find_next_zero_bit(block->holes, to, slot);
		end = find_next_bit(block->holes, to, slot);
		gmem_zero_hidden(block->huge + slot, end - slot);
		gmem_make_holes(block, slot, end);
	}
	return false;
}

/* Give back the block's memory in some slots. True if that was all. */
static bool gmem_block_drop(struct inode *inode, struct gmem_block *block,
			    unsigned int from, unsigned int to,
			    struct gmem_batch *out)
{
	if (!block->huge)
		return gmem_punch_singles(inode, block, from, to);
	if (!gmem_punch_huge(block, from, to))
		return false;
	gmem_put_back(inode, block->huge, GMEM_BLOCK_ORDER, out);
	return true;
}

static void gmem_block_free(struct xarray *blocks, unsigned long index,
			    struct gmem_block *block)
{
	xa_erase(blocks, index);
	mutex_destroy(&block->lock);
	kfree(block->wants);
	kfree(block);
}

/* Its memory is gone. What userspace wants there stays as long as the file. */
static void gmem_block_empty(struct xarray *blocks, unsigned long index,
			     struct gmem_block *block)
{
	kfree(block->pages);
	block->pages = NULL;
	block->huge = NULL;
	bitmap_zero(block->holes, GMEM_BLOCK_PAGES);
	block->nr_holes = 0;
	if (!block->wants)
		gmem_block_free(blocks, index, block);
}

/**
 * gmem_block_punch - give back a file's memory in a range
 * @inode: the file; the caller holds its invalidate_lock exclusively and has
 *	   unmapped the range, or is the last to know the file
 * @first: first page
 * @end: page after the last, or GMEM_TO_END
 */
void gmem_block_punch(struct inode *inode, pgoff_t first, pgoff_t end)
{
	struct xarray *blocks = &gmem_i(inode)->blocks;
	struct gmem_batch out = {};
	struct gmem_block *block;
	unsigned long index;

	if (first >= end)
		return;
	xa_for_each_range(blocks, index, block, first >> GMEM_BLOCK_ORDER,
			  (end - 1) >> GMEM_BLOCK_ORDER) {
		pgoff_t start = index << GMEM_BLOCK_ORDER;
		unsigned int from = first > start ? first - start : 0;
		unsigned int to = min(end - start, GMEM_BLOCK_PAGES);

		if (gmem_block_drop(inode, block, from, to, &out))
			gmem_block_empty(blocks, index, block);
		cond_resched();
	}
	gmem_batch_release(&out);
	/* What was zeroed but not exposed: see tempmap.c. */
	if ((first | end) % GMEM_BLOCK_PAGES)
		gmem_tempmap_flush();
}

/* gmem_block_evict - the file goes, with all that is known of it */
void gmem_block_evict(struct inode *inode)
{
	struct xarray *blocks = &gmem_i(inode)->blocks;
	struct gmem_block *block;
	unsigned long index;

	gmem_block_punch(inode, 0, GMEM_TO_END);
	xa_for_each(blocks, index, block)
		gmem_block_free(blocks, index, block);
}
