// SPDX-License-Identifier: GPL-2.0
/*
 * Lending: which hidden pages are back in the direct map for a while, because
 * KVM itself must reach them there, and how often each has been lent.
 *
 * guard.c knows when KVM wants a page and when it lets go. This file knows
 * which frames are ours, and keeps three promises:
 *   - a page is exposed before its borrower gets it;
 *   - it is hidden again when the last borrower returns it;
 *   - a page that leaves its file is not lent any more, but it is nobody
 *     else's before the last borrower has returned it: the loan has a
 *     reference to it. KVM's caches have none, and rely on an MMU notifier
 *     that is gone when the VMM's address space is, and is not always heard.
 *
 * One mutex covers all of it. Lending is rare: once for each vCPU's clock page,
 * not once for each access.
 */
#include <linux/hashtable.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "directmap.h"
#include "fault_inject.h"
#include "inode.h"
#include "lend.h"
#include "state.h"
#include "trace.h"
#include "units.h"

#define GMEM_REHIDE_RETRY	HZ

/**
 * struct gmem_loan - a page that is lent; it has a reference to it
 * @node: in @loans, while the page belongs to its file
 * @pfn: the page
 * @borrowers: how many have it; 0 while it waits to be hidden again
 * @gone: the page has left its file
 */
struct gmem_loan {
	struct hlist_node node;
	unsigned long pfn;
	unsigned int borrowers;
	bool gone;
};

static DEFINE_MUTEX(lend_lock);
static DEFINE_HASHTABLE(loans, 8);
static DEFINE_HASHTABLE(gone_loans, 6);
static void (*when_gone)(struct page *page);
static bool hidden_allowed;
static unsigned int nr_loans;
static atomic_long_t lent_pages;
static atomic_long_t loans_ever;

/*
 * The frames that are hidden, or lent: 2 MiB blocks by their number, single
 * pages by theirs. An entry is the file's inode, or NOBODY: before a file has
 * the memory, once it has let go of it, and in the pool.
 */
static DEFINE_XARRAY(owned_blocks);
static DEFINE_XARRAY(owned_pages);

#define NOBODY		xa_mk_value(1)

static void gmem_rehide_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(rehide_retry, gmem_rehide_work);

unsigned long gmem_lend_pages(void)
{
	return atomic_long_read(&lent_pages);
}

unsigned long gmem_lend_total(void)
{
	return atomic_long_read(&loans_ever);
}

/* ---- what is ours ---- */

static struct xarray *gmem_owned(unsigned int nr)
{
	return nr > 1 ? &owned_blocks : &owned_pages;
}

static unsigned long gmem_owned_index(struct page *page, unsigned int nr)
{
	return nr > 1 ? page_to_pfn(page) >> GMEM_BLOCK_ORDER
		      : page_to_pfn(page);
}

static void *gmem_owner(unsigned long pfn)
{
	void *owner = xa_load(&owned_blocks, pfn >> GMEM_BLOCK_ORDER);

	return owner ?: xa_load(&owned_pages, pfn);
}

