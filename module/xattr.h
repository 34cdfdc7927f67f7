/* SPDX-License-Identifier: GPL-2.0 */
/* Extended attributes: xattr.c. */
#ifndef GMEMFS_XATTR_H
#define GMEMFS_XATTR_H

#include <linux/types.h>
#include <linux/xattr.h>

struct dentry;
struct inode;
struct qstr;

extern const struct xattr_handler * const gmem_xattr_handlers[];
ssize_t gmem_xattr_list(struct dentry *dentry, char *buffer, size_t size);
int gmem_xattr_init_security(struct inode *inode, struct inode *dir,
			     const struct qstr *name);
void gmem_xattr_free(struct inode *inode);

#endif /* GMEMFS_XATTR_H */
