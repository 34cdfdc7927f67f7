// SPDX-License-Identifier: GPL-2.0
/*
 * Lending: pages that KVM itself must reach through the direct map.
 *
 * The guard knows when KVM wants a page and when KVM lets go of it. This file
 * keeps three promises:
 *
 *   - a page is exposed before its borrower gets it;
 *   - it is hidden again when the last borrower has returned it, if nothing
 *     else keeps it exposed;
 *   - a page that leaves its file is not lent any more, but nobody else gets it
 *     before the last borrower has returned it: the loan has a reference to it.
 *     KVM's caches have none. They rely on an MMU notifier, which is gone when
 *     the VMM's address space is, and which isn't always heard.
 *
 * Every page of every file can be lent, whether it was ever hidden or not: a
 * page that is exposed today, because it is wanted shared, can become private
 * while KVM has it.
 *
 * To hide a page takes a TLB flush on all CPUs. If its file has no flush left
 * (budget.c), the page waits, exposed, and may be lent again meanwhile. If too
 * many of the file's pages wait already, the next borrower waits instead.
 *
 * A loan is on the list of its page's record, under that record's lock: loan.c.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "budget.h"
#include "directmap.h"
#include "fault_inject.h"
#include "frame.h"
#include "frametable.h"
#include "gmem_inode.h"
#include "held.h"
#include "hiding.h"
#include "lend.h"
#include "loan.h"
#include "pageword.h"
#include "pieces.h"
#include "poison.h"
#include "refusal.h"
#include "trace.h"
#include "units.h"

/* A file with so many waiting pages gets none of its hidden pages lent. */
#define GMEM_MAX_WAITING	64

#define GMEM_REHIDE_RETRY	(HZ / 20)

static atomic_long_t loans_ever;
static bool may_lend_hidden __read_mostly = true;
static void (*lend_gone)(struct page *page);

/* waiting_lock is taken inside a record's lock. */
static LIST_HEAD(waiting_loans);
static unsigned int nr_waiting;
static DEFINE_SPINLOCK(waiting_lock);

static void gmem_rehide_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(rehide_retry, gmem_rehide_work);

/* gmem_lend_total - how often a page was lent, over all files */
unsigned long gmem_lend_total(void)
{
	return atomic_long_read(&loans_ever);
}

/**
 * gmem_lend_on_gone - set what is called for a lent page that leaves its file
 * @gone: called under the record's lock; it may take spinlocks only
 */
void gmem_lend_on_gone(void (*gone)(struct page *page))
{
	lend_gone = gone;
}

/**
 * gmem_lend_allow_hidden - may a page be lent if nothing else exposes it?
 * @allow: if not, KVM gets only pages that are exposed anyway, and these can't
 *	   become private while KVM has them
 *
 * Pages that are lent already stay lent.
 */
void gmem_lend_allow_hidden(bool allow)
{
	WRITE_ONCE(may_lend_hidden, allow);
}

/* gmem_lend_is_gone - has this page, which is lent, left its file? */
bool gmem_lend_is_gone(const struct page *page)
{
	return page && gmem_page_state(page) == GMEM_PAGE_LEAVING;
}

/* ---- pages that wait to be hidden ---- */

static void gmem_wait_to_hide(struct gmem_loan *loan)
{
	spin_lock(&waiting_lock);
	list_add_tail(&loan->waiting, &waiting_loans);
	WRITE_ONCE(nr_waiting, nr_waiting + 1);
	spin_unlock(&waiting_lock);
	atomic_inc(&gmem_i(loan->inode)->waiting_loans);
	schedule_delayed_work(&rehide_retry, GMEM_REHIDE_RETRY);
}

static void gmem_wait_no_more(struct gmem_loan *loan)
{
	bool was;

	spin_lock(&waiting_lock);
	was = !list_empty(&loan->waiting);
	list_del_init(&loan->waiting);
	WRITE_ONCE(nr_waiting, nr_waiting - was);
	spin_unlock(&waiting_lock);
	if (was)
		atomic_dec(&gmem_i(loan->inode)->waiting_loans);
}

/* A span of one page. The caller has locked the page's record. */
static struct gmem_span gmem_span_of(struct gmem_frames **frames,
				     struct page *page)
{
	return (struct gmem_span){
		.page = page,
		.nr = 1,
		.nr_records = 1,
		.records = frames,
	};
}

