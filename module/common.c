// SPDX-License-Identifier: GPL-2.0
/*
 * Common frames: several users have them, after a clone. A user is a place in a
 * file: a block whose memory is contiguous, or a page of another block.
 *
 * Common frames are HIDDEN, without a reason to be exposed, and their contents
 * never change. Nobody owns them, so they can't be lent, and nobody exposes
 * them. The number of their users is in the record of a block (@nr_users); and
 * for a single page in its ->lru.prev, where the owner is otherwise: see
 * frame.c. (Not in ->lru.next: that word is ->compound_head, too.) It changes
 * under the record's lock. There is at least one user: the last one takes the
 * frames over, and owns them from then on.
 *
 * A user holds the invalidate_lock of its file exclusively when it becomes one,
 * takes frames over, or gives them up. So whether a file has a page in common
 * doesn't change while its invalidate_lock is held: only this file itself, as
 * the last user, ends that.
 *
 * With frame.c and exposure.c, this file changes what a page is.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include "common.h"
#include "frametable.h"
#include "gmem_inode.h"
#include "pageword.h"
#include "units.h"

static unsigned long gmem_users_of(const struct page *page)
{
	return (unsigned long)READ_ONCE(page->lru.prev);
}

static void gmem_set_users(struct page *page, unsigned long users)
{
	WRITE_ONCE(page->lru.prev, (struct list_head *)users);
}

/* @common: pages that the file has in common; @hidden: pages that it has. */
static void gmem_common_count(struct inode *inode, long common, long hidden)
{
	struct gmem_delta delta = { .hidden = hidden };

	atomic_long_add(common, &gmem_i(inode)->common);
	gmem_delta_apply(&delta, inode);
}

/* gmem_common_use - a file uses so many common pages more, or fewer */
void gmem_common_use(struct inode *inode, long nr)
{
	gmem_common_count(inode, nr, nr);
}

/* ---- which pages can be common ---- */

/*
 * A page that was in a shared view once, but is hidden and has no reference but
 * ours, may be forgotten to have been there; and one that a device has let go
 * of, that it had it.
 */
static void gmem_forget_had(struct gmem_frames *frames, struct page *page,
			    struct gmem_delta *delta)
{
	unsigned long word;

	gmem_forget_device(frames, page, delta);
	word = gmem_page_word(page);
	if (word & GMEM_PAGE_SEEN && page_count(page) == 1 &&
	    (word & (GMEM_PAGE_STATE | GMEM_REASONS)) == GMEM_PAGE_HIDDEN)
		gmem_clear_bit(frames, page, GMEM_PAGE_SEEN);
}

/* Is the page hidden, and has nobody a claim to it but its file? */
static bool gmem_page_is_plain(const struct page *page)
{
	return (gmem_page_word(page) &
		~(GMEM_PAGE_OWNED | GMEM_PAGE_CARVED)) == GMEM_PAGE_HIDDEN;
}

static bool gmem_block_is_plain(struct gmem_frames *frames, struct page *page,
				struct gmem_delta *delta)
{
	unsigned int i;

	for (i = 0; i < GMEM_BLOCK_PAGES; i++) {
		if (frames->nr_plain == GMEM_BLOCK_PAGES)
			return true;
		gmem_forget_had(frames, page + i, delta);
	}
	return frames->nr_plain == GMEM_BLOCK_PAGES;
}

/* ---- one more user ---- */

static int gmem_join_block(struct gmem_frames *frames, struct page *page,
			   struct gmem_delta *delta)
{
	if (frames->nr_users == UINT_MAX)
		return -EBUSY;
	if (frames->nr_users) {
		frames->nr_users++;
		return 0;
	}
	if (!gmem_block_is_plain(frames, page, delta))
		return -EBUSY;
	frames->owner = NULL;
	frames->nr_users = 2;
	return 1;
}

static int gmem_join_single(struct gmem_frames *frames, struct page *page,
			    struct gmem_delta *delta)
{
	unsigned long word;

	gmem_forget_had(frames, page, delta);
	word = gmem_page_word(page);
	if (word & GMEM_PAGE_COMMON) {
		gmem_set_users(page, gmem_users_of(page) + 1);
		return 0;
	}
	if (!gmem_page_is_plain(page))
		return -EBUSY;
	gmem_set_users(page, 2);
	gmem_set_word(frames, page,
		      (word & ~GMEM_PAGE_OWNED) | GMEM_PAGE_COMMON);
	return 1;
}

/**
 * gmem_common_join - frames get one more user
 * @page: first page
 * @nr: 1, or a block's 512
 * @from: a file that has them, alone or in common. The caller holds its
 *	  invalidate_lock exclusively, and has unmapped them from its guest view
 *	  if it has them alone.
 * @holes: how many of them @from doesn't use
 *
 * The caller has called gmem_unmap_expect(), and counts what the new user
 * uses: gmem_common_use().
 *
 * Return: 0; 1 if they are common from now on, and were not before; or -EBUSY
 * if they can't be: one is exposed, or somebody may have a reference, such as a
 * device.
 */
