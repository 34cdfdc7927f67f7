// SPDX-License-Identifier: GPL-2.0
/* fallocate(2): allocate memory ahead of use, zero a range, and punch holes. */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "carve.h"
#include "charge.h"
#include "common.h"
#include "cow.h"
#include "fallocate.h"
#include "gmem_inode.h"
#include "mapslot.h"
#include "missing.h"
#include "pieces.h"
#include "place.h"
#include "poison.h"
#include "populate.h"
#include "punch.h"
#include "refusal.h"
#include "units.h"
#include "unmap.h"

/* ---- zeros ---- */

/**
 * gmem_zero_part - zero a part of one page, if the file has that page
 * @inode: the file; the caller holds its invalidate_lock exclusively
 * @start: first byte
 * @end: byte after the last, in the same page
 *
 * A page with a memory error is left alone: nobody can read it anyway.
 */
void gmem_zero_part(struct inode *inode, loff_t start, loff_t end)
{
	pgoff_t pgoff = start >> PAGE_SHIFT;
	struct page *page = gmem_block_page(gmem_block_find(inode, pgoff),
					    pgoff);

	if (page && start < end)
		gmem_slot_zero_bytes(page, offset_in_page(start),
				     end - ((loff_t)pgoff << PAGE_SHIFT));
}

/*
 * How many pages from @first on, and below @end, are physically contiguous, or
 * are all holes?
 */
static unsigned int gmem_zeroable_run(struct gmem_block *block, pgoff_t first,
				      pgoff_t end)
{
	struct page *page = gmem_block_page(block, first);
	unsigned int nr;

	for (nr = 1; first + nr < end; nr++)
		if (!page ? !!gmem_block_page(block, first + nr)
			  : gmem_block_page(block, first + nr) != page + nr)
			break;
	return nr;
}

/* Zero whole pages in one block. Return: 0 or -EIO. */
static int gmem_zero_pages(struct inode *inode, pgoff_t first, pgoff_t end)
{
	struct gmem_block *block = gmem_block_find(inode, first);
	struct page *page;
	unsigned int nr;

	for (; first < end; first += nr) {
		nr = gmem_zeroable_run(block, first, end);
		page = gmem_block_page(block, first);
		if (page && gmem_any_poisoned(page, nr))
			return -EIO;
		if (page)
			gmem_slot_zero(page, nr);
	}
	return 0;
}

/* Zero up to the end of the block or @end, and set *@start to that. */
static int gmem_zero_step(struct inode *inode, loff_t *start, loff_t end)
{
	loff_t first = round_up(*start, PAGE_SIZE), last;
	int ret = 0;

	end = min(end, (loff_t)(round_down(*start, GMEM_BLOCK_SIZE) +
				GMEM_BLOCK_SIZE));
	last = round_down(end, PAGE_SIZE);
	filemap_invalidate_lock(inode->i_mapping);
	ret = gmem_own(inode, *start >> PAGE_SHIFT,
		       DIV_ROUND_UP(end, PAGE_SIZE), NULL);
	if (ret)
		goto unlock;
	if (*start < first)
		gmem_zero_part(inode, *start, min(first, end));
	if (first < last)
		ret = gmem_zero_pages(inode, first >> PAGE_SHIFT,
				      last >> PAGE_SHIFT);
	if (!ret && last < end && last >= first)
		gmem_zero_part(inode, last, end);
	*start = end;
unlock:
	filemap_invalidate_unlock(inode->i_mapping);
	return ret == -EHWPOISON ? -EIO : ret;
}

