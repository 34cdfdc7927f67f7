// SPDX-License-Identifier: GPL-2.0
/*
 * Borrowing: a task runs KVM code that maps a guest's page into the kernel, and
 * the page is lent where KVM looks it up.
 *
 * However KVM maps a page, one function turns the user address into a frame:
 * hva_to_pfn(). So gpc.c and vcpumap.c leave a note that the current task is
 * going to map a page, and call KVM's function. When that calls hva_to_pfn(),
 * ftrace calls gmem_borrow_under_way(), and a task with a note is redirected to
 * this file. All other calls of hva_to_pfn(), such as those for the guest's own
 * page faults, run KVM's function unchanged, unless pages were ever unmapped
 * from a guest view that stays, or a fault channel was opened. Since then every
 * task is redirected, for three reasons:
 *
 *   - After a clone, pages are mapped read-only until they are written to
 *     (view.c). KVM would take such an entry for read-only memory, and not for
 *     one whose write fault is still to be done.
 *   - KVM's function does a fault, then looks at the page table once. If the
 *     entry has gone again, because a page beside it was converted, punched or
 *     copied, it returns an error, and KVM_RUN fails with EFAULT: the VMM stops
 *     the guest. (KVM looks whether mappings changed only without an error.)
 *   - A vCPU may have to wait for a page that is missing (faults.c). KVM's
 *     function would wait whatever signals there are, and the VMM couldn't stop
 *     the vCPU.
 *
 * So the fault is done here, and KVM's function looks again. And a task for
 * which any signal may end the look-up notes that it may end its wait too: then
 * KVM's function finds an error, and the look-up says that there is a signal.
 *
 * For a task with a note, the frame is lent before KVM learns its number. So
 * KVM never has a frame that is still hidden. If the frame can't be lent,
 * hva_to_pfn() fails, and KVM does what it does for a guest page that doesn't
 * exist.
 *
 * The loan has to be one of the right page. The frame number doesn't tell:
 * between KVM's look at the page table and the loan, the page may have left its
 * file, and another file, of another guest, may own it. So KVM's own function
 * looks the address up again:
 *
 *   - A page that is lent goes to no other file before it is returned.
 *   - The second look-up came after the loan, and found that the address maps
 *     that frame. So at that time the file that is mapped there owned the page.
 *   - The page is still lent. So even if it has left that file since, no other
 *     file owns it.
 *
 * If the second look-up finds another frame, or none, the loan is given back.
 *
 * A frame that isn't lent is not memory of ours. But unless KVM found it in a
 * way that finds none of ours, it may have been ours a moment ago. Then the
 * address is looked up again, too, and the frame must still not be ours. Later
 * changes are reported to KVM by its own MMU notifier, as for any device
 * memory.
 */
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>

#include "borrow.h"
#include "fault_inject.h"
#include "faults.h"
#include "frametable.h"
#include "hook.h"
#include "kvm.h"
#include "lend.h"
#include "unmap.h"
#include "view.h"

/* ---- notes ---- */

/*
 * All look-ups of KVM read these, for any VM, and only tasks that map something
 * write to them: so a bucket shares its cache line with no other. The lock is a
 * raw spinlock because KVM may look a page up with a spinlock held.
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
 * gmem_borrow_begin - note that this task is about to map a page into the
 *		       kernel
 * @b: with @keep set; it stays on the stack until gmem_borrow_end()
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

/* Only a task itself adds and removes its notes, so the answer stays true. */
static notrace struct gmem_borrow *gmem_borrow_current(void)
{
	struct gmem_bucket *bucket = gmem_bucket_of_current();
	struct gmem_borrow *b, *found = NULL;

	/* A task sees its own additions without the lock. */
	if (hlist_empty(&bucket->notes))
		return NULL;
	raw_spin_lock(&bucket->lock);
	hlist_for_each_entry(b, &bucket->notes, node)
		if (b->task == current && !found)
			found = b;
	raw_spin_unlock(&bucket->lock);
	return found;
}

/*
 * gmem_borrow_under_way - has this task left a note, or may entries have gone?
 *			   ftrace calls it.
 */
notrace bool gmem_borrow_under_way(void)
{
	return READ_ONCE(gmem_unmap_seen) || gmem_borrow_current();
}

/* ---- look up, lend, look again ---- */

/* A VMM that moves the page all the time gets an error. */
#define LOOKUP_TRIES	8

/*
 * How often a fault is done for a look-up: entries may go all the time, since a
 * guest's pages are converted, punched and cloned. So this only bounds how long
 * a task spins if KVM fails for a reason that no fault mends.
 */
#define FAULT_TRIES	1000

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

/* May KVM's function find a frame, once a fault has been done? */
static bool gmem_needs_fault(struct gmem_lookup *l, kvm_pfn_t pfn)
{
	if (pfn == KVM_PFN_ERR_RO_FAULT)
		return true;
	return pfn == KVM_PFN_ERR_FAULT && gmem_kvm_lookup_may_sleep(l);
}

/* Is there a signal that ends the look-up? */
static bool gmem_look_ends(const struct gmem_lookup *l)
{
	return gmem_kvm_lookup_interruptible(l) ? signal_pending(current)
						: fatal_signal_pending(current);
}

/*
 * Look up, and do the fault of a guest view that has no entry there, or a
 * read-only one. An error that stays is the fault's. Return: as
 * gmem_kvm_lookup().
 */
