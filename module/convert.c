// SPDX-License-Identifier: GPL-2.0
/*
 * Convert: private to shared and back, in place.
 *
 * The guest view is never touched: neither what VMMs have mapped nor what KVM
 * has in stage 2 changes, because the pages stay where they are. Only the
 * direct map and the shared views do.
 *
 * One block at a time, under the file's invalidate_lock: nobody faults, reads,
 * or gives back pages of the file meanwhile. From shared to private goes like
 * this: take the pages out of all shared views, see that nobody else has a
 * reference to them, take them out of the direct map. Whoever can still get
 * a page after the first step would need a fault, and that waits for the lock.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "internal.h"
#include "lend.h"

static_assert(sizeof(struct gmem_attributes) == 64);

/**
 * struct gmem_conversion - one call of GMEM_SET_ATTRIBUTES
 * @inode: the file
 * @shared: what is wanted
 * @zero: whether contents go
 * @zeroed: some have
 */
struct gmem_conversion {
	struct inode *inode;
	bool shared;
	bool zero;
	bool zeroed;
};

/* ---- pages that are neighbours in memory ---- */

/* Zero those of them that do change. */
static int gmem_convert_zero(struct gmem_conversion *c,
			     struct gmem_block *block, struct page *page,
			     unsigned int slot, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; c->zero && i < nr && !ret; i++) {
		if (gmem_state_shared(c->inode, block, slot + i) == c->shared)
			continue;
		c->zeroed = true;
		ret = gmem_tempmap_zero(page + i, 1);
	}
	return ret;
}

/* How many of them, from the first on, nobody else uses. */
static unsigned int gmem_unpinned(struct page *page, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (gmem_state_pinned(page + i))
			break;
	return i;
}

static int gmem_make_private(struct gmem_conversion *c,
			     struct gmem_block *block, struct page *page,
			     unsigned int nr)
{
	int ret = 0;

	if (gmem_i(c->inode)->flags & GMEM_FLAG_KEEP_DIRECT_MAP)
		return 0;
	/* Memory that never was hidden isn't known to lend.c yet. */
	if (!gmem_lend_is_ours(page_to_pfn(page)))
		ret = block->huge ?
		      gmem_lend_adopt(block->huge, GMEM_BLOCK_PAGES, c->inode) :
		      gmem_lend_adopt(page, 1, c->inode);
	return ret ?: gmem_lend_unshare(page, nr, c->inode);
}

static int gmem_make_shared(struct gmem_conversion *c, struct page *page,
			    unsigned int nr)
{
	if (gmem_i(c->inode)->flags & GMEM_FLAG_KEEP_DIRECT_MAP)
		return 0;
	return gmem_lend_share(page, nr, c->inode);
}

/*
 * Contents that go are zeroed while the page is hidden. Sets @nr to how many
 * are converted, which is fewer if there is an error.
 */
static int gmem_convert_span(struct gmem_conversion *c,
			     struct gmem_block *block, struct page *page,
			     unsigned int slot, unsigned int *nr)
{
	unsigned int free = c->shared ? *nr : gmem_unpinned(page, *nr);
	int ret = 0, pinned = free < *nr ? -EAGAIN : 0;

	*nr = free;
	if (!free)
		return pinned;
	if (c->shared)
		ret = gmem_convert_zero(c, block, page, slot, free) ?:
		      gmem_make_shared(c, page, free);
	else
		ret = gmem_make_private(c, block, page, free) ?:
		      gmem_convert_zero(c, block, page, slot, free);
	if (ret)
		*nr = 0;
	return ret ?: pinned;
}

/* ---- blocks ---- */

/* Return: 0, or an errno with *@slot the first that isn't converted. */
static int gmem_convert_slots(struct gmem_conversion *c,
			      struct gmem_block *block, unsigned int *slot,
			      unsigned int to)
{
	struct page *page;
	unsigned int nr;
	int ret = 0;

	while (*slot < to && !ret) {
		/* Holes in a contiguous block go with the rest. */
		page = block->huge ? block->huge + *slot
				   : gmem_block_page(block, *slot);
		nr = block->huge ? to - *slot : 1;
		if (page)
			ret = gmem_convert_span(c, block, page, *slot, &nr);
		gmem_state_set(block, *slot, *slot + nr, c->shared);
		*slot += nr;
	}
	return ret;
}

static int gmem_convert_locked(struct gmem_conversion *c, pgoff_t *pgoff,
			       pgoff_t end)
{
	pgoff_t start = round_down(*pgoff, GMEM_BLOCK_PAGES);
	unsigned int slot = *pgoff - start;
	unsigned int to = min(end - start, GMEM_BLOCK_PAGES);
	struct gmem_block *block = gmem_block_get(c->inode, *pgoff);
	int ret;

	if (IS_ERR(block))
		return PTR_ERR(block);
	if (gmem_state_all(c->inode, block, c->shared)) {
		*pgoff = start + to;
		return 0;
	}
	ret = gmem_state_need(c->inode, block);
	if (ret)
		return ret;
	if (!c->shared)
		unmap_mapping_range(&gmem_i(c->inode)->shared_view,
				    (loff_t)*pgoff << PAGE_SHIFT,
				    (loff_t)(to - slot) << PAGE_SHIFT, 0);
	ret = gmem_convert_slots(c, block, &slot, to);
	gmem_state_settle(c->inode, block);
	*pgoff = start + slot;
	return ret;
}

static int gmem_convert_block(struct gmem_conversion *c, pgoff_t *pgoff,
			      pgoff_t end)
{
	struct address_space *mapping = c->inode->i_mapping;
	int ret;

	filemap_invalidate_lock(mapping);
	ret = gmem_convert_locked(c, pgoff, end);
	filemap_invalidate_unlock(mapping);
	return ret;
}

static int gmem_convert(struct gmem_conversion *c, pgoff_t *pgoff, pgoff_t end)
{
	int ret = 0;

	while (*pgoff < end && !ret) {
		ret = gmem_convert_block(c, pgoff, end);
		if (!ret && *pgoff < end && signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	if (c->zeroed)
		gmem_tempmap_flush();
	return ret;
}

/**
 * gmem_set_attributes - GMEM_SET_ATTRIBUTES: see the ABI's header
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
	if (ret && put_user((u64)pgoff << PAGE_SHIFT, &user->error_offset))
		return -EFAULT;
	return ret;
}
