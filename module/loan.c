// SPDX-License-Identifier: GPL-2.0
/*
 * The loans of a record: one for each page that is lent (lend.c). They are on a
 * list of the record, under its lock.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "fault_inject.h"
#include "frametable.h"
#include "lend.h"
#include "loan.h"
#include "units.h"

/* gmem_loan_find - the loan of a page, or NULL; the record is locked */
struct gmem_loan *gmem_loan_find(const struct gmem_frames *frames,
				 const struct page *page)
{
	struct gmem_loan *loan;

	lockdep_assert_held(&frames->lock);
	list_for_each_entry(loan, &frames->loans, node)
		if (loan->page == page)
			return loan;
	return NULL;
}

/**
 * gmem_loan_alloc - a loan for gmem_loan_begin(), or NULL
 *
 * Without a record's lock: the caller's cgroup may have to reclaim memory for
 * this, while files of other cgroups have pages in the same record.
 */
struct gmem_loan *gmem_loan_alloc(void)
{
	if (gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		return NULL;
	return kzalloc(sizeof(struct gmem_loan), GFP_KERNEL_ACCOUNT);
}

/* gmem_loan_begin - put a new loan on the locked record of its page */
void gmem_loan_begin(struct gmem_frames *frames, struct gmem_loan *loan,
		     struct page *page, struct inode *inode)
{
	lockdep_assert_held(&frames->lock);
	INIT_LIST_HEAD(&loan->waiting);
	loan->page = page;
	loan->inode = inode;
	get_page(page);
	list_add(&loan->node, &frames->loans);
}

/* gmem_loan_end - take it off the record, and free it */
void gmem_loan_end(struct gmem_frames *frames, struct gmem_loan *loan)
{
	lockdep_assert_held(&frames->lock);
	list_del(&loan->node);
	put_page(loan->page);
	kfree(loan);
}

#ifdef GMEM_CHECK
static unsigned int gmem_count_lent(const struct gmem_frames *frames)
{
	struct page *first = pfn_to_page(frames->pfn);
	unsigned int slot, lent = 0;

	for_each_set_bit(slot, frames->ours, GMEM_BLOCK_PAGES)
		lent += gmem_lend_count(first + slot);
	return lent;
}

/*
 * gmem_loan_check - what is wrong with the loans of a record, or NULL
 * @frames: the record, locked
 */
const char *gmem_loan_check(const struct gmem_frames *frames)
{
	unsigned int loans = 0;
	struct gmem_loan *loan;

	list_for_each_entry(loan, &frames->loans, node) {
		if (!gmem_lend_count(loan->page))
			return "a loan's page isn't lent";
		if (!loan->inode != gmem_lend_is_gone(loan->page))
			return "a loan doesn't know whether its page is gone";
		if (!loan->borrowers && list_empty(&loan->waiting))
			return "a loan has no borrower and does not wait";
		loans++;
	}
	if (loans != gmem_count_lent(frames))
		return "a page is lent without a loan";
	return NULL;
}
#endif
