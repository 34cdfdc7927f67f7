// SPDX-License-Identifier: GPL-2.0
/*
 * Release: how memory goes back to the kernel.
 *
 * Two rules make the rest of the kernel safe from us:
 *   - memory is zeroed before it goes back, and while it is still hidden;
 *   - it goes back only when it is in the direct map again. What can't be put
 *     there is kept in quarantine and tried again.
 */
#include <linux/highmem.h>
#include <linux/mm.h>

#include "directmap.h"
#include "lend.h"
#include "pieces.h"
#include "quarantine.h"
#include "release.h"
#include "state.h"
#include "tempmap.h"
#include "units.h"

/* ---- scrub and give back ---- */

/* A page that somebody has pinned is zeroed, and goes, when he lets go. */
static void gmem_free_page(struct page *page)
{
	bool seen = page_private(page) & GMEM_PAGE_SEEN;

	set_page_private(page, 0);
	if (seen && page_count(page) > 1)
		gmem_keep_pinned(page);
	else
		__free_page(page);
}

/* gmem_free_pages - free pages that are zeroed and in the direct map */
void gmem_free_pages(struct page *page, unsigned int nr)
{
	while (nr--)
		gmem_free_page(page++);
}

/**
 * gmem_release_exposed - zero pages that were never hidden, and free them
 * @page: first page
 * @nr: how many
 *
 * What has a memory error isn't touched: the page allocator keeps that out of
 * use.
 */
void gmem_release_exposed(struct page *page, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (!PageHWPoison(page + i))
			clear_highpage(page + i);
	gmem_free_pages(page, nr);
}

bool gmem_has_poison(struct page *page, unsigned int nr)
{
	while (nr--)
		if (PageHWPoison(page++))
			return true;
	return false;
}

/*
 * Pages that lend.c knows to be nobody's, of which @hidden are hidden. Where
 * there is no memory to map them with, they are zeroed once exposed.
 */
static bool gmem_release_whole(struct page *page, unsigned int nr,
			       unsigned int hidden)
{
	bool scrubbed = !gmem_tempmap_zero(page, nr);

	if (gmem_directmap_expose(page, nr, hidden))
		return false;
	gmem_lend_disown(page, nr);
	if (scrubbed)
		gmem_free_pages(page, nr);
	else
		gmem_release_exposed(page, nr);
	return true;
}

/*
 * Pages with a memory error among them: those are neither touched nor put back
 * into the direct map, where a speculative access could hit the error again.
 * They are nobody's from now on; the page allocator doesn't take them either.
 */
static void gmem_release_around_poison(struct page *page, unsigned int nr,
				       unsigned int hidden)
{
	unsigned int i, lost = 0;

	for (i = 0; i < nr; i++) {
		if (PageHWPoison(page + i)) {
			lost++;
			continue;
		}
		if (!gmem_release_whole(page + i, 1, 0))
			gmem_quarantine(page + i, 1, 0);
	}
	gmem_directmap_uncount(hidden);
	gmem_lend_disown(page, nr);
	pr_warn("%u pages with a memory error stay out of the direct map and out of use\n",
		lost);
}

bool gmem_release_try(struct page *page, unsigned int nr,
			     unsigned int hidden)
{
	if (!gmem_has_poison(page, nr))
		return gmem_release_whole(page, nr, hidden);
	gmem_release_around_poison(page, nr, hidden);
	return true;
}

/**
 * gmem_release - give hidden pages back to the kernel, zeroed and exposed
 * @page: first page, nobody's (see lend.c) and not mapped by any user
 * @nr: 1, or a block's 512
 * @hidden: how many of them are hidden; the others were lent
 */
void gmem_release(struct page *page, unsigned int nr, unsigned int hidden)
{
	if (!gmem_release_try(page, nr, hidden))
		gmem_quarantine(page, nr, hidden);
}

/* ---- many blocks at a time ---- */

/* Zeroed, hidden, nobody's: @run neighbours. */
static void gmem_release_run(struct page **blocks, unsigned int run)
{
	unsigned int pages = run * GMEM_BLOCK_PAGES, i;

	if (gmem_directmap_expose(blocks[0], pages, pages)) {
		for (i = 0; i < run; i++)
			gmem_quarantine(blocks[i], GMEM_BLOCK_PAGES,
					GMEM_BLOCK_PAGES);
		return;
	}
	for (i = 0; i < run; i++) {
		gmem_lend_disown(blocks[i], GMEM_BLOCK_PAGES);
		gmem_free_pages(blocks[i], GMEM_BLOCK_PAGES);
	}
}

/**
 * gmem_release_clean - give zeroed blocks back to the kernel
 * @blocks: first page of each, which must be hidden as a whole, nobody's, and
 *	    whose mappings to zero them need not have been flushed; sorted here
 * @nr: how many
 */
void gmem_release_clean(struct page **blocks, unsigned int nr)
{
	unsigned int run;

	gmem_sort_pieces(blocks, nr);
	for (; nr; blocks += run, nr -= run) {
		run = gmem_run_length(blocks, nr, GMEM_BLOCK_PAGES);
		gmem_release_run(blocks, run);
	}
}

/**
 * gmem_scrub_blocks - zero blocks with data in them, while they are hidden
 * @blocks: first page of each, hidden as a whole and nobody's; reordered here
 * @nr: how many
 *
 * Those that can't be zeroed go to the kernel, by a way that fits the reason.
 * The caller sees to it that the mappings to zero the others are flushed.
 *
 * Return: how many are clean now; they are the first ones of @blocks.
 */
unsigned int gmem_scrub_blocks(struct page **blocks, unsigned int nr)
{
	unsigned int i, clean = 0;

	for (i = 0; i < nr; i++) {
		struct page *page = blocks[i];

		if (gmem_has_poison(page, GMEM_BLOCK_PAGES) ||
		    gmem_tempmap_zero(page, GMEM_BLOCK_PAGES))
			gmem_release(page, GMEM_BLOCK_PAGES, GMEM_BLOCK_PAGES);
		else
			blocks[clean++] = page;
		cond_resched();
	}
	return clean;
}

/**
 * gmem_release_blocks - give blocks with data in them back to the kernel
 * @blocks: first page of each, hidden as a whole and nobody's; reordered here
 * @nr: how many
 *
 * All of them are zeroed before the first is exposed, so that the kernel
 * flushes the mappings for that once, and not once for each.
 */
void gmem_release_blocks(struct page **blocks, unsigned int nr)
{
	gmem_release_clean(blocks, gmem_scrub_blocks(blocks, nr));
}
