// SPDX-License-Identifier: GPL-2.0
/*
 * Clone: a file gets memory of another one, or of itself, without a copy.
 *
 * The VFS calls this for FICLONE and FICLONERANGE, and for copy_file_range(),
 * where it copies itself what isn't cloned. Frames become common (common.c); to
 * write to one takes a copy (cow.c). What can't be common is copied here.
 *
 * The i_rwsem of both files is held throughout, except in mmap(), which can't
 * take it, and where nobody else has the target. The invalidate_lock of both is
 * held, exclusively, for a part of the range, and the source is unmapped from
 * its guest view meanwhile. So nobody writes to a block while it is cloned,
 * except who has it pinned, or has mapped or borrowed a shared page of it.
 *
 * All that can fail comes before the target loses what it has there. On an
 * error, what was done stays, and the rest of the target is as it was. Only if
 * the source has some pages of a common block alone, the target may have a hole
 * instead; and a page of zeros, or a block of them, may stay beyond its size.
 * Missing pages of the target are filled. Those of the source can't be cloned.
 */
#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "block.h"
#include "carve.h"
#include "charge.h"
#include "clone.h"
#include "common.h"
#include "cow.h"
#include "faults.h"
#include "gmem_inode.h"
#include "mapslot.h"
#include "missing.h"
#include "pagearray.h"
#include "place.h"
#include "poison.h"
#include "populate.h"
#include "punch.h"
#include "state.h"
#include "units.h"
#include "unmap.h"

/*
 * The locks are held for so many pages, 128 MiB; or so many that are copied:
 * whoever clones may be made to sleep for its cgroup's memory.high after each
 * batch of charges, and the source's guest waits for the lock.
 */
#define GMEM_CLONE_MOST		(64 * GMEM_BLOCK_PAGES)
#define GMEM_CLONE_COPIES	64

/* What the target has there is given back, which takes less than a copy. */
#define GMEM_CLONE_GIVEN	64

/**
 * struct gmem_cloning - a range that is cloned
 * @from: the source
 * @to: the target, in the same mount; may be the same file
 * @src: the next page of the source
 * @end: the page after the last
 * @dst: the next page of the target
 * @size: what the target's size will at least be
 * @copied: pages that were copied while the locks are held
 * @most: how many pages the next hold of the locks is for
 */
struct gmem_cloning {
	struct inode *from;
	struct inode *to;
	pgoff_t src;
	pgoff_t end;
	pgoff_t dst;
	loff_t size;
	unsigned long copied;
	unsigned long most;
};

static u64 gmem_flags(const struct inode *inode)
{
	return gmem_i(inode)->flags;
}

static struct gmem_block *gmem_source(struct gmem_cloning *c)
{
	return gmem_block_find(c->from, c->src);
}

/* ---- holes ---- */

static int gmem_clone_hole(struct gmem_cloning *c, unsigned int nr)
{
	int ret = gmem_own_ends(c->to, (loff_t)c->dst << PAGE_SHIFT,
				(loff_t)(c->dst + nr) << PAGE_SHIFT);

	if (!ret)
		gmem_punch_locked(c->to, c->dst, c->dst + nr);
	return ret;
}

/* ---- pages ---- */

/* May the two files have a page in common, and is it wanted private there? */
static bool gmem_may_share(struct gmem_cloning *c)
{
	struct gmem_block *out = gmem_block_find(c->to, c->dst);
	unsigned int slot = c->dst % GMEM_BLOCK_PAGES;

	return !((gmem_flags(c->from) | gmem_flags(c->to)) &
		 GMEM_FLAG_KEEP_DIRECT_MAP) &&
	       !gmem_state_shared(c->from, gmem_source(c),
				  c->src % GMEM_BLOCK_PAGES) &&
	       !gmem_state_shared(c->to, out, slot);
}

/* A block of the target that can have single pages; or an ERR_PTR. */
static struct gmem_block *gmem_target_of_single(struct gmem_cloning *c)
{
	struct gmem_block *out = gmem_block_get(c->to, c->dst, true);

