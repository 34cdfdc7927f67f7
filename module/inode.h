/* SPDX-License-Identifier: GPL-2.0 */
/* Inodes: inode.c. */
#ifndef GMEMFS_INODE_H
#define GMEMFS_INODE_H

#include <linux/types.h>

struct inode;
struct super_block;

int gmem_inode_init(void);
void gmem_inode_exit(void);
struct inode *gmem_inode_new(struct super_block *sb, const struct inode *dir,
			     umode_t mode, dev_t dev);
struct inode *gmem_inode_new_symlink(struct super_block *sb,
				     const struct inode *dir,
				     const char *target);
struct inode *gmem_inode_alloc(struct super_block *sb);
void gmem_inode_free(struct inode *inode);
void gmem_inode_evict(struct inode *inode);

#endif /* GMEMFS_INODE_H */
