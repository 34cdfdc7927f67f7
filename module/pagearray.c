// SPDX-License-Identifier: GPL-2.0
/*
 * Page arrays: which single pages a block has, 6 bytes for each.
 *
 * Pages are added under the block's lock, while others may read; they are taken
 * away under the file's invalidate_lock, held exclusively, while nobody reads.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "fault_inject.h"
#include "pagearray.h"

/* 3 KiB, for which kmalloc() would take 4. */
static struct kmem_cache *arrays;

static_assert(__PHYSICAL_MASK_SHIFT - PAGE_SHIFT <= 32 + 15);

/* gmem_page_array_new - an array without pages, or NULL */
struct gmem_page_array *gmem_page_array_new(void)
{
	if (gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		return NULL;
	return kmem_cache_zalloc(arrays, GFP_KERNEL_ACCOUNT);
}

void gmem_page_array_free(struct gmem_page_array *array)
{
	if (array)
		kmem_cache_free(arrays, array);
}

/* gmem_page_array_get - the page at a slot, or NULL for a hole */
struct page *gmem_page_array_get(const struct gmem_page_array *array,
				 unsigned int slot)
{
	/* Pairs with gmem_page_array_set(). */
	unsigned long high = smp_load_acquire(&array->high[slot]);

	if (!(high & GMEM_PAGE_THERE))
		return NULL;
	return pfn_to_page((high & ~GMEM_PAGE_THERE) << 32 |
			   READ_ONCE(array->low[slot]));
}

/* gmem_page_array_set - a hole becomes a page, for readers at any time */
void gmem_page_array_set(struct gmem_page_array *array, unsigned int slot,
			 struct page *page)
{
	unsigned long pfn = page_to_pfn(page);

	WRITE_ONCE(array->low[slot], lower_32_bits(pfn));
	/* A reader of @high sees @low, and the page: gmem_page_array_get(). */
	smp_store_release(&array->high[slot],
			  upper_32_bits(pfn) | GMEM_PAGE_THERE);
}

void gmem_page_array_clear(struct gmem_page_array *array, unsigned int slot)
{
	WRITE_ONCE(array->high[slot], 0);
}

int __init gmem_page_array_init(void)
{
	arrays = kmem_cache_create("gmemfs_page_array",
				   sizeof(struct gmem_page_array), 0,
				   SLAB_ACCOUNT, NULL);
	return arrays ? 0 : -ENOMEM;
}

void gmem_page_array_exit(void)
{
	kmem_cache_destroy(arrays);
}
