/* SPDX-License-Identifier: GPL-2.0 */
/* The memory of a file, by offset: block.c. */
#ifndef GMEMFS_BLOCK_H
#define GMEMFS_BLOCK_H

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "pagearray.h"
#include "units.h"

struct gmem_wants;
struct inode;

/**
 * struct gmem_block - 2 MiB of a file, naturally aligned in it
 * @lock: held while memory is added to the block
 * @huge: first of 512 physically contiguous pages, or NULL
 * @pages: if @huge is NULL, or common: the single pages, or NULL
 * @nr_pages: pages in @pages
 * @nr_common: those of them that others have, too, or had: common.c. Changes
 *	       under the invalidate_lock, held exclusively.
 * @holes: if @huge is set: the pages that the file doesn't use. They are
 *	   zeroed, and no user has them mapped. If @huge is common, others use
 *	   them: the file has the pages in @pages there.
 * @nr_holes: bits set in @holes
 * @wants: what userspace wants of each page; NULL: the file's default for all.
 *	   Changes under the invalidate_lock, held exclusively.
 * @index: index of the block in its file
 * @common: others have @huge, too, or had it: common.c. Changes under the
 *	    invalidate_lock, held exclusively.
 * @charged: it has little memory or none, and so the file is charged for it.
 *	     Changes under the block's lock, or under the invalidate_lock, held
 *	     exclusively.
 *
 * Readers hold the file's invalidate_lock and need no other lock: memory leaves
 * a block only under that lock, held exclusively.
 */
struct gmem_block {
	struct mutex lock;	/* adding memory */
	struct page *huge;
	struct gmem_page_array *pages;
	unsigned int nr_pages;
	unsigned int nr_common;
	DECLARE_BITMAP(holes, HPAGE_PMD_NR);
	unsigned int nr_holes;
	struct gmem_wants *wants;
	unsigned long index;
	bool common;
	bool charged;
};

/* With so many pages of its own, a block isn't charged for itself: block.c. */
#define GMEM_ENOUGH	(GMEM_BLOCK_PAGES / 2)

/* gmem_block_bare - has a block no memory? It may get some at any time. */
static inline bool gmem_block_bare(const struct gmem_block *block)
{
	return !READ_ONCE(block->huge) && !READ_ONCE(block->pages);
}

/* gmem_block_own - how many single pages has a block that aren't common? */
static inline unsigned int gmem_block_own(const struct gmem_block *block)
{
	return block->nr_pages - block->nr_common;
}

bool gmem_block_would_fill(const struct gmem_block *block, unsigned int more);
unsigned long gmem_blocks_saved(struct inode *inode, unsigned long blocks);
struct gmem_block *gmem_block_get(struct inode *inode, pgoff_t pgoff,
				  bool charged);
struct gmem_block *gmem_block_find(struct inode *inode, pgoff_t pgoff);
pgoff_t gmem_block_next(struct inode *inode, pgoff_t pgoff, pgoff_t end);
void gmem_block_set_charged(struct inode *inode, struct gmem_block *block,
			    bool charged);
int gmem_block_charge_memory(struct inode *inode, struct gmem_block *block);
unsigned int gmem_block_take_over(struct inode *inode,
				  struct gmem_block *block);
void gmem_block_charge_array(struct inode *inode, struct gmem_block *block);
void gmem_block_free(struct inode *inode, struct gmem_block *block);
void gmem_block_tidy(struct inode *inode, struct gmem_block *block);

/**
 * gmem_block_page - the page at an offset of a file, if there is one
 * @block: the file's block there, or NULL
 * @pgoff: offset in pages
 *
 * The caller holds the file's invalidate_lock, so the page stays in the file.
 *
 * Return: the page, or NULL for a hole.
 */
static inline struct page *gmem_block_page(const struct gmem_block *block,
					   pgoff_t pgoff)
{
	unsigned int slot = pgoff % GMEM_BLOCK_PAGES;
	struct gmem_page_array *pages;
	struct page *huge;

	if (!block)
		return NULL;
	/* With its holes: what is missing is one from the start. */
	huge = smp_load_acquire(&block->huge);
	if (huge && !test_bit(slot, block->holes))
		return huge + slot;
	pages = READ_ONCE(block->pages);
	return pages ? gmem_page_array_get(pages, slot) : NULL;
}

#endif /* GMEMFS_BLOCK_H */
