// SPDX-License-Identifier: GPL-2.0
/*
 * Carve: single hidden pages come out of memory that was hidden together.
 *
 * To hide a page by itself takes a TLB flush, and splits the 2 MiB entry of the
 * direct map around it. So a file that needs a single page gets one of a block
 * that was hidden in one step; the block's other pages are spare (spare.c), for
 * whoever needs the next one. If the host has no free 2 MiB, a smaller piece of
 * contiguous memory serves as well, at worst one page.
 *
 * A page that a file gives up while it is hidden is zeroed and becomes spare
 * again. A page that is exposed then goes to the kernel alone. Once all of
 * gmemfs' pages in a record are spare, they are released: a whole block to the
 * pool, or in one step to the kernel.
 *
 * Spare pages are charged to no cgroup and no mount. On each node, there are
 * never more than files had in carved pages at one time, what was left of
 * blocks of which a device had a part (orphan.c), and a block for each task
 * that takes one at once: new memory is only carved on the node whose
 * spare pages were looked at before, and no other page becomes spare. They go
 * to the kernel when others need memory (giveway.c).
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/workqueue.h>

#include "carve.h"
#include "directmap.h"
#include "fault_inject.h"
#include "frame.h"
#include "frametable.h"
#include "giveback.h"
#include "mapslot.h"
#include "memcg.h"
#include "pageword.h"
#include "pieces.h"
#include "place.h"
#include "poison.h"
#include "pool.h"
#include "prepare.h"
#include "release.h"
#include "spare.h"
#include "units.h"

/* A record that is alone and not released at once is released so soon. */
#define GMEM_SETTLE_DELAY	(HZ / 20)

/* So many records are released by a task that gave pages back itself. */
#define GMEM_SETTLE_MOST	(2 * GMEM_BATCH)

/*
 * After the host had no free 2 MiB, none is asked for so long; and after it
 * wanted spare pages back.
 */
#define GMEM_CARVE_BACKOFF	(HZ / 10)
#define GMEM_GIVEN_BACKOFF	(10 * HZ)

static void gmem_settle_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(settle_later, gmem_settle_work);

/* For each node, in jiffies: see GMEM_CARVE_BACKOFF. */
static unsigned long no_block_until[MAX_NUMNODES];

/* To give away fewer spare pages isn't worth the split of an entry. */
#define GMEM_WORTH_A_SPLIT	8

/* So many records that aren't worth it, or can't be split, are passed by. */
#define GMEM_PASS_BY		4096
#define GMEM_PASS_FAILED	16

static void gmem_make_spare(struct page *page)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);

	gmem_frame_set_carved(frames, page, 1, true);
	gmem_spare_add(frames, page, 1);
	gmem_frames_unlock(frames);
}

/* New pages, of which the caller keeps the first. */
static void gmem_carve_pages(struct page *page, unsigned int nr)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);

	gmem_frame_set_carved(frames, page, nr, true);
	gmem_spare_add(frames, page + 1, nr - 1);
	gmem_frames_unlock(frames);
}

/* ---- giving up what nobody needs ---- */

static void gmem_release_all(struct page *first, const unsigned long *pages)
{
	unsigned int from, to;

	for_each_set_bitrange(from, to, pages, GMEM_BLOCK_PAGES)
		gmem_release_clean_run(first + from, to - from);
}

/*
 * Detach the pages of a record if they are all spare. A whole block joins the
 * batch; others are released. Return: false if there is no such record.
 */
static bool gmem_settle_one(int node, struct gmem_batch *batch)
{
	struct gmem_frames *frames = gmem_spare_lock(node, true);
	DECLARE_BITMAP(pages, GMEM_BLOCK_PAGES);
	struct page *first;
	unsigned int nr;

	if (!frames)
		return false;
	first = pfn_to_page(frames->pfn);
	nr = gmem_spare_detach(frames, pages);
	if (nr == GMEM_BLOCK_PAGES)
		gmem_frame_set_carved(frames, first, nr, false);
	gmem_spare_unlock(frames);
	if (nr == GMEM_BLOCK_PAGES)
		batch->blocks[batch->nr++] = first;
	else
		gmem_release_all(first, pages);
	return true;
}

static unsigned long gmem_settle_some(int node)
{
	struct gmem_batch batch = {};
	unsigned long done = 0;
	unsigned int left;

	while (done < GMEM_BATCH && gmem_settle_one(node, &batch))
		done++;
	left = gmem_pool_give(batch.blocks, batch.nr, false);
	gmem_release_clean(batch.blocks, left);
	return done;
}

static unsigned long gmem_settle(int node, unsigned long most)
{
	unsigned long done = 0, n;

	while (done < most && (n = gmem_settle_some(node))) {
		done += n;
		cond_resched();
	}
	return done;
}

