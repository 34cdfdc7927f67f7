/* SPDX-License-Identifier: GPL-2.0 */
/* GMEM_FILL and GMEM_FILL_ZERO: fill.c. */
#ifndef GMEMFS_FILL_H
#define GMEMFS_FILL_H

#include <linux/compiler_types.h>

struct gmem_channel;
struct inode;

long gmem_fill(struct inode *inode, struct gmem_channel *c, void __user *arg);
long gmem_fill_zero(struct inode *inode, struct gmem_channel *c,
		    void __user *arg);

#endif /* GMEMFS_FILL_H */
