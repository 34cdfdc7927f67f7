// SPDX-License-Identifier: GPL-2.0
/*
 * gfn_to_pfn_caches: guest pages that KVM keeps mapped, for its clocks and
 * others, and the loans for those that are ours.
 *
 * A record says that a cache has borrowed a page. It is made when the page is
 * lent, within KVM's call. So a cache without a page of ours never has a
 * record. KVM looks an address up under the cache's refresh_lock, perhaps
 * several times in a call, and finally the cache has a frame or none. After
 * each call gmem_gpc_settle() checks which, also under refresh_lock: it keeps
 * one record of the frame that the cache has, and returns the loans of all
 * others.
 *
 * So it doesn't matter which call made a record, or in which order two tasks
 * that refresh one cache settle it:
 *
 *   - Under refresh_lock, the frame of the cache doesn't change until the next
 *     call.
 *   - A frame of ours in the cache has a record. The call that found the frame
 *     made the record, and no settling has removed it since: refresh_lock was
 *     held from then until the cache had the frame.
 *   - Each task that made a record settles after it. So does
 *     kvm_gpc_deactivate(), after which KVM finds no frame for the cache. So a
 *     cache has no record when it is freed. gmem_gpc_gone() relies on that.
 *
 * A page that leaves its file stays allocated and in the direct map until it is
 * returned: so what KVM still writes to it does no harm.
 */
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/hash.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/static_call.h>

#include "borrow.h"
#include "fault_inject.h"
#include "frametable.h"
#include "gpc.h"
#include "hook.h"
#include "kvm.h"
#include "lend.h"
#include "vmmexit.h"

DEFINE_STATIC_CALL_NULL(kvm_activate, kvm_gpc_activate);
DEFINE_STATIC_CALL_NULL(kvm_activate_hva, kvm_gpc_activate_hva);
DEFINE_STATIC_CALL_NULL(kvm_refresh, kvm_gpc_refresh);
DEFINE_STATIC_CALL_NULL(kvm_deactivate, kvm_gpc_deactivate);

/**
 * struct gmem_gpc_loan - the record that a cache has borrowed a page
 * @node: in the bucket of that cache
 * @gpc: the cache
 * @page: the page, lent for it
 */
struct gmem_gpc_loan {
	struct hlist_node node;
	struct gfn_to_pfn_cache *gpc;
	struct page *page;
};

#define BUCKET_BITS	6

static struct gmem_gpc_bucket {
	spinlock_t lock;	/* taken before gpc->lock */
	struct hlist_head loans;
} ____cacheline_aligned_in_smp buckets[1 << BUCKET_BITS] = {
	[0 ... (1 << BUCKET_BITS) - 1] = {
		.lock = __SPIN_LOCK_UNLOCKED(buckets.lock),
	},
};

static struct gmem_gpc_bucket *gmem_gpc_bucket(struct gfn_to_pfn_cache *gpc)
{
	return &buckets[hash_ptr(gpc, BUCKET_BITS)];
}

static void gmem_gpc_return(struct gmem_gpc_loan *loan)
{
	gmem_lend_return(loan->page);
	kfree(loan);
}

static void gmem_gpc_return_all(struct hlist_head *loans)
{
	struct gmem_gpc_loan *loan;
	struct hlist_node *next;

	hlist_for_each_entry_safe(loan, next, loans, node)
		gmem_gpc_return(loan);
}

/* ---- a call ---- */

/**
 * struct gmem_gpc_call - a call into KVM that may give a cache another frame
 * @borrow: the note for borrow.c
 * @gpc: the cache
 * @token: what gmem_hook_enter() returned
 * @refused: 0; or why KVM must not look into the VMM's memory
 */
struct gmem_gpc_call {
	struct gmem_borrow borrow;
	struct gfn_to_pfn_cache *gpc;
	int token;
	int refused;
};

/*
 * Move all loans of this cache to @done, except one of @pfn and one of @newest.
 * Return: that of @pfn, or NULL.
 */
static struct gmem_gpc_loan *gmem_gpc_sort(struct gfn_to_pfn_cache *gpc,
					   kvm_pfn_t pfn, kvm_pfn_t newest,
					   struct hlist_head *done)
{
	struct gmem_gpc_bucket *bucket = gmem_gpc_bucket(gpc);
	struct gmem_gpc_loan *loan, *kept = NULL, *latest = NULL, **place;
	struct hlist_node *next;
	kvm_pfn_t frame;

	lockdep_assert_held(&gpc->refresh_lock);
	spin_lock(&bucket->lock);
	hlist_for_each_entry_safe(loan, next, &bucket->loans, node) {
		if (loan->gpc != gpc)
			continue;
		frame = page_to_pfn(loan->page);
		place = frame == pfn ? &kept :
			frame == newest ? &latest : NULL;
		if (place && !*place) {
			*place = loan;
			continue;
		}
		hlist_del(&loan->node);
		hlist_add_head(&loan->node, done);
	}
	spin_unlock(&bucket->lock);
	return kept;
}

