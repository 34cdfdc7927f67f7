/* SPDX-License-Identifier: GPL-2.0 */
/* Memory for holes: populate.c. */
#ifndef GMEMFS_POPULATE_H
#define GMEMFS_POPULATE_H

#include <linux/types.h>

#include "place.h"

struct gmem_block;
struct inode;
struct page;

/**
 * struct gmem_want - how a file should get memory
 * @place: where the memory should come from
 * @end: the size that the file is about to have, if larger than its size
 * @batch: blocks prepared for this call, or NULL
 * @fills: it brings what is missing
 */
struct gmem_want {
	struct gmem_place place;
	loff_t end;
	struct gmem_batch *batch;
	bool fills;
};

struct page *gmem_take_single(struct inode *inode, unsigned long reasons,
			      const struct gmem_want *want);
struct page *gmem_take_contiguous(struct inode *inode, struct gmem_block *block,
				  unsigned long reasons,
				  const struct gmem_want *want);
bool gmem_block_need_array(struct gmem_block *block);
struct page *gmem_block_take_single(struct inode *inode,
				    struct gmem_block *block, unsigned int slot,
				    const struct gmem_want *want);
void gmem_block_add_single(struct gmem_block *block, unsigned int slot,
			   struct page *page);
int gmem_block_need_contiguous(struct inode *inode, struct gmem_block *block,
			       pgoff_t pgoff, const struct gmem_want *want);
struct page *gmem_block_populate(struct inode *inode, pgoff_t pgoff,
				 const struct gmem_want *want);
void gmem_batch_fill(struct inode *inode, struct gmem_want *want,
		     unsigned int nr);
void gmem_batch_drop(struct inode *inode, struct gmem_batch *batch);

#endif /* GMEMFS_POPULATE_H */
