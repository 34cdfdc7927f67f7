/* SPDX-License-Identifier: GPL-2.0 */
/* Frames that several users have in common: common.c. */
#ifndef GMEMFS_COMMON_H
#define GMEMFS_COMMON_H

#include <linux/types.h>

#include "block.h"
#include "gmem_inode.h"
#include "pageword.h"

struct inode;
struct page;

int gmem_common_join(struct page *page, unsigned int nr, struct inode *from,
		     unsigned int holes);
bool gmem_common_take(struct page *page, unsigned int nr, struct inode *inode,
		      unsigned int holes);
bool gmem_common_drop(struct page *page, unsigned int nr, struct inode *inode,
		      unsigned int used);
void gmem_common_use(struct inode *inode, long nr);
unsigned long gmem_common_users(const struct gmem_block *block,
				unsigned int slot, struct page *page);
unsigned long gmem_common_most(const struct inode *inode,
			       const struct gmem_block *block);
#ifdef GMEM_CHECK
const char *gmem_common_check(const struct gmem_frames *frames,
			      const struct page *page);
#endif

/* gmem_has_common - has a file any common page? A file never cloned has none */
static inline bool gmem_has_common(const struct inode *inode)
{
	return atomic_long_read(&gmem_i(inode)->common);
}

/* gmem_in_base - is this page of a block one of its common 512? */
static inline bool gmem_in_base(const struct gmem_block *block,
				unsigned int slot)
{
	return block->common && !test_bit(slot, block->holes);
}

/* gmem_is_common_single - may others have this single page, too? */
static inline bool gmem_is_common_single(const struct page *page)
{
	return gmem_page_word(page) & GMEM_PAGE_COMMON;
}

/**
 * gmem_is_common - may others have this page of a file, too?
 * @inode: the file; the caller holds its invalidate_lock
 * @block: its block
 * @slot: where in the block
 * @page: the page there
 */
static inline bool gmem_is_common(const struct inode *inode,
				  const struct gmem_block *block,
				  unsigned int slot, const struct page *page)
{
	if (!gmem_has_common(inode))
		return false;
	return gmem_in_base(block, slot) || gmem_is_common_single(page);
}

#endif /* GMEMFS_COMMON_H */