/*
 * Called under refresh_lock, which KVM holds. KVM looks up again and again
 * while its MMU notifier runs, and a VMM can make it run all the time. Of
 * earlier look-ups KVM has dropped the frames: their loans are returned here,
 * so that a cache never has more than two.
 */
static int gmem_gpc_keep(struct gmem_borrow *b, struct page *page)
{
	struct gmem_gpc_call *call =
		container_of(b, struct gmem_gpc_call, borrow);
	struct gmem_gpc_bucket *bucket = gmem_gpc_bucket(call->gpc);
	struct gmem_gpc_loan *loan;
	HLIST_HEAD(done);

	lockdep_assert_held(&call->gpc->refresh_lock);
	loan = gmem_fault_inject(GMEM_FAIL_BORROW) ?
		NULL : kmalloc(sizeof(*loan), GFP_KERNEL_ACCOUNT);
	if (!loan)
		return -ENOMEM;
	loan->gpc = call->gpc;
	loan->page = page;
	spin_lock(&bucket->lock);
	hlist_add_head(&loan->node, &bucket->loans);
	spin_unlock(&bucket->lock);
	gmem_gpc_sort(call->gpc, call->gpc->pfn, page_to_pfn(page), &done);
	gmem_gpc_return_all(&done);
	return 0;
}

/* As KVM's MMU notifier does: before its next use, KVM refreshes the cache. */
static void gmem_gpc_invalidate(struct gfn_to_pfn_cache *gpc, kvm_pfn_t pfn)
{
	write_lock_irq(&gpc->lock);
	if (gpc->pfn == pfn)
		gpc->valid = false;
	write_unlock_irq(&gpc->lock);
}

/*
 * After a call the cache has a new frame, its old one, or none.
 *
 * The page may have left its file before there was a record by which
 * gmem_gpc_gone() could find the cache, or before KVM made the cache valid: so
 * check that here.
 *
 * The bucket is first checked without its lock. This task sees its own
 * additions. It also sees those that another task made under refresh_lock,
 * because KVM has taken refresh_lock in this task since.
 */
static void gmem_gpc_settle(struct gfn_to_pfn_cache *gpc)
{
	struct gmem_gpc_loan *kept;
	HLIST_HEAD(done);

	if (hlist_empty(&gmem_gpc_bucket(gpc)->loans))
		return;
	mutex_lock(&gpc->refresh_lock);
	kept = gmem_gpc_sort(gpc, gpc->pfn, KVM_PFN_ERR_FAULT, &done);
	if (kept && gmem_lend_is_gone(kept->page))
		gmem_gpc_invalidate(gpc, gpc->pfn);
	mutex_unlock(&gpc->refresh_lock);
	gmem_gpc_return_all(&done);
}

/* Is there a loan of the frame that the cache has? */
static bool gmem_gpc_has_loan(struct gfn_to_pfn_cache *gpc)
{
	struct gmem_gpc_bucket *bucket = gmem_gpc_bucket(gpc);
	struct gmem_gpc_loan *loan;
	bool found = false;

	lockdep_assert_held(&gpc->refresh_lock);
	spin_lock(&bucket->lock);
	hlist_for_each_entry(loan, &bucket->loans, node)
		if (loan->gpc == gpc && page_to_pfn(loan->page) == gpc->pfn)
			found = true;
	spin_unlock(&bucket->lock);
	return found;
}

/*
 * Does the cache have a frame of ours without a loan? A frame that became ours
 * later may still be in a cache, but that cache was invalidated, and KVM
 * doesn't use it. So only a valid cache matters. The first check takes no lock,
 * because the answer is no for all other VMs.
 */
static bool gmem_gpc_slipped_through(struct gfn_to_pfn_cache *gpc)
{
	bool slipped;

	if (!READ_ONCE(gpc->valid) || !gmem_frames_has(READ_ONCE(gpc->pfn)))
		return false;
	mutex_lock(&gpc->refresh_lock);
	slipped = !gmem_gpc_has_loan(gpc);
	read_lock_irq(&gpc->lock);
	slipped &= gpc->valid;
	read_unlock_irq(&gpc->lock);
	slipped = slipped && gmem_borrow_slipped_through(gpc->pfn);
	mutex_unlock(&gpc->refresh_lock);
	return slipped;
}

