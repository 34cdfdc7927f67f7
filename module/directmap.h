/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's direct map: directmap.c. */
#ifndef GMEMFS_DIRECTMAP_H
#define GMEMFS_DIRECTMAP_H

#include <linux/types.h>

struct page;

int gmem_directmap_init(void);
void gmem_directmap_exit(void);
int gmem_directmap_hide(struct page *page, unsigned int nr);
int gmem_directmap_hide_some(struct page *page, unsigned int nr,
			     unsigned int exposed);
int gmem_directmap_expose(struct page *page, unsigned int nr,
			  unsigned int hidden);
bool gmem_directmap_has(struct page *page);
bool gmem_directmap_expose_flushes(struct page *page);
void gmem_directmap_uncount(unsigned int hidden);
unsigned long gmem_directmap_hidden(void);
const char *gmem_directmap_method(void);

#endif /* GMEMFS_DIRECTMAP_H */
