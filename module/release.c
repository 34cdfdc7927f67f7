// SPDX-License-Identifier: GPL-2.0
/*
 * Release: nobody's memory leaves gmemfs, by the way that fits what is in it.
 * It goes to the kernel; into quarantine, if it can't be put back into the
 * direct map; or out of use, if it has a memory error.
 */
#include <linux/mm.h>

#include "frame.h"
#include "giveback.h"
#include "pieces.h"
#include "poison.h"
#include "quarantine.h"
#include "release.h"
#include "tempmap.h"
#include "units.h"

/**
 * gmem_release - pages with data in them leave
 * @page: first page, nobody's and not mapped by any user: HIDDEN, LEAVING or
 *	  POISONED
 * @nr: 1, or a block's 512
 */
void gmem_release(struct page *page, unsigned int nr)
{
	if (gmem_any_poisoned(page, nr)) {
		gmem_give_back_around_poison(page, nr);
		return;
	}
	if (gmem_give_back(page, nr))
		gmem_quarantine(page, nr);
}

/* ---- many blocks at a time ---- */

/* Zeroed, HIDDEN, nobody's: @run neighbours. */
static void gmem_release_run(struct page **blocks, unsigned int run)
{
	unsigned int i;

	if (!gmem_give_back_clean(blocks[0], run * GMEM_BLOCK_PAGES))
		return;
	for (i = 0; i < run; i++)
		gmem_quarantine(blocks[i], GMEM_BLOCK_PAGES);
}

/* Those with a memory error go by themselves. Return: how many are left. */
static unsigned int gmem_release_poisoned(struct page **blocks, unsigned int nr)
{
	unsigned int i, left = 0;

	for (i = 0; i < nr; i++) {
		if (gmem_any_poisoned(blocks[i], GMEM_BLOCK_PAGES))
			gmem_release(blocks[i], GMEM_BLOCK_PAGES);
		else
			blocks[left++] = blocks[i];
	}
	return left;
}

/**
 * gmem_release_clean - zeroed blocks leave
 * @blocks: first page of each, HIDDEN as a whole, nobody's, and whose mappings
 *	    to zero them need not have been flushed; sorted here
 * @nr: how many
 */
void gmem_release_clean(struct page **blocks, unsigned int nr)
{
	unsigned int run;

	nr = gmem_release_poisoned(blocks, nr);
	gmem_sort_pieces(blocks, nr);
	for (; nr; blocks += run, nr -= run) {
		run = gmem_run_length(blocks, nr, GMEM_BLOCK_PAGES);
		gmem_release_run(blocks, run);
	}
}

/**
 * gmem_scrub_blocks - zero blocks with data in them, while they are hidden
 * @blocks: first page of each, HIDDEN as a whole and nobody's; reordered here
 * @nr: how many
 *
 * Those that can't be zeroed leave, by a way that fits the reason. The caller
 * sees to it that the mappings to zero the others are flushed.
 *
 * Return: how many are clean now; they are the first ones of @blocks.
 */
unsigned int gmem_scrub_blocks(struct page **blocks, unsigned int nr)
{
	unsigned int i, clean = 0;

	for (i = 0; i < nr; i++) {
		struct page *page = blocks[i];

		if (gmem_any_poisoned(page, GMEM_BLOCK_PAGES) ||
		    gmem_tempmap_zero(page, GMEM_BLOCK_PAGES))
			gmem_release(page, GMEM_BLOCK_PAGES);
		else
			blocks[clean++] = page;
		cond_resched();
	}
	return clean;
}

/**
 * gmem_release_blocks - blocks with data in them leave
 * @blocks: first page of each, HIDDEN as a whole and nobody's; reordered here
 * @nr: how many
 *
 * All of them are zeroed before the first is exposed, so that the kernel
 * flushes the mappings for that once, and not once for each.
 */
void gmem_release_blocks(struct page **blocks, unsigned int nr)
{
	gmem_release_clean(blocks, gmem_scrub_blocks(blocks, nr));
}
