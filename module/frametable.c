// SPDX-License-Identifier: GPL-2.0
/*
 * The frame table: a record for each 2 MiB of physical memory of which gmemfs
 * has pages, found by frame number. frame.c knows what the records say.
 *
 * KVM asks with any frame number whether the frame is one of ours, and needs
 * its record, which another CPU may be removing. So the table is read under
 * RCU, and a record has a reference count.
 *
 * The table has two levels: a leaf for each GiB, which stays once it exists,
 * and in it a pointer for each 2 MiB. No lock covers more than one record, so
 * that a task that fills one file doesn't wait for a task that fills another.
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

/* Indexed by GiB. Leaves are added at any time, and freed only at unload. */
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
	INIT_LIST_HEAD(&frames->spare_node);
	frames->pfn = round_down(pfn, GMEM_BLOCK_PAGES);
	return frames;
}

/**
 * gmem_frames_get - look up the record of a frame
 * @pfn: any frame
 *
 * Return: the record, not locked, with a reference for gmem_frames_put(); or
 * NULL.
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
 * Takes no lock. The answer stays true only while the caller keeps the page
 * from being freed.
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
 * @page: a page that nobody else can free: of a file, or one that the caller is
 *	  about to give back. So its record stays.
 * @class: what may happen while the record is locked
 */
struct gmem_frames *gmem_frames_lock(struct page *page,
				     enum gmem_frames_class class)
{
	struct gmem_frames __rcu **slot = gmem_slot_find(page_to_pfn(page));
	struct gmem_frames *frames;

	/* The record has a page of the caller's, so the table keeps it. */
	frames = rcu_dereference_protected(*slot, true);
	mutex_lock_nested(&frames->lock, class);
	return frames;
}

/**
 * gmem_frames_unlock - unlock a record, and drop it if it has no page left
 * @frames: the record; the caller must not use it afterwards
 *
 * mutex_unlock() still uses the mutex when another task may have it already.
 * If that task removes the last page, it drops the record. So this is an RCU
 * reader: kfree_rcu() waits for it.
 */
void gmem_frames_unlock(struct gmem_frames *frames)
{
	bool empty = !frames->nr_ours;

	if (empty)
		rcu_assign_pointer(*gmem_slot_find(frames->pfn), NULL);
	rcu_read_lock();
	mutex_unlock(&frames->lock);
	rcu_read_unlock();
	if (empty)
		gmem_frames_put(frames);
}

/* ---- contiguous pages ---- */

/**
 * gmem_span_lock - lock the records of physically contiguous pages
 * @span: filled in
 * @records: room for the records
 * @page: the first page; the pages belong to a file of the caller's
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

/* The existing record, locked; NULL if there is none or it is being dropped. */
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
	/* The table's reference keeps the record while it has pages. */
	gmem_frames_put(frames);
	return frames;
}

/* Returns @frames, locked; NULL if another task has inserted one first. */
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
 * gmem_frametable_need - get a record for a page that gmemfs is about to have
 * @page: the page
 * @locked: set to the record, locked. If it is new, and no page has been added,
 *	    gmem_frames_unlock() drops it.
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
 * gmem_frametable_add - gmemfs has these pages from now on
 * @frames: their record, locked
 * @page: first page, which only the caller uses
 * @nr: how many
 */
void gmem_frametable_add(struct gmem_frames *frames, struct page *page,
			 unsigned int nr)
{
	lockdep_assert_held(&frames->lock);
	bitmap_set(frames->ours, page_to_pfn(page) % GMEM_BLOCK_PAGES, nr);
	frames->nr_ours += nr;
}

/**
 * gmem_frametable_remove - gmemfs doesn't have these pages any more
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

/* ---- all records ---- */

/**
 * gmem_frametable_for_each - visit all records, each locked
 * @visit: called for each record; the walk ends when it returns other than 0
 * @data: its second argument
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

/*
 * gmemfs has no page any more, except those that are lost until the next boot.
 */
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