/**
 * gmem_carve_settle - release records of which all pages are spare
 *
 * For a task that has given pages back. What it leaves, a worker releases.
 */
void gmem_carve_settle(void)
{
	int node;

	for_each_node_state(node, N_MEMORY)
		gmem_settle(node, GMEM_SETTLE_MOST);
}

static void gmem_settle_work(struct work_struct *work)
{
	bool left = false;
	int node;

	for_each_node_state(node, N_MEMORY) {
		gmem_settle(node, ULONG_MAX);
		left |= gmem_spare_any_alone(node);
	}
	/* Some were locked. */
	if (left)
		schedule_delayed_work(&settle_later, GMEM_SETTLE_DELAY);
}

static void gmem_carve_on_alone(void)
{
	schedule_delayed_work(&settle_later, GMEM_SETTLE_DELAY);
}

/* Is it worth to give the spare pages of a record away? */
static bool gmem_worth_giving(const struct gmem_frames *frames)
{
	return gmem_spare_alone(frames) ||
	       frames->nr_spare >= GMEM_WORTH_A_SPLIT ||
	       !gmem_directmap_expose_flushes(pfn_to_page(frames->pfn));
}

/* They couldn't be given away: other records are tried first. */
static void gmem_make_spare_again(struct page *page, unsigned int nr)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);

	gmem_spare_add(frames, page, nr);
	gmem_spare_skip(frames);
	gmem_frames_unlock(frames);
}

/*
 * Give a record's spare pages to the kernel. What can't be exposed, for lack of
 * memory to split an entry, is spare again. Return: how many were given; or
 * -ENOMEM if none was.
 */
static int gmem_give_spare(struct page *first, const unsigned long *pages)
{
	unsigned int from, to, given = 0;
	bool failed = false;

	for_each_set_bitrange(from, to, pages, GMEM_BLOCK_PAGES) {
		struct page *page = first + from;

		if (gmem_any_poisoned(page, to - from)) {
			gmem_release_clean_run(page, to - from);
		} else if (failed || gmem_give_back_clean(page, to - from)) {
			gmem_make_spare_again(page, to - from);
			failed = true;
			continue;
		}
		given += to - from;
	}
	return given ?: -ENOMEM;
}

/*
 * Return: how many pages of one record were given; 0 if it isn't worth it;
 * -ENOMEM if they could not be exposed; -ENOENT if there is no record.
 */
static int gmem_shed_one(int node)
{
	struct gmem_frames *frames = gmem_spare_lock(node, true) ?:
				     gmem_spare_lock_last(node);
	DECLARE_BITMAP(pages, GMEM_BLOCK_PAGES);
	struct page *first;

	if (!frames)
		return -ENOENT;
	first = pfn_to_page(frames->pfn);
	if (!gmem_worth_giving(frames)) {
		gmem_spare_skip(frames);
		gmem_spare_unlock(frames);
		return 0;
	}
	gmem_spare_detach(frames, pages);
	gmem_spare_unlock(frames);
	return gmem_give_spare(first, pages);
}

/**
 * gmem_carve_shrink - give spare pages to the kernel
 * @node: whose pages
 * @nr: how many at least, if there are so many
 *
 * Not for a task that reclaims memory: see giveway.c. Records that are locked
 * are left alone: the lock's holder may itself wait for memory.
 *
 * Return: how many were given.
 */
unsigned long gmem_carve_shrink(int node, unsigned long nr)
{
	unsigned int passed = 0, failed = 0;
	unsigned long done = 0;
	int given = 0;

	while (done < nr && given != -ENOENT && passed < GMEM_PASS_BY &&
	       failed < GMEM_PASS_FAILED) {
		given = gmem_shed_one(node);
		passed += !given;
		failed += given == -ENOMEM;
		done += max(given, 0);
		cond_resched();
	}
	if (done)
		WRITE_ONCE(no_block_until[node], jiffies + GMEM_GIVEN_BACKOFF);
	return done;
}

/* ---- for files ---- */

static bool gmem_backs_off(int node)
{
	return time_before(jiffies, READ_ONCE(no_block_until[node]));
}

/*
 * Hide more memory: of this node only, so that its spare pages are found by
 * whoever looks there next. Return: NULL if the node has none.
 */
static struct page *gmem_carve_prepare(const struct gmem_place *wanted,
				       unsigned int *order)
{
	struct gmem_place place = { .node = wanted->node, .only = true };
	static const unsigned int orders[] = { GMEM_BLOCK_ORDER, 6, 3 };
	struct page *page = gmem_pool_take_uncharged(wanted);
	unsigned int i;

	*order = GMEM_BLOCK_ORDER;
	if (page)
		return page;
	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		*order = orders[i];
		if (!i && gmem_backs_off(place.node))
			continue;
		page = gmem_prepare_uncharged(orders[i], &place);
		if (!IS_ERR(page) || page == ERR_PTR(-EBUSY) ||
		    page == ERR_PTR(-EPERM))
			return page;
		if (!i)
			WRITE_ONCE(no_block_until[place.node],
				   jiffies + GMEM_CARVE_BACKOFF);
	}
	return NULL;
}