/* Is the loan the only reason that the page is in the direct map? */
static bool gmem_is_lent_only(const struct page *page)
{
	return gmem_page_reasons(page) == GMEM_LENT;
}

/*
 * Hide a page that no borrower has any more. Return: 0; -EAGAIN if its file has
 * no flush left, or somebody but a device has a reference, if only for a
 * moment; or an error from the direct map. After an error the caller tries
 * again later.
 */
static int gmem_rehide(struct gmem_frames *frames, struct gmem_loan *loan)
{
	struct gmem_span span = gmem_span_of(&frames, loan->page);
	struct inode *inode = loan->inode;
	int ret = 0;

	if (gmem_is_lent_only(loan->page))
		ret = gmem_page_busy(loan->page) ? -EAGAIN :
		      gmem_budget_take(&gmem_i(inode)->flushes);
	if (!ret)
		ret = gmem_frame_hide_locked(&span, GMEM_LENT, inode, NULL);
	if (ret)
		return ret;
	gmem_wait_no_more(loan);
	trace_gmem_return(inode, page_to_pfn(loan->page), 0);
	gmem_loan_end(frames, loan);
	return 0;
}

/* The first page that waits; it moves to the end. Its loan may end any time. */
static struct page *gmem_next_waiting(void)
{
	struct gmem_loan *loan;
	struct page *page = NULL;

	spin_lock(&waiting_lock);
	loan = list_first_entry_or_null(&waiting_loans, struct gmem_loan,
					waiting);
	if (loan) {
		page = loan->page;
		list_move_tail(&loan->waiting, &waiting_loans);
	}
	spin_unlock(&waiting_lock);
	return page;
}

/* Return: 0 if the page doesn't wait any more. */
static int gmem_rehide_page(const struct page *page)
{
	struct gmem_frames *frames = gmem_frames_get(page_to_pfn(page));
	struct gmem_loan *loan;
	int ret = 0;

	if (!frames)
		return 0;
	mutex_lock(&frames->lock);
	loan = gmem_loan_find(frames, page);
	if (loan && loan->inode && !loan->borrowers)
		ret = gmem_rehide(frames, loan);
	mutex_unlock(&frames->lock);
	gmem_frames_put(frames);
	return ret;
}

/* Try each waiting page once: another file may still have flushes left. */
static void gmem_rehide_work(struct work_struct *work)
{
	unsigned int nr = READ_ONCE(nr_waiting);
	struct page *page;
	bool waits = false;

	while (nr-- && (page = gmem_next_waiting())) {
		waits |= gmem_rehide_page(page) != 0;
		cond_resched();
	}
	if (waits)
		schedule_delayed_work(&rehide_retry, GMEM_REHIDE_RETRY);
}

/* ---- lending ---- */

/* May this hidden page be exposed now? Return: 0, or -EAGAIN: later. */
static int gmem_may_expose(struct page *page, struct inode *inode)
{
	if (atomic_read(&gmem_i(inode)->waiting_loans) >= GMEM_MAX_WAITING)
		return -EAGAIN;
	if (!gmem_directmap_expose_flushes(page))
		return 0;
	return gmem_budget_take(&gmem_i(inode)->flushes);
}

/* Takes *@spare, a loan to use, and sets it to NULL; or leaves it as it is. */
static int gmem_lend_first(struct gmem_frames *frames, struct page *page,
			   struct inode *inode, struct gmem_loan **spare)
{
	struct gmem_span span = gmem_span_of(&frames, page);
	struct gmem_loan *loan = *spare;
	int ret = 0;

	if (gmem_page_state(page) == GMEM_PAGE_HIDDEN &&
	    !READ_ONCE(may_lend_hidden))
		return -EPERM;
	if (!loan)
		return -ENOMEM;
	if (gmem_page_state(page) == GMEM_PAGE_HIDDEN)
		ret = gmem_may_expose(page, inode);
	if (ret)
		return ret;
	*spare = NULL;
	gmem_loan_begin(frames, loan, page, inode);
	ret = gmem_frame_expose_locked(&span, GMEM_LENT, inode);
	if (ret) {
		gmem_loan_end(frames, loan);
		return ret;
	}
	loan->borrowers = 1;
	return 0;
}

static int gmem_lend_again(struct gmem_loan *loan)
{
	if (!READ_ONCE(may_lend_hidden) && gmem_is_lent_only(loan->page))
		return -EPERM;
	if (!loan->borrowers)
		gmem_wait_no_more(loan);
	loan->borrowers++;
	return 0;
}