/* Zero what a file has in a range. On an error, a part may be zeroed. */
static int gmem_zero_range(struct inode *inode, loff_t start, loff_t end)
{
	int ret = 0;

	while (start < end && !ret) {
		ret = gmem_zero_step(inode, &start, end);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}

/* ---- holes ---- */

/*
 * Unmap the whole pages of a range, and give back what isn't whole blocks. Zero
 * the parts of pages at both ends.
 */
static int gmem_punch_parts(struct inode *inode, loff_t start, loff_t end)
{
	loff_t first = round_up(start, PAGE_SIZE);
	loff_t last = round_down(end, PAGE_SIZE);
	int ret;

	ret = gmem_missing_ends(inode, start, end) ?:
	      gmem_own_ends(inode, start, end);
	if (ret)
		return ret == -EHWPOISON ? -EIO : ret;
	if (first < last) {
		gmem_unmap(inode, first, last - first);
		gmem_punch_ends(inode, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
	}
	if (start < first)
		gmem_zero_part(inode, start, min(first, end));
	if (last < end && last >= first)
		gmem_zero_part(inode, last, end);
	return 0;
}

static int gmem_punch(struct inode *inode, loff_t start, loff_t end)
{
	int ret;

	filemap_invalidate_lock(inode->i_mapping);
	ret = gmem_punch_parts(inode, start, end);
	filemap_invalidate_unlock(inode->i_mapping);
	gmem_carve_settle();
	if (ret)
		return ret;
	return gmem_punch_hole(inode,
			       round_up(start, GMEM_BLOCK_SIZE) >> PAGE_SHIFT,
			       round_down(end, GMEM_BLOCK_SIZE) >> PAGE_SHIFT);
}

/* ---- memory ahead of use ---- */

/*
 * How many pages of a block has a file no memory for, in this range? What it
 * has in common with others is copied.
 */
static unsigned int gmem_count_missing(struct inode *inode,
				       const struct gmem_block *block,
				       pgoff_t from, pgoff_t to)
{
	unsigned int missing = 0;
	struct page *page;

	if (READ_ONCE(block->huge) && !block->common)
		return 0;
	if (gmem_block_bare(block))
		return to - from;
	if (to - from == GMEM_BLOCK_PAGES)
		/* For a guess, other tasks may add pages meanwhile. */
		return GMEM_BLOCK_PAGES - data_race(gmem_block_own(block));
	for (; from < to; from++) {
		page = gmem_block_page(block, from);
		missing += !page || gmem_is_common(inode, block,
						   from % GMEM_BLOCK_PAGES,
						   page);
	}
	return missing;
}

/*
 * Roughly how many pages populating the range would add to the mount's. A block
 * with little memory or none counts a page, but for the file's first
 * (charge.c), until it has enough memory. Who is being killed gets any answer.
 */
static unsigned long gmem_lacking(struct inode *inode, pgoff_t first,
				  pgoff_t end)
{
	unsigned long missing = end - first, filled = 0;
	struct gmem_block *block;
	unsigned long index;

	filemap_invalidate_lock_shared(inode->i_mapping);
	xa_for_each_range(&gmem_i(inode)->blocks, index, block,
			  first >> GMEM_BLOCK_ORDER,
			  (end - 1) >> GMEM_BLOCK_ORDER) {
		pgoff_t from = max(first, index << GMEM_BLOCK_ORDER);
		pgoff_t to = min(end, (index + 1) << GMEM_BLOCK_ORDER);
		unsigned int more = gmem_count_missing(inode, block, from,
						       to);

		missing -= to - from - more;
		filled += gmem_block_would_fill(block, more);
		if (fatal_signal_pending(current))
			break;
		gmem_pause_shared(inode);
	}
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return missing - min(missing, gmem_blocks_saved(inode, filled));
}

/* Of how many blocks from @pgoff on, up to a batch, has the file nothing? */
static unsigned int gmem_count_absent(struct inode *inode, pgoff_t pgoff,
				      pgoff_t end)
{
	unsigned int nr = 0;

	while (nr < GMEM_BATCH && pgoff + GMEM_BLOCK_PAGES <= end &&
	       !gmem_block_find(inode, pgoff)) {
		pgoff += GMEM_BLOCK_PAGES;
		nr++;
	}
	return nr;
}

/* What others have made needless of the batch may be what the mount lacks. */
static int gmem_populate_page(struct inode *inode, pgoff_t pgoff,
			      struct gmem_want *want)
{
	struct page *page = gmem_block_populate(inode, pgoff, want);

	if (page == ERR_PTR(-ENOSPC) && want->batch->nr) {
		gmem_batch_drop(inode, want->batch);
		page = gmem_block_populate(inode, pgoff, want);
	}
	return PTR_ERR_OR_ZERO(page);
}

/* Populate the range from @pgoff on, up to the end of that block. */
static int gmem_populate_step(struct inode *inode, pgoff_t pgoff, pgoff_t end,
			      struct gmem_want *want)
{
	pgoff_t block_end = round_down(pgoff, GMEM_BLOCK_PAGES) +
			    GMEM_BLOCK_PAGES;
	int ret = 0;

	want->place = gmem_place_of_vma(NULL, pgoff >> GMEM_BLOCK_ORDER);
	filemap_invalidate_lock_shared(inode->i_mapping);
	if (IS_ALIGNED(pgoff, GMEM_BLOCK_PAGES) && !want->batch->nr)
		gmem_batch_fill(inode, want,
				gmem_count_absent(inode, pgoff, end));
	for (; pgoff < min(end, block_end) && !ret; pgoff++) {
		ret = gmem_populate_page(inode, pgoff, want);
		if (fatal_signal_pending(current))
			ret = -EINTR;
	}
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return ret;
}

/*
 * Pages that were populated before an error stay: they are zero, as the holes
 * were, and the next call finds them. What the file has in common with others
 * becomes its own: nothing that it writes to the range needs memory any more.
 */
static int gmem_populate_range(struct inode *inode, pgoff_t first, pgoff_t end)
{
	struct gmem_batch batch = {};
	struct gmem_want want = {
		.end = (loff_t)end << PAGE_SHIFT,
		.batch = &batch,
	};
	unsigned long missing;
	pgoff_t next;
	int ret = 0;

	if (gmem_i(inode)->flags & GMEM_FLAG_HUGE_ONLY) {
		first = round_down(first, GMEM_BLOCK_PAGES);
		end = round_up(end, GMEM_BLOCK_PAGES);
	}
	missing = gmem_lacking(inode, first, end);
	if (fatal_signal_pending(current))
		return -EINTR;
	if (!gmem_sb_has(inode->i_sb, missing))
		return -ENOSPC;
	while (first < end && !ret) {
		ret = gmem_populate_step(inode, first, end, &want);
		next = round_down(first, GMEM_BLOCK_PAGES) + GMEM_BLOCK_PAGES;
		if (!ret)
			ret = gmem_unshare(inode, first, min(next, end), NULL);
		first = next;
		if (!ret && signal_pending(current) && first < end)
			ret = -EINTR;
		cond_resched();
	}
	gmem_batch_drop(inode, &batch);
	return ret;
}

static int gmem_allocate(struct inode *inode, int mode, loff_t start,
			 loff_t end)
{
	int ret = 0;

	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode))
		ret = inode_newsize_ok(inode, end);
	if (ret)
		return ret;

	ret = gmem_populate_range(inode, start >> PAGE_SHIFT,
				  DIV_ROUND_UP(end, PAGE_SIZE));
	if (ret == -EHWPOISON)
		ret = -EIO;
	gmem_refusal_explain(inode, ret);
	if (ret)
		return ret == GMEM_MISSING ? -EBUSY : ret;
	if (mode & FALLOC_FL_ZERO_RANGE)
		ret = gmem_zero_range(inode, start, end);
	if (ret)
		return ret;
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > i_size_read(inode))
		i_size_write(inode, end);
	return 0;
}

/**
 * gmem_fallocate - the file operation: see fallocate(2)
 * @file: the file
 * @mode: 0 or FALLOC_FL_ZERO_RANGE, either with FALLOC_FL_KEEP_SIZE; or
 *	  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE
 * @offset: in bytes
 * @len: in bytes
 *
 * Return: 0; -EOPNOTSUPP for other modes; -ENOSPC over the mount's size, with
 * nothing done unless others fill the mount or this file at the same time, or a
 * page is missing for an array of single pages (block.c); -EFBIG over
 * RLIMIT_FSIZE; -EIO for a page with a memory error; -EBUSY for one that the
 * holder of the file's fault channel has to fill first; -ENOMEM or -EINTR. The
 * last four may have done a part: the same call goes on from there.
 */
long gmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	struct inode *inode = file_inode(file);
	int ret = 0;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE |
		     FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;

	inode_lock(inode);
	ret = file_modified(file);
	if (ret)
		goto unlock;
	if (mode & FALLOC_FL_PUNCH_HOLE)
		ret = gmem_punch(inode, offset, offset + len);
	else
		ret = gmem_allocate(inode, mode, offset, offset + len);
unlock:
	inode_unlock(inode);
	return ret;
}
