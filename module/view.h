/* SPDX-License-Identifier: GPL-2.0 */
/* The guest view: view.c. */
#ifndef GMEMFS_VIEW_H
#define GMEMFS_VIEW_H

#include <linux/mm_types.h>

struct file;
struct inode;
struct vm_fault;

int gmem_view_mmap(struct file *file, struct vm_area_struct *vma);
struct page *gmem_view_page(struct vm_fault *vmf, struct inode *inode);
vm_fault_t gmem_view_error(struct inode *inode, struct page *page);
bool gmem_view_is(const struct vm_area_struct *vma);
bool gmem_view_refuses(const struct vm_area_struct *vma);
int gmem_view_fault_in(unsigned long addr, bool write);

#endif /* GMEMFS_VIEW_H */