/* Return: 0; or an errno: don't call KVM, only gmem_gpc_end(). */
static int gmem_gpc_begin(struct gmem_gpc_call *call,
			  struct gfn_to_pfn_cache *gpc)
{
	call->token = gmem_hook_enter(&gmem_kvm_hooks);
	call->gpc = gpc;
	call->borrow.keep = gmem_gpc_keep;
	gmem_borrow_begin(&call->borrow);
	call->refused = gmem_vmm_get(gpc->kvm);
	return call->refused;
}

static int gmem_gpc_end(struct gmem_gpc_call *call, int ret)
{
	gmem_borrow_end(&call->borrow);
	gmem_gpc_settle(call->gpc);
	if (gmem_gpc_slipped_through(call->gpc)) {
		static_call(kvm_deactivate)(call->gpc);
		ret = -EFAULT;
	}
	if (!call->refused)
		gmem_vmm_put(call->gpc->kvm);
	gmem_hook_leave(&gmem_kvm_hooks, call->token);
	return ret;
}

/* ---- instead of KVM's functions ---- */

static int gmem_gpc_activate(struct gfn_to_pfn_cache *gpc, gpa_t gpa,
			     unsigned long len)
{
	struct gmem_gpc_call call;
	int ret = gmem_gpc_begin(&call, gpc);

	if (!ret)
		ret = static_call(kvm_activate)(gpc, gpa, len);
	return gmem_gpc_end(&call, ret);
}

static int gmem_gpc_activate_hva(struct gfn_to_pfn_cache *gpc,
				 unsigned long uhva, unsigned long len)
{
	struct gmem_gpc_call call;
	int ret = gmem_gpc_begin(&call, gpc);

	if (!ret)
		ret = static_call(kvm_activate_hva)(gpc, uhva, len);
	return gmem_gpc_end(&call, ret);
}

static int gmem_gpc_refresh(struct gfn_to_pfn_cache *gpc, unsigned long len)
{
	struct gmem_gpc_call call;
	int ret = gmem_gpc_begin(&call, gpc);

	if (!ret)
		ret = static_call(kvm_refresh)(gpc, len);
	return gmem_gpc_end(&call, ret);
}

static void gmem_gpc_deactivate(struct gfn_to_pfn_cache *gpc)
{
	int token = gmem_hook_enter(&gmem_kvm_hooks);

	static_call(kvm_deactivate)(gpc);
	gmem_gpc_settle(gpc);
	gmem_hook_leave(&gmem_kvm_hooks, token);
}

struct gmem_hook gmem_gpc_activate_hook =
	GMEM_HOOK(kvm_gpc_activate, gmem_gpc_activate, kvm_activate);
struct gmem_hook gmem_gpc_activate_hva_hook =
	GMEM_HOOK(kvm_gpc_activate_hva, gmem_gpc_activate_hva,
		  kvm_activate_hva);
struct gmem_hook gmem_gpc_refresh_hook =
	GMEM_HOOK(kvm_gpc_refresh, gmem_gpc_refresh, kvm_refresh);
struct gmem_hook gmem_gpc_deactivate_hook =
	GMEM_HOOK(kvm_gpc_deactivate, gmem_gpc_deactivate, kvm_deactivate);

/* ---- what happens to borrowed pages ---- */

/**
 * gmem_gpc_gone - invalidate the caches of a lent page that leaves its file
 * @page: the page; its record is locked, and no spinlock is held
 *
 * KVM invalidates a cache when its MMU notifier reports that the page goes
 * away. But on 6.12 a look-up that runs at that time can miss it, if the
 * address is in no memory slot. So do here what the notifier would have done.
 * Otherwise a cache could still be valid when gmemfs is unloaded and returns
 * the page.
 *
 * While its bucket is locked, a record's cache isn't freed.
 */
void gmem_gpc_gone(struct page *page)
{
	struct gmem_gpc_bucket *bucket;
	struct gmem_gpc_loan *loan;

	for (bucket = buckets; bucket < buckets + ARRAY_SIZE(buckets);
	     bucket++) {
		spin_lock(&bucket->lock);
		hlist_for_each_entry(loan, &bucket->loans, node)
			if (loan->page == page)
				gmem_gpc_invalidate(loan->gpc,
						    page_to_pfn(page));
		spin_unlock(&bucket->lock);
	}
}

/**
 * gmem_gpc_forget_all - return all loans: the hooks are removed
 *
 * A VM may outlive gmemfs, and have a record of a page that left its file long
 * ago. Its cache has been invalid since, and KVM doesn't touch the page.
 */
void gmem_gpc_forget_all(void)
{
	struct gmem_gpc_bucket *bucket;
	HLIST_HEAD(done);

	for (bucket = buckets; bucket < buckets + ARRAY_SIZE(buckets);
	     bucket++) {
		hlist_move_list(&bucket->loans, &done);
		gmem_gpc_return_all(&done);
		INIT_HLIST_HEAD(&done);
	}
}