	if (IS_ERR(out))
		return out;
	if (out->huge && !out->common)
		return ERR_PTR(-EBUSY);
	if (!out->pages) {
		struct gmem_page_array *pages = gmem_page_array_new();

		if (!pages)
			return ERR_PTR(-ENOMEM);
		WRITE_ONCE(out->pages, pages);
	}
	return out;
}

/* A target's block that got nothing is as it was. */
static void gmem_target_tidy(struct gmem_cloning *c)
{
	struct gmem_block *out = gmem_block_find(c->to, c->dst);

	if (!out || out->huge || out->nr_pages)
		return;
	gmem_page_array_free(out->pages);
	WRITE_ONCE(out->pages, NULL);
	gmem_block_tidy(c->to, out);
}

/*
 * The source has a single page less of its own. So its block may be charged for
 * itself, even if the mount is full. The target's was before: that may fail.
 */
static void gmem_single_is_common(struct inode *from, struct gmem_block *in)
{
	in->nr_common++;
	gmem_block_charge_array(from, in);
}

/* Return: 0; -EBUSY if the page must be copied; or an errno. */
static int gmem_share_single(struct gmem_cloning *c, struct page *page)
{
	struct gmem_block *out;
	int ret;

	if (gmem_flags(c->to) & GMEM_FLAG_HUGE_ONLY || !gmem_may_share(c))
		return -EBUSY;
	out = gmem_target_of_single(c);
	if (IS_ERR(out))
		return PTR_ERR(out);
	ret = gmem_common_join(page, 1, c->from, 0);
	if (ret < 0)
		return ret;
	if (ret)
		gmem_single_is_common(c->from, gmem_source(c));
	gmem_common_use(c->to, 1);
	gmem_inode_account(c->to, 1, false);
	gmem_block_set_single(c->to, out, c->dst % GMEM_BLOCK_PAGES, page);
	return 0;
}

static int gmem_copy_single(struct gmem_cloning *c)
{
	struct gmem_want want = {
		.place = gmem_place_of_vma(NULL, c->dst >> GMEM_BLOCK_ORDER),
		.end = c->size,
		.fills = true,
	};
	struct page *page, *copy;
	int ret;

	copy = gmem_block_populate(c->to, c->dst, &want);
	if (IS_ERR(copy))
		return PTR_ERR(copy);
	ret = gmem_own(c->to, c->dst, c->dst + 1, &want);
	if (ret)
		return ret;
	/* Within one block, that may have moved both pages. */
	copy = gmem_block_page(gmem_block_find(c->to, c->dst), c->dst);
	page = gmem_block_page(gmem_source(c), c->src);
	if (gmem_page_poisoned(page))
		return -EHWPOISON;
	gmem_slot_copy(copy, page);
	c->copied++;
	return 0;
}

/* Is it a single page, and not a part of contiguous memory? */
static bool gmem_is_single(const struct gmem_block *block, unsigned int slot)
{
	return !block->huge || test_bit(slot, block->holes);
}

static int gmem_clone_page(struct gmem_cloning *c)
{
	struct gmem_block *in = gmem_source(c);
	struct page *page = gmem_block_page(in, c->src);
	int ret = -EBUSY;

	if (!page)
		return gmem_clone_hole(c, 1);
	if (gmem_is_single(in, c->src % GMEM_BLOCK_PAGES))
		ret = gmem_share_single(c, page);
	if (ret == -EBUSY) {
		gmem_target_tidy(c);
		ret = gmem_page_poisoned(page) ? -EHWPOISON
					       : gmem_copy_single(c);
	}
	if (ret)
		gmem_target_tidy(c);
	return ret;
}

/* It may have got memory, without the contents. This may free its block. */
static void gmem_clone_undo(struct gmem_cloning *c)
{
	if (gmem_missing(c->to, c->dst))
		gmem_drop_locked(c->to, c->dst, c->dst + 1);
}

