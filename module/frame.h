/* SPDX-License-Identifier: GPL-2.0 */
/* What each page is, and whose: frame.c. */
#ifndef GMEMFS_FRAME_H
#define GMEMFS_FRAME_H

#include <linux/bits.h>
#include <linux/mm.h>
#include <linux/types.h>

struct gmem_frames;
struct gmem_span;
struct inode;

/**
 * enum gmem_page_state - what a page is; frame.c has the transitions
 * @GMEM_PAGE_NONE: not gmemfs'
 * @GMEM_PAGE_HIDDEN: absent from the direct map
 * @GMEM_PAGE_EXPOSED: in the direct map, and a file's, for a reason at least
 * @GMEM_PAGE_POISONED: it has a memory error; absent from the direct map
 * @GMEM_PAGE_LEAVING: nobody's and on its way to the kernel: being put into the
 *	direct map, or there already, and held up by who has a reference to it
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
 * bits. SEEN: it was in a shared view, so somebody may have pinned it. OWNED:
 * it is a file's by itself, not with all of its 2 MiB. MOVING: of LEAVING, its
 * entry of the direct map is being set.
 */
#define GMEM_PAGE_STATE		0x7UL

#define GMEM_WANTED		BIT(3)	/* userspace wants it shared */
#define GMEM_LENT		BIT(4)	/* KVM has it, or had it just now */
#define GMEM_KEPT		BIT(5)	/* its file keeps all of them */
#define GMEM_REINSERTED		BIT(6)	/* while reinsert.c copies */
#define GMEM_REASONS		(GMEM_WANTED | GMEM_LENT | GMEM_KEPT | \
				 GMEM_REINSERTED)

#define GMEM_PAGE_SEEN		BIT(7)
#define GMEM_PAGE_OWNED		BIT(8)
#define GMEM_PAGE_MOVING	BIT(9)

/* For who holds what keeps the page; its record's lock is for changes. */
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

/* whose a page is */
int gmem_frame_add(struct page *page, unsigned int nr, unsigned long reasons);
void gmem_frame_assign(struct page *page, unsigned int nr, struct inode *inode);
struct inode *gmem_frame_owner(const struct gmem_frames *frames,
			       const struct page *page);
unsigned int gmem_frame_leave_locked(struct gmem_frames *frames,
				     struct page *page, unsigned int nr,
				     struct inode *inode);

/* whether it is exposed */
int gmem_frame_expose(struct page *page, unsigned int nr, unsigned long reason,
		      struct inode *inode);
int gmem_frame_expose_locked(struct gmem_span *span, unsigned long reason,
			     struct inode *inode);
int gmem_frame_hide(struct page *page, unsigned int nr, unsigned long reason,
		    struct inode *inode);
int gmem_frame_hide_locked(struct gmem_span *span, unsigned long reason,
			   struct inode *inode);
void gmem_frame_note_seen(struct page *page);

/* nobody's pages, on their way to the kernel */
int gmem_frame_expose_leaving(struct page *page, unsigned int nr);
unsigned int gmem_frame_lose_poisoned(struct page *page, unsigned int nr);
unsigned int gmem_frame_free(struct page *page, unsigned int nr);
void gmem_frame_return_left_locked(struct gmem_frames *frames,
				   struct page *page);

unsigned long gmem_frame_lent_pages(void);

/* framecheck.c, in the debug build and on kernels that check themselves */
#ifdef GMEM_CHECK
int gmem_frame_check(void);
#endif

#endif /* GMEMFS_FRAME_H */
