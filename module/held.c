// SPDX-License-Identifier: GPL-2.0
/*
 * Held pages: no file owns them any more, but somebody has pinned them, or KVM
 * has borrowed them. They are in the direct map and have been zeroed. (Those
 * that are hidden are in orphan.c.) When the last reference is gone, they are
 * zeroed again and freed to the kernel. Until then, whatever the holder writes
 * to them is in memory that nobody else has.
 *
 * Nothing reports the end of a pin, so a worker checks from time to time. A
 * page that may be pinned holds the module, because only this worker can free
 * it. A loan ends at the latest when the guard exits, which is before this file
 * does.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "frame.h"
#include "held.h"
#include "pageword.h"
#include "poison.h"

#define GMEM_HELD_RETRY		(HZ / 4)

static LIST_HEAD(held);
static DEFINE_SPINLOCK(held_lock);
static atomic_long_t held_pages;

/* On no CPU's own workqueue: it zeroes memory, and there may be much of it. */
static void gmem_held_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(held_retry, gmem_held_work);

unsigned long gmem_held_pages(void)
{
	return atomic_long_read(&held_pages);
}

static bool gmem_may_be_pinned(const struct page *page)
{
	return gmem_page_word(page) & (GMEM_PAGE_SEEN | GMEM_PAGE_DEVICE);
}

/**
 * gmem_hold - keep a page until nobody has a reference to it
 * @page: LEAVING; zeroed, unless it has a memory error; and not freed by
 *	  gmem_frame_free()
 */
void gmem_hold(struct page *page)
{
	if (gmem_may_be_pinned(page))
		__module_get(THIS_MODULE);
	spin_lock(&held_lock);
	list_add_tail(&page->lru, &held);
	spin_unlock(&held_lock);
	atomic_long_inc(&held_pages);
	queue_delayed_work(system_dfl_wq, &held_retry, GMEM_HELD_RETRY);
}

/* gmem_held_kick - a reference to a page that may be held is gone */
void gmem_held_kick(void)
{
	if (gmem_held_pages())
		mod_delayed_work(system_dfl_wq, &held_retry, 0);
}

static int gmem_zero_and_free(struct page *page)
{
	DECLARE_BITMAP(held, 1) = {};

	clear_highpage(page);
	return gmem_frame_free(page, 1, held) ? -EBUSY : 0;
}

static void gmem_lose(struct page *page)
{
	gmem_frame_lose_left(page);
	pr_warn("a page with a memory error is not used any more\n");
}

/*
 * Nobody can find the page any more, so no new holder gets a reference. But
 * code that scans all frames takes one for a moment: then the page is tried
 * again later.
 */
static int gmem_try_free(struct page *page)
{
	bool pinnable = gmem_may_be_pinned(page);
	bool bad = gmem_page_poisoned(page);

	if (gmem_page_refs(page) > 1 || gmem_page_word(page) & GMEM_LENT)
		return -EBUSY;
	if (bad)
		gmem_lose(page);
	else if (gmem_zero_and_free(page))
		return -EBUSY;
	atomic_long_dec(&held_pages);
	if (pinnable)
		module_put(THIS_MODULE);
	return 0;
}

static void gmem_held_work(struct work_struct *work)
{
	struct page *page, *next;
	LIST_HEAD(list);
	LIST_HEAD(left);

	spin_lock(&held_lock);
	list_splice_init(&held, &list);
	spin_unlock(&held_lock);

	list_for_each_entry_safe(page, next, &list, lru) {
		list_del(&page->lru);
		if (gmem_try_free(page))
			list_add(&page->lru, &left);
		cond_resched();
	}
	if (list_empty(&left))
		return;

	spin_lock(&held_lock);
	list_splice(&left, &held);
	spin_unlock(&held_lock);
	queue_delayed_work(system_dfl_wq, &held_retry, GMEM_HELD_RETRY);
}

/*
 * All loans have been returned, and pages that may be pinned would hold the
 * module. So each page can be freed, unless a scan of all frames has a
 * reference just now.
 */
void gmem_held_exit(void)
{
	unsigned int tries;

	for (tries = 0; tries < 100 && gmem_held_pages(); tries++) {
		mod_delayed_work(system_dfl_wq, &held_retry, 0);
		flush_delayed_work(&held_retry);
		msleep(20);
	}
	cancel_delayed_work_sync(&held_retry);
	if (gmem_held_pages())
		pr_err("%lu pages still have references: they can't be used until the next boot\n",
		       gmem_held_pages());
}
