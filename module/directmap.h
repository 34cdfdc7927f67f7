/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's direct map: directmap.c. */
#ifndef GMEMFS_DIRECTMAP_H
#define GMEMFS_DIRECTMAP_H

#include <linux/types.h>

struct page;

/**
 * struct gmem_flush - a flush of all TLBs that several edits share
 * @needed: some TLB may still have pages that were hidden
 *
 * Where an edit takes one, pages that it hides may still be in some TLB until
 * gmem_directmap_flush(). The caller keeps them until then: it tells no user
 * that they are hidden, and they don't change hands.
 */
struct gmem_flush {
	bool needed;
};

int gmem_directmap_init(void);
void gmem_directmap_exit(void);
bool gmem_directmap_shares_flush(void);
void gmem_directmap_flush(struct gmem_flush *flush);
int gmem_directmap_hide(struct page *page, unsigned int nr,
			struct gmem_flush *flush);
int gmem_directmap_hide_some(struct page *page, unsigned int nr,
			     unsigned int exposed, struct gmem_flush *flush);
int gmem_directmap_expose_to_free(struct page *page, unsigned int nr,
				  unsigned int hidden);
int gmem_directmap_expose(struct page *page, unsigned int nr,
			  unsigned int hidden);
bool gmem_directmap_has(struct page *page);
bool gmem_directmap_writable(struct page *page);
bool gmem_directmap_expose_flushes(struct page *page);
const char *gmem_directmap_method(void);

#endif /* GMEMFS_DIRECTMAP_H */
