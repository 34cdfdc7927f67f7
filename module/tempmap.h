/* SPDX-License-Identifier: GPL-2.0 */
/* How the module itself accesses hidden pages: tempmap.c. */
#ifndef GMEMFS_TEMPMAP_H
#define GMEMFS_TEMPMAP_H

struct page;

/* How many pages are mapped at a time: an array of pointers is on the stack. */
#define GMEM_TEMPMAP_PAGES	64

void *gmem_tempmap(struct page **pages, unsigned int nr);
void gmem_tempunmap(void *addr);
void gmem_tempmap_flush(void);
int gmem_tempmap_zero(struct page *page, unsigned int nr);
void gmem_tempmap_zero_bytes(struct page *page, unsigned int from,
			     unsigned int to);

#endif /* GMEMFS_TEMPMAP_H */
