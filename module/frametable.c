// SPDX-License-Identifier: GPL-2.0
/*
 * The frame table: a record for each 2 MiB of physical memory of which gmemfs
 * has pages, found by frame number. What the records say is frame.c's business.
 *
 * KVM comes with the number of any frame, and must be told whether it is ours
 * and get hold of its record, while that may be on its way out. So the table is
 * read under RCU, and a record has references.
 *
 * The table has two levels: a leaf for each GiB, which stays once it is there,
 * and in it a pointer for each 2 MiB. No lock is for more than one record, so
 * that nobody who fills a file waits for somebody who fills another.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "fault_inject.h"
#include "frametable.h"
#include "units.h"

#define GMEM_LEAF_RECORDS	512UL
#define GMEM_LEAF_SHIFT		(GMEM_BLOCK_ORDER + 9)

struct gmem_leaf {
	struct gmem_frames __rcu *records[GMEM_LEAF_RECORDS];
};

/* By GiB. Leaves are added, and freed at unload only. */
static DEFINE_XARRAY(leaves);

/* ---- leaves ---- */

static struct gmem_frames __rcu **gmem_slot_of(struct gmem_leaf *leaf,
					       unsigned long pfn)
{
	return &leaf->records[(pfn >> GMEM_BLOCK_ORDER) % GMEM_LEAF_RECORDS];
}

static struct gmem_frames __rcu **gmem_slot_find(unsigned long pfn)
{
	struct gmem_leaf *leaf = xa_load(&leaves, pfn >> GMEM_LEAF_SHIFT);

	return leaf ? gmem_slot_of(leaf, pfn) : NULL;
}

static struct gmem_frames __rcu **gmem_slot_need(unsigned long pfn)
{
	struct gmem_frames __rcu **slot = gmem_slot_find(pfn);
	struct gmem_leaf *leaf, *other;

	if (slot)
		return slot;
	leaf = kzalloc(sizeof(*leaf), GFP_KERNEL);
	if (!leaf)
		return NULL;
	other = xa_cmpxchg(&leaves, pfn >> GMEM_LEAF_SHIFT, NULL, leaf,
			   GFP_KERNEL);
	if (!other)
		return gmem_slot_of(leaf, pfn);
	kfree(leaf);
	return xa_is_err(other) ? NULL : gmem_slot_of(other, pfn);
}

/* ---- records ---- */

#ifdef CONFIG_PROVE_LOCKING
static int gmem_frames_compare(const struct lockdep_map *a,
			       const struct lockdep_map *b)
{
	const struct gmem_frames *x, *y;

	x = container_of(a, struct gmem_frames, lock.dep_map);
	y = container_of(b, struct gmem_frames, lock.dep_map);
	return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}
#endif

static struct gmem_frames *gmem_frames_new(unsigned long pfn)
{
	struct gmem_frames *frames = NULL;

	if (!gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		frames = kzalloc(sizeof(*frames), GFP_KERNEL_ACCOUNT);
	if (!frames)
		return NULL;
	mutex_init(&frames->lock);
	lock_set_cmp_fn(&frames->lock, gmem_frames_compare, NULL);
	refcount_set(&frames->refs, 1);
	INIT_LIST_HEAD(&frames->loans);
	frames->pfn = round_down(pfn, GMEM_BLOCK_PAGES);
	return frames;
}

/**
 * gmem_frames_get - the record of a frame, if there is one
 * @pfn: any frame
 *
 * Return: the record for gmem_frames_put(), not locked; or NULL.
 */
struct gmem_frames *gmem_frames_get(unsigned long pfn)
{
	struct gmem_frames __rcu **slot = gmem_slot_find(pfn);
	struct gmem_frames *frames = NULL;

	if (!slot)
		return NULL;
	rcu_read_lock();
	frames = rcu_dereference(*slot);
	if (frames && !refcount_inc_not_zero(&frames->refs))
		frames = NULL;
	rcu_read_unlock();
	return frames;
}

void gmem_frames_put(struct gmem_frames *frames)
{
	if (refcount_dec_and_test(&frames->refs))
		kfree_rcu(frames, rcu);
}

/**
 * gmem_frames_has - is this frame one of gmemfs'?
 * @pfn: any frame
 *
 * Takes no lock. For a frame that the caller has a hold of, it stays true.
 */
bool gmem_frames_has(unsigned long pfn)
{
	struct gmem_frames __rcu **slot = gmem_slot_find(pfn);
	struct gmem_frames *frames;
	bool ours = false;

	if (!slot)
		return false;
	rcu_read_lock();
	frames = rcu_dereference(*slot);
	if (frames)
		ours = test_bit(pfn % GMEM_BLOCK_PAGES, frames->ours);
	rcu_read_unlock();
	return ours;
}

/**
 * gmem_frames_lock - lock the record of a page
 * @page: of a file, or one that the caller is about to give back: so that the
 *	  record stays
 * @class: what may happen while it is locked
 */
struct gmem_frames *gmem_frames_lock(struct page *page,
				     enum gmem_frames_class class)
{
	struct gmem_frames __rcu **slot = gmem_slot_find(page_to_pfn(page));
	struct gmem_frames *frames;

