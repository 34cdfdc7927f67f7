// SPDX-License-Identifier: GPL-2.0
/*
 * Quarantine: memory that could not be put back into the direct map. It must
 * not be freed: its next owner would access it there and crash the kernel. A
 * worker tries again every second.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "frame.h"
#include "giveback.h"
#include "pageword.h"
#include "poison.h"
#include "quarantine.h"
#include "units.h"

#define GMEM_QUARANTINE_RETRY	HZ

/*
 * The lists use ->lru of the pages, so that quarantine needs no memory: of the
 * first page of each block, and of single pages.
 */
static LIST_HEAD(blocks);
static LIST_HEAD(singles);
static DEFINE_SPINLOCK(quarantine_lock);
static atomic_long_t quarantined_pages;

static void gmem_quarantine_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(quarantine_retry, gmem_quarantine_work);

unsigned long gmem_quarantined_pages(void)
{
	return atomic_long_read(&quarantined_pages);
}

/**
 * gmem_quarantine - keep pages that can't be put back into the direct map
 * @page: first page, unowned, with data in it or not
 * @nr: 1, or a block's 512
 *
 * Takes a reference to the module: only its worker can free these pages.
 */
void gmem_quarantine(struct page *page, unsigned int nr)
{
	__module_get(THIS_MODULE);
	spin_lock(&quarantine_lock);
	list_add_tail(&page->lru, nr > 1 ? &blocks : &singles);
	spin_unlock(&quarantine_lock);
	atomic_long_add(nr, &quarantined_pages);

	pr_warn_ratelimited("%u pages could not be put back into the direct map: they are not freed, and gmemfs tries again every second\n",
			    nr);
	schedule_delayed_work(&quarantine_retry, GMEM_QUARANTINE_RETRY);
}

/* gmem_quarantine_run - the same for whole blocks, or for fewer pages */
void gmem_quarantine_run(struct page *page, unsigned int nr)
{
	unsigned int step = nr % GMEM_BLOCK_PAGES ? 1 : GMEM_BLOCK_PAGES, i;

	for (i = 0; i < nr; i += step)
		gmem_quarantine(page + i, step);
}

/**
 * gmem_give_back_around_poison - give back all but the pages with a memory
 *				  error
 * @page: first page, unowned: HIDDEN, LEAVING or POISONED; some have a memory
 *	  error
 * @nr: 1, or a block's 512, of which each page is then given back by itself
 */
void gmem_give_back_around_poison(struct page *page, unsigned int nr)
{
	unsigned int lost = gmem_frame_lose_poisoned(page, nr);

	for (; nr--; page++)
		if (gmem_page_state(page) != GMEM_PAGE_NONE &&
		    gmem_give_back(page, 1))
			gmem_quarantine(page, 1);
	if (lost)
		pr_warn("%u pages with a memory error stay out of the direct map and out of use\n",
			lost);
}

static void gmem_quarantine_retry(struct list_head *list, unsigned int nr)
{
	struct page *page, *next;
	LIST_HEAD(waiting);

	spin_lock(&quarantine_lock);
	list_splice_init(list, &waiting);
	spin_unlock(&quarantine_lock);

	list_for_each_entry_safe(page, next, &waiting, lru) {
		list_del(&page->lru);
		/* A memory error may have come since. */
		if (gmem_any_poisoned(page, nr)) {
			gmem_give_back_around_poison(page, nr);
			atomic_long_sub(nr, &quarantined_pages);
			module_put(THIS_MODULE);
		} else if (gmem_give_back(page, nr)) {
			spin_lock(&quarantine_lock);
			list_add_tail(&page->lru, list);
			spin_unlock(&quarantine_lock);
		} else {
			atomic_long_sub(nr, &quarantined_pages);
			module_put(THIS_MODULE);
		}
		cond_resched();
	}
}

static void gmem_quarantine_work(struct work_struct *work)
{
	gmem_quarantine_retry(&blocks, GMEM_BLOCK_PAGES);
	gmem_quarantine_retry(&singles, 1);
	if (gmem_quarantined_pages())
		schedule_delayed_work(&quarantine_retry,
				      GMEM_QUARANTINE_RETRY);
}

/*
 * Pages in quarantine hold the module. So there are none when this runs, except
 * for what unloading itself could not put back: that is lost.
 */
void gmem_quarantine_exit(void)
{
	cancel_delayed_work_sync(&quarantine_retry);
}