int gmem_common_join(struct page *page, unsigned int nr, struct inode *from,
		     unsigned int holes)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	struct gmem_delta delta = {};
	int ret = nr == 1 ? gmem_join_single(frames, page, &delta)
			  : gmem_join_block(frames, page, &delta);

	gmem_frames_unlock(frames);
	gmem_delta_apply(&delta, from);
	if (ret == 1)
		gmem_common_count(from, nr - holes, -(long)holes);
	return ret;
}

/* ---- one user less ---- */

/* If this is the last user, the file owns the frames. */
static bool gmem_take_locked(struct gmem_frames *frames, struct page *page,
			     unsigned int nr, struct inode *inode)
{
	if (nr == GMEM_BLOCK_PAGES) {
		if (frames->nr_users > 1)
			return false;
		frames->nr_users = 0;
		frames->owner = inode;
		return true;
	}
	if (gmem_users_of(page) > 1)
		return false;
	WRITE_ONCE(page->lru.prev, (struct list_head *)inode);
	gmem_set_word(frames, page, (gmem_page_word(page) & ~GMEM_PAGE_COMMON) |
		      GMEM_PAGE_OWNED);
	return true;
}

/**
 * gmem_common_take - take frames over, if nobody else has them
 * @page: first page
 * @nr: 1, or a block's 512
 * @inode: a file that has them in common; the caller holds its invalidate_lock
 *	   exclusively
 * @holes: how many of them it doesn't use. They may have data of other files:
 *	   the caller zeroes them.
 *
 * Return: true if the file owns them now.
 */
bool gmem_common_take(struct page *page, unsigned int nr, struct inode *inode,
		      unsigned int holes)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	bool taken = gmem_take_locked(frames, page, nr, inode);

	gmem_frames_unlock(frames);
	if (taken)
		gmem_common_count(inode, -(long)(nr - holes), holes);
	return taken;
}

/**
 * gmem_common_drop - a file doesn't use common frames any more
 * @page: first page
 * @nr: 1, or a block's 512
 * @inode: the file, which has none of them mapped. The caller holds its
 *	   invalidate_lock exclusively, or is its last user.
 * @used: how many of them it has used
 *
 * Return: true if it was the last user: it owns all of them now, and gives them
 * up as it does with memory that it has alone.
 */
bool gmem_common_drop(struct page *page, unsigned int nr, struct inode *inode,
		      unsigned int used)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	bool last = gmem_take_locked(frames, page, nr, inode);

	if (!last && nr == GMEM_BLOCK_PAGES)
		frames->nr_users--;
	else if (!last)
		gmem_set_users(page, gmem_users_of(page) - 1);
	gmem_frames_unlock(frames);
	gmem_common_count(inode, -(long)used,
			  last ? (long)(nr - used) : -(long)used);
	return last;
}

/**
 * gmem_common_users - how many users has a common page? A guess, unless it is 1
 * @block: the block that has it; the caller holds the file's invalidate_lock
 * @slot: where in the block
 * @page: the page there
 */
unsigned long gmem_common_users(const struct gmem_block *block,
				unsigned int slot, struct page *page)
{
	struct gmem_frames *frames;
	unsigned long users;

	if (!gmem_in_base(block, slot))
		return gmem_users_of(page);
	frames = gmem_frames_get(page_to_pfn(page));
	users = READ_ONCE(frames->nr_users);
	gmem_frames_put(frames);
	return users;
}

/**
 * gmem_common_most - how many users has what a block has in common, at most?
 * @inode: the file; the caller holds its invalidate_lock. So what is common
 *	   stays so, and has at least this user; others come and go.
 * @block: a block of it
 *
 * Return: 0 if the block has nothing in common.
 */
unsigned long gmem_common_most(const struct inode *inode,
			       const struct gmem_block *block)
{
	unsigned long most = 0;
	struct page *page;
	unsigned int slot;

	lockdep_assert_held(&inode->i_mapping->invalidate_lock);
	if (block->common) {
		slot = find_first_zero_bit(block->holes, GMEM_BLOCK_PAGES);
		if (slot < GMEM_BLOCK_PAGES)
			most = gmem_common_users(block, slot,
						 block->huge + slot);
	}
	for (slot = 0; block->nr_common && slot < GMEM_BLOCK_PAGES; slot++) {
		page = gmem_page_array_get(block->pages, slot);
		if (page && gmem_is_common_single(page))
			most = max(most, gmem_users_of(page));
	}
	return most;
}

#ifdef GMEM_CHECK
/**
 * gmem_common_check - what is wrong with a record's common pages, or NULL
 * @frames: the record, locked
 * @page: one of its pages
 */
const char *gmem_common_check(const struct gmem_frames *frames,
			      const struct page *page)
{
	unsigned long word = gmem_page_word(page);

	lockdep_assert_held(&frames->lock);
	if (frames->nr_users && frames->owner)
		return "a common block has an owner";
	if (frames->nr_users && word != GMEM_PAGE_HIDDEN)
		return "a page of a common block isn't plain";
	if (!(word & GMEM_PAGE_COMMON))
		return NULL;
	if ((word & ~GMEM_PAGE_CARVED) !=
	    (GMEM_PAGE_HIDDEN | GMEM_PAGE_COMMON))
		return "a common page isn't plain";
	return gmem_users_of(page) ? NULL : "a common page has no user";
}
#endif