static int gmem_lend_locked(struct gmem_frames *frames, struct page *page,
			    struct gmem_loan **spare)
{
	struct inode *inode = gmem_frame_owner(frames, page);
	struct gmem_loan *loan = gmem_loan_find(frames, page);
	int ret;

	if (!inode)
		return -EFAULT;
	if (gmem_page_poisoned(page))
		return -EHWPOISON;
	ret = loan ? gmem_lend_again(loan)
		   : gmem_lend_first(frames, page, inode, spare);
	if (ret)
		return ret;
	atomic_long_inc(&loans_ever);
	trace_gmem_lend(inode, page_to_pfn(page),
			loan ? loan->borrowers : 1);
	return 0;
}

/* Lend a page of the record. 0 without *@lent: it isn't ours any more. */
static int gmem_lend_of(struct gmem_frames *frames, unsigned long pfn,
			struct gmem_loan **spare, struct page **lent)
{
	int ret = 0;

	mutex_lock(&frames->lock);
	if (test_bit(pfn % GMEM_BLOCK_PAGES, frames->ours)) {
		ret = gmem_lend_locked(frames, pfn_to_page(pfn), spare);
		if (!ret)
			*lent = pfn_to_page(pfn);
	}
	mutex_unlock(&frames->lock);
	return ret;
}

/*
 * A page that is lent already needs no memory. -EAGAIN: the page's file has no
 * flush left, or too many pages wait.
 */
static int gmem_lend_try(unsigned long pfn, struct page **lent)
{
	struct gmem_frames *frames = gmem_frames_get(pfn);
	struct gmem_loan *spare = NULL;
	int ret;

	*lent = NULL;
	if (!frames)
		return 0;
	ret = gmem_lend_of(frames, pfn, &spare, lent);
	if (ret == -ENOMEM) {
		spare = gmem_loan_alloc();
		if (spare)
			ret = gmem_lend_of(frames, pfn, &spare, lent);
		kfree(spare);
	}
	gmem_frames_put(frames);
	return ret;
}

/**
 * gmem_lend - make a page reachable through the direct map
 * @pfn: any frame
 * @page: set to the page, for gmem_lend_return(); NULL if gmemfs doesn't have
 *	  the frame: then nothing is needed
 *
 * Sleeps. A guest that causes too many flushes waits here.
 *
 * Return: 0; or an errno, and the frame must not be touched. -EFAULT: no file
 * owns the page; -EPERM: it is hidden, and hidden pages are not lent;
 * -EHWPOISON: it has a memory error; -EINTR; -ENOMEM; or an error from the
 * direct map.
 */
