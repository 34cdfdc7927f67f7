/* SPDX-License-Identifier: GPL-2.0 */
/* Truncate: truncate.c. */
#ifndef GMEMFS_TRUNCATE_H
#define GMEMFS_TRUNCATE_H

struct dentry;
struct iattr;
struct mnt_idmap;

int gmem_setattr(struct mnt_idmap *idmap, struct dentry *dentry,
		 struct iattr *attr);

#endif /* GMEMFS_TRUNCATE_H */
