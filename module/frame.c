// SPDX-License-Identifier: GPL-2.0
/*
 * Frames: the state and the owner of each page of gmemfs. Only this file,
 * exposure.c and common.c change either: exposure.c exposes and hides pages of
 * files, and common.c has pages that several files have. (device.c changes a
 * bit that is neither.) A page is tracked from before a file owns it until the
 * kernel has it back, whether or not it is ever hidden.
 *
 * Owner: no file owns a page at first, then one file does, then none again. An
 * unowned page is new, in the pool, spare (spare.c), on its way to the kernel,
 * or common: several files have it, and the last of them owns it (common.c).
 *
 * State:
 *
 *   from      to        when
 *   NONE      HIDDEN    the kernel has allocated it (gmem_frame_add)
 *   NONE      EXPOSED   the same, for memory that is wanted shared, or a file
 *			 that keeps all its memory in the direct map
 *   HIDDEN    EXPOSED   it gets its first reason (gmem_frame_expose)
 *   EXPOSED   HIDDEN    it loses its last reason (gmem_frame_hide)
 *   HIDDEN    POISONED  a memory error was found in it
 *   EXPOSED   LEAVING   its file gives it up (gmem_frame_leave_locked); a
 *			 HIDDEN page stays HIDDEN then, and is unowned
 *   EXPOSED   POISONED  the same, with a memory error in it, if nobody holds
 *			 it and it could be hidden
 *   HIDDEN    LEAVING   it goes to the kernel (gmem_frame_expose_leaving)
 *   LEAVING   HIDDEN    the direct map could not be edited
 *   LEAVING   NONE      it is freed to the kernel (gmem_frame_free)
 *   HIDDEN    NONE      gmem_frame_add() fails, and forgets the page
 *   EXPOSED   NONE      the same
 *   POISONED  NONE      it is out of use for good (gmem_frame_lose_poisoned);
 *			 also from HIDDEN, if it is unowned and has a memory
 *			 error, and from LEAVING (gmem_frame_lose_left)
 *
 * A page is EXPOSED exactly while it has a reason: wanted shared, lent to KVM,
 * kept, or reinserted. It is not freed while anybody has a reference to it: a
 * loan has one, and so has each pin made through the shared view, or for a
 * device (device.c). If the page that a device has is HIDDEN, it stays so until
 * the device has let go, whether its file gives it up meanwhile or not
 * (orphan.c).
 *
 * State and owner change under the lock of their 2 MiB's record (frametable.c).
 * A caller that holds the invalidate_lock of the page's file, so that the page
 * stays in it, may read the page's word without the record's lock.
 *
 * While a file owns a single page, the page is on no list: its ->lru.prev
 * points to the file's inode. That of a common page is a number: common.c.
 * Otherwise ->lru is for a list of the page's user.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "directmap.h"
#include "frame.h"
#include "frametable.h"
#include "hiding.h"
#include "memcg.h"
#include "pageword.h"
#include "poison.h"
#include "spare.h"
#include "units.h"

/* ---- the owner of a page ---- */

static void gmem_frame_forget(struct page *page, unsigned int nr)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_LEAVING);

	while (nr--) {
		gmem_set_word(frames, page + nr, GMEM_PAGE_NONE);
		gmem_frametable_remove(frames, page + nr, 1);
	}
	gmem_spare_recount(frames);
	gmem_frames_unlock(frames);
}

/* Track pages of one record. Their words are set before its bitmap has them. */
static int gmem_frame_know(struct page *page, unsigned int nr,
			   unsigned long word)
{
	struct gmem_frames *frames;
	int ret;

	ret = gmem_frametable_need(page, &frames);
	if (ret)
		return ret;
	gmem_forget_word(page);
	gmem_set_words(frames, page, nr, word);
	gmem_frametable_add(frames, page, nr);
	gmem_spare_recount(frames);
	gmem_frames_unlock(frames);
	return 0;
}

/**
 * gmem_frame_add - track these pages, which no file owns yet
 * @page: first page, fresh from the kernel and zeroed
 * @nr: up to 512 of one record, or a multiple of 512; physically contiguous
 * @reasons: why they stay exposed; 0: hide them, in one step with one flush
 * @flush: leave the flush to the caller, or NULL: see struct gmem_flush
 *
 * Return: 0; -ENOMEM or an error from the direct map: the pages are not
 * tracked; -EIO: the pages are tracked as HIDDEN, but some may be exposed: the
 * caller must put them into quarantine.
 */
