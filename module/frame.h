/* SPDX-License-Identifier: GPL-2.0 */
/* The state and the owner of each page: frame.c. */
#ifndef GMEMFS_FRAME_H
#define GMEMFS_FRAME_H

#include <linux/types.h>

#include "pageword.h"

struct gmem_flush;
struct gmem_frames;
struct gmem_span;
struct inode;

/* the owner of a page */
int gmem_frame_add(struct page *page, unsigned int nr, unsigned long reasons,
		   struct gmem_flush *flush);
void gmem_frame_assign(struct page *page, unsigned int nr, struct inode *inode);
struct inode *gmem_frame_owner(const struct gmem_frames *frames,
			       const struct page *page);
void gmem_frame_set_carved(struct gmem_frames *frames, struct page *page,
			   unsigned int nr, bool carved);
unsigned int gmem_frame_leave_locked(struct gmem_frames *frames,
				     struct page *page, unsigned int nr,
				     struct inode *inode);

/* whether a page is exposed */
int gmem_frame_expose(struct page *page, unsigned int nr, unsigned long reason,
		      struct inode *inode);
int gmem_frame_expose_locked(struct gmem_span *span, unsigned long reason,
			     struct inode *inode);
int gmem_frame_hide(struct page *page, unsigned int nr, unsigned long reason,
		    struct inode *inode);
int gmem_frame_hide_locked(struct gmem_span *span, unsigned long reason,
			   struct inode *inode, struct gmem_flush *flush);
void gmem_frame_note_seen(struct page *page);

/* unowned pages, on their way to the kernel */
int gmem_frame_expose_leaving(struct page *page, unsigned int nr);
unsigned int gmem_frame_lose_poisoned(struct page *page, unsigned int nr);
void gmem_frame_lose_left(struct page *page);
void gmem_frame_find_held(struct page *page, unsigned int nr,
			  unsigned long *held);
unsigned int gmem_frame_free(struct page *page, unsigned int nr,
			     unsigned long *held);
void gmem_frame_return_left_locked(struct gmem_frames *frames,
				   struct page *page);

/* framecheck.c, in the debug build and on kernels with lockdep or KCSAN */
#ifdef GMEM_CHECK
int gmem_frame_check(void);
#endif

#endif /* GMEMFS_FRAME_H */