static int gmem_own_one(struct page *page, unsigned int nr)
{
	if (gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		return -ENOMEM;
	return xa_err(xa_store(gmem_owned(nr), gmem_owned_index(page, nr),
			       NOBODY, GFP_KERNEL));
}

/**
 * gmem_lend_own_range - from now on these pages are known as hidden
 * @page: first page, hidden, not yet mapped anywhere
 * @nr: 1, or a multiple of a block's 512
 *
 * They are nobody's and can't be lent yet.
 *
 * Return: 0; or -ENOMEM, then none of them is known.
 */
int gmem_lend_own_range(struct page *page, unsigned int nr)
{
	unsigned int step = min_t(unsigned int, nr, GMEM_BLOCK_PAGES), i;
	int ret;

	for (i = 0; i < nr; i += step) {
		ret = gmem_own_one(page + i, step);
		if (ret)
			goto undo;
	}
	return 0;
undo:
	while (i) {
		i -= step;
		gmem_lend_disown(page + i, step);
	}
	return ret;
}

/**
 * gmem_lend_assign - these pages are a file's, and can be lent
 * @page: first page, known and nobody's
 * @nr: 1, or a block's 512
 * @inode: the file
 *
 * Replaces an entry, so needs no memory and can't fail.
 */
void gmem_lend_assign(struct page *page, unsigned int nr, struct inode *inode)
{
	xa_store(gmem_owned(nr), gmem_owned_index(page, nr), inode,
		 GFP_KERNEL);
}

static void gmem_add_loan(struct gmem_loan *loan)
{
	hash_add(loans, &loan->node, loan->pfn);
	WRITE_ONCE(nr_loans, nr_loans + 1);
}

static void gmem_remove_loan(struct gmem_loan *loan)
{
	hash_del(&loan->node);
	WRITE_ONCE(nr_loans, nr_loans - 1);
}

static struct gmem_loan *gmem_find_loan(unsigned long pfn)
{
	struct gmem_loan *loan;

	hash_for_each_possible(loans, loan, node, pfn)
		if (loan->pfn == pfn)
			return loan;
	return NULL;
}

static void gmem_count_lent(struct inode *inode, int n)
{
	atomic_long_add(n, &lent_pages);
	atomic_long_add(n, &gmem_i(inode)->lent);
	atomic_long_sub(n, &gmem_i(inode)->hidden);
}

static void gmem_end_loan(struct gmem_loan *loan)
{
	put_page(pfn_to_page(loan->pfn));
	kfree(loan);
}

/* Is this page in the direct map because it's shared, lent or not? */
static bool gmem_is_exposed(unsigned long pfn)
{
	return page_private(pfn_to_page(pfn)) & GMEM_PAGE_EXPOSED;
}

/* The page is its borrowers' own business now; the last one ends the loan. */
static void gmem_forget_loan(struct gmem_loan *loan, struct inode *inode)
{
	gmem_remove_loan(loan);
	if (!gmem_is_exposed(loan->pfn))
		gmem_count_lent(inode, -1);
	loan->gone = true;
	if (!loan->borrowers) {
		gmem_end_loan(loan);
		return;
	}
	hash_add(gone_loans, &loan->node, loan->pfn);
	if (when_gone)
		when_gone(pfn_to_page(loan->pfn));
}

/* It counts as hidden again, as all that leaves a file does. */
static void gmem_forget_exposed(struct page *page, struct inode *inode)
{
	if (!gmem_is_exposed(page_to_pfn(page)))
		return;
	set_page_private(page, page_private(page) & ~GMEM_PAGE_EXPOSED);
	atomic_long_inc(&gmem_i(inode)->hidden);
}

/**
 * gmem_lend_leave - these pages leave their file: lend them no more
 * @page: first page; the caller has unmapped them, which took KVM's own
 *	  mappings away
 * @nr: as they were owned
 *
 * Return: how many of them are in the direct map, lent or shared. They must
 * stay there.
 */
unsigned int gmem_lend_leave(struct page *page, unsigned int nr)
{
	unsigned long pfn = page_to_pfn(page);
	struct gmem_loan *loan;
	unsigned int i, exposed = 0;
	struct inode *inode;

	mutex_lock(&lend_lock);
	/* Replaces an entry, so needs no memory and can't fail. */
	inode = xa_store(gmem_owned(nr), gmem_owned_index(page, nr), NOBODY,
			 GFP_KERNEL);
	for (i = 0; i < nr; i++) {
		loan = gmem_find_loan(pfn + i);
		exposed += loan || gmem_is_exposed(pfn + i);
		if (loan)
			gmem_forget_loan(loan, inode);
		gmem_forget_exposed(page + i, inode);
	}
	mutex_unlock(&lend_lock);
	return exposed;
}

/**
 * gmem_lend_disown - these pages are in the direct map and may go
 * @page: first page, known and nobody's
 * @nr: 1, or a block's 512
 *
 * Not under lend_lock: nobody's pages can't be lent meanwhile, and the pool's
 * shrinker comes here when memory is short, maybe with that lock held.
 */
void gmem_lend_disown(struct page *page, unsigned int nr)
{
	xa_erase(gmem_owned(nr), gmem_owned_index(page, nr));
}

/* ---- lending ---- */

static struct gmem_loan *gmem_make_loan(unsigned long pfn, struct inode *inode)
{
	struct gmem_loan *loan = NULL;
	int ret;

	if (!gmem_fault_inject(GMEM_FAIL_ALLOC_META))
		loan = kzalloc(sizeof(*loan), GFP_KERNEL);
	if (!loan)
		return ERR_PTR(-ENOMEM);

	if (!gmem_is_exposed(pfn)) {
		ret = gmem_directmap_expose(pfn_to_page(pfn), 1, 1);
		if (ret) {
			kfree(loan);
			return ERR_PTR(ret);
		}
		gmem_count_lent(inode, 1);
	}
	get_page(pfn_to_page(pfn));
	loan->pfn = pfn;
	gmem_add_loan(loan);
	return loan;
}

static struct gmem_loan *gmem_lend_locked(unsigned long pfn)
{
	struct inode *inode = gmem_owner(pfn);
	struct gmem_loan *loan;

	if (!inode)
		return NULL;
	if (xa_is_value(inode))
		return ERR_PTR(-EFAULT);

	if (!READ_ONCE(hidden_allowed) && !gmem_is_exposed(pfn))
		return ERR_PTR(-EPERM);
	loan = gmem_find_loan(pfn);
	if (!loan)
		loan = gmem_make_loan(pfn, inode);
	if (IS_ERR(loan))
		return loan;
	loan->borrowers++;
	atomic_long_inc(&loans_ever);
	trace_gmem_lend(inode, pfn, loan->borrowers);
	return loan;
}

/**
 * gmem_lend - make a page reachable through the direct map
 * @pfn: any frame
 * @page: for gmem_lend_return(); NULL if the frame is none of ours and needs
 *	  nothing
 *
 * Return: 0; or -errno, then it must not be touched. -EFAULT: it is about to
 * leave its file; -EPERM: it is hidden, and stays so; -ENOMEM, or what the
 * direct map answered.
 */
int gmem_lend(unsigned long pfn, struct page **page)
{
	struct gmem_loan *loan;

	*page = NULL;
	mutex_lock(&lend_lock);
	loan = gmem_lend_locked(pfn);
	mutex_unlock(&lend_lock);
	if (IS_ERR(loan))
		return PTR_ERR(loan);
	if (loan)
		*page = pfn_to_page(pfn);
	return 0;
}

void gmem_lend_on_gone(void (*gone)(struct page *page))
{
	when_gone = gone;
}

void gmem_lend_allow_hidden(bool allow)
{
	WRITE_ONCE(hidden_allowed, allow);
}

/* gmem_lend_is_ours - is this frame hidden memory of a file, lent or not? */
bool gmem_lend_is_ours(unsigned long pfn)
{
	return gmem_owner(pfn);
}

static struct gmem_loan *gmem_find_gone(const struct page *page)
{
	struct gmem_loan *loan;

	hash_for_each_possible(gone_loans, loan, node, page_to_pfn(page))
		if (loan->pfn == page_to_pfn(page))
			return loan;
	return NULL;
}

/* Where the direct map can't be edited just now, it is tried again later. */
static void gmem_rehide(struct gmem_loan *loan)
{
	struct inode *inode = gmem_owner(loan->pfn);
	int ret;

	/* It was made shared meanwhile, or always was. */
	if (gmem_is_exposed(loan->pfn)) {
		gmem_remove_loan(loan);
		gmem_end_loan(loan);
		return;
	}
	ret = gmem_directmap_hide(pfn_to_page(loan->pfn), 1);

	/* -EIO leaves it hidden, or as good as: it's exposed before it goes. */
	if (ret && ret != -EIO) {
		schedule_delayed_work(&rehide_retry, GMEM_REHIDE_RETRY);
		return;
	}
	trace_gmem_return(inode, loan->pfn, 0);
	gmem_remove_loan(loan);
	gmem_count_lent(inode, -1);
	gmem_end_loan(loan);
}

static void gmem_rehide_work(struct work_struct *work)
{
	struct gmem_loan *loan;
	struct hlist_node *next;
	unsigned int bucket;

	mutex_lock(&lend_lock);
	hash_for_each_safe(loans, bucket, next, loan, node)
		if (!loan->borrowers)
			gmem_rehide(loan);
	mutex_unlock(&lend_lock);
}

/*
 * It was zeroed when it left the file, but its borrowers may have written to it
 * since. The page allocator keeps what has a memory error out of use.
 */
static void gmem_end_gone_loan(struct gmem_loan *loan)
{
	if (!PageHWPoison(pfn_to_page(loan->pfn)))
		clear_highpage(pfn_to_page(loan->pfn));
	gmem_end_loan(loan);
}

/**
 * gmem_lend_return - a borrower is done with a page and touches it no more
 * @page: as lent, or NULL
 */
void gmem_lend_return(struct page *page)
{
	struct gmem_loan *loan;

	if (!page)
		return;

	mutex_lock(&lend_lock);
	loan = gmem_find_gone(page) ?: gmem_find_loan(page_to_pfn(page));
	loan->borrowers--;
	if (!loan->borrowers && loan->gone) {
		hash_del(&loan->node);
		gmem_end_gone_loan(loan);
	} else if (!loan->borrowers) {
		gmem_rehide(loan);
	}
	mutex_unlock(&lend_lock);
}

/* gmem_lend_is_gone - has this lent page left its file? */
bool gmem_lend_is_gone(const struct page *page)
{
	bool gone;

	mutex_lock(&lend_lock);
	gone = gmem_find_gone(page);
	mutex_unlock(&lend_lock);
	return gone;
}

/* gmem_lend_is_lent - has KVM borrowed this frame? */
bool gmem_lend_is_lent(unsigned long pfn)
{
	bool lent;

	/* Asked for each page of a file, and mostly there is none. */
	if (!READ_ONCE(nr_loans))
		return false;
	mutex_lock(&lend_lock);
	lent = gmem_find_loan(pfn);
	mutex_unlock(&lend_lock);
	return lent;
}

/* ---- sharing: what convert.c does to pages, which may be lent ---- */

/**
 * gmem_lend_adopt - pages that never were hidden are from now on ours to hide
 * @page: first page, a file's, exposed
 * @nr: 1, or a block's 512
 * @inode: the file
 *
 * Return: 0 or -ENOMEM.
 */
int gmem_lend_adopt(struct page *page, unsigned int nr, struct inode *inode)
{
	unsigned int i;
	int ret;

	/* KVM may look for them as soon as they are known: so, bits first. */
	for (i = 0; i < nr; i++)
		set_page_private(page + i,
				 page_private(page + i) | GMEM_PAGE_EXPOSED);
	ret = gmem_lend_own_range(page, nr);
	if (!ret) {
		gmem_lend_assign(page, nr, inode);
		return 0;
	}
	for (i = 0; i < nr; i++)
		set_page_private(page + i,
				 page_private(page + i) & ~GMEM_PAGE_EXPOSED);
	return ret;
}

static unsigned int gmem_count_hidden(struct page *page, unsigned int nr)
{
	unsigned long pfn = page_to_pfn(page);
	unsigned int i, hidden = 0;

	for (i = 0; i < nr; i++)
		hidden += !gmem_is_exposed(pfn + i) && !gmem_find_loan(pfn + i);
	return hidden;
}

static void gmem_note_shared(struct page *page, struct inode *inode)
{
	if (gmem_is_exposed(page_to_pfn(page)))
		return;
	set_page_private(page, page_private(page) | GMEM_PAGE_EXPOSED);
	/* What was lent is not counted as hidden, but as lent. */
	if (gmem_find_loan(page_to_pfn(page)))
		gmem_count_lent(inode, -1);
	atomic_long_dec(&gmem_i(inode)->hidden);
}

static int gmem_share_locked(struct page *page, unsigned int nr,
			     struct inode *inode)
{
	unsigned int hidden = gmem_count_hidden(page, nr), i;
	int ret;

	ret = hidden ? gmem_directmap_expose(page, nr, hidden) : 0;
	for (i = 0; i < nr && !ret; i++)
		gmem_note_shared(page + i, inode);
	return ret;
}

/**
 * gmem_lend_share - expose pages to stay, until gmem_lend_unshare()
 * @page: first of neighbours in memory; some may be exposed or lent already
 * @nr: how many
 * @inode: their file
 *
 * Return: 0; or what the direct map answered, then nothing has changed.
 */
int gmem_lend_share(struct page *page, unsigned int nr, struct inode *inode)
{
	int ret = 0;

	mutex_lock(&lend_lock);
	/* What isn't known never was hidden. */
	if (gmem_owner(page_to_pfn(page)))
		ret = gmem_share_locked(page, nr, inode);
	mutex_unlock(&lend_lock);
	return ret;
}

/* Neighbours, none of them lent, some of them maybe hidden already. */
static int gmem_unshare_run(struct page *page, unsigned int nr,
			    struct inode *inode)
{
	unsigned int exposed = nr - gmem_count_hidden(page, nr), i;
	int ret;

	if (!exposed)
		return 0;
	ret = gmem_directmap_hide_some(page, nr, exposed);
	if (ret)
		return ret;
	atomic_long_add(exposed, &gmem_i(inode)->hidden);
	for (i = 0; i < nr; i++)
		set_page_private(page + i, 0);
	return 0;
}

/* It stays where KVM has it, and is hidden when it comes back. */
static void gmem_unshare_lent(struct page *page, struct inode *inode)
{
	if (!gmem_is_exposed(page_to_pfn(page)))
		return;
	set_page_private(page, 0);
	atomic_long_inc(&gmem_i(inode)->hidden);
	gmem_count_lent(inode, 1);
}

/**
 * gmem_lend_unshare - hide pages that were shared
 * @page: first of neighbours in memory that nobody else uses; some may be
 *	  hidden or lent already
 * @nr: how many
 * @inode: their file
 *
 * Return: 0, or what the direct map answered, with some of them hidden.
 */
int gmem_lend_unshare(struct page *page, unsigned int nr, struct inode *inode)
{
	unsigned int i = 0, run;
	int ret = 0;

	mutex_lock(&lend_lock);
	while (i < nr && !ret) {
		for (run = 0; i + run < nr; run++)
			if (gmem_find_loan(page_to_pfn(page) + i + run))
				break;
		if (run) {
			ret = gmem_unshare_run(page + i, run, inode);
			i += run;
		} else {
			gmem_unshare_lent(page + i, inode);
			i++;
		}
	}
	mutex_unlock(&lend_lock);
	return ret;
}

/* No file is left, so neither is anything owned; stray loans are all gone. */
void gmem_lend_exit(void)
{
	cancel_delayed_work_sync(&rehide_retry);
	xa_destroy(&owned_blocks);
	xa_destroy(&owned_pages);
}
