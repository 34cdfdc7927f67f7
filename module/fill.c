// SPDX-License-Identifier: GPL-2.0
/*
 * Fill: the holder of a fault channel brings the contents of missing pages.
 *
 * A block gets its memory first, hidden as always. Nobody finds that yet: what
 * is missing of contiguous memory is a hole (missing.c), and a single page
 * isn't in the block's array. The contents are copied there through map slots,
 * and then the pages become visible and cease to be missing, in one step under
 * the channel's lock. So nobody ever sees a part of a page, and of two answers
 * the first counts, whatever they are.
 *
 * The file's invalidate_lock is held, shared, and the block's lock. So no page
 * faults meanwhile: as in rw.c, the copy runs with page faults off, and the
 * caller's memory is faulted in before, without these locks. If that memory is
 * missing itself, it is not waited for: see faults.c.
 *
 * The i_rwsem isn't taken: write() may hold it. Nothing that a task holds while
 * it waits for a missing page is taken here.
 */
#include <linux/bitmap.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "carve.h"
#include "faults.h"
#include "fill.h"
#include "gmem_inode.h"
#include "mapslot.h"
#include "missing.h"
#include "place.h"
#include "poison.h"
#include "populate.h"
#include "punch.h"
#include "units.h"

static_assert(sizeof(struct gmem_fill) == 64);

/**
 * struct gmem_filling - one call of GMEM_FILL or GMEM_FILL_ZERO
 * @inode: the file
 * @c: its channel
 * @next: the next page
 * @end: the page after the last
 * @filled: pages that were missing, and aren't any more
 * @late: for some page there was memory, but another answer was faster
 * @from: what the rest is filled with
 * @step: does it for some pages from @next on, of one block: see below
 */
struct gmem_filling {
	struct inode *inode;
	struct gmem_channel *c;
	pgoff_t next;
	pgoff_t end;
	unsigned long filled;
	bool late;
	struct iov_iter from;
	int (*step)(struct gmem_filling *f, pgoff_t end);
};

/* How many bytes of contents do @nr pages have? The last may end early. */
static size_t gmem_fill_bytes(const struct gmem_filling *f, unsigned int nr)
{
	return min((size_t)nr << PAGE_SHIFT, iov_iter_count(&f->from));
}

/* ---- copies ---- */

/*
 * Copy to contiguous pages, which are zero. What was copied of a page only in
 * part is zero again afterwards, and will be copied again. Return: how many
 * pages were copied.
 */
static unsigned int gmem_fill_run(struct gmem_filling *f, struct page *page,
				  unsigned int nr)
{
	struct page *pages[GMEM_SLOT_RUN];
	size_t len = gmem_fill_bytes(f, nr), done;
	unsigned int i;
	void *addr;

	for (i = 0; i < nr; i++)
		pages[i] = page + i;
	addr = gmem_slot_map_run(pages, nr);
	done = copy_from_iter(addr, len, &f->from);
	gmem_slot_unmap_run(addr, nr);
	if (done == len)
		return nr;
	iov_iter_revert(&f->from, offset_in_page(done));
	gmem_slot_zero(page + done / PAGE_SIZE, 1);
	return done / PAGE_SIZE;
}

/*
 * The same for any number. A page with a memory error is left alone: whoever
 * touches it hears of that.
 */
static unsigned int gmem_fill_pages(struct gmem_filling *f, struct page *page,
				    unsigned int nr)
{
	unsigned int done, part, copied;

	for (done = 0; done < nr; done += part) {
		part = min(nr - done, GMEM_SLOT_RUN);
		if (gmem_any_poisoned(page + done, part))
			part = 1;
		if (gmem_page_poisoned(page + done)) {
			iov_iter_advance(&f->from, gmem_fill_bytes(f, 1));
			continue;
		}
		copied = gmem_fill_run(f, page + done, part);
		if (copied < part)
			return done + copied;
		cond_resched();
	}
	return nr;
}

/* ---- contiguous memory ---- */

/*
 * Show pages that were copied. Another answer may have been faster for some:
 * they stay holes, which are zero.
 */
