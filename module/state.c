// SPDX-License-Identifier: GPL-2.0
/*
 * State: what userspace wants of each page, private or shared, and what the
 * page actually is, hidden or exposed. convert.c changes both.
 *
 * A block that was never converted has no struct gmem_wants: all its pages are
 * wanted as the file's default says. Other blocks have a bit for each page in
 * it. It stays while the block has memory. After that it is freed as soon as
 * the whole block is wanted as the default.
 *
 * frame.c has the actual state.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "common.h"
#include "device.h"
#include "fault_inject.h"
#include "gmem_inode.h"
#include "lend.h"
#include "pageword.h"
#include "poison.h"
#include "state.h"
#include "units.h"

static_assert(sizeof(struct gmem_state) == 64);

/* How many pages' states are read at a time: the arrays are on the stack. */
#define GMEM_STATE_CHUNK	256

static bool gmem_shared_by_default(struct inode *inode)
{
	return gmem_i(inode)->flags & GMEM_FLAG_INIT_SHARED;
}

/* gmem_state_shared - does userspace want this page shared? */
bool gmem_state_shared(struct inode *inode, const struct gmem_block *block,
		       unsigned int slot)
{
	if (block && block->wants)
		return test_bit(slot, block->wants->shared);
	return gmem_shared_by_default(inode);
}

/* gmem_state_all - does userspace want all of the block (not) shared? */
bool gmem_state_all(struct inode *inode, const struct gmem_block *block,
		    bool shared)
{
	if (block && block->wants)
		return block->wants->nr_shared ==
		       (shared ? GMEM_BLOCK_PAGES : 0);
	return gmem_shared_by_default(inode) == shared;
}

/**
 * gmem_state_need - make sure that a block has a struct gmem_wants
 * @inode: the file; the caller holds its invalidate_lock exclusively
 * @block: a block of it
 *
 * Return: 0 or -ENOMEM.
 */
