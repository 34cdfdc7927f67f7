/* SPDX-License-Identifier: GPL-2.0 */
/* The shared view: sharedview.c. */
#ifndef GMEMFS_SHAREDVIEW_H
#define GMEMFS_SHAREDVIEW_H

#include <linux/types.h>

struct file;
struct gmem_inode;
struct inode;
struct vm_area_struct;

bool gmem_is_shared_view(const struct file *file);
long gmem_shared_view(struct file *file);
int gmem_shared_mmap(struct file *file, struct vm_area_struct *vma);
void gmem_shared_view_init(struct gmem_inode *gi);

#endif /* GMEMFS_SHAREDVIEW_H */
