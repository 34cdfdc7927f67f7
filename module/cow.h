/* SPDX-License-Identifier: GPL-2.0 */
/* Copy on write: cow.c. */
#ifndef GMEMFS_COW_H
#define GMEMFS_COW_H

#include <linux/types.h>

struct gmem_block;
struct gmem_want;
struct inode;

int gmem_own_page(struct inode *inode, pgoff_t pgoff,
		  const struct gmem_want *want);
int gmem_own(struct inode *inode, pgoff_t first, pgoff_t end,
	     const struct gmem_want *want);
int gmem_own_ends(struct inode *inode, loff_t start, loff_t end);
int gmem_unshare(struct inode *inode, pgoff_t first, pgoff_t end,
		 const struct gmem_want *want);
bool gmem_owns_blockwise(struct inode *inode, const struct gmem_block *block,
			 unsigned int slot);

#endif /* GMEMFS_COW_H */
