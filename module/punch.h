/* SPDX-License-Identifier: GPL-2.0 */
/* A file gives memory back: punch.c. */
#ifndef GMEMFS_PUNCH_H
#define GMEMFS_PUNCH_H

#include <linux/types.h>

struct gmem_block;
struct inode;
struct page;

void gmem_page_put_back(struct inode *inode, struct page *page);
void gmem_drop_locked(struct inode *inode, pgoff_t first, pgoff_t end);
void gmem_punch_locked(struct inode *inode, pgoff_t first, pgoff_t end);
void gmem_block_vacate(struct inode *inode, struct gmem_block *block,
		       unsigned int from, unsigned int to);
void gmem_block_set_single(struct inode *inode, struct gmem_block *block,
			   unsigned int slot, struct page *page);
void gmem_block_put_single(struct inode *inode, struct gmem_block *block,
			   unsigned int slot);
void gmem_block_leave_base(struct inode *inode, struct gmem_block *block,
			   unsigned int from, unsigned int to);
void gmem_block_replace(struct inode *inode, struct gmem_block *block,
			struct page *huge);
void gmem_punch_ends(struct inode *inode, pgoff_t first, pgoff_t end);
int gmem_punch_hole(struct inode *inode, pgoff_t first, pgoff_t end);
void gmem_punch_tail(struct inode *inode, pgoff_t first);
void gmem_block_evict(struct inode *inode);

#endif /* GMEMFS_PUNCH_H */
