/* SPDX-License-Identifier: GPL-2.0 */
/* The pages that devices have: device.c. */
#ifndef GMEMFS_DEVICE_H
#define GMEMFS_DEVICE_H

struct inode;
struct page;

int gmem_device_take(struct page *page, unsigned int nr, struct inode *inode);
void gmem_device_forget(struct page *page, struct inode *inode);
unsigned long gmem_device_pages(void);

#endif /* GMEMFS_DEVICE_H */
