// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that can't go back to the kernel yet, and is tried again: pages that
 * could not be put back into the direct map, and pages that somebody has
 * pinned, while their file gave them up.
 */
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "quarantine.h"
#include "release.h"
#include "state.h"

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
void gmem_keep_pinned(struct page *page)
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

/* ---- what is in quarantine is tried again ---- */

/* Takes the pages off their list. False: they must stay in quarantine. */
static bool gmem_quarantine_release(struct page *page)
{
	unsigned long private = page_private(page);
	unsigned int nr = private >> 16;

	list_del(&page->lru);
	set_page_private(page, private & GMEM_PAGE_SEEN);
	if (!gmem_release_try(page, nr, private & GMEM_QUARANTINE_HIDDEN)) {
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
