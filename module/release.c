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
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sort.h>
#include <linux/workqueue.h>

#include "internal.h"
#include "lend.h"

#define GMEM_QUARANTINE_RETRY	HZ
/* Of page_private(): how many of up to 512 pages are hidden. */
#define GMEM_QUARANTINE_HIDDEN	0x3ff

#define GMEM_PINNED_RETRY	(HZ / 4)

/* ---- quarantine: pages that could not be put back into the direct map ---- */

static LIST_HEAD(quarantine);
static DEFINE_SPINLOCK(quarantine_lock);
static atomic_long_t quarantined_pages;

static void gmem_quarantine_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(quarantine_retry, gmem_quarantine_work);

unsigned long gmem_release_quarantined(void)
{
	return atomic_long_read(&quarantined_pages);
}

/**
 * gmem_quarantine - keep pages that can't be put back into the direct map
 * @page: first page
 * @nr: 1, or a block's 512
 * @hidden: how many of them count as hidden
 *
 * Needs no memory: the list runs through the pages' own struct page. Holds the
 * module, because nobody else will come for these pages.
 */
void gmem_quarantine(struct page *page, unsigned int nr, unsigned int hidden)
{
	__module_get(THIS_MODULE);
	set_page_private(page, nr << 16 | hidden |
			 (page_private(page) & GMEM_PAGE_SEEN));
	spin_lock(&quarantine_lock);
	list_add_tail(&page->lru, &quarantine);
	spin_unlock(&quarantine_lock);
	atomic_long_add(nr, &quarantined_pages);

	pr_warn_ratelimited("%u pages can't be put back into the direct map yet; kept back, trying again\n",
			    nr);
	schedule_delayed_work(&quarantine_retry, GMEM_QUARANTINE_RETRY);
}

/* ---- pages that somebody has pinned, while their file gave them up ---- */

static LIST_HEAD(pinned);
static DEFINE_SPINLOCK(pinned_lock);
static atomic_long_t pinned_pages;

static void gmem_pinned_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(pinned_retry, gmem_pinned_work);

unsigned long gmem_release_pinned(void)
{
	return atomic_long_read(&pinned_pages);
}

/* Exposed and zeroed, but a device may write to it yet. Holds the module. */
static void gmem_keep_pinned(struct page *page)
{
	__module_get(THIS_MODULE);
	spin_lock(&pinned_lock);
	list_add_tail(&page->lru, &pinned);
	spin_unlock(&pinned_lock);
	atomic_long_inc(&pinned_pages);
	schedule_delayed_work(&pinned_retry, GMEM_PINNED_RETRY);
}

static void gmem_free_pinned(struct page *page)
{
	list_del(&page->lru);
	if (!PageHWPoison(page))
		clear_highpage(page);
	__free_page(page);
	atomic_long_dec(&pinned_pages);
	module_put(THIS_MODULE);
}

/* Nobody can pin them any more: who isn't the last now will be. */
static void gmem_pinned_work(struct work_struct *work)
{
	struct page *page, *next;
	LIST_HEAD(list);

	spin_lock(&pinned_lock);
	list_splice_init(&pinned, &list);
	spin_unlock(&pinned_lock);

	list_for_each_entry_safe(page, next, &list, lru)
		if (page_count(page) == 1)
			gmem_free_pinned(page);
	if (list_empty(&list))
		return;

	spin_lock(&pinned_lock);
	list_splice(&list, &pinned);
	spin_unlock(&pinned_lock);
	schedule_delayed_work(&pinned_retry, GMEM_PINNED_RETRY);
}

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

static bool gmem_try_release(struct page *page, unsigned int nr,
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
	if (!gmem_try_release(page, nr, hidden))
		gmem_quarantine(page, nr, hidden);
}

/* ---- many blocks at a time ---- */

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

/* ---- what is in quarantine is tried again ---- */

/* Takes the pages off their list. False: they must stay in quarantine. */
static bool gmem_quarantine_release(struct page *page)
{
	unsigned long private = page_private(page);
	unsigned int nr = private >> 16;

	list_del(&page->lru);
	set_page_private(page, private & GMEM_PAGE_SEEN);
	if (!gmem_try_release(page, nr, private & GMEM_QUARANTINE_HIDDEN)) {
		set_page_private(page, private);
		return false;
	}
	atomic_long_sub(nr, &quarantined_pages);
	module_put(THIS_MODULE);
	return true;
}

static void gmem_quarantine_work(struct work_struct *work)
{
	struct page *page, *next;
	LIST_HEAD(failed);
	LIST_HEAD(waiting);

	spin_lock(&quarantine_lock);
	list_splice_init(&quarantine, &waiting);
	spin_unlock(&quarantine_lock);

	list_for_each_entry_safe(page, next, &waiting, lru) {
		if (!gmem_quarantine_release(page))
			list_add_tail(&page->lru, &failed);
		cond_resched();
	}
	if (list_empty(&failed))
		return;

	spin_lock(&quarantine_lock);
	list_splice(&failed, &quarantine);
	spin_unlock(&quarantine_lock);
	schedule_delayed_work(&quarantine_retry, GMEM_QUARANTINE_RETRY);
}

/* Both kinds of pages hold the module, so none are left when this runs. */
void gmem_release_exit(void)
{
	cancel_delayed_work_sync(&quarantine_retry);
	cancel_delayed_work_sync(&pinned_retry);
}