int gmem_frame_add(struct page *page, unsigned int nr, unsigned long reasons,
		   struct gmem_flush *flush)
{
	unsigned int step = min_t(unsigned int, nr, GMEM_BLOCK_PAGES), i;
	unsigned long word = reasons ? GMEM_PAGE_EXPOSED | reasons
				     : GMEM_PAGE_HIDDEN;
	int ret = 0;

	for (i = 0; i < nr && !ret; i += step)
		ret = gmem_frame_know(page + i, step, word);
	if (ret)
		i -= step;
	else if (!reasons)
		ret = gmem_directmap_hide(page, nr, flush);
	if (!ret || ret == -EIO)
		return ret;
	while (i) {
		i -= step;
		gmem_frame_forget(page + i, step);
	}
	return ret;
}

/**
 * gmem_frame_owner - the file that owns a page, or NULL
 * @frames: its record, locked
 * @page: the page, tracked
 */
struct inode *gmem_frame_owner(const struct gmem_frames *frames,
			       const struct page *page)
{
	lockdep_assert_held(&frames->lock);
	if (frames->owner)
		return frames->owner;
	if (gmem_page_word(page) & GMEM_PAGE_OWNED)
		return (struct inode *)page->lru.prev;
	return NULL;
}

/**
 * gmem_frame_assign - give these pages to a file; from now on they can be lent
 * @page: first page, unowned; all in the same state and on no list
 * @nr: 1, or a block's 512
 * @inode: the file
 */
void gmem_frame_assign(struct page *page, unsigned int nr, struct inode *inode)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	struct gmem_delta delta = {};

	if (nr == GMEM_BLOCK_PAGES) {
		frames->owner = inode;
	} else {
		page->lru.prev = (struct list_head *)inode;
		gmem_set_bit(frames, page, GMEM_PAGE_OWNED);
	}
	gmem_delta_add(&delta, gmem_page_word(page), nr);
	gmem_frames_unlock(frames);
	gmem_delta_apply(&delta, inode);
}

/* Hide a page with a memory error. -EIO: it is absent, and stays so. */
static bool gmem_hide_bad(struct page *page)
{
	int ret = gmem_directmap_hide(page, 1, NULL);

	return !ret || ret == -EIO;
}

/*
 * The file gives up one page. An exposed page with a memory error is hidden, if
 * that works, but not while somebody holds it: see gmem_frame_lose_left().
 */
static void gmem_frame_leave_one(struct gmem_frames *frames, struct page *page,
				 struct gmem_delta *delta)
{
	unsigned long lent = gmem_page_word(page) & GMEM_LENT;

	gmem_forget_device(frames, page, delta);
	if (gmem_page_state(page) == GMEM_PAGE_EXPOSED) {
		bool bad = gmem_page_poisoned(page) && !gmem_page_held(page) &&
			   gmem_hide_bad(page);

		gmem_set_state(frames, page, bad ? GMEM_PAGE_POISONED
						 : GMEM_PAGE_LEAVING,
			       lent, delta);
	} else if (gmem_page_poisoned(page)) {
		gmem_set_state(frames, page, GMEM_PAGE_POISONED, 0, delta);
	}
	gmem_delta_add(delta, gmem_page_word(page), -1);
	gmem_clear_bit(frames, page, GMEM_PAGE_OWNED);
}

/**
 * gmem_frame_leave_locked - take these pages from their file
 * @frames: their record, locked
 * @page: first page; no user has any of them mapped
 * @nr: 1, or a block's 512
 * @inode: the file that owns them
 *
 * Return: how many can't go to another file as they are: pages that are LEAVING
 * or POISONED, and HIDDEN pages to which somebody has a reference.
 */
unsigned int gmem_frame_leave_locked(struct gmem_frames *frames,
				     struct page *page, unsigned int nr,
				     struct inode *inode)
{
	struct gmem_delta delta = {};
	unsigned int i, others = 0;

