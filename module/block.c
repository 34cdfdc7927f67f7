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

#include "block.h"
#include "fault_inject.h"
#include "inode.h"
#include "lend.h"
#include "units.h"

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