static void gmem_fill_show(struct gmem_filling *f, struct gmem_block *block,
			   unsigned int slot, unsigned int to)
{
	pgoff_t start = block->index << GMEM_BLOCK_ORDER;
	DECLARE_BITMAP(late, GMEM_BLOCK_PAGES) = {};
	unsigned int i;

	spin_lock(&f->c->lock);
	for (i = slot; i < to; i++)
		if (!gmem_channel_is_new(f->c, start + i))
			__set_bit(i, late);
	/* Who finds a page in the block finds its contents. */
	smp_wmb();
	for (i = slot; i < to; i++)
		if (!test_bit(i, late) && __test_and_clear_bit(i, block->holes))
			WRITE_ONCE(block->nr_holes, block->nr_holes - 1);
	f->filled += gmem_channel_fill_locked(f->c, start + slot, start + to);
	spin_unlock(&f->c->lock);
	for_each_set_bit(i, late, GMEM_BLOCK_PAGES) {
		gmem_slot_zero(block->huge + i, 1);
		f->late = true;
	}
}

/*
 * The block's memory is contiguous, and its own. Only holes are written to: if
 * zeros were faster, the page may have come with the block's memory, and others
 * may use it. No hole becomes a page meanwhile: the block is locked.
 *
 * Return: 0, or -EAGAIN if the caller's memory must be faulted in for the next
 * page.
 */
static int gmem_fill_huge(struct gmem_filling *f, struct gmem_block *block,
			  unsigned int slot, unsigned int to)
{
	unsigned int done;

	if (!test_bit(slot, block->holes)) {
		iov_iter_advance(&f->from, gmem_fill_bytes(f, 1));
		f->next++;
		return 0;
	}
	to = find_next_zero_bit(block->holes, to, slot);
	done = gmem_fill_pages(f, block->huge + slot, to - slot);
	gmem_fill_show(f, block, slot, slot + done);
	f->next += done;
	return slot + done < to ? -EAGAIN : 0;
}

/* ---- single pages ---- */

/*
 * The page is in the file from now on, if it was missing still. Return: whether
 * it was.
 */
static bool gmem_fill_show_single(struct gmem_filling *f,
				  struct gmem_block *block, struct page *page)
{
	unsigned int slot = f->next % GMEM_BLOCK_PAGES;
	bool missing;

	spin_lock(&f->c->lock);
	missing = gmem_channel_is_new(f->c, f->next);
	if (missing) {
		gmem_block_add_single(block, slot, page);
		f->filled += gmem_channel_fill_locked(f->c, f->next,
						      f->next + 1);
	}
	spin_unlock(&f->c->lock);
	if (missing)
		gmem_block_charge_array(f->inode, block);
	return missing;
}

/* The same as gmem_fill_huge(), for the next page. */
static int gmem_fill_single(struct gmem_filling *f, struct gmem_block *block,
			    const struct gmem_want *want)
{
	struct page *page;

	if (!gmem_block_need_array(block))
		return -ENOMEM;
	page = gmem_block_take_single(f->inode, block,
				      f->next % GMEM_BLOCK_PAGES, want);
	if (IS_ERR(page))
		return PTR_ERR(page);
	if (!gmem_fill_pages(f, page, 1)) {
		gmem_page_put_back(f->inode, page);
		return -EAGAIN;
	}
	if (!gmem_fill_show_single(f, block, page)) {
		gmem_page_put_back(f->inode, page);
		f->late = true;
	}
	f->next++;
	return 0;
}

/* ---- steps: the invalidate_lock is held, shared ---- */

/* Fill missing pages, the next ones, up to @to. */
static int gmem_fill_missing(struct gmem_filling *f, struct gmem_block *block,
			     pgoff_t to, const struct gmem_want *want)
{
	int huge = gmem_block_need_contiguous(f->inode, block, f->next, want);
	int ret = 0;

	if (huge < 0)
		return huge;
	if (huge)
		return gmem_fill_huge(f, block, f->next % GMEM_BLOCK_PAGES,
				      f->next % GMEM_BLOCK_PAGES +
				      (to - f->next));
	while (f->next < to && !ret)
		ret = gmem_fill_single(f, block, want);
	return ret;
}

/* Go to the next page that is to be filled, or to @end. */
static void gmem_fill_skip(struct gmem_filling *f, pgoff_t end)
{
	pgoff_t next = gmem_channel_next_new(f->c, f->next, end, true);

	iov_iter_advance(&f->from, (next - f->next) << PAGE_SHIFT);
	f->next = next;
}