	if (nr == GMEM_BLOCK_PAGES)
		frames->owner = NULL;
	if (nr == GMEM_BLOCK_PAGES && frames->nr_plain == nr &&
	    !READ_ONCE(gmem_poison_seen)) {
		delta.hidden = -(long)nr;
		gmem_delta_apply(&delta, inode);
		return 0;
	}
	for (i = 0; i < nr; i++) {
		/*
		 * Asked first: a device that lets go between the two leaves no
		 * bit on a page that another file gets.
		 */
		bool held = gmem_page_held(page + i);

		gmem_frame_leave_one(frames, page + i, &delta);
		others += held ||
			  gmem_page_state(page + i) != GMEM_PAGE_HIDDEN;
	}
	gmem_delta_apply(&delta, inode);
	return others;
}

/* ---- bits of a page ---- */

/**
 * gmem_frame_set_carved - pages are used one by one from now on, or no longer
 * @frames: their record, locked
 * @page: first page, unowned; nobody holds any of them
 * @nr: how many
 * @carved: which
 */
void gmem_frame_set_carved(struct gmem_frames *frames, struct page *page,
			   unsigned int nr, bool carved)
{
	unsigned long word;
	unsigned int n;

	for (; nr; nr -= n, page += n) {
		n = gmem_same_words(page, nr);
		word = gmem_page_word(page) &
		       ~(GMEM_PAGE_CARVED | GMEM_PAGE_SEEN |
			 GMEM_PAGE_DEVICE);
		if (carved)
			word |= GMEM_PAGE_CARVED;
		gmem_set_words(frames, page, n, word);
	}
}

/* gmem_frame_note_seen - a shared view is about to map this page of a file */
void gmem_frame_note_seen(struct page *page)
{
	struct gmem_frames *frames;

	if (gmem_page_word(page) & GMEM_PAGE_SEEN)
		return;
	frames = gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	gmem_set_bit(frames, page, GMEM_PAGE_SEEN);
	gmem_frames_unlock(frames);
}

/* ---- unowned pages, on their way to the kernel ---- */

/* Move those of one record's pages that are @from to @to. Return: how many. */
static unsigned int gmem_frame_move(struct page *page, unsigned int nr,
				    unsigned long from, unsigned long to)
{
	const unsigned long mask = GMEM_PAGE_STATE | GMEM_PAGE_MOVING;
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_LEAVING);
	unsigned int n, moved = 0;

	for (; nr; nr -= n, page += n) {
		unsigned long word = gmem_page_word(page);

		n = gmem_same_words(page, nr);
		if ((word & mask) != from)
			continue;
		gmem_set_words(frames, page, n, (word & ~mask) | to);
		moved += n;
	}
	gmem_frames_unlock(frames);
	return moved;
}

static unsigned int gmem_frame_move_all(struct page *page, unsigned int nr,
					unsigned long from, unsigned long to)
{
	unsigned int step = min_t(unsigned int, nr, GMEM_BLOCK_PAGES);
	unsigned int i, moved = 0;

	for (i = 0; i < nr; i += step)
		moved += gmem_frame_move(page + i, step, from, to);
	return moved;
}

/**
 * gmem_frame_expose_leaving - put unowned pages back into the direct map
 * @page: first of contiguous pages: HIDDEN, or LEAVING
 * @nr: 1 to 512 of a record, or a multiple of 512
 *
 * Whoever reclaims memory may wait for the caller (giveway.c). So this locks
 * the records one after the other, and none during the edit. Nobody else
 * changes unowned pages, except the last borrower that returns one.
 *
 * Return: 0; or an error from the direct map: HIDDEN pages are HIDDEN again
 * then.
 */
int gmem_frame_expose_leaving(struct page *page, unsigned int nr)
{
	const unsigned long moving = GMEM_PAGE_LEAVING | GMEM_PAGE_MOVING;
	unsigned int hidden;
	int ret;

	hidden = gmem_frame_move_all(page, nr, GMEM_PAGE_HIDDEN, moving);
	if (!hidden)
		return 0;
	ret = gmem_directmap_expose_to_free(page, nr, hidden);
	gmem_frame_move_all(page, nr, moving,
			    ret ? GMEM_PAGE_HIDDEN : GMEM_PAGE_LEAVING);
	return ret;
}

