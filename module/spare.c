// SPDX-License-Identifier: GPL-2.0
/*
 * Spare pages: HIDDEN, zeroed and unowned pages that were hidden together with
 * single pages of files. carve.c makes them, hands them out and takes them
 * back. This file knows where they are: each record has a bit for each of its
 * spare pages, and each NUMA node a list of the records that have any.
 *
 * A record is alone if all of gmemfs' pages in it are spare: then nobody needs
 * it, and carve.c gives it up. Such records have a list of their own.
 *
 * A record's spare pages change under the record's lock. The spinlock of a
 * node's lists is taken inside it; and under the spinlock, the lock of a record
 * is only tried. Pages are taken of the first record, and given away of the
 * last.
 */
#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "frametable.h"
#include "spare.h"
#include "units.h"

/**
 * struct gmem_spares - the spare pages of one node
 * @lock: protects the lists
 * @some: records that have spare pages, and others
 * @alone: records of which all pages are spare
 * @pages: how many there are
 */
struct gmem_spares {
	spinlock_t lock;	/* see above */
	struct list_head some;
	struct list_head alone;
	atomic_long_t pages;
};

static struct gmem_spares *spares[MAX_NUMNODES];
static void (*spare_on_alone)(void);

static struct gmem_spares *gmem_spares_of(int node)
{
	return node >= 0 && node < MAX_NUMNODES ? spares[node] : NULL;
}

static struct gmem_spares *gmem_spares_of_record(const struct gmem_frames *f)
{
	return gmem_spares_of(page_to_nid(pfn_to_page(f->pfn)));
}

/*
 * gmem_spare_can_be - can this page be spare? Not if the node of its record got
 * its first memory after the module was loaded.
 */
bool gmem_spare_can_be(const struct page *page)
{
	unsigned long pfn = round_down(page_to_pfn(page), GMEM_BLOCK_PAGES);

	return gmem_spares_of(page_to_nid(pfn_to_page(pfn)));
}

/* gmem_spare_on_node - can pages of this node be spare? */
bool gmem_spare_on_node(int node)
{
	return gmem_spares_of(node);
}

/* gmem_spare_pages - how many spare pages a node has */
unsigned long gmem_spare_pages(int node)
{
	struct gmem_spares *mine = gmem_spares_of(node);

	return mine ? atomic_long_read(&mine->pages) : 0;
}

/* ---- one record ---- */

/* gmem_spare_alone - are all of gmemfs' pages in a locked record spare? */
bool gmem_spare_alone(const struct gmem_frames *frames)
{
	lockdep_assert_held(&frames->lock);
	return frames->nr_spare && frames->nr_spare == frames->nr_ours;
}

/* gmem_spare_list_of - the list that a locked record belongs on */
enum gmem_spare_list gmem_spare_list_of(const struct gmem_frames *frames)
{
	if (!frames->nr_spare)
		return GMEM_SPARE_NONE;
	return gmem_spare_alone(frames) ? GMEM_SPARE_ALONE : GMEM_SPARE_SOME;
}

/* Move a record to the list that it belongs on now. */
static void gmem_spare_relist(struct gmem_frames *frames)
{
	struct gmem_spares *mine = gmem_spares_of_record(frames);
	enum gmem_spare_list on = gmem_spare_list_of(frames);

	if (on == frames->spare_on)
		return;
	spin_lock(&mine->lock);
	list_del_init(&frames->spare_node);
	if (on == GMEM_SPARE_SOME)
		list_add(&frames->spare_node, &mine->some);
	else if (on == GMEM_SPARE_ALONE)
		list_add(&frames->spare_node, &mine->alone);
	frames->spare_on = on;
	spin_unlock(&mine->lock);
	if (on == GMEM_SPARE_ALONE)
		spare_on_alone();
}

static void gmem_spare_count(struct gmem_frames *frames, int nr)
{
	frames->nr_spare += nr;
	atomic_long_add(nr, &gmem_spares_of_record(frames)->pages);
	gmem_spare_relist(frames);
}

/**
 * gmem_spare_add - these pages are spare from now on
 * @frames: their record, locked
 * @page: first page: HIDDEN, zeroed, unowned, and charged to no cgroup. It can
 *	  be spare: gmem_spare_can_be().
 * @nr: how many
 */
void gmem_spare_add(struct gmem_frames *frames, struct page *page,
		    unsigned int nr)
{
	lockdep_assert_held(&frames->lock);
	bitmap_set(frames->spare, page_to_pfn(page) % GMEM_BLOCK_PAGES, nr);
	gmem_spare_count(frames, nr);
}

/**
 * gmem_spare_detach - a record's spare pages are not spare any more
 * @frames: the record, locked
 * @pages: set to these pages, a bit for each: the caller releases them
 *
 * Return: how many they are.
 */
unsigned int gmem_spare_detach(struct gmem_frames *frames, unsigned long *pages)
{
	unsigned int nr = frames->nr_spare;

	lockdep_assert_held(&frames->lock);
	bitmap_copy(pages, frames->spare, GMEM_BLOCK_PAGES);
	bitmap_zero(frames->spare, GMEM_BLOCK_PAGES);
	if (nr)
		gmem_spare_count(frames, -(int)nr);
	return nr;
}

