// SPDX-License-Identifier: GPL-2.0
/*
 * The operations of each type of inode.
 *
 * This file includes all files that implement them. Files that make inodes
 * reach it only through a pointer in their mount (gmem_sb): so they need not
 * know the operations.
 */
#include <linux/fs.h>

#include "dir.h"
#include "file.h"
#include "gmem_inode.h"
#include "gmem_sb.h"
#include "ops.h"
#include "truncate.h"
#include "xattr.h"

static const struct inode_operations gmem_file_inode_operations = {
	.setattr	= gmem_setattr,
	.listxattr	= gmem_xattr_list,
};

static const struct inode_operations gmem_symlink_inode_operations = {
	.get_link	= simple_get_link,
	.listxattr	= gmem_xattr_list,
};

static const struct inode_operations gmem_special_inode_operations = {
	.listxattr	= gmem_xattr_list,
};

static void gmem_inode_init_regular(struct inode *inode)
{
	inode->i_op = &gmem_file_inode_operations;
	inode->i_fop = &gmem_file_operations;
	gmem_i(inode)->flags = gmem_sb(inode->i_sb)->file_flags;
}

/**
 * gmem_set_operations - give a new inode its operations
 * @inode: the inode, with its mode
 * @dev: number of a device file
 */
void gmem_set_operations(struct inode *inode, dev_t dev)
{
	switch (inode->i_mode & S_IFMT) {
	case S_IFDIR:
		inode->i_op = &gmem_dir_inode_operations;
		inode->i_fop = &gmem_dir_operations;
		inc_nlink(inode);	/* "." */
		break;
	case S_IFREG:
		gmem_inode_init_regular(inode);
		break;
	case S_IFLNK:
		inode->i_op = &gmem_symlink_inode_operations;
		break;
	default:
		inode->i_op = &gmem_special_inode_operations;
		init_special_inode(inode, inode->i_mode, dev);
	}
}
