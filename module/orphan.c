// SPDX-License-Identifier: GPL-2.0
/*
 * Orphans: hidden pages that no file has any more, but that a device still has,
 * or somebody else has a reference to. The file was truncated, or is gone: when
 * a VMM ends, the kernel may drop its files before the device is taken from it.
 * What the device writes to such a page is still the guest's. So the page stays
 * hidden until nobody has it. Then it is zeroed, and goes where all memory goes
 * that a file has given up. A page that is in the direct map when its file
 * gives it up is not hidden again: held.c has those.
 *
 * A device mostly has whole blocks. They wait as such, and leave as such, so
 * that nothing is split. If it keeps only a part of a block, the rest becomes
 * spare (carve.c): pinned memory is bounded by RLIMIT_MEMLOCK, and what waits
 * with it should not be many times as much.
 *
 * Nothing reports that a device lets go, so a worker checks from time to time.
 * Each orphan holds the module, because only this worker can free it. It is on
 * a list by its ->lru, so that becoming one needs no memory; and it stays
 * charged to the cgroup of the guest, but not to the mount.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/workqueue.h>

#include "carve.h"
#include "compat.h"
#include "frame.h"
#include "frametable.h"
#include "memcg.h"
#include "orphan.h"
#include "pageword.h"
#include "pieces.h"
#include "poison.h"
#include "pool.h"
#include "release.h"
#include "units.h"

#define GMEM_ORPHAN_RETRY	(HZ / 4)

/*
 * Of blocks, the first page is in a list. @partial: blocks of which a page was
 * free at the last check. A device lets go of one page after the other, and
 * other references may last for a moment only: so what is still partly held at
 * the next check is taken apart then, and not before.
 */
static LIST_HEAD(whole);
static LIST_HEAD(partial);
static LIST_HEAD(singles);
static DEFINE_SPINLOCK(orphan_lock);	/* the lists */
static atomic_long_t orphan_pages;

/* How often the worker ran: it looks at another page of a block each time. */
static unsigned int orphan_rounds;

/* On no CPU's own workqueue: it may zero all memory of a guest. */
static void gmem_orphan_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(orphan_retry, gmem_orphan_work);

/* gmem_orphan_pages - how many pages wait here */
unsigned long gmem_orphan_pages(void)
{
	return atomic_long_read(&orphan_pages);
}

static void gmem_orphan_list(struct page *page, struct list_head *list)
{
	spin_lock(&orphan_lock);
	list_add_tail(&page->lru, list);
	spin_unlock(&orphan_lock);
}

static void gmem_orphan(struct page *page, unsigned int nr)
{
	__module_get(THIS_MODULE);
	/* Counted before the worker can find it. */
	atomic_long_add(nr, &orphan_pages);
	gmem_orphan_list(page, nr == 1 ? &singles : &whole);
	queue_delayed_work(system_dfl_wq, &orphan_retry, GMEM_ORPHAN_RETRY);
}

/* @nr pages that waited as one don't any more. The caller works on. */
static void gmem_orphan_done(unsigned int nr, unsigned int *done)
{
	atomic_long_sub(nr, &orphan_pages);
	(*done)++;
}

/* ---- what somebody has ---- */

/* Is this a hidden page that somebody has? */
static bool gmem_is_orphan(struct page *page)
{
	return gmem_page_state(page) == GMEM_PAGE_HIDDEN &&
	       gmem_page_held(page);
}

static unsigned int gmem_count_orphans(struct page *page, unsigned int nr)
{
	unsigned int orphans = 0;

	while (nr--)
		orphans += gmem_is_orphan(page + nr);
	return orphans;
}

/* Is all of it hidden, and none out of use? */
static bool gmem_is_hidden(const struct page *page, unsigned int nr)
{
	while (nr--)
		if (gmem_page_state(page + nr) != GMEM_PAGE_HIDDEN)
			return false;
	return true;
}

/* Nobody has these pages any more: their words don't say that somebody may. */
static void gmem_forget_holders(struct page *page, unsigned int nr)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_LEAVING);
	bool carved = gmem_page_word(page) & GMEM_PAGE_CARVED;

	gmem_frame_set_carved(frames, page, nr, carved);
	gmem_frames_unlock(frames);
}

/* ---- what nobody has ---- */

/* Release a page that nobody has. A hidden one becomes spare. */
static void gmem_release_single(struct page *page)
{
	if (gmem_page_state(page) == GMEM_PAGE_HIDDEN &&
	    !gmem_page_poisoned(page)) {
		gmem_forget_holders(page, 1);
		if (gmem_carve_add(page))
			return;
	}
	gmem_release(page, 1);
}

/* Take a block apart. Those of its pages that somebody has wait alone. */
static void gmem_take_apart(struct page *page, unsigned int nr)
{
	for (; nr--; page++) {
		if (gmem_is_orphan(page))
			gmem_orphan(page, 1);
		else
			gmem_release_single(page);
		cond_resched();
	}
}