/* From the caller's memory. Return: 0, -EAGAIN, or an errno. */
static int gmem_fill_data(struct gmem_filling *f, pgoff_t end)
{
	struct gmem_want want = {
		.place = gmem_place_of_vma(NULL, f->next >> GMEM_BLOCK_ORDER),
		.fills = true,
	};
	struct gmem_block *block;
	int ret = 0;

	gmem_fill_skip(f, end);
	if (f->next == end)
		return 0;
	block = gmem_block_get(f->inode, f->next, true);
	if (IS_ERR(block))
		return PTR_ERR(block);
	mutex_lock(&block->lock);
	while (f->next < end && !ret) {
		ret = gmem_fill_missing(f, block,
					gmem_channel_next_new(f->c, f->next,
							      end, false),
					&want);
		if (!ret)
			gmem_fill_skip(f, end);
	}
	mutex_unlock(&block->lock);
	return ret;
}

static int gmem_fill_punched(struct gmem_filling *f, pgoff_t end)
{
	f->filled += gmem_channel_fill_punched(f->c, f->next, end);
	f->next = end;
	return 0;
}

/* With zeros, which a hole is. */
static int gmem_fill_zeros(struct gmem_filling *f, pgoff_t end)
{
	f->filled += gmem_channel_fill(f->c, f->next, end);
	f->next = end;
	return 0;
}

static int gmem_fill_poison(struct gmem_filling *f, pgoff_t end)
{
	int ret = gmem_channel_poison(f->c, f->next, end, &f->filled);

	if (!ret)
		f->next = end;
	return ret;
}

/* ---- a range ---- */

/* Has a block memory of its own, or room for it, but no page in use? */
static bool gmem_block_unused(const struct gmem_block *block)
{
	if (block->huge)
		return !block->common && block->nr_holes == GMEM_BLOCK_PAGES;
	return !block->nr_pages;
}

/*
 * What a block got for a fill that then failed, or was too late, is given back,
 * if nothing of it is in use. That isn't punched: the next fill brings it.
 * @pgoff: a page of the block
 */
static void gmem_fill_tidy(struct inode *inode, pgoff_t pgoff)
{
	pgoff_t first = round_down(pgoff, GMEM_BLOCK_PAGES);
	struct gmem_block *block;

	filemap_invalidate_lock(inode->i_mapping);
	block = gmem_block_find(inode, first);
	if (block && gmem_block_unused(block))
		gmem_drop_locked(inode, first, first + GMEM_BLOCK_PAGES);
	filemap_invalidate_unlock(inode->i_mapping);
}

/* Fill up to the end of the block. Return: as of a step. */
static int gmem_fill_some(struct gmem_filling *f)
{
	pgoff_t end = min(f->end, round_down(f->next, GMEM_BLOCK_PAGES) +
			  GMEM_BLOCK_PAGES);
	pgoff_t size, begun = f->next;
	int ret;

	filemap_invalidate_lock_shared(f->inode->i_mapping);
	size = DIV_ROUND_UP(i_size_read(f->inode), PAGE_SIZE);
	end = min(end, size);
	ret = f->next < size ? f->step(f, end) : -ENXIO;
	filemap_invalidate_unlock_shared(f->inode->i_mapping);
	if (f->next > begun)
		gmem_faults_over(f->c, begun, f->next);
	if (f->late)
		gmem_fill_tidy(f->inode, begun);
	f->late = false;
	gmem_carve_settle();
	return ret;
}

/* So that the copy hardly ever has to stop. */
static bool gmem_fill_fault_in(struct gmem_filling *f)
{
	size_t len = min(f->end - f->next,
			 GMEM_BLOCK_PAGES - f->next % GMEM_BLOCK_PAGES)
		     << PAGE_SHIFT;

	len = min(len, iov_iter_count(&f->from));
	return fault_in_iov_iter_readable(&f->from, len) < len;
}

