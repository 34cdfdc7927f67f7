/* SPDX-License-Identifier: GPL-2.0 */
/* Which memory a file has where: block.c. */
#ifndef GMEMFS_BLOCK_H
#define GMEMFS_BLOCK_H

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/types.h>

struct gmem_wants;
struct inode;
struct page;

/**
 * struct gmem_block - 2 MiB of a file, naturally aligned in it
 * @lock: held while memory is put into the block
 * @huge: first of 512 physically contiguous pages, or NULL
 * @pages: where @huge is NULL, one entry a page, NULL while it is a hole
 * @holes: where @huge is set, the pages of it that the file doesn't use; they
 *	   are zeroed, and no user has them mapped
 * @nr_holes: bits set in @holes
 * @wants: what userspace wants, or NULL where that is as the file was made;
 *	   changes under the invalidate_lock, held exclusively
 * @index: of the block in its file
 * @bare: it holds no memory, so that the file is charged for it; under @lock,
 *	  or the invalidate_lock, held exclusively
 *
 * Readers hold the mapping's invalidate_lock and need no more: memory only
 * ever leaves a block under that lock, held exclusively.
 */
struct gmem_block {
	struct mutex lock;	/* who fills the block */
	struct page *huge;
	struct page **pages;
	DECLARE_BITMAP(holes, HPAGE_PMD_NR);
	unsigned int nr_holes;
	struct gmem_wants *wants;
	unsigned long index;
	bool bare;
};

struct gmem_block *gmem_block_get(struct inode *inode, pgoff_t pgoff);
struct gmem_block *gmem_block_find(struct inode *inode, pgoff_t pgoff);
void gmem_block_set_bare(struct inode *inode, struct gmem_block *block,
			 bool bare);
void gmem_block_free(struct inode *inode, struct gmem_block *block);
void gmem_block_tidy(struct inode *inode, struct gmem_block *block);
struct page *gmem_block_page(const struct gmem_block *block, pgoff_t pgoff);

#endif /* GMEMFS_BLOCK_H */