/* gmem_spare_recount - gmemfs has more or fewer pages in a locked record now */
void gmem_spare_recount(struct gmem_frames *frames)
{
	lockdep_assert_held(&frames->lock);
	if (frames->nr_spare)
		gmem_spare_relist(frames);
}

static struct page *gmem_spare_pop(struct gmem_frames *frames)
{
	unsigned long slot = find_first_bit(frames->spare, GMEM_BLOCK_PAGES);

	if (slot == GMEM_BLOCK_PAGES)
		return NULL;
	__clear_bit(slot, frames->spare);
	gmem_spare_count(frames, -1);
	return pfn_to_page(frames->pfn + slot);
}

/* ---- all records ---- */

/*
 * So many records are tried, at most. Their locks are held while memory is
 * allocated and TLBs are flushed, for whichever file has pages there: nobody
 * waits for that.
 */
#define GMEM_SPARE_TRIES	16

/*
 * A record that is locked goes to the other end of its list: the next to look
 * tries others.
 */
static struct gmem_frames *gmem_spare_try(struct list_head *list, bool last)
{
	struct gmem_frames *frames;
	unsigned int tries;

	for (tries = 0; tries < GMEM_SPARE_TRIES && !list_empty(list);
	     tries++) {
		frames = last ? list_last_entry(list, struct gmem_frames,
						spare_node)
			      : list_first_entry(list, struct gmem_frames,
						 spare_node);
		if (mutex_trylock(&frames->lock))
			return frames;
		if (last)
			list_move(&frames->spare_node, list);
		else
			list_move_tail(&frames->spare_node, list);
	}
	return NULL;
}

static struct gmem_frames *gmem_spare_lock_of(int node, bool alone, bool last)
{
	struct gmem_spares *mine = gmem_spares_of(node);
	struct gmem_frames *frames;

	if (!mine)
		return NULL;
	spin_lock(&mine->lock);
	frames = gmem_spare_try(alone ? &mine->alone : &mine->some, last);
	/* A record on a list has pages, so the table has a reference to it. */
	if (frames)
		refcount_inc(&frames->refs);
	spin_unlock(&mine->lock);
	return frames;
}

/**
 * gmem_spare_lock - lock a record that has spare pages
 * @node: of which node
 * @alone: one of which all pages are spare; or one that has others, too
 *
 * Return: the record, for gmem_spare_unlock(). NULL if there is none, or if
 * those that were tried are locked by others just now.
 */
struct gmem_frames *gmem_spare_lock(int node, bool alone)
{
	return gmem_spare_lock_of(node, alone, false);
}

/*
 * gmem_spare_lock_last - the same for a record that also has other pages, the
 *			  one from which a page would be taken last
 */
struct gmem_frames *gmem_spare_lock_last(int node)
{
	return gmem_spare_lock_of(node, false, true);
}

/* gmem_spare_unlock - the reverse of gmem_spare_lock() */
void gmem_spare_unlock(struct gmem_frames *frames)
{
	mutex_unlock(&frames->lock);
	gmem_frames_put(frames);
}

/* gmem_spare_skip - gmem_spare_lock_last() is to try other records first */
void gmem_spare_skip(struct gmem_frames *frames)
{
	struct gmem_spares *mine = gmem_spares_of_record(frames);

	lockdep_assert_held(&frames->lock);
	spin_lock(&mine->lock);
	if (frames->spare_on == GMEM_SPARE_SOME)
		list_move(&frames->spare_node, &mine->some);
	spin_unlock(&mine->lock);
}

/* gmem_spare_any_alone - is there a record of which all pages are spare? */
bool gmem_spare_any_alone(int node)
{
	struct gmem_spares *mine = gmem_spares_of(node);

	return mine && !list_empty(&mine->alone);
}

/**
 * gmem_spare_take - take a spare page
 * @node: of which node
 *
 * Return: the page, which is not spare any more; or NULL, as of
 * gmem_spare_lock().
 */
struct page *gmem_spare_take(int node)
{
	struct gmem_frames *frames = gmem_spare_lock(node, false) ?:
				     gmem_spare_lock(node, true);
	struct page *page;

	if (!frames)
		return NULL;
	page = gmem_spare_pop(frames);
	gmem_spare_unlock(frames);
	return page;
}

/* ---- load and unload ---- */

static struct gmem_spares *gmem_spares_new(int node)
{
	struct gmem_spares *mine = kzalloc_node(sizeof(*mine), GFP_KERNEL,
						node);

	if (!mine)
		return NULL;
	spin_lock_init(&mine->lock);
	INIT_LIST_HEAD(&mine->some);
	INIT_LIST_HEAD(&mine->alone);
	return mine;
}

/**
 * gmem_spare_init - get ready to have spare pages
 * @on_alone: called when a record is alone; with its lock held
 *
 * If it fails, gmem_spare_exit() undoes what it did.
 *
 * Return: 0 or -ENOMEM.
 */
int __init gmem_spare_init(void (*on_alone)(void))
{
	int node;

	spare_on_alone = on_alone;
	for_each_node_state(node, N_MEMORY) {
		spares[node] = gmem_spares_new(node);
		if (!spares[node])
			return -ENOMEM;
	}
	return 0;
}

/* There are no spare pages any more. */
void gmem_spare_exit(void)
{
	int node;

	for_each_node(node) {
		kfree(spares[node]);
		spares[node] = NULL;
	}
}