int gmem_state_need(struct inode *inode, struct gmem_block *block)
{
	struct gmem_wants *wants = NULL;

	if (block->wants)
		return 0;
	if (!gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		wants = kzalloc(sizeof(*wants), GFP_KERNEL_ACCOUNT);
	if (!wants)
		return -ENOMEM;
	if (gmem_shared_by_default(inode)) {
		bitmap_fill(wants->shared, GMEM_BLOCK_PAGES);
		wants->nr_shared = GMEM_BLOCK_PAGES;
	}
	block->wants = wants;
	return 0;
}

/* gmem_state_set - userspace wants these pages (not) shared from now on */
void gmem_state_set(struct gmem_block *block, unsigned int from,
		    unsigned int to, bool shared)
{
	struct gmem_wants *wants = block->wants;

	if (to == from + 1) {
		wants->nr_shared += shared - test_bit(from, wants->shared);
		__assign_bit(from, wants->shared, shared);
		return;
	}
	if (shared)
		bitmap_set(wants->shared, from, to - from);
	else
		bitmap_clear(wants->shared, from, to - from);
	wants->nr_shared = bitmap_weight(wants->shared, GMEM_BLOCK_PAGES);
}

/*
 * gmem_state_settle - a block has no memory, or is about to lose it: free a
 *		       struct gmem_wants that only says the default
 */
void gmem_state_settle(struct inode *inode, struct gmem_block *block)
{
	unsigned int usual = gmem_shared_by_default(inode) ? GMEM_BLOCK_PAGES
							   : 0;

	if (!block->wants || block->wants->nr_shared != usual)
		return;
	kfree(block->wants);
	block->wants = NULL;
}

/* ---- pages of a file, counted ---- */

static unsigned int gmem_count_shared_of(struct inode *inode,
					 const struct gmem_block *block)
{
	unsigned int slot, shared = 0;

	if (gmem_block_bare(block) || gmem_state_all(inode, block, false))
		return 0;
	for (slot = 0; slot < GMEM_BLOCK_PAGES; slot++)
		shared += gmem_state_shared(inode, block, slot) &&
			  gmem_block_page(block, slot);
	return shared;
}

/* A hole in a contiguous block has its memory, which a device may have had. */
static unsigned int gmem_count_devices_of(struct inode *inode,
					  const struct gmem_block *block)
{
	struct page *huge = READ_ONCE(block->huge), *page;
	unsigned int slot, had = 0;

	if (gmem_block_bare(block))
		return 0;
	for (slot = 0; slot < GMEM_BLOCK_PAGES; slot++) {
		page = huge && !block->common ? huge + slot
					      : gmem_block_page(block, slot);
		if (!page)
			continue;
		gmem_device_forget(page, inode);
		had += !!(gmem_page_word(page) & GMEM_PAGE_DEVICE);
	}
	return had;
}

static void gmem_state_count_in(struct inode *inode,
				const struct gmem_block *block,
				struct gmem_census *census)
{
	census->shared += gmem_count_shared_of(inode, block);
	if (gmem_has_common(inode))
		census->sharers = max(census->sharers,
				      gmem_common_most(inode, block));
	if (atomic_long_read(&gmem_i(inode)->device))
		census->devices += gmem_count_devices_of(inode, block);
}

/**
 * gmem_state_count - look at all blocks of a file
 * @inode: the file
 *
 * A file may have a million blocks, and whoever can read it can ask: so no lock
 * is held for longer than a block takes, and faults and conversions of the file
 * go on. Each block is counted as of another moment.
 *
 * Return: what they say; too little if the task is killed.
 */
struct gmem_census gmem_state_count(struct inode *inode)
{
	struct gmem_census census = {};
	struct gmem_block *block;
	unsigned long index;

	for (index = 0; !fatal_signal_pending(current); index++) {
		cond_resched();
		filemap_invalidate_lock_shared(inode->i_mapping);
		block = xa_find(&gmem_i(inode)->blocks, &index, ULONG_MAX,
				XA_PRESENT);
		if (block)
			gmem_state_count_in(inode, block, &census);
		filemap_invalidate_unlock_shared(inode->i_mapping);
		if (!block)
			break;
	}
	return census;
}

/* ---- GMEM_GET_STATE ---- */

/*
 * Has anybody a reference besides the shared view's mappings, or a device? The
 * answer is a guess: see gmem_page_pinned().
 */
static bool gmem_state_pinned(struct page *page)
{
	long others = (long)gmem_page_refs(page) - 1 -
		      folio_mapcount(page_folio(page));

	return (gmem_page_word(page) & GMEM_PAGE_SEEN &&
		others > (long)gmem_lend_count(page)) ||
	       gmem_page_has_device(page);
}

static u8 gmem_state_of_page(struct inode *inode,
			     const struct gmem_block *block, unsigned int slot,
			     struct page *page)
{
	u8 state = GMEM_STATE_POPULATED;

	if (block->huge && page == block->huge + slot)
		state |= GMEM_STATE_HUGE;
	if (gmem_is_common(inode, block, slot, page))
		state |= GMEM_STATE_CLONED;
	if (gmem_lend_count(page))
		state |= GMEM_STATE_LENT;
	if (gmem_page_state(page) == GMEM_PAGE_EXPOSED)
		state |= GMEM_STATE_EXPOSED;
	if (gmem_state_pinned(page))
		state |= GMEM_STATE_PINNED;
	if (gmem_page_poisoned(page))
		state |= GMEM_STATE_POISONED;
	return state;
}

static u8 gmem_state_at(struct inode *inode, pgoff_t pgoff)
{
	struct gmem_block *block = gmem_block_find(inode, pgoff);
	struct page *page = gmem_block_page(block, pgoff);
	unsigned int slot = pgoff % GMEM_BLOCK_PAGES;
	u8 state = page ? gmem_state_of_page(inode, block, slot, page) : 0;

	if (gmem_state_shared(inode, block, slot))
		state |= GMEM_STATE_SHARED;
	return state;
}

/* How many have the page; no more than a byte can say. */
static u8 gmem_sharers_at(struct inode *inode, pgoff_t pgoff)
{
	struct gmem_block *block = gmem_block_find(inode, pgoff);
	struct page *page = gmem_block_page(block, pgoff);
	unsigned int slot = pgoff % GMEM_BLOCK_PAGES;

	lockdep_assert_held(&inode->i_mapping->invalidate_lock);
	if (!page || !gmem_is_common(inode, block, slot, page))
		return page ? 1 : 0;
	return min_t(unsigned long, gmem_common_users(block, slot, page),
		     U8_MAX);
}

/* @sharers: NULL if they aren't asked for */
static int gmem_state_chunk(struct inode *inode, pgoff_t pgoff,
			    unsigned int nr, u8 __user *to, u8 __user *sharers)
{
	u8 states[GMEM_STATE_CHUNK], counts[GMEM_STATE_CHUNK];
	unsigned int i;

	filemap_invalidate_lock_shared(inode->i_mapping);
	for (i = 0; i < nr; i++)
		states[i] = gmem_state_at(inode, pgoff + i);
	for (i = 0; sharers && i < nr; i++)
		counts[i] = gmem_sharers_at(inode, pgoff + i);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	if (copy_to_user(to, states, nr) ||
	    (sharers && copy_to_user(sharers, counts, nr)))
		return -EFAULT;
	return 0;
}

/* gmem_range_valid - is this a range of whole pages inside of the file? */
bool gmem_range_valid(struct inode *inode, u64 offset, u64 size)
{
	u64 end;

	return size && PAGE_ALIGNED(offset) && PAGE_ALIGNED(size) &&
	       !check_add_overflow(offset, size, &end) &&
	       end <= round_up(i_size_read(inode), PAGE_SIZE);
}

long gmem_get_state(struct inode *inode, void __user *arg)
{
	struct gmem_state get;
	u8 __user *to, *sharers;
	pgoff_t pgoff, end;
	int ret = 0;

	if (copy_from_user(&get, arg, sizeof(get)))
		return -EFAULT;
	if (memchr_inv(get.reserved, 0, sizeof(get.reserved)) ||
	    !gmem_range_valid(inode, get.offset, get.size))
		return -EINVAL;

	to = u64_to_user_ptr(get.states);
	sharers = u64_to_user_ptr(get.sharers);
	pgoff = get.offset >> PAGE_SHIFT;
	end = (get.offset + get.size) >> PAGE_SHIFT;
	while (pgoff < end && !ret) {
		unsigned int nr = min_t(pgoff_t, end - pgoff,
					GMEM_STATE_CHUNK);

		ret = gmem_state_chunk(inode, pgoff, nr, to, sharers);
		pgoff += nr;
		to += nr;
		if (sharers)
			sharers += nr;
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	return ret;
}