static int gmem_fill_range(struct gmem_filling *f)
{
	bool reads = iov_iter_count(&f->from);
	int ret = 0;

	while (f->next < f->end && !ret) {
		if (reads && !gmem_fill_fault_in(f))
			ret = -EFAULT;
		else
			ret = gmem_fill_some(f);
		if (ret == -EAGAIN)
			ret = 0;
		if (!ret && f->next < f->end && signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	if (ret && reads)
		gmem_fill_tidy(f->inode, f->next);
	return ret;
}

/* ---- ioctls ---- */

/* Whole pages of the channel's range; the last may end where the file does. */
static bool gmem_fill_range_valid(struct inode *inode,
				  const struct gmem_channel *c,
				  const struct gmem_fill *fill)
{
	u64 end = fill->offset + fill->size;

	if (!fill->size || end < fill->offset || fill->offset % PAGE_SIZE)
		return false;
	if (end % PAGE_SIZE && end != i_size_read(inode))
		return false;
	return fill->offset >> PAGE_SHIFT >= c->first &&
	       DIV_ROUND_UP_ULL(end, PAGE_SIZE) <= c->first + c->nr;
}

static void gmem_fill_begin(struct gmem_filling *f,
			    const struct gmem_fill *fill)
{
	f->next = fill->offset >> PAGE_SHIFT;
	f->end = DIV_ROUND_UP_ULL(fill->offset + fill->size, PAGE_SIZE);
}

/* Sets what the caller learns of a call that came to a range. */
static long gmem_fill_finish(const struct gmem_filling *f,
			     struct gmem_fill *fill,
			     struct gmem_fill __user *user, int ret)
{
	fill->done = min(((u64)f->next << PAGE_SHIFT) - fill->offset,
			 fill->size);
	fill->filled = (u64)f->filled << PAGE_SHIFT;
	if (put_user(fill->done, &user->done) ||
	    put_user(fill->filled, &user->filled))
		return -EFAULT;
	return ret ?: f->filled ? 0 : -EEXIST;
}

/* @may: the flags that there may be */
static int gmem_fill_get(struct inode *inode, const struct gmem_channel *c,
			 u64 may, struct gmem_fill *fill, void __user *arg)
{
	if (copy_from_user(fill, arg, sizeof(*fill)))
		return -EFAULT;
	if (fill->flags & ~may || fill->done || fill->filled ||
	    memchr_inv(fill->reserved, 0, sizeof(fill->reserved)) ||
	    !gmem_fill_range_valid(inode, c, fill))
		return -EINVAL;
	return fill->flags && fill->address ? -EINVAL : 0;
}

static int gmem_fill_from(struct gmem_filling *f, const struct gmem_fill *fill)
{
	void __user *from = u64_to_user_ptr(fill->address);

	if (!access_ok(from, fill->size))
		return -EFAULT;
	/* import_ubuf() has a limit, and would cut the rest off. */
	iov_iter_ubuf(&f->from, ITER_SOURCE, from, fill->size);
	return 0;
}

/**
 * gmem_fill - GMEM_FILL: see the header of the ABI
 * @inode: the file
 * @c: its channel
 * @arg: a struct gmem_fill
 *
 * The caller has noted that it answers: gmem_fault_note_begin().
 */
long gmem_fill(struct inode *inode, struct gmem_channel *c, void __user *arg)
{
	struct gmem_filling f = {
		.inode = inode, .c = c, .step = gmem_fill_data,
	};
	struct gmem_fill fill;
	int ret;

	ret = gmem_fill_get(inode, c, GMEM_FILL_POISON, &fill, arg);
	if (ret)
		return ret;
	gmem_fill_begin(&f, &fill);
	if (fill.flags & GMEM_FILL_POISON)
		f.step = gmem_fill_poison;
	else
		ret = gmem_fill_from(&f, &fill);
	if (!ret)
		ret = gmem_fill_range(&f);
	return gmem_fill_finish(&f, &fill, arg, ret);
}

/* gmem_fill_zero - GMEM_FILL_ZERO: the same with zeros */
long gmem_fill_zero(struct inode *inode, struct gmem_channel *c,
		    void __user *arg)
{
	struct gmem_filling f = {
		.inode = inode, .c = c, .step = gmem_fill_zeros,
	};
	struct gmem_fill fill;
	int ret;

	ret = gmem_fill_get(inode, c, GMEM_FILL_PUNCHED, &fill, arg);
	if (ret)
		return ret;
	if (fill.address)
		return -EINVAL;
	if (fill.flags & GMEM_FILL_PUNCHED)
		f.step = gmem_fill_punched;
	gmem_fill_begin(&f, &fill);
	return gmem_fill_finish(&f, &fill, arg, gmem_fill_range(&f));
}
