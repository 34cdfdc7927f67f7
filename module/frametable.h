/* SPDX-License-Identifier: GPL-2.0 */
/* The records of physical memory, found by frame number: frametable.c. */
#ifndef GMEMFS_FRAMETABLE_H
#define GMEMFS_FRAMETABLE_H

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>

#include "units.h"

struct inode;

/* On which list of spare.c a record is. */
enum gmem_spare_list {
	GMEM_SPARE_NONE,	/* it has no spare page */
	GMEM_SPARE_SOME,	/* some of its pages are spare */
	GMEM_SPARE_ALONE,	/* all of gmemfs' pages in it are spare */
};

/**
 * struct gmem_frames - the record of 2 MiB of physical memory, aligned, in
 *			which gmemfs has at least one page
 * @lock: protects all fields below, and the words of the pages (pageword.h).
 *	  Several are taken in the order of their frames.
 * @refs: one for the table, while @nr_ours isn't 0; one for each
 *	  gmem_frames_get(), or gmem_spare_lock()
 * @pfn: the first frame
 * @nr_ours: bits set in @ours
 * @nr_plain: how many pages have the word HIDDEN without any other bit
 * @nr_device: how many pages have the bit DEVICE
 * @owner: the file that owns all 512 pages. NULL: each page has an owner of its
 *	   own, see gmem_frame_owner(), or none.
 * @nr_users: how many blocks of files have all 512 pages in common, or 0:
 *	      common.c
 * @loans: struct gmem_loan, for pages that KVM has borrowed: loan.c
 * @rcu: frees the record after its RCU readers
 * @ours: the pages that gmemfs has
 * @nr_spare: bits set in @spare
 * @spare_on: the list that @spare_node is on; changes under that list's lock,
 *	      too
 * @spare_node: in a list of records that have spare pages: spare.c
 * @spare: pages that no file needs, ready to be taken
 */
struct gmem_frames {
	struct mutex lock;	/* see above */
	refcount_t refs;
	unsigned long pfn;
	unsigned int nr_ours;
	unsigned int nr_plain;
	unsigned int nr_device;
	struct inode *owner;
	unsigned int nr_users;
	struct list_head loans;
	struct rcu_head rcu;
	DECLARE_BITMAP(ours, HPAGE_PMD_NR);
	unsigned int nr_spare;
	enum gmem_spare_list spare_on;
	struct list_head spare_node;
	DECLARE_BITMAP(spare, HPAGE_PMD_NR);
};

/* Why a record is locked: lockdep's subclass. */
enum gmem_frames_class {
	GMEM_FRAMES_OF_FILES,	/* memory may be allocated under it */
	GMEM_FRAMES_LEAVING,	/* whoever has no memory may wait */
};

/**
 * struct gmem_span - physically contiguous pages whose records are locked
 * @page: the first page
 * @nr: how many pages
 * @nr_records: how many records
 * @records: in the order of their frames. The caller provides the array: one
 *	     entry is enough for a part of a block.
 */
struct gmem_span {
	struct page *page;
	unsigned int nr;
	unsigned int nr_records;
	struct gmem_frames **records;
};

int gmem_frametable_need(struct page *page, struct gmem_frames **locked);
void gmem_frametable_add(struct gmem_frames *frames, struct page *page,
			 unsigned int nr);
void gmem_frametable_remove(struct gmem_frames *frames, struct page *page,
			    unsigned int nr);

struct gmem_frames *gmem_frames_get(unsigned long pfn);
void gmem_frames_put(struct gmem_frames *frames);
bool gmem_frames_has(unsigned long pfn);
struct gmem_frames *gmem_frames_lock(struct page *page,
				     enum gmem_frames_class class);
void gmem_frames_unlock(struct gmem_frames *frames);

void gmem_span_lock(struct gmem_span *span, struct gmem_frames **records,
		    struct page *page, unsigned int nr);
void gmem_span_unlock(struct gmem_span *span);

void gmem_frametable_for_each(int (*visit)(struct gmem_frames *frames,
					   void *data), void *data);

void gmem_frametable_exit(void);

/* gmem_span_record - the record of the @i-th page of a span */
static inline struct gmem_frames *gmem_span_record(const struct gmem_span *span,
						   unsigned int i)
{
	unsigned long first = page_to_pfn(span->page);

	return span->records[((first + i) >> GMEM_BLOCK_ORDER) -
			     (first >> GMEM_BLOCK_ORDER)];
}

/* gmem_frames_are_whole - does gmemfs have all pages of these 2 MiB? */
static inline bool gmem_frames_are_whole(const struct gmem_frames *frames)
{
	return frames->nr_ours == GMEM_BLOCK_PAGES;
}

#endif /* GMEMFS_FRAMETABLE_H */
