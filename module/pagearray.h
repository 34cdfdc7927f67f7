/* SPDX-License-Identifier: GPL-2.0 */
/* The single pages of a block: pagearray.c. */
#ifndef GMEMFS_PAGEARRAY_H
#define GMEMFS_PAGEARRAY_H

#include <linux/mm.h>
#include <linux/types.h>

/* Set in @high where there is a page. */
#define GMEM_PAGE_THERE	BIT(15)

/**
 * struct gmem_page_array - the frame numbers of a block's single pages
 * @low: their low 32 bits
 * @high: the others, and GMEM_PAGE_THERE; 0: a hole
 *
 * An array of pointers would take a third more, and with it 0.2% of the memory.
 */
struct gmem_page_array {
	u32 low[HPAGE_PMD_NR];
	u16 high[HPAGE_PMD_NR];
};

struct gmem_page_array *gmem_page_array_new(void);
void gmem_page_array_free(struct gmem_page_array *array);

struct page *gmem_page_array_get(const struct gmem_page_array *array,
				 unsigned int slot);
void gmem_page_array_set(struct gmem_page_array *array, unsigned int slot,
			 struct page *page);
void gmem_page_array_clear(struct gmem_page_array *array, unsigned int slot);

int gmem_page_array_init(void);
void gmem_page_array_exit(void);

#endif /* GMEMFS_PAGEARRAY_H */
