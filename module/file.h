/* SPDX-License-Identifier: GPL-2.0 */
/* Open files: file.c. */
#ifndef GMEMFS_FILE_H
#define GMEMFS_FILE_H

#include <linux/fs.h>

extern const struct file_operations gmem_file_operations;

#endif /* GMEMFS_FILE_H */
