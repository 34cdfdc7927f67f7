// SPDX-License-Identifier: GPL-2.0
/*
 * Pieces of memory, blocks or single pages, many at a time: neighbours can be
 * hidden or exposed in one step, with one flush.
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
 * gmem_sort_pieces - bring blocks, or single pages, into the order of addresses
 * @pieces: first page of each
 * @nr: how many
 *
 * Neighbours can then be hidden or exposed in one step, with one flush.
 */
void gmem_sort_pieces(struct page **pieces, unsigned int nr)
{
	sort(pieces, nr, sizeof(*pieces), gmem_compare_pages, NULL);
}

/**
 * gmem_run_length - how many of the first pieces are neighbours in memory
 * @pieces: first page of each, sorted
 * @nr: how many, at least 1
 * @each: pages of each, a block's 512 or 1
 *
 * They don't go beyond 1 GiB for blocks, 2 MiB for pages, which the direct map
 * may have as one entry: where that has to be split to hide them and can't be,
 * none of them has changed yet.
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
