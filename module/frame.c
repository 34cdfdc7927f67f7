// SPDX-License-Identifier: GPL-2.0
/*
 * Frames: what each page of gmemfs is, and whose. The only file that changes
 * either. A page is known here from before a file has it until the kernel has
 * it back, whether it was ever hidden or not.
 *
 * Whose a page is: nobody's at first, then a file's, then nobody's again, in
 * the pool or on its way to the kernel.
 *
 * What it is:
 *
 *   from      to        when
 *   NONE      HIDDEN    it was got from the kernel (gmem_frame_add)
 *   NONE      EXPOSED   the same, for a file that wants it shared or keeps all
 *			 in the direct map
 *   HIDDEN    EXPOSED   it gets its first reason (gmem_frame_expose)
 *   EXPOSED   HIDDEN    it loses its last reason (gmem_frame_hide)
 *   HIDDEN    POISONED  a memory error was found in it
 *   EXPOSED   LEAVING   its file gives it up (gmem_frame_leave_locked); a
 *			 HIDDEN page stays HIDDEN then, and is nobody's
 *   EXPOSED   POISONED  the same, with a memory error in it
 *   HIDDEN    LEAVING   it goes to the kernel, zeroed
 *			 (gmem_frame_expose_leaving)
 *   LEAVING   HIDDEN    the direct map could not be edited
 *   LEAVING   NONE      it is the kernel's (gmem_frame_free)
 *   POISONED  NONE      it is out of use for good (gmem_frame_lose_poisoned);
 *			 also HIDDEN, nobody's, with a memory error in it, and
 *			 LEAVING, once nobody has it (gmem_frame_lose_left)
 *
 * A page is EXPOSED exactly while it has a reason to be: wanted shared, lent to
 * KVM, kept, reinserted. It is not freed while somebody has a reference to it:
 * a loan has one, and so has who pinned it by the shared view. (A frame that
 * several files share will be one whose owners are counted, and one that a
 * device has is one more reason not to be freed.)
 *
 * All of that changes under the lock of the record (frametable.c) of the page's
 * 2 MiB. Who keeps a page where it is, by the invalidate_lock of its file, may
 * read its word without.
 *
 * While a page is a file's by itself, nobody has it on a list: its ->lru.prev
 * says which file's it is. Else ->lru is for the lists of who has it.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "directmap.h"
#include "frame.h"
#include "frametable.h"
#include "pageword.h"
#include "poison.h"
#include "units.h"

/* ---- whose a page is ---- */

static void gmem_frame_forget(struct page *page, unsigned int nr)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_LEAVING);

	while (nr--) {
		gmem_set_word(frames, page + nr, GMEM_PAGE_NONE);
		gmem_frametable_remove(frames, page + nr, 1);
	}
	gmem_frames_unlock(frames);
}

/* Pages of one record. Their words are set before the record shows them. */
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
	gmem_frames_unlock(frames);
	return 0;
}

/**
 * gmem_frame_add - these pages are gmemfs' from now on, and nobody's in it
 * @page: first page, fresh from the kernel and zeroed
 * @nr: 1, or a multiple of a block's 512: neighbours in memory
 * @reasons: why they stay exposed; 0 to hide them: one step, one flush
 *
 * Return: 0; -ENOMEM or what the direct map answered, and they aren't
 * gmemfs'; -EIO: they are, and HIDDEN, though some may be exposed: they must be
 * put into quarantine.
 */
int gmem_frame_add(struct page *page, unsigned int nr, unsigned long reasons)
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
		ret = gmem_directmap_hide(page, nr);
	if (!ret || ret == -EIO)
		return ret;
	while (i) {
		i -= step;
		gmem_frame_forget(page + i, step);
	}
	return ret;
}

