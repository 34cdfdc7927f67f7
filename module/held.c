// SPDX-License-Identifier: GPL-2.0
/*
 * Held pages: their file gave them up, but somebody has them pinned, or KVM has
 * borrowed them. They are in the direct map and were zeroed. They are zeroed
 * again, and go to the kernel, when the last reference is gone: until then
 * whatever is written to them is in nobody else's memory.
 *
 * A pin ends without a word to us, so the worker looks from time to time. Of a
 * page that is pinned it holds the module, because nobody else will come for
 * it. A loan ends at the latest when the guard does, which is before this does.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "frame.h"
#include "held.h"
#include "pageword.h"
#include "poison.h"

#define GMEM_HELD_RETRY		(HZ / 4)

static LIST_HEAD(held);
static DEFINE_SPINLOCK(held_lock);
static atomic_long_t held_pages;

static void gmem_held_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(held_retry, gmem_held_work);

unsigned long gmem_held_pages(void)
{
	return atomic_long_read(&held_pages);
}

static bool gmem_may_be_pinned(const struct page *page)
{
	return gmem_page_word(page) & GMEM_PAGE_SEEN;
}

/**
 * gmem_hold - keep a page until nobody has a reference to it
 * @page: LEAVING, zeroed but for one with a memory error, and not freed by
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
	schedule_delayed_work(&held_retry, GMEM_HELD_RETRY);
}

/* gmem_held_kick - somebody has let go of a page that may be held */
void gmem_held_kick(void)
{
	if (gmem_held_pages())
		mod_delayed_work(system_wq, &held_retry, 0);
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
	pr_warn("a page with a memory error stays out of use\n");
}

/*
 * Nobody can get at the page any more, so its references only go. But those who
 * walk over all frames take one for a moment: then it is tried again.
 */
static int gmem_try_free(struct page *page)
{
	bool pinnable = gmem_may_be_pinned(page);
	bool bad = gmem_page_poisoned(page);

	if (page_count(page) > 1 || gmem_page_word(page) & GMEM_LENT)
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
	schedule_delayed_work(&held_retry, GMEM_HELD_RETRY);
}

/*
 * All that was lent has been returned, and what is pinned would hold the
 * module. So each page can be freed, unless somebody just walks over it.
 */
void gmem_held_exit(void)
{
	unsigned int tries;

	for (tries = 0; tries < 100 && gmem_held_pages(); tries++) {
		mod_delayed_work(system_wq, &held_retry, 0);
		flush_delayed_work(&held_retry);
		msleep(20);
	}
	cancel_delayed_work_sync(&held_retry);
	if (gmem_held_pages())
		pr_err("%lu pages have references that don't go; they are lost until the next boot\n",
		       gmem_held_pages());
}