/*
 * Never use or free this page again: it has a memory error. The extra reference
 * keeps unpoison_memory() from freeing a page that isn't in the direct map.
 */
static void gmem_frame_lose(struct gmem_frames *frames, struct page *page)
{
	get_page(page);
	/* Else when it is freed, which it never is. */
	gmem_memcg_uncharge(page, 1);
	gmem_set_word(frames, page, GMEM_PAGE_NONE);
	gmem_frametable_remove(frames, page, 1);
	gmem_spare_recount(frames);
}

/**
 * gmem_frame_lose_poisoned - take unowned pages with a memory error out of use
 * @page: first page of a record
 * @nr: how many
 *
 * They are not freed. They also stay out of the direct map, where a speculative
 * access could hit the error again.
 *
 * Return: how many there were.
 */
unsigned int gmem_frame_lose_poisoned(struct page *page, unsigned int nr)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_LEAVING);
	unsigned int lost = 0;

	for (; nr--; page++) {
		enum gmem_page_state state = gmem_page_state(page);

		if (state != GMEM_PAGE_POISONED &&
		    (state != GMEM_PAGE_HIDDEN || !gmem_page_poisoned(page)))
			continue;
		gmem_frame_lose(frames, page);
		lost++;
	}
	gmem_frames_unlock(frames);
	gmem_hiding_uncount(lost);
	return lost;
}

/**
 * gmem_frame_lose_left - take a LEAVING page with a memory error out of use
 * @page: the page, which nobody holds any more; it is hidden, if that works
 */
void gmem_frame_lose_left(struct page *page)
{
	/* Hiding may split an entry, and allocate: not GMEM_FRAMES_LEAVING. */
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);

	if (gmem_hide_bad(page))
		gmem_hiding_uncount(1);
	gmem_frame_lose(frames, page);
	gmem_frames_unlock(frames);
}

/**
 * gmem_frame_find_held - which of these pages does somebody still hold?
 * @page: first page of a record, unowned
 * @nr: how many
 * @held: set to the LEAVING pages that somebody may still write to, and those
 *	  with a memory error, which must not be written to
 *
 * References only go away, so nobody writes to the other pages any more. Ask
 * before zeroing: a holder may write after the zeroing, and then let go. Needs
 * no lock: only the last borrower changes these pages, after its last write.
 */
void gmem_frame_find_held(struct page *page, unsigned int nr,
			  unsigned long *held)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (gmem_page_state(page + i) == GMEM_PAGE_LEAVING &&
		    (gmem_page_held(page + i) || gmem_page_poisoned(page + i)))
			__set_bit(i, held);
}

/**
 * gmem_frame_free - free LEAVING pages to the kernel
 * @page: first page of a record, zeroed
 * @nr: how many
 * @held: pages that must not be freed; set to all that were not, because
 *	  somebody holds them: they stay LEAVING, and the caller keeps them
 *	  until nobody does. Don't read the words of the others any more: the
 *	  kernel uses page->private of free pages itself.
 *
 * Return: how many are held.
 */
unsigned int gmem_frame_free(struct page *page, unsigned int nr,
			     unsigned long *held)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_LEAVING);
	DECLARE_BITMAP(going, GMEM_BLOCK_PAGES) = {};
	unsigned int i, end;

	for (i = 0; i < nr; i++) {
		if (gmem_page_state(page + i) != GMEM_PAGE_LEAVING)
			continue;
		if (test_bit(i, held) || gmem_page_held(page + i)) {
			__set_bit(i, held);
			continue;
		}
		gmem_set_word(frames, page + i, GMEM_PAGE_NONE);
		__set_bit(i, going);
	}
	for_each_set_bitrange(i, end, going, nr)
		gmem_frametable_remove(frames, page + i, end - i);
	gmem_spare_recount(frames);
	gmem_frames_unlock(frames);
	for_each_set_bitrange(i, end, going, nr)
		while (i < end)
			__free_page(page + i++);
	return bitmap_weight(held, nr);
}

/**
 * gmem_frame_return_left_locked - the last borrower returns a LEAVING page
 * @frames: its record, locked
 * @page: the page
 */
void gmem_frame_return_left_locked(struct gmem_frames *frames,
				   struct page *page)
{
	gmem_clear_bit(frames, page, GMEM_LENT);
}