static int gmem_clone_pages(struct gmem_cloning *c, unsigned int nr)
{
	int ret = 0;

	while (nr-- && !ret) {
		ret = gmem_clone_page(c);
		if (ret) {
			gmem_clone_undo(c);
			break;
		}
		c->src++;
		c->dst++;
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}

/* ---- blocks ---- */

/*
 * Can the target have the source's contiguous memory? All of it must be at the
 * same place of a block there, and wanted private in both files.
 */
static bool gmem_fits_block(struct gmem_cloning *c, const struct gmem_block *in,
			    const struct gmem_block *out, unsigned int nr)
{
	u64 both = gmem_flags(c->from) | gmem_flags(c->to);

	if (!in->huge || c->src % GMEM_BLOCK_PAGES != c->dst % GMEM_BLOCK_PAGES)
		return false;
	if (both & GMEM_FLAG_KEEP_DIRECT_MAP ||
	    gmem_flags(c->to) & GMEM_FLAG_NO_HUGE)
		return false;
	/* Such a file has no hole in a common block: see cow.c. */
	if (both & GMEM_FLAG_HUGE_ONLY && in->nr_holes)
		return false;
	if (gmem_flags(c->to) & GMEM_FLAG_HUGE_ONLY && nr < GMEM_BLOCK_PAGES)
		return false;
	if (!gmem_state_all(c->from, in, false) ||
	    !gmem_state_all(c->to, out, false))
		return false;
	return !out || gmem_block_bare(out) || nr == GMEM_BLOCK_PAGES ||
	       (out->common && out->huge == in->huge);
}

/*
 * The target uses the common block, where the source does. It has nothing there
 * yet. Most clones are of whole blocks.
 */
static void gmem_use_base(struct gmem_cloning *c, const struct gmem_block *in,
			  struct gmem_block *out, unsigned int nr)
{
	unsigned int slot = c->dst % GMEM_BLOCK_PAGES, end = slot + nr;
	unsigned int used = 0;

	if (nr == GMEM_BLOCK_PAGES) {
		bitmap_copy(out->holes, in->holes, GMEM_BLOCK_PAGES);
		used = nr - in->nr_holes;
	} else {
		for_each_clear_bit_from(slot, in->holes, end) {
			__clear_bit(slot, out->holes);
			used++;
		}
	}
	WRITE_ONCE(out->nr_holes, out->nr_holes - used);
	gmem_common_use(c->to, used);
	gmem_inode_account(c->to, used, true);
}

/* The target's block has no memory. It gets the common block, but uses none. */
static void gmem_attach_base(struct gmem_block *out, struct page *huge)
{
	bitmap_fill(out->holes, GMEM_BLOCK_PAGES);
	out->nr_holes = GMEM_BLOCK_PAGES;
	out->common = true;
	WRITE_ONCE(out->huge, huge);
}

/*
 * Where the source has single pages instead of those of the common block, so
 * gets the target. It has nothing there yet.
 */
static int gmem_clone_singles(struct gmem_cloning *c,
			      const struct gmem_block *in, unsigned int nr)
{
	struct gmem_cloning part = *c;
	unsigned int i;
	int ret = 0;

	for (i = 0; in->nr_pages && i < nr && !ret; i++) {
		part.src = c->src + i;
		part.dst = c->dst + i;
		if (test_bit(part.src % GMEM_BLOCK_PAGES, in->holes) &&
		    gmem_block_page(in, part.src))
			ret = gmem_clone_page(&part);
	}
	c->copied = part.copied;
	return ret;
}

/* Return: 0; -EBUSY if pages must be cloned one by one; or an errno. */
static int gmem_clone_block(struct gmem_cloning *c, struct gmem_block *in,
			    unsigned int nr)
{
	unsigned int slot = c->dst % GMEM_BLOCK_PAGES;
	struct page *huge = in->huge;
	struct gmem_block *out;
	int ret;

	out = gmem_block_get(c->to, c->dst, true);
	if (IS_ERR(out))
		return PTR_ERR(out);
	ret = gmem_common_join(huge, GMEM_BLOCK_PAGES, c->from, in->nr_holes);
	if (ret < 0) {
		gmem_target_tidy(c);
		return ret;
	}
	if (ret) {
		in->common = true;
		gmem_inode_account(c->from, -(long)in->nr_holes, true);
	}
	gmem_block_vacate(c->to, out, slot, slot + nr);
	if (out->huge)
		gmem_common_drop(huge, GMEM_BLOCK_PAGES, c->to, 0);
	else
		gmem_attach_base(out, huge);
	gmem_use_base(c, in, out, nr);
	ret = gmem_clone_singles(c, in, nr);
	/* The target isn't as long yet, and a later truncate would show it. */
	if (ret)
		gmem_block_vacate(c->to, out, slot, slot + nr);
	if (out->common && out->nr_holes == GMEM_BLOCK_PAGES)
		gmem_block_leave_base(c->to, out, 0, 0);
	gmem_target_tidy(c);
	return ret;
}

/* ---- a range ---- */

static bool gmem_is_bare(const struct gmem_block *block)
{
	return !block || gmem_block_bare(block);
}

/* As much as is in one block of each file. */
static int gmem_clone_step(struct gmem_cloning *c, pgoff_t stop)
{
	struct gmem_block *out = gmem_block_find(c->to, c->dst);
	struct gmem_block *in = gmem_source(c);
	bool bare = gmem_is_bare(out);
	unsigned int nr;
	int ret = -EBUSY;

	nr = min3(stop - c->src,
		  GMEM_BLOCK_PAGES - c->src % GMEM_BLOCK_PAGES,
		  GMEM_BLOCK_PAGES - c->dst % GMEM_BLOCK_PAGES);
	if (gmem_is_bare(in))
		ret = gmem_clone_hole(c, nr);
	else if (gmem_fits_block(c, in, out, nr))
		ret = gmem_clone_block(c, in, nr);
	if (ret == -EBUSY)
		return gmem_clone_pages(c, nr);
	if (!ret) {
		c->src += nr;
		c->dst += nr;
	}
	if (!bare)
		c->copied += nr / GMEM_CLONE_GIVEN;
	return ret;
}

/* Has the source anything there that isn't mapped read-only at most? */
static bool gmem_may_be_writable(struct gmem_cloning *c, pgoff_t stop)
{
	struct gmem_block *block;
	unsigned long index;

	xa_for_each_range(&gmem_i(c->from)->blocks, index, block,
			  c->src >> GMEM_BLOCK_ORDER,
			  (stop - 1) >> GMEM_BLOCK_ORDER)
		if (!gmem_block_bare(block) &&
		    (!block->common || block->pages))
			return true;
	return false;
}

/* A block becomes common as a whole, also if only a part of it is cloned. */
static void gmem_clone_unmap(struct gmem_cloning *c, pgoff_t stop)
{
	pgoff_t first = round_down(c->src, GMEM_BLOCK_PAGES);
	pgoff_t end = round_up(stop, GMEM_BLOCK_PAGES);

	if (gmem_may_be_writable(c, stop)) {
		gmem_unmap_expect();
		gmem_unmap_guest(c->from, (loff_t)first << PAGE_SHIFT,
				 (loff_t)(end - first) << PAGE_SHIFT);
	}
	gmem_unmap(c->to, (loff_t)c->dst << PAGE_SHIFT,
		   (loff_t)(stop - c->src) << PAGE_SHIFT);
}

static void gmem_clone_set_size(struct gmem_cloning *c)
{
	loff_t size = min((loff_t)c->dst << PAGE_SHIFT, c->size);

	if (size > i_size_read(c->to))
		i_size_write(c->to, size);
}

/* Where neither file has a block, there is nothing to do. */
static void gmem_clone_skip(struct gmem_cloning *c)
{
	pgoff_t last = c->dst + (c->end - c->src), nr;

	nr = min(gmem_block_next(c->from, c->src, c->end) - c->src,
		 gmem_block_next(c->to, c->dst, last) - c->dst);
	c->src += nr;
	c->dst += nr;
}

/*
 * The guest views lose all of a part before any of it is cloned. So the next
 * part isn't longer than what was done of this one.
 */
static void gmem_clone_adapt(struct gmem_cloning *c, pgoff_t first,
			     pgoff_t stop)
{
	if (c->src < stop)
		c->most = max(c->src - first, (pgoff_t)GMEM_BLOCK_PAGES);
	else
		c->most = min(2 * c->most, (unsigned long)GMEM_CLONE_MOST);
}

static int gmem_clone_some(struct gmem_cloning *c)
{
	const struct gmem_cloning before = *c;
	pgoff_t first, stop;
	int ret = 0;

	filemap_invalidate_lock_two(c->from->i_mapping, c->to->i_mapping);
	gmem_clone_skip(c);
	stop = min(c->end, c->src + c->most);
	if (gmem_missing_any(c->from, before.src, stop)) {
		*c = before;
		ret = -EBUSY;
	}
	first = c->src;
	if (!ret && first < stop)
		gmem_clone_unmap(c, stop);
	c->copied = 0;
	while (!ret && c->src < stop && c->copied < GMEM_CLONE_COPIES) {
		ret = gmem_clone_step(c, stop);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	gmem_faults_filled(c->to, before.dst, c->dst);
	gmem_clone_adapt(c, first, stop);
	if (c->src > before.src)
		gmem_clone_set_size(c);
	filemap_invalidate_unlock_two(c->from->i_mapping, c->to->i_mapping);
	gmem_carve_settle();
	return ret;
}

static int gmem_clone_range(struct gmem_cloning *c)
{
	int ret = 0;

	c->most = GMEM_CLONE_MOST;
	while (c->src < c->end && !ret)
		ret = gmem_clone_some(c);
	return ret == -EHWPOISON ? -EIO : ret;
}

static loff_t gmem_clone(struct inode *from, loff_t pos_in, struct inode *to,
			 loff_t pos_out, loff_t len, bool may_be_short)
{
	struct gmem_cloning c = {
		.from = from,
		.to = to,
		.src = pos_in >> PAGE_SHIFT,
		.end = DIV_ROUND_UP(pos_in + len, PAGE_SIZE),
		.dst = pos_out >> PAGE_SHIFT,
		.size = pos_out + len,
	};
	int ret = gmem_clone_range(&c);
	loff_t done = min(((loff_t)c.src << PAGE_SHIFT) - pos_in, len);

	/* As XFS: who can't handle a part must hear of the error. */
	if (ret && (!may_be_short || !done))
		return ret;
	return done;
}

/**
 * gmem_clone_for_mapping - clone a part of a file, and all of its size
 * @from: the source
 * @to: a new file of the same mount, which nobody else has
 * @first: first page
 * @nr: how many; at the same place in both files
 *
 * Return: 0, or an errno as of gmem_remap_file_range().
 */
int gmem_clone_for_mapping(struct inode *from, struct inode *to, pgoff_t first,
			   unsigned long nr)
{
	struct gmem_cloning c = {
		.from = from,
		.to = to,
		.src = first,
		.dst = first,
		.size = i_size_read(from),
	};

	i_size_write(to, c.size);
	c.end = min(first + nr, (pgoff_t)DIV_ROUND_UP(c.size, PAGE_SIZE));
	return gmem_clone_range(&c);
}

/**
 * gmem_remap_file_range - the file operation: clone a range
 * @file_in: the source
 * @pos_in: where in the source; a multiple of the page size
 * @file_out: the target, of the same mount; open for writing
 * @pos_out: where in the target; a multiple of the page size
 * @len: how much, in bytes; 0: to the end of the source
 * @flags: REMAP_FILE_*
 *
 * Return: how many bytes were cloned; -EOPNOTSUPP to deduplicate; -EBUSY for a
 * missing page of the source; -EINVAL as of XFS; -ENOSPC over the mount's size;
 * -EIO for a memory error; -ENOMEM; -EINTR; or as of gmem_block_populate().
 */
loff_t gmem_remap_file_range(struct file *file_in, loff_t pos_in,
			     struct file *file_out, loff_t pos_out, loff_t len,
			     unsigned int flags)
{
	struct inode *from = file_inode(file_in), *to = file_inode(file_out);
	loff_t ret;

	if (flags & REMAP_FILE_DEDUP)
		return -EOPNOTSUPP;
	if (flags & ~REMAP_FILE_ADVISORY)
		return -EINVAL;

	lock_two_nondirectories(from, to);
	ret = generic_remap_file_range_prep(file_in, pos_in, file_out, pos_out,
					    &len, flags);
	if (!ret && len)
		ret = gmem_clone(from, pos_in, to, pos_out, len,
				 flags & REMAP_FILE_CAN_SHORTEN);
	unlock_two_nondirectories(from, to);
	return ret;
}