	/* It has pages of the caller's, so the table doesn't let go of it. */
	frames = rcu_dereference_protected(*slot, true);
	mutex_lock_nested(&frames->lock, class);
	return frames;
}

/**
 * gmem_frames_unlock - unlock a record, which goes if no page is left in it
 * @frames: the record, of which the caller must not know any more then
 */
void gmem_frames_unlock(struct gmem_frames *frames)
{
	bool empty = !frames->nr_ours;

	if (empty)
		rcu_assign_pointer(*gmem_slot_find(frames->pfn), NULL);
	mutex_unlock(&frames->lock);
	if (empty)
		gmem_frames_put(frames);
}

/* ---- neighbours ---- */

/**
 * gmem_span_lock - lock the records of neighbours in memory
 * @span: filled in
 * @records: room for the records
 * @page: the first page, of a file of the caller's
 * @nr: how many
 */
void gmem_span_lock(struct gmem_span *span, struct gmem_frames **records,
		    struct page *page, unsigned int nr)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned int i = 0, step;

	span->page = page;
	span->nr = nr;
	span->nr_records = 0;
	span->records = records;
	while (i < nr) {
		step = GMEM_BLOCK_PAGES - (pfn + i) % GMEM_BLOCK_PAGES;
		records[span->nr_records++] =
			gmem_frames_lock(page + i, GMEM_FRAMES_OF_FILES);
		i += step;
	}
}

void gmem_span_unlock(struct gmem_span *span)
{
	while (span->nr_records)
		gmem_frames_unlock(span->records[--span->nr_records]);
}

/* ---- pages come and go ---- */

/* The record that is there, locked; NULL if it is on its way out. */
static struct gmem_frames *gmem_frames_join(unsigned long pfn)
{
	struct gmem_frames *frames = gmem_frames_get(pfn);

	if (!frames)
		return NULL;
	mutex_lock(&frames->lock);
	if (frames->nr_ours)
		goto out;
	mutex_unlock(&frames->lock);
	gmem_frames_put(frames);
	return NULL;
out:
	/* The table's reference holds it while it has pages. */
	gmem_frames_put(frames);
	return frames;
}

/* A record for a frame that has none, locked; NULL: somebody was first. */
static struct gmem_frames *
gmem_frames_insert(struct gmem_frames __rcu **slot, struct gmem_frames *frames)
{
	mutex_lock(&frames->lock);
	if (!cmpxchg((__force struct gmem_frames **)slot, NULL, frames))
		return frames;
	mutex_unlock(&frames->lock);
	return NULL;
}

/**
 * gmem_frametable_need - a record for a page that is about to be gmemfs'
 * @page: the page
 * @locked: set to the record, locked. It goes by gmem_frames_unlock() if it is
 *	    new and nothing has been added.
 *
 * Return: 0 or -ENOMEM.
 */
int gmem_frametable_need(struct page *page, struct gmem_frames **locked)
{
	unsigned long pfn = page_to_pfn(page);
	struct gmem_frames __rcu **slot = gmem_slot_need(pfn);
	struct gmem_frames *frames = NULL, *fresh = NULL;

	if (!slot)
		return -ENOMEM;
	while (!frames) {
		frames = gmem_frames_join(pfn);
		if (frames)
			break;
		if (!fresh)
			fresh = gmem_frames_new(pfn);
		if (!fresh)
			return -ENOMEM;
		frames = gmem_frames_insert(slot, fresh);
		if (frames)
			fresh = NULL;
		else
			cond_resched();
	}
	kfree(fresh);
	*locked = frames;
	return 0;
}

/**
 * gmem_frametable_add - these pages are gmemfs' from now on
 * @frames: their record, locked
 * @page: first page, nobody else's
 * @nr: 1, or a block's 512
 */
void gmem_frametable_add(struct gmem_frames *frames, struct page *page,
			 unsigned int nr)
{
	lockdep_assert_held(&frames->lock);
	bitmap_set(frames->ours, page_to_pfn(page) % GMEM_BLOCK_PAGES, nr);
	frames->nr_ours += nr;
}

/**
 * gmem_frametable_remove - these pages are not gmemfs' any more
 * @frames: their record, locked
 * @page: first page
 * @nr: how many
 */
void gmem_frametable_remove(struct gmem_frames *frames, struct page *page,
			    unsigned int nr)
{
	lockdep_assert_held(&frames->lock);
	bitmap_clear(frames->ours, page_to_pfn(page) % GMEM_BLOCK_PAGES, nr);
	frames->nr_ours -= nr;
}

/* ---- all of them ---- */

/**
 * gmem_frametable_for_each - visit all records, each locked
 * @visit: called for each; what it returns other than 0 ends the walk
 * @data: for it
 */
void gmem_frametable_for_each(int (*visit)(struct gmem_frames *frames,
					   void *data), void *data)
{
	unsigned long index, i;
	struct gmem_leaf *leaf;
	struct gmem_frames *frames;
	int ret = 0;

	xa_for_each(&leaves, index, leaf) {
		for (i = 0; i < GMEM_LEAF_RECORDS && !ret; i++) {
			frames = gmem_frames_get(index << GMEM_LEAF_SHIFT |
						 i << GMEM_BLOCK_ORDER);
			if (!frames)
				continue;
			mutex_lock(&frames->lock);
			ret = visit(frames, data);
			mutex_unlock(&frames->lock);
			gmem_frames_put(frames);
			cond_resched();
		}
	}
}

/* No page is ours any more, but for what is lost until the next boot. */
void gmem_frametable_exit(void)
{
	struct gmem_leaf *leaf;
	unsigned long index, i;

	xa_for_each(&leaves, index, leaf) {
		for (i = 0; i < GMEM_LEAF_RECORDS; i++)
			kfree(rcu_dereference_protected(leaf->records[i], 1));
		kfree(leaf);
	}
	xa_destroy(&leaves);
}
