/* SPDX-License-Identifier: GPL-2.0 */
/* A file gives memory back: punch.c. */
#ifndef GMEMFS_PUNCH_H
#define GMEMFS_PUNCH_H

#include <linux/types.h>

struct inode;

int gmem_punch_hole(struct inode *inode, pgoff_t first, pgoff_t end);
void gmem_punch_tail(struct inode *inode, pgoff_t first);
void gmem_block_evict(struct inode *inode);

#endif /* GMEMFS_PUNCH_H */
