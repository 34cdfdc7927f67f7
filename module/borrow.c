// SPDX-License-Identifier: GPL-2.0
/*
 * Borrowing: a task is about to map a page of a guest's into the kernel, and
 * what that means where KVM looks the page up.
 *
 * All ways by which KVM maps a page have one place where a user address becomes
 * a frame: hva_to_pfn(). So gpc.c and vcpumap.c leave a note that this task is
 * on its way to map a page, and call KVM's function. When that comes to
 * hva_to_pfn(), ftrace asks gmem_borrow_under_way(), and for a task with a note
 * it leads here. All other calls, such as those for the guest's own page
 * faults, run KVM's function as if we weren't there.
 *
 * For a task with a note the frame is lent before KVM gets to know it. There is
 * no moment at which KVM has a frame that is still hidden. If the frame can't
 * be lent, hva_to_pfn() fails, and KVM does what it does for a guest page that
 * isn't there.
 *
 * Whose page is it that was lent? A frame number says nothing: between KVM's
 * look at the page table and the loan, the page may have left its file, and
 * another file, of another guest, may have got it. So the address is looked up
 * again, by KVM's own function:
 *   - What is lent goes to no other file before it is returned.
 *   - The second look found that this address maps that frame, and it was after
 *     the loan. So then the page belonged to the file that is mapped there.
 *   - It is lent still; so whoever has it since, it is no other file.
 * If the second look finds another frame, or none, the loan is given back.
 *
 * What isn't lent is somebody else's memory. If KVM got a reference with it, it
 * can't have been ours a moment ago. Otherwise it is looked up again, too, and
 * must still be none of ours; what becomes of it after that, KVM's own MMU
 * notifier tells it, as for any device's memory.
 */
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#include "borrow.h"
#include "fault_inject.h"
#include "kvm.h"
#include "lend.h"

/* ---- notes ---- */

/*
 * Looked at in each of KVM's look-ups, for whatever VM, and written to only by
 * tasks that map something: so a bucket shares its cache line with no other.
 * The lock is a raw one because KVM may look a page up with a spinlock held.
 */
#define BUCKET_BITS	6

static struct gmem_bucket {
	raw_spinlock_t lock;
	struct hlist_head notes;
} ____cacheline_aligned_in_smp buckets[1 << BUCKET_BITS] = {
	[0 ... (1 << BUCKET_BITS) - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(buckets.lock),
	},
};

static __always_inline struct gmem_bucket *gmem_bucket_of_current(void)
{
	return &buckets[hash_ptr(current, BUCKET_BITS)];
}

/**
 * gmem_borrow_begin - this task is about to map a page into the kernel
 * @b: with @keep set; on the stack, and there until gmem_borrow_end()
 */
void gmem_borrow_begin(struct gmem_borrow *b)
{
	struct gmem_bucket *bucket = gmem_bucket_of_current();

	b->task = current;
	raw_spin_lock(&bucket->lock);
	hlist_add_head(&b->node, &bucket->notes);
	raw_spin_unlock(&bucket->lock);
}

void gmem_borrow_end(struct gmem_borrow *b)
{
	struct gmem_bucket *bucket = gmem_bucket_of_current();

	raw_spin_lock(&bucket->lock);
	hlist_del(&b->node);
	raw_spin_unlock(&bucket->lock);
}

/* Only the task itself adds and removes its own, so the answer stays true. */
static notrace struct gmem_borrow *gmem_borrow_current(void)
{
	struct gmem_bucket *bucket = gmem_bucket_of_current();
	struct gmem_borrow *b, *found = NULL;

	/* What this task has added itself, it sees without the lock, too. */
	if (hlist_empty(&bucket->notes))
		return NULL;
	raw_spin_lock(&bucket->lock);
	hlist_for_each_entry(b, &bucket->notes, node)
		if (b->task == current && !found)
			found = b;
	raw_spin_unlock(&bucket->lock);
	return found;
}

/* gmem_borrow_under_way - has this task left a note? For ftrace to ask. */
notrace bool gmem_borrow_under_way(void)
{
	return gmem_borrow_current();
}

/* ---- look up, lend, look again ---- */

