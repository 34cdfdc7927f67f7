/* SPDX-License-Identifier: GPL-2.0 */
/* The operations of each type of inode: ops.c. */
#ifndef GMEMFS_OPS_H
#define GMEMFS_OPS_H

#include <linux/types.h>

struct inode;

void gmem_set_operations(struct inode *inode, dev_t dev);

#endif /* GMEMFS_OPS_H */
