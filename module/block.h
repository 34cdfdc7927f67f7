/* SPDX-License-Identifier: GPL-2.0 */
/* The memory of a file, by offset: block.c. */
#ifndef GMEMFS_BLOCK_H
#define GMEMFS_BLOCK_H

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct gmem_page_array;
struct gmem_wants;
struct inode;
struct page;

/**
 * struct gmem_block - 2 MiB of a file, naturally aligned in it
 * @lock: held while memory is added to the block
 * @huge: first of 512 physically contiguous pages, or NULL
 * @pages: if @huge is NULL: the single pages, or NULL
 * @nr_pages: pages in @pages
 * @holes: if @huge is set: the pages that the file doesn't use. They are
 *	   zeroed, and no user has them mapped.
 * @nr_holes: bits set in @holes
 * @wants: what userspace wants of each page; NULL: the file's default for all.
 *	   Changes under the invalidate_lock, held exclusively.
 * @index: index of the block in its file
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
	DECLARE_BITMAP(holes, HPAGE_PMD_NR);
	unsigned int nr_holes;
	struct gmem_wants *wants;
	unsigned long index;
	bool charged;
};

/* gmem_block_bare - has a block no memory? It may get some at any time. */
static inline bool gmem_block_bare(const struct gmem_block *block)
{
	return !READ_ONCE(block->huge) && !READ_ONCE(block->pages);
}

bool gmem_block_would_fill(const struct gmem_block *block, unsigned int more);
unsigned long gmem_blocks_saved(struct inode *inode, unsigned long blocks);
struct gmem_block *gmem_block_get(struct inode *inode, pgoff_t pgoff,
				  bool charged);
struct gmem_block *gmem_block_find(struct inode *inode, pgoff_t pgoff);
void gmem_block_set_charged(struct inode *inode, struct gmem_block *block,
			    bool charged);
int gmem_block_charge_memory(struct inode *inode, struct gmem_block *block);
unsigned int gmem_block_take_over(struct inode *inode,
				  struct gmem_block *block);
void gmem_block_charge_array(struct inode *inode, struct gmem_block *block);
void gmem_block_free(struct inode *inode, struct gmem_block *block);
void gmem_block_tidy(struct inode *inode, struct gmem_block *block);
struct page *gmem_block_page(const struct gmem_block *block, pgoff_t pgoff);

#endif /* GMEMFS_BLOCK_H */