static kvm_pfn_t gmem_look(struct gmem_lookup *l)
{
	kvm_pfn_t pfn = gmem_kvm_lookup(l);
	int tries = FAULT_TRIES, ret;

	while (gmem_needs_fault(l, pfn) && tries--) {
		if (gmem_look_ends(l))
			return KVM_PFN_ERR_SIGPENDING;
		ret = gmem_view_fault_in(gmem_kvm_lookup_address(l),
					 gmem_kvm_lookup_writes(l));
		if (ret == -ENOENT)
			return pfn;
		if (ret)
			return gmem_look_ends(l) ? KVM_PFN_ERR_SIGPENDING
						 : gmem_error_pfn(ret);
		cond_resched();
		pfn = gmem_kvm_lookup(l);
	}
	return pfn;
}

/* The same for a guest's own fault, if it is one. */
static kvm_pfn_t gmem_look_for_guest(struct gmem_lookup *l)
{
	struct gmem_fault_note note;
	kvm_pfn_t pfn;

	if (!gmem_kvm_lookup_interruptible(l))
		return gmem_look(l);
	gmem_fault_note_begin(&note, false);
	pfn = gmem_look(l);
	gmem_fault_note_end(&note);
	return pfn;
}

/*
 * Does the address still lead to @pfn; and if no @page was lent, is that still
 * no frame of ours? The reference of the first look-up is dropped: the loan
 * keeps the page. KVM gets the reference of the second.
 *
 * Return: 0; or 1 if the address leads elsewhere now, or nowhere. No reference
 * is left unless it is 0.
 */
static int gmem_look_again(struct gmem_lookup *l, kvm_pfn_t pfn,
			   struct page *page)
{
	kvm_pfn_t again;

	gmem_kvm_lookup_release(l, pfn);
	again = gmem_kvm_lookup(l);
	if (is_error_noslot_pfn(again))
		return 1;
	if (again == pfn && (page || !gmem_frames_has(pfn)) &&
	    !gmem_fault_inject(GMEM_FAIL_SECOND_LOOK))
		return 0;
	gmem_kvm_lookup_release(l, again);
	return 1;
}

/*
 * Look again, and let the caller keep @page, which was lent; @page is NULL for
 * a frame that isn't ours. Return: as gmem_look_again(), or -errno of keep().
 */
static int gmem_borrow_page(struct gmem_borrow *b, struct gmem_lookup *l,
			    kvm_pfn_t pfn, struct page *page)
{
	int ret;

	if (!page && gmem_kvm_lookup_is_foreign(l))
		return 0;
	ret = gmem_look_again(l, pfn, page);
	if (ret || !page)
		return ret;
	ret = b->keep(b, page);
	if (ret)
		gmem_kvm_lookup_release(l, pfn);
	return ret;
}

/*
 * No file owns the page. It may be common: then it isn't lent, but the file can
 * get a page of its own, even if KVM would only read. Or it has just left its
 * file. Return: 0: try again.
 */
static int gmem_borrow_own(struct gmem_lookup *l)
{
	if (!READ_ONCE(gmem_unmap_seen))
		return -EFAULT;
	return gmem_view_fault_in(gmem_kvm_lookup_address(l), true);
}

/* Return: 0, or 1: try again. Sets @pfn to what KVM gets, if only an error. */
static int gmem_borrow_once(struct gmem_borrow *b, struct gmem_lookup *l,
			    kvm_pfn_t *pfn)
{
	struct page *page;
	int ret;

	*pfn = gmem_look(l);
	if (is_error_noslot_pfn(*pfn))
		return 0;
	gmem_fault_delay_lending();
	ret = gmem_lend(*pfn, &page);
	if (!ret && !page && gmem_kvm_lookup_needs_loan(l))
		ret = -EFAULT;
	if (ret) {
		gmem_kvm_lookup_release(l, *pfn);
		*pfn = gmem_error_pfn(ret);
		return ret == -EFAULT && !gmem_borrow_own(l);
	}
	ret = gmem_borrow_page(b, l, *pfn, page);
	if (!ret)
		return 0;
	gmem_lend_return(page);
	*pfn = gmem_error_pfn(ret);
	return ret > 0;
}

/**
 * gmem_borrow_lookup - replaces hva_to_pfn() for a task with a note; once
 *			entries may have gone, for all tasks
 * @l: KVM's arguments
 *
 * Return: as hva_to_pfn(). If there is a note, and the frame is ours, it has
 * been lent, and the note's keep() has the loan. KVM may call this several
 * times, when an MMU notifier makes it try again.
 */
kvm_pfn_t gmem_borrow_lookup(struct gmem_lookup *l)
{
	struct gmem_borrow *b = gmem_borrow_current();
	int tries = LOOKUP_TRIES;
	kvm_pfn_t pfn;

	if (!b) {
		int token = gmem_hook_enter(&gmem_kvm_hooks);

		pfn = gmem_look_for_guest(l);
		gmem_hook_leave(&gmem_kvm_hooks, token);
		return pfn;
	}
	while (gmem_borrow_once(b, l, &pfn) && --tries)
		;
	return pfn;
}

/**
 * gmem_borrow_slipped_through - is this frame, which KVM has mapped, ours?
 * @pfn: mapped, and not lent for that
 *
 * If it is, KVM has found it without a hooked call of hva_to_pfn(). That can
 * only happen if a compiler has inlined that function. It is checked because
 * KVM's next access would crash the host.
 */
bool gmem_borrow_slipped_through(kvm_pfn_t pfn)
{
	if (is_error_noslot_pfn(pfn) || !gmem_frames_has(pfn))
		return false;
	pr_err_once("guard: kvm mapped guest memory without calling a hooked function: refused, because the access could crash this host. Report this with the kernel's version\n");
	return true;
}
