/* SPDX-License-Identifier: GPL-2.0 */
/* The loans of a record: loan.c. */
#ifndef GMEMFS_LOAN_H
#define GMEMFS_LOAN_H

#include <linux/types.h>

struct gmem_frames;
struct inode;
struct page;

/**
 * struct gmem_loan - a page that is lent; the loan has a reference to it
 * @node: in the loans of the page's record
 * @waiting: in waiting_loans, if @borrowers is 0
 * @page: the page
 * @inode: its file; NULL once the page has left it
 * @borrowers: how many borrowers have it; 0 while it waits to be hidden again
 */
struct gmem_loan {
	struct list_head node;
	struct list_head waiting;
	struct page *page;
	struct inode *inode;
	unsigned int borrowers;
};

struct gmem_loan *gmem_loan_find(const struct gmem_frames *frames,
				 const struct page *page);
struct gmem_loan *gmem_loan_alloc(void);
void gmem_loan_begin(struct gmem_frames *frames, struct gmem_loan *loan,
		     struct page *page, struct inode *inode);
void gmem_loan_end(struct gmem_frames *frames, struct gmem_loan *loan);

#ifdef GMEM_CHECK
const char *gmem_loan_check(const struct gmem_frames *frames);
#endif

#endif /* GMEMFS_LOAN_H */
