/* SPDX-License-Identifier: GPL-2.0 */
/* Files that only one mapping has: nameless.c. */
#ifndef GMEMFS_NAMELESS_H
#define GMEMFS_NAMELESS_H

#include <linux/types.h>

struct file;

struct file *gmem_nameless_clone(struct file *file, pgoff_t first,
				 unsigned long nr);

#endif /* GMEMFS_NAMELESS_H */