/* Get more memory: one page for the caller, the others are spare. */
static struct page *gmem_carve_more(const struct gmem_place *place)
{
	unsigned int order;
	struct page *page = gmem_carve_prepare(place, &order);

	if (IS_ERR_OR_NULL(page))
		return page;
	if (gmem_spare_can_be(page))
		gmem_carve_pages(page, 1U << order);
	else
		gmem_release_clean_run(page + 1, (1U << order) - 1);
	return page;
}

/* Return: a page charged to no cgroup; NULL if there is none; or an ERR_PTR. */
static struct page *gmem_carve_any(const struct gmem_place *place)
{
	struct page *page;

	while (page = gmem_spare_take(place->node) ?: gmem_carve_more(place),
	       !IS_ERR_OR_NULL(page)) {
		if (!gmem_page_poisoned(page))
			break;
		gmem_release(page, 1);
	}
	return page;
}

static void gmem_carve_put_back(struct page *page)
{
	if (gmem_spare_can_be(page))
		gmem_make_spare(page);
	else
		gmem_release(page, 1);
}

/* Are there spare pages on the node, and may the task have memory of it? */
static bool gmem_may_carve(const struct gmem_place *place)
{
	return gmem_memcg_works() && gmem_spare_on_node(place->node) &&
	       gmem_place_allowed(place);
}

/**
 * gmem_carve_take - take a single page
 * @place: where it should come from
 *
 * Return: a page: zeroed, HIDDEN, unowned, and charged to the current task's
 * cgroup. Or an ERR_PTR as of gmem_prepare().
 */
struct page *gmem_carve_take(const struct gmem_place *place)
{
	struct page *page = NULL;

	if (gmem_may_carve(place))
		page = gmem_carve_any(place);
	if (!page)
		return gmem_prepare(0, place, 0);
	if (IS_ERR(page))
		return page;
	if (!gmem_fault_inject(GMEM_FAIL_ALLOC_PAGE) &&
	    !gmem_memcg_charge(page, 1))
		return page;
	gmem_carve_put_back(page);
	return ERR_PTR(-ENOMEM);
}

/**
 * gmem_carve_add - a page becomes spare, whether it was carved or not
 * @page: the page, with data in it: HIDDEN, unowned, and nobody has a reference
 *
 * gmem_carve_settle() gives up what is not needed then.
 *
 * Return: false if it can't be spare, or has a memory error: then the caller
 * releases it.
 */
bool gmem_carve_add(struct page *page)
{
	if (!gmem_memcg_works() || !gmem_spare_can_be(page) ||
	    gmem_page_poisoned(page))
		return false;
	gmem_slot_zero(page, 1);
	/* Then it may not have been zeroed. */
	if (gmem_page_poisoned(page))
		return false;
	gmem_memcg_uncharge(page, 1);
	gmem_make_spare(page);
	return true;
}

/**
 * gmem_carve_give - take back a single page that a file doesn't need any more
 * @page: as of gmem_carve_add()
 *
 * Return: false if it wasn't carved, or has a memory error: then the caller
 * releases it.
 */
bool gmem_carve_give(struct page *page)
{
	return gmem_page_word(page) & GMEM_PAGE_CARVED && gmem_carve_add(page);
}

/* ---- load and unload ---- */

/* If it fails, gmem_carve_exit() undoes what it did. */
int __init gmem_carve_init(void)
{
	return gmem_spare_init(gmem_carve_on_alone);
}

/* What can't be exposed now is lost until the next boot. */
static void gmem_release_node(int node)
{
	DECLARE_BITMAP(pages, GMEM_BLOCK_PAGES);
	struct gmem_frames *frames;
	struct page *first;

	while (gmem_spare_pages(node)) {
		frames = gmem_spare_lock(node, true) ?:
			 gmem_spare_lock(node, false);
		if (!frames) {
			schedule_timeout_uninterruptible(1);
			continue;
		}
		first = pfn_to_page(frames->pfn);
		gmem_spare_detach(frames, pages);
		gmem_spare_unlock(frames);
		gmem_release_all(first, pages);
	}
}

/* No file is left: nobody takes or gives pages. */
void gmem_carve_exit(void)
{
	int node;

	for_each_node_state(node, N_MEMORY)
		gmem_release_node(node);
	cancel_delayed_work_sync(&settle_later);
	gmem_spare_exit();
}
