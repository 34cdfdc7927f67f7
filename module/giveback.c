// SPDX-License-Identifier: GPL-2.0
/*
 * Give back: memory is freed to the kernel.
 *
 * Two rules keep the rest of the kernel safe:
 *
 *   - memory is zeroed before it is freed, and while it is still hidden;
 *   - memory is freed only when it is in the direct map again.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>

#include "frame.h"
#include "giveback.h"
#include "held.h"
#include "mapslot.h"
#include "poison.h"
#include "units.h"

/* Free zeroed, exposed pages; hold those that somebody has a reference to. */
static void gmem_free_pages(struct page *page, unsigned int nr,
			    unsigned long *held)
{
	unsigned int i;

	if (!gmem_frame_free(page, nr, held))
		return;
	for_each_set_bit(i, held, nr)
		gmem_hold(page + i);
}

/**
 * gmem_give_back_clean - give zeroed pages back to the kernel
 * @page: first of contiguous pages, all HIDDEN and unowned
 * @nr: up to 512 of one record, or a multiple of 512
 *
 * Return: 0; or an error from the direct map, and no page was given back.
 */
int gmem_give_back_clean(struct page *page, unsigned int nr)
{
	unsigned int step = min_t(unsigned int, nr, GMEM_BLOCK_PAGES), i;
	DECLARE_BITMAP(held, GMEM_BLOCK_PAGES);
	int ret = gmem_frame_expose_leaving(page, nr);

	for (i = 0; i < nr && !ret; i += step) {
		bitmap_zero(held, GMEM_BLOCK_PAGES);
		gmem_free_pages(page + i, step, held);
	}
	return ret;
}

/* Has a page got a memory error by now? Then it may not have been zeroed. */
static bool gmem_poisoned_meanwhile(const struct page *page, unsigned int nr,
				    const unsigned long *held)
{
	unsigned int i;

	if (!READ_ONCE(gmem_poison_seen))
		return false;
	for_each_clear_bit(i, held, nr)
		if (gmem_page_poisoned(page + i))
			return true;
	return false;
}

/**
 * gmem_give_back - give pages with data in them back to the kernel
 * @page: first page, unowned: HIDDEN or LEAVING; no HIDDEN page had a memory
 *	  error when the caller looked
 * @nr: 1, or a block's 512
 *
 * A page that somebody holds may be written to after it was zeroed: so it is
 * not freed now, and held.c zeroes it again.
 *
 * Return: 0; -EHWPOISON if a page has got a memory error meanwhile, or an error
 * from the direct map, and no page was given back.
 */
int gmem_give_back(struct page *page, unsigned int nr)
{
	DECLARE_BITMAP(held, GMEM_BLOCK_PAGES) = {};
	int ret;

	gmem_frame_find_held(page, nr, held);
	gmem_slot_zero(page, nr);
	if (gmem_poisoned_meanwhile(page, nr, held))
		return -EHWPOISON;
	ret = gmem_frame_expose_leaving(page, nr);
	if (ret)
		return ret;
	gmem_free_pages(page, nr, held);
	return 0;
}
