/* SPDX-License-Identifier: GPL-2.0 */
/* fallocate(2): fallocate.c. */
#ifndef GMEMFS_FALLOCATE_H
#define GMEMFS_FALLOCATE_H

#include <linux/types.h>

struct file;
struct inode;

long gmem_fallocate(struct file *file, int mode, loff_t offset, loff_t len);
void gmem_zero_part(struct inode *inode, loff_t start, loff_t end);

#endif /* GMEMFS_FALLOCATE_H */
