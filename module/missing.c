// SPDX-License-Identifier: GPL-2.0
/*
 * Missing pages: what the holder of a file's fault channel hasn't filled yet.
 *
 * A page is missing if its bit in the channel's map is set. Then it has no
 * memory, and gets none by a touch, but only by a fill (fill.c) or a clone
 * (clone.c): so what has memory is never looked up here, and a file without a
 * channel pays for one test of a pointer where a hole gets memory.
 *
 *   it becomes missing	when
 *   without memory	the channel is opened for the first time
 *   punched		it is punched, or cut off by a truncate, and has no
 *			memory then (gmem_missing_punched). By right it is
 *			zeros: a second map, of what was never filled nor
 *			punched, lacks it
 *
 *   it isn't any more	when
 *   filled		its contents are there, and it has memory by then; or
 *			they are zeros, and it is a hole (gmem_channel_fill)
 *   written to		it is beyond the file's end, where nobody can fill it
 *			(gmem_missing_for_memory)
 *
 * It becomes missing under the file's invalidate_lock, held exclusively. So
 * whoever holds that shared, and finds that it isn't, may give it memory. It is
 * filled under the lock held shared at least: then it may be filled at any
 * moment, but only once.
 *
 * The file's pointer to the channel changes under the i_rwsem and the
 * invalidate_lock, both held exclusively.
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "block.h"
#include "charge.h"
#include "missing.h"
#include "units.h"

/* ---- maps ---- */

static unsigned long gmem_map_bits(const struct gmem_channel *c)
{
	return c->first + c->nr - c->origin;
}

static unsigned long *gmem_map_new(const struct gmem_channel *c)
{
	return kvcalloc(BITS_TO_LONGS(gmem_map_bits(c)), sizeof(long),
			GFP_KERNEL_ACCOUNT);
}

static bool gmem_map_test(const unsigned long *map, unsigned long bit)
{
	return READ_ONCE(map[BIT_WORD(bit)]) & BIT_MASK(bit);
}

/* Set or clear bits, which others may read. Return: how many change. */
static unsigned long gmem_map_set(unsigned long *map, unsigned long bit,
				  unsigned long end, bool value)
{
	unsigned long changed = 0, mask, word;

	for (; bit < end;
	     bit = round_down(bit, BITS_PER_LONG) + BITS_PER_LONG) {
		mask = BITMAP_FIRST_WORD_MASK(bit);
		if (end - round_down(bit, BITS_PER_LONG) < BITS_PER_LONG)
			mask &= BITMAP_LAST_WORD_MASK(end);
		word = map[BIT_WORD(bit)];
		changed += hweight_long(mask & (value ? ~word : word));
		WRITE_ONCE(map[BIT_WORD(bit)],
			   value ? word | mask : word & ~mask);
	}
	return changed;
}

/* The part of a range that is the channel's. Return: false if there is none. */
static bool gmem_channel_clip(const struct gmem_channel *c, pgoff_t *first,
			      pgoff_t *end)
{
	*first = max(*first, c->first);
	*end = min(*end, c->first + c->nr);
	return *first < *end;
}

/* ---- the channel of a file ---- */

static void gmem_channel_free(struct gmem_channel *c)
{
	kvfree(c->missing);
	kvfree(c->never);
	kvfree(c->poison);
	kfree(c);
}

/**
 * gmem_channel_new - make a channel, of which no page is missing
 * @inode: the file, which is charged for it
 * @first: first page of the range
 * @nr: how many
 *
 * Return: the channel, with one reference; or an ERR_PTR: -ENOMEM, -ENOSPC.
 */
struct gmem_channel *gmem_channel_new(struct inode *inode, pgoff_t first,
				      unsigned long nr)
{
	struct gmem_channel *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return ERR_PTR(-ENOMEM);
	refcount_set(&c->refs, 1);
	c->first = first;
	c->nr = nr;
	c->origin = round_down(first, GMEM_BLOCK_PAGES);
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->faults);
	INIT_LIST_HEAD(&c->unread);
	init_waitqueue_head(&c->readers);
	/* Also if there is no @poison yet. */
	c->bytes = 3 * BITS_TO_LONGS(gmem_map_bits(c)) * sizeof(long);
	if (gmem_charge_bookkeeping(inode, c->bytes)) {
		kfree(c);
		return ERR_PTR(-ENOSPC);
	}
	c->missing = gmem_map_new(c);
	c->never = gmem_map_new(c);
	if (c->missing && c->never)
		return c;
	gmem_uncharge_bookkeeping(inode, c->bytes);
	gmem_channel_free(c);
	return ERR_PTR(-ENOMEM);
}