#define LOOKUP_TRIES	8

static kvm_pfn_t gmem_error_pfn(int error)
{
	switch (error) {
	case -EHWPOISON:
		return KVM_PFN_ERR_HWPOISON;
	case -EINTR:
	case -ERESTARTSYS:
		return KVM_PFN_ERR_SIGPENDING;
	default:
		return KVM_PFN_ERR_FAULT;
	}
}

/*
 * Is @pfn still what the address leads to, and @page, if any, that page? The
 * reference of the first look is dropped, the loan keeps the page; KVM gets
 * that of the second.
 *
 * Return: 0; 1 if it is another one now; or -errno. But for 0 no reference is
 * left.
 */
static int gmem_look_again(struct gmem_lookup *l, kvm_pfn_t pfn,
			   struct page *page)
{
	kvm_pfn_t again;

	gmem_kvm_lookup_release(l, pfn);
	again = gmem_kvm_lookup(l);
	if (is_error_noslot_pfn(again))
		return -EFAULT;
	if (again == pfn && (page || !gmem_lend_is_ours(pfn)) &&
	    !gmem_fault_inject(GMEM_FAIL_SECOND_LOOK))
		return 0;
	gmem_kvm_lookup_release(l, again);
	return 1;
}

/*
 * The page that was lent, or none for somebody else's memory, goes with this
 * frame to KVM. As gmem_look_again().
 */
static int gmem_borrow_page(struct gmem_borrow *b, struct gmem_lookup *l,
			    kvm_pfn_t pfn, struct page *page)
{
	int ret;

	if (!page && gmem_kvm_lookup_is_counted(l))
		return 0;
	ret = gmem_look_again(l, pfn, page);
	if (ret || !page)
		return ret;
	ret = b->keep(b, page);
	if (ret)
		gmem_kvm_lookup_release(l, pfn);
	return ret;
}

/* 0, or 1: try again; @pfn is what KVM gets otherwise, if only an error. */
static int gmem_borrow_once(struct gmem_borrow *b, struct gmem_lookup *l,
			    kvm_pfn_t *pfn)
{
	struct page *page;
	int ret;

	*pfn = gmem_kvm_lookup(l);
	if (is_error_noslot_pfn(*pfn))
		return 0;
	gmem_fault_delay_lending();
	ret = gmem_lend(*pfn, &page);
	if (!ret && !page && gmem_kvm_lookup_needs_loan(l))
		ret = -EFAULT;
	if (ret) {
		gmem_kvm_lookup_release(l, *pfn);
		*pfn = gmem_error_pfn(ret);
		return 0;
	}
	ret = gmem_borrow_page(b, l, *pfn, page);
	if (!ret)
		return 0;
	gmem_lend_return(page);
	*pfn = gmem_error_pfn(ret);
	return ret > 0;
}

/**
 * gmem_borrow_lookup - what hva_to_pfn() is for a task with a note
 * @l: what KVM called it with
 *
 * Return: as hva_to_pfn(). A frame of ours has been lent and is kept by the
 * note's keep(). KVM may come by several times, when an MMU notifier makes it
 * try again.
 */
kvm_pfn_t gmem_borrow_lookup(struct gmem_lookup *l)
{
	struct gmem_borrow *b = gmem_borrow_current();
	int tries = LOOKUP_TRIES;
	kvm_pfn_t pfn;

	if (!b)
		return gmem_kvm_lookup(l);
	/* Who moves the page all the time has none. */
	while (gmem_borrow_once(b, l, &pfn) && --tries)
		;
	return pfn;
}

/**
 * gmem_borrow_slipped_through - a frame that KVM has mapped: is it ours?
 * @pfn: mapped, and not lent for it
 *
 * KVM got it and didn't come by hva_to_pfn(). That can't be, unless a compiler
 * put that function into its caller: it is checked because the next access
 * would be the host's last.
 */
bool gmem_borrow_slipped_through(kvm_pfn_t pfn)
{
	if (is_error_noslot_pfn(pfn) || !gmem_lend_is_ours(pfn))
		return false;
	pr_err_once("guard: kvm maps guest memory by a way that isn't hooked; refused\n");
	return true;
}
