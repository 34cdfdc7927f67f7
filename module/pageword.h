/* SPDX-License-Identifier: GPL-2.0 */
/* The word of each page, and the counters that follow from it: pageword.c. */
#ifndef GMEMFS_PAGEWORD_H
#define GMEMFS_PAGEWORD_H

#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/types.h>

#include "frametable.h"

struct inode;

/**
 * enum gmem_page_state - the state of a page; frame.c has the transitions
 * @GMEM_PAGE_NONE: gmemfs doesn't have the page
 * @GMEM_PAGE_HIDDEN: absent from the direct map
 * @GMEM_PAGE_EXPOSED: in the direct map, for at least one reason
 * @GMEM_PAGE_POISONED: the page has a memory error; absent from the direct map
 * @GMEM_PAGE_LEAVING: unowned and on its way to the kernel: it is being put
 *		       into the direct map; or it is there already, and may wait
 *		       for the last reference
 */
enum gmem_page_state {
	GMEM_PAGE_NONE,
	GMEM_PAGE_HIDDEN,
	GMEM_PAGE_EXPOSED,
	GMEM_PAGE_POISONED,
	GMEM_PAGE_LEAVING,
};

/*
 * A page's word, in page_private(): its state, its reasons to be exposed, and
 * six bits. SEEN: it was in a shared view, so somebody may have pinned it.
 * OWNED: a file owns this page alone, not with all of its 2 MiB. MOVING: the
 * state is LEAVING, and the page's entry of the direct map is being set.
 * CARVED: it was hidden together with others, to be used alone: carve.c.
 * COMMON: a single page that several users have: common.c. DEVICE: a device
 * got it, and had it when somebody last looked: device.c.
 */
#define GMEM_PAGE_STATE		0x7UL

#define GMEM_WANTED		BIT(3)	/* userspace wants it shared */
#define GMEM_LENT		BIT(4)	/* KVM has it, or had it just now */
#define GMEM_KEPT		BIT(5)	/* its file keeps all exposed */
#define GMEM_REINSERTED		BIT(6)	/* while reinsert.c copies */
#define GMEM_REASONS		(GMEM_WANTED | GMEM_LENT | GMEM_KEPT | \
				 GMEM_REINSERTED)

#define GMEM_PAGE_SEEN		BIT(7)
#define GMEM_PAGE_OWNED		BIT(8)
#define GMEM_PAGE_MOVING	BIT(9)
#define GMEM_PAGE_CARVED	BIT(10)
#define GMEM_PAGE_COMMON	BIT(11)
#define GMEM_PAGE_DEVICE	BIT(12)

/*
 * The caller holds something that keeps the page in place. To change the word
 * also needs the lock of the page's record.
 */
static inline unsigned long gmem_page_word(const struct page *page)
{
	return READ_ONCE(page->private);
}

static inline enum gmem_page_state gmem_page_state(const struct page *page)
{
	return gmem_page_word(page) & GMEM_PAGE_STATE;
}

static inline unsigned long gmem_page_reasons(const struct page *page)
{
	return gmem_page_word(page) & GMEM_REASONS;
}

/*
 * How many references has a page? The kernel permits no more pins when a count
 * has got beyond INT_MAX, and is negative. As an unsigned number it is what it
 * should be, and larger than all others.
 */
static inline unsigned int gmem_page_refs(const struct page *page)
{
	return page_count(page);
}

/*
 * May somebody hold the page: was it in a shared view, did a device get it, or
 * is it lent?
 */
static inline bool gmem_page_may_be_had(const struct page *page)
{
	return gmem_page_word(page) &
	       (GMEM_PAGE_SEEN | GMEM_PAGE_DEVICE | GMEM_LENT);
}

bool gmem_page_has_device(const struct page *page);
bool gmem_page_held(struct page *page);
bool gmem_page_pinned(struct page *page);
bool gmem_page_busy(struct page *page);

/*
 * ---- changes: for frame.c, which has the table, exposure.c, common.c and
 * device.c ----
 */

/**
 * struct gmem_delta - what a change of words adds to a file's counters
 * @hidden: pages that are absent from the direct map
 * @lent: pages that are exposed for KVM only
 * @device: pages with the bit DEVICE
 */
struct gmem_delta {
	long hidden;
	long lent;
	long device;
};

/* gmem_delta_add - count @n more pages with such a word, or fewer */
static inline void gmem_delta_add(struct gmem_delta *delta, unsigned long word,
				  long n)
{
	if (word & GMEM_PAGE_DEVICE)
		delta->device += n;
	switch (word & GMEM_PAGE_STATE) {
	case GMEM_PAGE_HIDDEN:
	case GMEM_PAGE_POISONED:
		delta->hidden += n;
		break;
	case GMEM_PAGE_EXPOSED:
		if ((word & GMEM_REASONS) == GMEM_LENT)
			delta->lent += n;
		break;
	}
}

void gmem_delta_apply(struct gmem_delta *delta, struct inode *inode);

void gmem_forget_word(struct page *page);
void gmem_set_states(struct gmem_frames *frames, struct page *page,
		     unsigned int nr, enum gmem_page_state state,
		     unsigned long reasons, struct gmem_delta *delta);
void gmem_set_bit(struct gmem_frames *frames, struct page *page,
		  unsigned long bit);
void gmem_clear_bit(struct gmem_frames *frames, struct page *page,
		    unsigned long bit);
void gmem_forget_device(struct gmem_frames *frames, struct page *page,
			struct gmem_delta *delta);

/* Set the word of @nr pages of one record, which all have the same word. */
static inline void gmem_set_words(struct gmem_frames *frames,
				  struct page *page, unsigned int nr,
				  unsigned long word)
{
	unsigned long old = gmem_page_word(page);

	lockdep_assert_held(&frames->lock);
	if (old == GMEM_PAGE_HIDDEN)
		frames->nr_plain -= nr;
	if (word == GMEM_PAGE_HIDDEN)
		frames->nr_plain += nr;
	if (old & GMEM_PAGE_DEVICE)
		frames->nr_device -= nr;
	if (word & GMEM_PAGE_DEVICE)
		frames->nr_device += nr;
	while (nr--)
		WRITE_ONCE(page++->private, word);
}

/* How many pages, from the first on, have the same word? */
static inline unsigned int gmem_same_words(const struct page *page,
					   unsigned int nr)
{
	unsigned long word = gmem_page_word(page);
	unsigned int i;

	for (i = 1; i < nr; i++)
		if (gmem_page_word(page + i) != word)
			break;
	return i;
}

/*
 * How many pages of a span, from the @i-th on, share its record and its word?
 */
static inline unsigned int gmem_span_same(const struct gmem_span *span,
					  unsigned int i)
{
	unsigned int left = span->nr - i, slot;

	if (left == 1)
		return 1;
	slot = (page_to_pfn(span->page) + i) % GMEM_BLOCK_PAGES;
	return gmem_same_words(span->page + i,
			       min_t(unsigned int, left,
				     GMEM_BLOCK_PAGES - slot));
}

static inline void gmem_set_word(struct gmem_frames *frames, struct page *page,
				 unsigned long word)
{
	gmem_set_words(frames, page, 1, word);
}

static inline void gmem_set_state(struct gmem_frames *frames, struct page *page,
				  enum gmem_page_state state,
				  unsigned long reasons,
				  struct gmem_delta *delta)
{
	gmem_set_states(frames, page, 1, state, reasons, delta);
}

unsigned long gmem_frame_lent_pages(void);
unsigned long gmem_frame_device_pages(void);

#endif /* GMEMFS_PAGEWORD_H */
