/* SPDX-License-Identifier: GPL-2.0 */
/* A range of a file leaves all mappings: unmap.c. */
#ifndef GMEMFS_UNMAP_H
#define GMEMFS_UNMAP_H

#include <linux/types.h>

struct inode;

extern bool gmem_unmap_seen;

void gmem_unmap_expect(void);
void gmem_unmap(struct inode *inode, loff_t start, loff_t len);
void gmem_unmap_guest(struct inode *inode, loff_t start, loff_t len);
void gmem_unmap_shared(struct inode *inode, loff_t start, loff_t len);

#endif /* GMEMFS_UNMAP_H */