/**
 * gmem_release_left - release pages with data in them, which somebody may have
 * @page: first page, unowned and not mapped by any user: HIDDEN, LEAVING or
 *	  POISONED
 * @nr: 1, or a block's 512
 *
 * As gmem_release(), but hidden pages that somebody has stay hidden.
 */
void gmem_release_left(struct page *page, unsigned int nr)
{
	if (!gmem_count_orphans(page, nr))
		gmem_release(page, nr);
	else if (gmem_is_hidden(page, nr))
		gmem_orphan(page, nr);
	else
		gmem_take_apart(page, nr);
}

/* ---- the worker ---- */

static void gmem_release_batch(struct gmem_batch *batch)
{
	batch->nr = gmem_pool_give(batch->blocks, batch->nr, true);
	gmem_release_blocks(batch->blocks, batch->nr);
	batch->nr = 0;
}

/* Nobody has any page of the block. */
static void gmem_orphan_block_free(struct page *page, struct gmem_batch *batch)
{
	if (gmem_any_poisoned(page, GMEM_BLOCK_PAGES)) {
		gmem_release(page, GMEM_BLOCK_PAGES);
		return;
	}
	gmem_forget_holders(page, GMEM_BLOCK_PAGES);
	batch->blocks[batch->nr++] = page;
	if (batch->nr == GMEM_BATCH)
		gmem_release_batch(batch);
}

/*
 * A block on @whole: a look at one page of it is enough mostly. There may be
 * many blocks; and of one that is partly free, such a page is found in the end.
 */
static void gmem_orphan_check_whole(struct page *page, struct gmem_batch *batch,
				    unsigned int *done)
{
	if (gmem_is_orphan(page + orphan_rounds % GMEM_BLOCK_PAGES)) {
		gmem_orphan_list(page, &whole);
	} else if (gmem_count_orphans(page, GMEM_BLOCK_PAGES)) {
		gmem_orphan_list(page, &partial);
	} else {
		gmem_orphan_done(GMEM_BLOCK_PAGES, done);
		gmem_orphan_block_free(page, batch);
	}
}

static void gmem_orphan_check_partial(struct page *page,
				      struct gmem_batch *batch,
				      unsigned int *done)
{
	gmem_orphan_done(GMEM_BLOCK_PAGES, done);
	if (gmem_count_orphans(page, GMEM_BLOCK_PAGES))
		gmem_take_apart(page, GMEM_BLOCK_PAGES);
	else
		gmem_orphan_block_free(page, batch);
}

static void gmem_orphan_check_single(struct page *page, unsigned int *done)
{
	if (gmem_is_orphan(page)) {
		gmem_orphan_list(page, &singles);
		return;
	}
	gmem_orphan_done(1, done);
	gmem_release_single(page);
}

/* Check all of a list. What waits on is on a list again. */
static void gmem_orphan_check(struct list_head *list, unsigned int *done)
{
	struct gmem_batch batch = {};
	struct page *page, *next;
	LIST_HEAD(now);

	spin_lock(&orphan_lock);
	list_splice_init(list, &now);
	spin_unlock(&orphan_lock);
	list_for_each_entry_safe(page, next, &now, lru) {
		list_del(&page->lru);
		if (list == &singles)
			gmem_orphan_check_single(page, done);
		else if (list == &whole)
			gmem_orphan_check_whole(page, &batch, done);
		else
			gmem_orphan_check_partial(page, &batch, done);
		cond_resched();
	}
	gmem_release_batch(&batch);
}

/*
 * There may be very many. A look that found none free takes a fifth of a CPU's
 * time at most. @start: when it began, in jiffies.
 */
static unsigned long gmem_orphan_pause(unsigned long start, unsigned int done)
{
	return done ? GMEM_ORPHAN_RETRY
		    : max_t(unsigned long, GMEM_ORPHAN_RETRY,
			    4 * (jiffies - start));
}

/*
 * The module is held until all else is done: it may unload as soon as no page
 * is left. @partial comes first: what @whole adds to it waits until next time.
 */
static void gmem_orphan_work(struct work_struct *work)
{
	unsigned long start = jiffies;
	unsigned int done = 0;

	gmem_orphan_check(&partial, &done);
	gmem_orphan_check(&whole, &done);
	gmem_orphan_check(&singles, &done);
	orphan_rounds++;
	if (done)
		gmem_carve_settle();
	if (gmem_orphan_pages())
		queue_delayed_work(system_dfl_wq, &orphan_retry,
				   gmem_orphan_pause(start, done));
	while (done--)
		module_put(THIS_MODULE);
}

/* Orphans hold the module. So there are none when this runs. */
void gmem_orphan_exit(void)
{
	cancel_delayed_work_sync(&orphan_retry);
}