void gmem_channel_put(struct gmem_channel *c)
{
	if (refcount_dec_and_test(&c->refs))
		gmem_channel_free(c);
}

/* gmem_channel_get - a file's channel; the caller holds its invalidate_lock */
struct gmem_channel *gmem_channel_get(struct inode *inode)
{
	struct gmem_channel *c = gmem_i(inode)->channel;

	refcount_inc(&c->refs);
	return c;
}

/* What has memory isn't missing. */
static void gmem_channel_note_block(struct gmem_channel *c,
				    const struct gmem_block *block)
{
	pgoff_t start = block->index << GMEM_BLOCK_ORDER;
	pgoff_t first = start, end = start + GMEM_BLOCK_PAGES;

	if (gmem_block_bare(block) || !gmem_channel_clip(c, &first, &end))
		return;
	if (block->huge && !block->nr_holes) {
		gmem_channel_fill_locked(c, first, end);
		return;
	}
	for (; first < end; first++)
		if (gmem_block_page(block, first))
			gmem_channel_fill_locked(c, first, first + 1);
}

/**
 * gmem_channel_attach - give a file a channel: what has no memory is missing
 * @inode: the file, which has none; the caller holds its i_rwsem
 * @c: a new channel, with a reference for the file
 *
 * Return: 0; or -EINTR for a fatal signal.
 */
int gmem_channel_attach(struct inode *inode, struct gmem_channel *c)
{
	struct gmem_block *block;
	unsigned long index;
	int ret = 0;

	lockdep_assert_held_write(&inode->i_rwsem);
	filemap_invalidate_lock(inode->i_mapping);
	c->nr_missing = gmem_map_set(c->missing, c->first - c->origin,
				     gmem_map_bits(c), true);
	c->nr_never = gmem_map_set(c->never, c->first - c->origin,
				   gmem_map_bits(c), true);
	xa_for_each_range(&gmem_i(inode)->blocks, index, block,
			  c->first >> GMEM_BLOCK_ORDER,
			  (c->first + c->nr - 1) >> GMEM_BLOCK_ORDER) {
		spin_lock(&c->lock);
		gmem_channel_note_block(c, block);
		spin_unlock(&c->lock);
		cond_resched();
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
	}
	if (!ret)
		WRITE_ONCE(gmem_i(inode)->channel, c);
	filemap_invalidate_unlock(inode->i_mapping);
	return ret;
}

/**
 * gmem_channel_detach - if all was filled or punched, the file has no channel
 *			 any more
 * @inode: the file, with a channel that nobody holds; the caller holds its
 *	   i_rwsem
 *
 * What was punched is an ordinary hole then. So the holder can close the
 * channel at any time once it has filled all.
 *
 * Return: true if so: the caller has the file's reference to the channel.
 */
bool gmem_channel_detach(struct inode *inode)
{
	struct gmem_channel *c = gmem_i(inode)->channel;
	bool complete;

	lockdep_assert_held_write(&inode->i_rwsem);
	filemap_invalidate_lock(inode->i_mapping);
	complete = !READ_ONCE(c->nr_never);
	if (complete)
		WRITE_ONCE(gmem_i(inode)->channel, NULL);
	filemap_invalidate_unlock(inode->i_mapping);
	if (complete)
		gmem_uncharge_bookkeeping(inode, c->bytes);
	return complete;
}

/* ---- pages ---- */

/* gmem_channel_lacks - gmem_missing() of a file that has a channel */
int gmem_channel_lacks(const struct gmem_channel *c, pgoff_t pgoff)
{
	unsigned long bit = pgoff - c->origin;
	const unsigned long *poison;

	if (pgoff < c->first || pgoff - c->first >= c->nr)
		return 0;
	if (!gmem_map_test(c->missing, bit)) {
		/* Pairs with gmem_channel_fill_locked(). */
		smp_rmb();
		return 0;
	}
	/* Published with all bits clear. */
	poison = smp_load_acquire(&c->poison);
	return poison && gmem_map_test(poison, bit) ? -EHWPOISON : GMEM_MISSING;
}

/*
 * gmem_channel_is_new - is a page missing that was never filled, nor punched?
 *
 * The page is the channel's.
 */
bool gmem_channel_is_new(const struct gmem_channel *c, pgoff_t pgoff)
{
	return gmem_map_test(c->never, pgoff - c->origin);
}