/**
 * gmem_frame_owner - the file that has a page, or NULL
 * @frames: its record, locked
 * @page: the page, of gmemfs
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
 * gmem_frame_assign - these pages are a file's, and can be lent
 * @page: first page, nobody's; all in the same state and on no list
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

/*
 * Of a page that its file gives up. What has an error is hidden, if it can, but
 * not under somebody who has it: see gmem_frame_lose_left().
 */
static void gmem_frame_leave_one(struct gmem_frames *frames, struct page *page,
				 struct gmem_delta *delta)
{
	unsigned long lent = gmem_page_word(page) & GMEM_LENT;

	if (gmem_page_state(page) == GMEM_PAGE_EXPOSED) {
		bool bad = gmem_page_poisoned(page) && !gmem_page_held(page) &&
			   !gmem_directmap_hide(page, 1);

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
 * gmem_frame_leave_locked - these pages are nobody's from now on
 * @frames: their record, locked
 * @page: first page, of which no user has a mapping
 * @nr: 1, or a block's 512
 * @inode: the file that has them
 *
 * Return: how many of them can't go to another file as they are: they are
 * LEAVING or POISONED; or HIDDEN, and somebody has a reference.
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
		gmem_frame_leave_one(frames, page + i, &delta);
		others += gmem_page_state(page + i) != GMEM_PAGE_HIDDEN ||
			  gmem_page_held(page + i);
	}
	gmem_delta_apply(&delta, inode);
	return others;
}

/* ---- whether it is exposed: pages of files ---- */

/* Those that are hidden, and have a memory error. */
static void gmem_note_poison(struct gmem_frames *frames, struct page *page,
			     unsigned int nr, struct gmem_delta *delta)
{
	for (; nr--; page++)
		if (gmem_page_state(page) == GMEM_PAGE_HIDDEN &&
		    gmem_page_poisoned(page))
			gmem_set_state(frames, page, GMEM_PAGE_POISONED, 0,
				       delta);
}

/*
 * Sets @nr_hidden to how many are. Return: 0, or -EHWPOISON if one of them has
 * a memory error, and is not to be touched.
 */
static int gmem_span_look(struct gmem_span *span, unsigned int *nr_hidden,
			  struct inode *inode)
{
	struct gmem_delta delta = {};
	unsigned int i, n;
	int ret = 0;

	*nr_hidden = 0;
	for (i = 0; i < span->nr; i += n) {
		struct page *page = span->page + i;

		n = gmem_span_same(span, i);
		if (gmem_page_state(page) == GMEM_PAGE_HIDDEN)
			*nr_hidden += n;
		if (!gmem_any_poisoned(page, n))
			continue;
		ret = -EHWPOISON;
		gmem_note_poison(gmem_span_record(span, i), page, n, &delta);
	}
	if (ret)
		gmem_delta_apply(&delta, inode);
	return ret;
}

/**
 * gmem_frame_expose_locked - a reason for pages to be in the direct map
 * @span: neighbours in memory, of a file; some may be exposed already
 * @reason: of GMEM_REASONS
 * @inode: the file
 *
 * Return: 0; -EHWPOISON if one of them has a memory error; or what the direct
 * map answered. After an error all is as it was.
 */
int gmem_frame_expose_locked(struct gmem_span *span, unsigned long reason,
			     struct inode *inode)
{
	struct gmem_delta delta = {};
	unsigned int hidden, i, n;
	int ret = gmem_span_look(span, &hidden, inode);

	if (!ret && hidden)
		ret = gmem_directmap_expose(span->page, span->nr, hidden);
	if (ret)
		return ret;
	for (i = 0; i < span->nr; i += n) {
		n = gmem_span_same(span, i);
		gmem_set_states(gmem_span_record(span, i), span->page + i, n,
				GMEM_PAGE_EXPOSED,
				gmem_page_reasons(span->page + i) | reason,
				&delta);
	}
	gmem_delta_apply(&delta, inode);
	return 0;
}