int gmem_lend(unsigned long pfn, struct page **page)
{
	int ret;

	while ((ret = gmem_lend_try(pfn, page)) == -EAGAIN) {
		schedule_timeout_killable(1);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return ret;
}

/* For a page of a file. If it can't be hidden now, that is tried again. */
static void gmem_lend_over(struct gmem_frames *frames, struct gmem_loan *loan)
{
	if (gmem_rehide(frames, loan))
		gmem_wait_to_hide(loan);
}

/**
 * gmem_lend_return - a borrower is done with a page
 * @page: what gmem_lend() set, or NULL; the borrower doesn't touch it any more
 */
void gmem_lend_return(struct page *page)
{
	struct gmem_frames *frames;
	struct gmem_loan *loan;
	bool held = false;

	if (!page)
		return;
	frames = gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	loan = gmem_loan_find(frames, page);
	if (--loan->borrowers)
		goto unlock;
	held = !loan->inode;
	if (held) {
		gmem_frame_return_left_locked(frames, page);
		gmem_loan_end(frames, loan);
	} else {
		gmem_lend_over(frames, loan);
	}
unlock:
	gmem_frames_unlock(frames);
	if (held)
		gmem_held_kick();
}

/* ---- lent pages and their files ---- */

/* The page has left its file. Without a borrower, its loan ends. */
static void gmem_forget_loan(struct gmem_frames *frames, struct gmem_loan *loan)
{
	if (!loan->borrowers) {
		gmem_wait_no_more(loan);
		gmem_frame_return_left_locked(frames, loan->page);
		gmem_loan_end(frames, loan);
		return;
	}
	loan->inode = NULL;
	if (lend_gone)
		lend_gone(loan->page);
}

/**
 * gmem_lend_leave - these pages leave their file: don't lend them any more
 * @page: first page; the caller has unmapped the pages, from KVM's stage 2, too
 * @nr: 1, or a block's 512
 * @inode: the file
 *
 * Return: how many can't go to another file: see gmem_frame_leave_locked().
 */
unsigned int gmem_lend_leave(struct page *page, unsigned int nr,
			     struct inode *inode)
{
	struct gmem_frames *frames =
		gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	unsigned int others = gmem_frame_leave_locked(frames, page, nr, inode);
	struct gmem_loan *loan, *next;

	list_for_each_entry_safe(loan, next, &frames->loans, node)
		if (loan->page >= page && loan->page < page + nr)
			gmem_forget_loan(frames, loan);
	gmem_frames_unlock(frames);
	return others;
}

/* gmem_lend_count - how many references to a file's page are loans': 0 or 1 */
unsigned int gmem_lend_count(const struct page *page)
{
	return !!(gmem_page_word(page) & GMEM_LENT);
}

/* With guard=deny, a shared page that KVM has borrowed must stay shared. */
static bool gmem_keeps_shared(const struct gmem_frames *frames,
			      const struct page *page)
{
	struct gmem_loan *loan;

	if (READ_ONCE(may_lend_hidden) || !gmem_lend_count(page) ||
	    !(gmem_page_reasons(page) & GMEM_WANTED))
		return false;
	loan = gmem_loan_find(frames, page);
	return loan && loan->borrowers;
}

/*
 * Must a page of the span stay shared? The host would crash if a pinned page
 * were hidden and the pin's holder used it. Only a page that is wanted shared
 * would be hidden here. convert.c has asked before, but without the records'
 * locks: there a loan that ends can make a pinned page look unpinned.
 */
static bool gmem_span_stays_shared(const struct gmem_span *span)
{
	unsigned int i;

	for (i = 0; i < span->nr; i++) {
		struct page *page = span->page + i;

		if (gmem_page_may_be_had(page) &&
		    gmem_page_reasons(page) & GMEM_WANTED &&
		    (gmem_page_pinned(page) ||
		     gmem_keeps_shared(gmem_span_record(span, i), page)))
			return true;
	}
	return false;
}

/* gmem_lend_keeps - does a loan keep this page of a file from being private? */
bool gmem_lend_keeps(struct page *page)
{
	struct gmem_frames *frames;
	bool keeps;

	if (!gmem_lend_count(page))
		return false;
	frames = gmem_frames_lock(page, GMEM_FRAMES_OF_FILES);
	keeps = gmem_keeps_shared(frames, page);
	gmem_frames_unlock(frames);
	return keeps;
}

static int gmem_make_private(struct gmem_frames **records, struct page *page,
			     unsigned int nr, struct inode *inode,
			     struct gmem_flush *flush)
{
	struct gmem_span span;
	int ret = -EAGAIN;

	gmem_span_lock(&span, records, page, nr);
	if (!gmem_span_stays_shared(&span))
		ret = gmem_frame_hide_locked(&span, GMEM_WANTED, inode, flush);
	gmem_span_unlock(&span);
	if (ret == -EPERM)
		gmem_refusal_say(inode, GMEM_REFUSED_UNHOOKED);
	return ret;
}

static noinline int gmem_make_blocks_private(struct page *page, unsigned int nr,
					     struct inode *inode,
					     struct gmem_flush *flush)
{
	struct gmem_frames *records[GMEM_BATCH];

	return gmem_make_private(records, page, nr, inode, flush);
}

/**
 * gmem_lend_make_private - pages are not wanted shared any more
 * @page: first of contiguous pages of a file: a part of a block, or up to
 *	  GMEM_BATCH blocks
 * @nr: how many
 * @inode: the file; its invalidate_lock is held until @flush is done
 * @flush: see struct gmem_flush
 *
 * A page that is lent is hidden when it is returned.
 *
 * Return: 0; -EAGAIN, and no page has changed, if one is pinned, or KVM has one
 * that must stay shared; or an error from the direct map, and some may be
 * hidden.
 */
int gmem_lend_make_private(struct page *page, unsigned int nr,
			   struct inode *inode, struct gmem_flush *flush)
{
	struct gmem_frames *frames;

	if (nr > GMEM_BLOCK_PAGES)
		return gmem_make_blocks_private(page, nr, inode, flush);
	return gmem_make_private(&frames, page, nr, inode, flush);
}

/* No file is left, and the guard has returned all loans. */
void gmem_lend_exit(void)
{
	cancel_delayed_work_sync(&rehide_retry);
}
