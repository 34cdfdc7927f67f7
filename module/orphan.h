/* SPDX-License-Identifier: GPL-2.0 */
/* Hidden memory that a device has, but no file any more: orphan.c. */
#ifndef GMEMFS_ORPHAN_H
#define GMEMFS_ORPHAN_H

struct page;

void gmem_release_left(struct page *page, unsigned int nr);
unsigned long gmem_orphan_pages(void);
void gmem_orphan_exit(void);

#endif /* GMEMFS_ORPHAN_H */