/* gmem_frame_expose - the same, of a part of a block, not locked yet */
int gmem_frame_expose(struct page *page, unsigned int nr, unsigned long reason,
		      struct inode *inode)
{
	struct gmem_frames *frames;
	struct gmem_span span;
	int ret;

	gmem_span_lock(&span, &frames, page, nr);
	ret = gmem_frame_expose_locked(&span, reason, inode);
	gmem_span_unlock(&span);
	return ret;
}

/* Is @reason all that keeps it exposed, or is it hidden already? */
static bool gmem_would_hide(const struct page *page, unsigned long reason)
{
	return !(gmem_page_reasons(page) & ~reason);
}

/* How many of a span, from the @i-th on, would hide. Adds up those exposed. */
static unsigned int gmem_count_to_hide(const struct gmem_span *span,
				       unsigned int i, unsigned long reason,
				       unsigned int *exposed)
{
	unsigned int first = i, n;

	for (; i < span->nr; i += n) {
		if (!gmem_would_hide(span->page + i, reason))
			break;
		n = gmem_span_same(span, i);
		if (gmem_page_state(span->page + i) == GMEM_PAGE_EXPOSED)
			*exposed += n;
	}
	return i - first;
}

/* Pages @i to @end, of which @exposed are, and all of which would hide. */
static int gmem_hide_run(struct gmem_span *span, unsigned int i,
			 unsigned int end, unsigned int exposed,
			 struct inode *inode)
{
	struct gmem_delta delta = {};
	unsigned int n;
	int ret;

	if (!exposed)
		return 0;
	ret = gmem_directmap_hide_some(span->page + i, end - i, exposed);
	if (ret)
		return ret;
	for (; i < end; i += n) {
		n = min(gmem_span_same(span, i), end - i);
		if (gmem_page_state(span->page + i) == GMEM_PAGE_EXPOSED)
			gmem_set_states(gmem_span_record(span, i),
					span->page + i, n, GMEM_PAGE_HIDDEN, 0,
					&delta);
	}
	gmem_delta_apply(&delta, inode);
	return 0;
}

/* The page stays exposed, for its other reasons. */
static void gmem_drop_reason(struct gmem_span *span, unsigned int i,
			     unsigned long reason, struct inode *inode)
{
	struct page *page = span->page + i;
	struct gmem_delta delta = {};

	gmem_set_state(gmem_span_record(span, i), page, GMEM_PAGE_EXPOSED,
		       gmem_page_reasons(page) & ~reason, &delta);
	gmem_delta_apply(&delta, inode);
}

/**
 * gmem_frame_hide_locked - pages lose a reason to be in the direct map
 * @span: neighbours in memory, of a file; some may be hidden already
 * @reason: of GMEM_REASONS
 * @inode: the file
 *
 * One step and one flush for those that become hidden and are neighbours.
 *
 * Return: 0, or what the direct map answered, with some of them hidden.
 */
int gmem_frame_hide_locked(struct gmem_span *span, unsigned long reason,
			   struct inode *inode)
{
	unsigned int i = 0, n, exposed;
	int ret = 0;

	while (i < span->nr && !ret) {
		exposed = 0;
		n = gmem_count_to_hide(span, i, reason, &exposed);
		if (n)
			ret = gmem_hide_run(span, i, i + n, exposed, inode);
		else
			gmem_drop_reason(span, i, reason, inode);
		i += n ?: 1;
	}
	return ret;
}

/* gmem_frame_hide - the same, of a part of a block, not locked yet */
int gmem_frame_hide(struct page *page, unsigned int nr, unsigned long reason,
		    struct inode *inode)
{
	struct gmem_frames *frames;
	struct gmem_span span;
	int ret;

