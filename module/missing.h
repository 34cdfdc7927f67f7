/* SPDX-License-Identifier: GPL-2.0 */
/* Which pages of a file are missing: missing.c. */
#ifndef GMEMFS_MISSING_H
#define GMEMFS_MISSING_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "gmem_inode.h"

struct gmem_block;

/* The page is missing. No function of a file system returns this otherwise. */
#define GMEM_MISSING	(-ENODATA)

/* Who brings what is missing? */
enum gmem_holder {
	GMEM_HOLDER,		/* whoever has the channel open */
	GMEM_HOLDER_AWAITED,	/* somebody will open it again */
	GMEM_HOLDER_GONE,	/* nobody: an access fails */
	GMEM_HOLDER_DONE,	/* nobody: the file has no channel any more */
};

/**
 * struct gmem_channel - what a file with a fault channel is missing, and who
 *			 waits for it
 * @refs: the file has one, its holder, and each task that waits
 * @first: first page of the range
 * @nr: how many
 * @origin: the page of the maps' first bit: the first of a block, so that
 *	    blocks don't share a word
 * @missing: a map of the pages that are missing; no other bits are set. Bits
 *	     change under @lock; they get set under the invalidate_lock, held
 *	     exclusively.
 * @never: those of them that were never filled, nor punched
 * @poison: NULL, or those of them that can't be had; set once, under @lock
 * @nr_missing: bits set in @missing; changes under @lock
 * @nr_never: bits set in @never; the same
 * @bytes: what the file is charged for these maps
 * @lock: protects all that follows. A spinlock; only locks of wait queues are
 *	  inside of it
 * @holder: changes under the file's i_rwsem besides
 * @reattach: what becomes of @holder when the channel is closed
 * @faults: all struct gmem_await: faults.c
 * @unread: those of them that the holder hasn't read
 * @readers: who waits to read
 */
struct gmem_channel {
	refcount_t refs;
	pgoff_t first;
	unsigned long nr;
	pgoff_t origin;
	unsigned long *missing;
	unsigned long *never;
	unsigned long *poison;
	unsigned long nr_missing;
	unsigned long nr_never;
	size_t bytes;
	spinlock_t lock;	/* see above */
	enum gmem_holder holder;
	bool reattach;
	struct list_head faults;
	struct list_head unread;
	wait_queue_head_t readers;
};

struct gmem_channel *gmem_channel_new(struct inode *inode, pgoff_t first,
				      unsigned long nr);
void gmem_channel_put(struct gmem_channel *c);
int gmem_channel_attach(struct inode *inode, struct gmem_channel *c);
struct gmem_channel *gmem_channel_get(struct inode *inode);
bool gmem_channel_detach(struct inode *inode);

int gmem_channel_lacks(const struct gmem_channel *c, pgoff_t pgoff);
pgoff_t gmem_channel_next(const struct gmem_channel *c, pgoff_t first,
			  pgoff_t end, bool missing);
pgoff_t gmem_channel_next_new(const struct gmem_channel *c, pgoff_t first,
			      pgoff_t end, bool new);
bool gmem_channel_is_new(const struct gmem_channel *c, pgoff_t pgoff);
unsigned long gmem_channel_fill_locked(struct gmem_channel *c, pgoff_t first,
				       pgoff_t end);
unsigned long gmem_channel_fill(struct gmem_channel *c, pgoff_t first,
				pgoff_t end);
unsigned long gmem_channel_fill_punched(struct gmem_channel *c, pgoff_t first,
					pgoff_t end);
int gmem_channel_poison(struct gmem_channel *c, pgoff_t first, pgoff_t end,
			unsigned long *filled);

void gmem_missing_punched(struct inode *inode, pgoff_t first, pgoff_t end);
void gmem_missing_to_holes(struct inode *inode, struct gmem_block *block);
int gmem_missing_for_memory(struct inode *inode, pgoff_t pgoff);
int gmem_missing_ends(struct inode *inode, loff_t start, loff_t end);
unsigned long gmem_missing_count(struct inode *inode);

/*
 * gmem_has_channel - has a file a fault channel? Asked under its
 *		      invalidate_lock, or i_rwsem, the answer stays true
 */
static inline bool gmem_has_channel(const struct inode *inode)
{
	return unlikely(READ_ONCE(gmem_i(inode)->channel));
}

/**
 * gmem_missing - is a page without memory missing, or is it just a hole?
 * @inode: the file; the caller holds its invalidate_lock
 * @pgoff: the page
 *
 * The page may be filled at any moment. Whoever must tell a hole from that asks
 * first, and looks for the page then: once it isn't missing, it is found.
 *
 * Return: 0 for a hole; GMEM_MISSING; -EHWPOISON if it can't be had.
 */
static inline int gmem_missing(const struct inode *inode, pgoff_t pgoff)
{
	if (!gmem_has_channel(inode))
		return 0;
	return gmem_channel_lacks(gmem_i(inode)->channel, pgoff);
}

/* gmem_missing_any - is any of these missing? As gmem_missing(). */
static inline bool gmem_missing_any(const struct inode *inode, pgoff_t first,
				    pgoff_t end)
{
	if (!gmem_has_channel(inode))
		return false;
	return gmem_channel_next(gmem_i(inode)->channel, first, end, true) <
	       end;
}

#endif /* GMEMFS_MISSING_H */
