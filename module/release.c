// SPDX-License-Identifier: GPL-2.0
/*
 * Release: unowned memory leaves gmemfs, in the way that its contents and state
 * need. It goes to the kernel; into quarantine, if it can't be put back into
 * the direct map; or out of use, if it has a memory error.
 */
#include <linux/mm.h>

#include "frame.h"
#include "giveback.h"
#include "mapslot.h"
#include "pieces.h"
#include "poison.h"
#include "quarantine.h"
#include "release.h"
#include "units.h"

/**
 * gmem_release - release pages with data in them
 * @page: first page, unowned and not mapped by any user: HIDDEN, LEAVING or
 *	  POISONED
 * @nr: 1, or a block's 512
 */
void gmem_release(struct page *page, unsigned int nr)
{
	int ret = -EHWPOISON;

	if (!gmem_any_poisoned(page, nr))
		ret = gmem_give_back(page, nr);
	if (ret == -EHWPOISON)
		gmem_give_back_around_poison(page, nr);
	else if (ret)
		gmem_quarantine(page, nr);
}

/**
 * gmem_release_clean_run - release zeroed pages
 * @page: first of contiguous pages of one record, all HIDDEN and unowned
 * @nr: how many
 */
void gmem_release_clean_run(struct page *page, unsigned int nr)
{
	if (gmem_any_poisoned(page, nr)) {
		while (nr--)
			gmem_release(page++, 1);
		return;
	}
	if (gmem_give_back_clean(page, nr))
		gmem_quarantine_run(page, nr);
}

/* ---- many blocks at a time ---- */

/* Release @run contiguous blocks: zeroed, HIDDEN and unowned. */
static void gmem_release_run(struct page **blocks, unsigned int run)
{
	if (gmem_give_back_clean(blocks[0], run * GMEM_BLOCK_PAGES))
		gmem_quarantine_run(blocks[0], run * GMEM_BLOCK_PAGES);
}

/*
 * Release blocks with a memory error, each alone. Return: the others' number.
 */
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
 * gmem_release_clean - release zeroed blocks
 * @blocks: first page of each, HIDDEN as a whole and unowned; sorted here
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
 * @blocks: first page of each, HIDDEN as a whole and unowned; reordered here
 * @nr: how many
 *
 * Blocks with a memory error are released.
 *
 * Return: how many are clean now; they come first in @blocks.
 */
unsigned int gmem_scrub_blocks(struct page **blocks, unsigned int nr)
{
	unsigned int i, clean = 0;

	for (i = 0; i < nr; i++) {
		struct page *page = blocks[i];

		if (gmem_any_poisoned(page, GMEM_BLOCK_PAGES)) {
			gmem_release(page, GMEM_BLOCK_PAGES);
			continue;
		}
		gmem_slot_zero(page, GMEM_BLOCK_PAGES);
		blocks[clean++] = page;
	}
	return clean;
}

/**
 * gmem_release_blocks - release blocks with data in them
 * @blocks: first page of each, HIDDEN as a whole and unowned; reordered here
 * @nr: how many
 */
void gmem_release_blocks(struct page **blocks, unsigned int nr)
{
	gmem_release_clean(blocks, gmem_scrub_blocks(blocks, nr));
}