static pgoff_t gmem_map_next(const struct gmem_channel *c,
			     const unsigned long *map, pgoff_t first,
			     pgoff_t end, bool value)
{
	pgoff_t from = first, to = end, found;

	if (!gmem_channel_clip(c, &from, &to))
		return value ? end : first;
	if (!value && first < from)
		return first;
	from -= c->origin;
	to -= c->origin;
	/* Bits may be cleared meanwhile. */
	found = data_race(value ? find_next_bit(map, to, from)
				: find_next_zero_bit(map, to, from));
	return found < to || !value ? c->origin + found : end;
}

/**
 * gmem_channel_next - the next page that is missing, or that isn't
 * @c: the channel
 * @first: where to begin
 * @end: where to end
 * @missing: which
 *
 * Return: the first such page from @first on, or @end. What isn't the channel's
 * isn't missing.
 */
pgoff_t gmem_channel_next(const struct gmem_channel *c, pgoff_t first,
			  pgoff_t end, bool missing)
{
	return gmem_map_next(c, c->missing, first, end, missing);
}

/* gmem_channel_next_new - the same for gmem_channel_is_new() */
pgoff_t gmem_channel_next_new(const struct gmem_channel *c, pgoff_t first,
			      pgoff_t end, bool new)
{
	return gmem_map_next(c, c->never, first, end, new);
}

/**
 * gmem_channel_fill_locked - these pages aren't missing any more
 * @c: the channel, with its lock held
 * @first: first page
 * @end: page after the last
 *
 * The caller has put their contents into the file, or they are zeros.
 *
 * Return: how many were missing.
 */
unsigned long gmem_channel_fill_locked(struct gmem_channel *c, pgoff_t first,
				       pgoff_t end)
{
	unsigned long filled;

	lockdep_assert_held(&c->lock);
	if (!gmem_channel_clip(c, &first, &end))
		return 0;
	/* Before the pages are found not to be missing, they are found. */
	smp_wmb();
	filled = gmem_map_set(c->missing, first - c->origin, end - c->origin,
			      false);
	WRITE_ONCE(c->nr_missing, c->nr_missing - filled);
	WRITE_ONCE(c->nr_never, c->nr_never -
		   gmem_map_set(c->never, first - c->origin, end - c->origin,
				false));
	if (c->poison)
		gmem_map_set(c->poison, first - c->origin, end - c->origin,
			     false);
	return filled;
}

/* gmem_channel_fill - the same for who doesn't hold the lock */
unsigned long gmem_channel_fill(struct gmem_channel *c, pgoff_t first,
				pgoff_t end)
{
	unsigned long filled;

	spin_lock(&c->lock);
	filled = gmem_channel_fill_locked(c, first, end);
	spin_unlock(&c->lock);
	return filled;
}

/**
 * gmem_channel_fill_punched - what was punched of these isn't missing any more
 * @c: the channel
 * @first: first page, of the channel
 * @end: page after the last, in the same block
 *
 * Return: how many were.
 */
unsigned long gmem_channel_fill_punched(struct gmem_channel *c, pgoff_t first,
					pgoff_t end)
{
	unsigned long filled = 0;

	spin_lock(&c->lock);
	for (; first < end; first++)
		if (!gmem_channel_is_new(c, first))
			filled += gmem_channel_fill_locked(c, first, first + 1);
	spin_unlock(&c->lock);
	return filled;
}

static int gmem_channel_need_poison(struct gmem_channel *c)
{
	unsigned long *map;

	if (READ_ONCE(c->poison))
		return 0;
	map = gmem_map_new(c);
	if (!map)
		return -ENOMEM;
	spin_lock(&c->lock);
	if (!c->poison) {
		/* See gmem_channel_lacks(). */
		smp_store_release(&c->poison, map);
		map = NULL;
	}
	spin_unlock(&c->lock);
	kvfree(map);
	return 0;
}

/**
 * gmem_channel_poison - those of these pages that are new can't be had
 * @c: the channel
 * @first: first page, of the channel
 * @end: page after the last, in the same block
 * @filled: increased by how many that changes
 *
 * Return: 0, or -ENOMEM.
 */
int gmem_channel_poison(struct gmem_channel *c, pgoff_t first, pgoff_t end,
			unsigned long *filled)
{
	unsigned long bit;
	int ret = gmem_channel_need_poison(c);

	if (ret)
		return ret;
	spin_lock(&c->lock);
	for (bit = first - c->origin; bit < end - c->origin; bit++)
		if (gmem_map_test(c->never, bit))
			*filled += gmem_map_set(c->poison, bit, bit + 1, true);
	spin_unlock(&c->lock);
	return 0;
}

/* ---- for others that change a file ---- */

