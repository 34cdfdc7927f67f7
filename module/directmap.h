/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's direct map: directmap.c. */
#ifndef GMEMFS_DIRECTMAP_H
#define GMEMFS_DIRECTMAP_H

#include <linux/types.h>

struct page;

/* Why no memory may be hidden now. */
enum gmem_forbidder {
	GMEM_FORBID_KVM_UNHOOKED,
	GMEM_FORBID_HIBERNATION,
};

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
unsigned long gmem_directmap_forbid(enum gmem_forbidder why);
void gmem_directmap_permit(enum gmem_forbidder why);
void gmem_directmap_explain(int ret);
const char *gmem_directmap_method(void);

#endif /* GMEMFS_DIRECTMAP_H */
