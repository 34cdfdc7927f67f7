// SPDX-License-Identifier: GPL-2.0
/*
 * A page's word, in its page_private(): how it is set, under the lock of the
 * page's record, and the counters that follow from it. frame.c, exposure.c,
 * common.c and device.c decide which changes there are, and when; only they
 * call the functions that change anything.
 */
#include <linux/atomic.h>
#include <linux/mm.h>

#include "frametable.h"
#include "gmem_inode.h"
#include "pageword.h"

static atomic_long_t lent_pages;
static atomic_long_t device_pages;

/* gmem_frame_lent_pages - pages that are exposed for KVM only, of all files */
unsigned long gmem_frame_lent_pages(void)
{
	return atomic_long_read(&lent_pages);
}

/* gmem_frame_device_pages - pages of files that have the bit DEVICE */
unsigned long gmem_frame_device_pages(void)
{
	return atomic_long_read(&device_pages);
}

void gmem_delta_apply(struct gmem_delta *delta, struct inode *inode)
{
	if (delta->hidden)
		atomic_long_add(delta->hidden, &gmem_i(inode)->hidden);
	if (delta->lent) {
		atomic_long_add(delta->lent, &gmem_i(inode)->lent);
		atomic_long_add(delta->lent, &lent_pages);
	}
	if (delta->device) {
		atomic_long_add(delta->device, &gmem_i(inode)->device);
		atomic_long_add(delta->device, &device_pages);
	}
}

/**
 * gmem_page_has_device - has a device this page?
 * @page: the page
 *
 * VFIO pins as get_user_pages() does with FOLL_PIN: each pin counts as many
 * references. Nobody tells us of the end of a pin, but no reference is left
 * then. So many references of other kinds look like a pin, too: then the page
 * is held for longer than it must be.
 */
bool gmem_page_has_device(const struct page *page)
{
	return gmem_page_word(page) & GMEM_PAGE_DEVICE &&
	       gmem_page_refs(page) >= GUP_PIN_COUNTING_BIAS;
}

/**
 * gmem_page_held - may anybody still write to this page?
 * @page: the page; no user has it mapped, or can map it
 *
 * Needs no lock: while somebody has a reference this says so, whatever loans
 * begin or end meanwhile. A loan that begins later isn't used: borrow.c looks
 * the address up again after it has lent the page, and no longer finds it
 * there.
 */
bool gmem_page_held(struct page *page)
{
	unsigned long word = gmem_page_word(page);

	return word & GMEM_LENT ||
	       (word & GMEM_PAGE_SEEN && gmem_page_refs(page) > 1) ||
	       gmem_page_has_device(page);
}

/**
 * gmem_page_pinned - does anybody have a reference to this page?
 * @page: the page, of a file; no shared view maps it, or can map it
 *
 * Our own reference and that of a loan don't count. A mapping outside of the
 * shared view counts as a pin: TCP's zero-copy receive makes such mappings.
 * Loans begin and end under the lock of the page's record: without that lock
 * the answer is a guess.
 */
bool gmem_page_pinned(struct page *page)
{
	unsigned long word = gmem_page_word(page);

	return (word & GMEM_PAGE_SEEN &&
		gmem_page_refs(page) > 1U + !!(word & GMEM_LENT)) ||
	       gmem_page_has_device(page);
}

/**
 * gmem_page_busy - may anybody use this page's address in the direct map?
 * @page: the page, which is lent but not wanted shared; its record is locked
 *
 * As gmem_page_pinned(), but without devices, which use no such address. A page
 * that isn't wanted shared has no other pins than theirs: to become so, it must
 * have had none, and since then no other could be made.
 */
bool gmem_page_busy(struct page *page)
{
	unsigned long word = gmem_page_word(page);
	unsigned int others = gmem_page_refs(page) - 1 - !!(word & GMEM_LENT);

	if (word & GMEM_PAGE_DEVICE)
		others %= GUP_PIN_COUNTING_BIAS;
	return word & GMEM_PAGE_SEEN && others;
}

/* gmem_forget_word - clear what the page allocator left in page_private() */
void gmem_forget_word(struct page *page)
{
	WRITE_ONCE(page->private, GMEM_PAGE_NONE);
}

/*
 * Pages that have the same word get @state and @reasons; their other bits stay.
 */
void gmem_set_states(struct gmem_frames *frames, struct page *page,
		     unsigned int nr, enum gmem_page_state state,
		     unsigned long reasons, struct gmem_delta *delta)
{
	unsigned long old = gmem_page_word(page);
	unsigned long new = (old & ~(GMEM_PAGE_STATE | GMEM_REASONS)) |
			    state | reasons;

	gmem_delta_add(delta, old, -(long)nr);
	gmem_delta_add(delta, new, nr);
	gmem_set_words(frames, page, nr, new);
}

void gmem_set_bit(struct gmem_frames *frames, struct page *page,
		  unsigned long bit)
{
	gmem_set_word(frames, page, gmem_page_word(page) | bit);
}

void gmem_clear_bit(struct gmem_frames *frames, struct page *page,
		    unsigned long bit)
{
	gmem_set_word(frames, page, gmem_page_word(page) & ~bit);
}

/* gmem_forget_device - clear the bit DEVICE if no device has the page */
void gmem_forget_device(struct gmem_frames *frames, struct page *page,
			struct gmem_delta *delta)
{
	if (!(gmem_page_word(page) & GMEM_PAGE_DEVICE) ||
	    gmem_page_has_device(page))
		return;
	gmem_clear_bit(frames, page, GMEM_PAGE_DEVICE);
	delta->device--;
}