static void gmem_channel_lose(struct gmem_channel *c, pgoff_t first,
			      pgoff_t end)
{
	unsigned long bit = first - c->origin, to = end - c->origin;

	spin_lock(&c->lock);
	WRITE_ONCE(c->nr_missing,
		   c->nr_missing + gmem_map_set(c->missing, bit, to, true));
	WRITE_ONCE(c->nr_never,
		   c->nr_never - gmem_map_set(c->never, bit, to, false));
	if (c->poison)
		gmem_map_set(c->poison, bit, to, false);
	spin_unlock(&c->lock);
}

/* In one block: what has no memory is missing. */
static void gmem_channel_lose_holes(struct gmem_channel *c,
				    const struct gmem_block *block,
				    pgoff_t first, pgoff_t end)
{
	if (!block || gmem_block_bare(block)) {
		gmem_channel_lose(c, first, end);
		return;
	}
	for (; first < end; first++)
		if (!gmem_block_page(block, first))
			gmem_channel_lose(c, first, first + 1);
}

/**
 * gmem_missing_punched - a part of a file was punched: it is missing, if it has
 *			  no memory any more
 * @inode: the file; the caller holds its invalidate_lock exclusively
 * @first: first page
 * @end: page after the last
 */
void gmem_missing_punched(struct inode *inode, pgoff_t first, pgoff_t end)
{
	struct gmem_channel *c = gmem_i(inode)->channel;
	pgoff_t next;

	if (likely(!c) || !gmem_channel_clip(c, &first, &end))
		return;
	lockdep_assert_held_write(&inode->i_mapping->invalidate_lock);
	for (; first < end; first = next) {
		next = min(round_down(first, GMEM_BLOCK_PAGES) +
			   GMEM_BLOCK_PAGES, end);
		gmem_channel_lose_holes(c, gmem_block_find(inode, first), first,
					next);
		cond_resched();
	}
}

/**
 * gmem_missing_to_holes - a block gets contiguous memory: what is missing of it
 *			   stays a hole
 * @inode: the file; the caller holds its invalidate_lock
 * @block: its block, locked; nobody finds its memory yet
 */
void gmem_missing_to_holes(struct inode *inode, struct gmem_block *block)
{
	pgoff_t start = block->index << GMEM_BLOCK_ORDER;
	unsigned int slot;

	if (!gmem_has_channel(inode))
		return;
	for (slot = 0; slot < GMEM_BLOCK_PAGES; slot++)
		if (gmem_missing(inode, start + slot))
			__set_bit(slot, block->holes);
	WRITE_ONCE(block->nr_holes,
		   bitmap_weight(block->holes, GMEM_BLOCK_PAGES));
}

/**
 * gmem_missing_for_memory - may a page that has no memory get some?
 * @inode: the file; the caller holds its invalidate_lock; for a page beyond the
 *	   file's end also its i_rwsem, and will write there, or allocate memory
 * @pgoff: the page
 *
 * What was cut off by a truncate is missing, for the case that the file gets
 * longer. If it gets longer by a write, the page is zeros as of now: only the
 * caller could wait for it, and would do so for ever.
 *
 * Return: as gmem_missing().
 */
int gmem_missing_for_memory(struct inode *inode, pgoff_t pgoff)
{
	int ret = gmem_missing(inode, pgoff);

	if (!ret || !gmem_beyond_end(inode, pgoff))
		return ret;
	gmem_channel_fill(gmem_i(inode)->channel, pgoff, pgoff + 1);
	return 0;
}

static bool gmem_missing_part(struct inode *inode, loff_t at)
{
	pgoff_t pgoff = at >> PAGE_SHIFT;

	return offset_in_page(at) && !gmem_beyond_end(inode, pgoff) &&
	       gmem_missing(inode, pgoff);
}

/**
 * gmem_missing_ends - can the parts of pages at both ends of a range be zeroed?
 * @inode: the file; the caller holds its invalidate_lock
 * @start: first byte
 * @end: byte after the last
 *
 * Return: 0, or -EBUSY if such a page is missing.
 */
int gmem_missing_ends(struct inode *inode, loff_t start, loff_t end)
{
	if (!gmem_has_channel(inode))
		return 0;
	return gmem_missing_part(inode, start) || gmem_missing_part(inode, end)
		       ? -EBUSY : 0;
}

/* gmem_missing_count - how many pages of a file are missing? */
unsigned long gmem_missing_count(struct inode *inode)
{
	unsigned long nr = 0;

	if (!gmem_has_channel(inode))
		return 0;
	filemap_invalidate_lock_shared(inode->i_mapping);
	if (gmem_has_channel(inode))
		nr = READ_ONCE(gmem_i(inode)->channel->nr_missing);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	return nr;
}
