// SPDX-License-Identifier: GPL-2.0
/*
 * A page's word, in its page_private(): how it is set, under the lock of the
 * page's record, and what of it is counted. Which changes there are, and when,
 * is frame.c's business; nobody else calls what changes anything.
 */
#include <linux/atomic.h>
#include <linux/mm.h>

#include "frametable.h"
#include "gmem_inode.h"
#include "pageword.h"

static atomic_long_t lent_pages;

/* gmem_frame_lent_pages - pages that are exposed for KVM only, of all files */
unsigned long gmem_frame_lent_pages(void)
{
	return atomic_long_read(&lent_pages);
}

void gmem_delta_apply(struct gmem_delta *delta, struct inode *inode)
{
	if (delta->hidden)
		atomic_long_add(delta->hidden, &gmem_i(inode)->hidden);
	if (delta->lent) {
		atomic_long_add(delta->lent, &gmem_i(inode)->lent);
		atomic_long_add(delta->lent, &lent_pages);
	}
}

/* gmem_forget_word - what the page allocator left in a page means nothing */
void gmem_forget_word(struct page *page)
{
	WRITE_ONCE(page->private, GMEM_PAGE_NONE);
}

/* Pages with one word become @state, for @reasons; their other bits stay. */
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