	gmem_span_lock(&span, &frames, page, nr);
	ret = gmem_frame_hide_locked(&span, reason, inode);
	gmem_span_unlock(&span);
	return ret;
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

/* ---- nobody's pages, on their way to the kernel ---- */

/*
 * Pages of one record change from one state to another, as far as they are in
 * it. Return: how many did.
 */
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
 * gmem_frame_expose_leaving - put nobody's pages back into the direct map
 * @page: first of neighbours in memory: HIDDEN, or LEAVING
 * @nr: 1 to 512 of a record, or a multiple of 512
 *
 * Where memory is reclaimed, too: so their records are locked one after the
 * other, and not during the edit. Nobody else does anything to nobody's pages,
 * but for the last borrower that returns one.
 *
 * Return: 0; or what the direct map answered, and those that were HIDDEN are.
 */
int gmem_frame_expose_leaving(struct page *page, unsigned int nr)
{
	const unsigned long moving = GMEM_PAGE_LEAVING | GMEM_PAGE_MOVING;
	unsigned int hidden;
	int ret;

	hidden = gmem_frame_move_all(page, nr, GMEM_PAGE_HIDDEN, moving);
	if (!hidden)
		return 0;
	ret = gmem_directmap_expose(page, nr, hidden);
	gmem_frame_move_all(page, nr, moving,
			    ret ? GMEM_PAGE_HIDDEN : GMEM_PAGE_LEAVING);
	return ret;
}

/*
 * A page with a memory error is out of use for good. With one more reference,
 * or unpoison_memory() would give the kernel what isn't in the direct map.
 */
static void gmem_frame_lose(struct gmem_frames *frames, struct page *page)
{
	get_page(page);
	gmem_set_word(frames, page, GMEM_PAGE_NONE);
	gmem_frametable_remove(frames, page, 1);
}

/**
 * gmem_frame_lose_poisoned - nobody's pages with a memory error stay out of use
 * @page: first page of a record
 * @nr: how many
 *
 * They are neither put back into the direct map, where a speculative access
 * could hit the error again, nor freed.
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
	gmem_directmap_uncount(lost);
	return lost;
}

/**
 * gmem_frame_lose_left - a LEAVING page with a memory error stays out of use
 * @page: the page, which nobody has any more; it's hidden, if that works
 */
void gmem_frame_lose_left(struct page *page)
{
	/* To split a mapping may need memory: not the class for reclaim. */
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);

	if (!gmem_directmap_hide(page, 1))
		gmem_directmap_uncount(1);
	gmem_frame_lose(frames, page);
	gmem_frames_unlock(frames);
}

/**
 * gmem_frame_find_held - which of these pages has somebody?
 * @page: first page of a record, nobody's
 * @nr: how many
 * @held: set to those that are LEAVING and may be written to yet, and to those
 *	  with a memory error, which are nothing to write to
 *
 * References only go, so nobody writes to the others any more. That is asked
 * before they are zeroed: who lets go after that may have written since. Needs
 * no lock: nobody but the last borrower changes them, who has written before.
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
 * gmem_frame_free - LEAVING pages go to the kernel
 * @page: first page of a record, zeroed
 * @nr: how many
 * @held: which of them must not; set to all that did not, because somebody has
 *	  them, too: they stay LEAVING, and the caller keeps them until that is
 *	  over. What the others are can't be looked up any more: the kernel has
 *	  its own use for the words of pages that are its own.
 *
 * Return: how many are held.
 */
unsigned int gmem_frame_free(struct page *page, unsigned int nr,
			     unsigned long *held)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_LEAVING);
	DECLARE_BITMAP(going, GMEM_BLOCK_PAGES) = {};
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (gmem_page_state(page + i) != GMEM_PAGE_LEAVING)
			continue;
		if (test_bit(i, held) || gmem_page_held(page + i)) {
			__set_bit(i, held);
			continue;
		}
		gmem_set_word(frames, page + i, GMEM_PAGE_NONE);
		gmem_frametable_remove(frames, page + i, 1);
		__set_bit(i, going);
	}
	gmem_frames_unlock(frames);
	for_each_set_bit(i, going, nr)
		__free_page(page + i);
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
