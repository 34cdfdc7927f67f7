/* SPDX-License-Identifier: GPL-2.0 */
/* Directories: dir.c. */
#ifndef GMEMFS_DIR_H
#define GMEMFS_DIR_H

#include <linux/fs.h>

extern const struct inode_operations gmem_dir_inode_operations;
extern const struct file_operations gmem_dir_operations;

#endif /* GMEMFS_DIR_H */
