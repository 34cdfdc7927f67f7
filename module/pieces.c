// SPDX-License-Identifier: GPL-2.0
/*
 * Pieces of memory, blocks or single pages, many at a time: contiguous ones can
 * be hidden or exposed in one step, with one TLB flush.
 */
#include <linux/align.h>
#include <linux/mm.h>
#include <linux/sort.h>

#include "pieces.h"
#include "units.h"

static int gmem_compare_pages(const void *a, const void *b)
{
	const struct page *const *x = a, *const *y = b;

	return *x < *y ? -1 : *x > *y;
}

/**
 * gmem_sort_pieces - sort blocks, or single pages, by address
 * @pieces: first page of each
 * @nr: how many
 *
 * Contiguous pieces can then be hidden or exposed in one step, with one TLB
 * flush.
 */
void gmem_sort_pieces(struct page **pieces, unsigned int nr)
{
	sort(pieces, nr, sizeof(*pieces), gmem_compare_pages, NULL);
}

/**
 * gmem_run_length - how many pieces, from the first on, are contiguous in
 *		     memory
 * @pieces: first page of each, sorted
 * @nr: how many, at least 1
 * @each: pages of each: a block's 512, or 1
 *
 * A run ends at 1 GiB for blocks, and at 2 MiB for pages. The direct map may
 * have that much as one entry. So only the first entry of a run may have to be
 * split, if all of the run is edited in one step, and if that split fails, no
 * page of the run has changed yet.
 */
unsigned int gmem_run_length(struct page **pieces, unsigned int nr,
			     unsigned int each)
{
	unsigned long pfn = page_to_pfn(pieces[0]);
	unsigned int n = 1;

	while (n < nr && page_to_pfn(pieces[n]) == pfn + n * each &&
	       !IS_ALIGNED(pfn + n * each, GMEM_BLOCK_PAGES * each))
		n++;
	return n;
}
