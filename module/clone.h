/* SPDX-License-Identifier: GPL-2.0 */
/* FICLONE and FICLONERANGE: clone.c. */
#ifndef GMEMFS_CLONE_H
#define GMEMFS_CLONE_H

#include <linux/types.h>

struct file;
struct inode;

int gmem_clone_for_mapping(struct inode *from, struct inode *to, pgoff_t first,
			   unsigned long nr);
loff_t gmem_remap_file_range(struct file *file_in, loff_t pos_in,
			     struct file *file_out, loff_t pos_out, loff_t len,
			     unsigned int flags);

#endif /* GMEMFS_CLONE_H */
