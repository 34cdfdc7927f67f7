/* SPDX-License-Identifier: GPL-2.0 */
/* Private to shared and back: convert.c. */
#ifndef GMEMFS_CONVERT_H
#define GMEMFS_CONVERT_H

#include <linux/types.h>

struct file;

long gmem_set_attributes(struct file *file, void __user *arg);

#endif /* GMEMFS_CONVERT_H */
