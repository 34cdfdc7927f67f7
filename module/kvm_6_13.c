// SPDX-License-Identifier: GPL-2.0
/*
 * KVM from Linux 6.13 on: hva_to_pfn() takes its arguments in a struct, and
 * returns a reference only to pages that GUP found. kvm_vcpu_map() is an inline
 * wrapper of __kvm_vcpu_map(). That function pins the page, so that its owner
 * can't give it away, and refuses a page that can't be pinned. Pages of
 * a guest view can't be; but the loan keeps them, and so they are looked up
 * without a pin. For other pages KVM's refusal stands.
 */
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)

#include <linux/mm.h>

#include "borrow.h"
#include "hook.h"
#include "kvm.h"
#include "vcpumap.h"

/* KVM has these two in a private header: BTF is used to check the layout. */
struct kvm_follow_pfn {
	const struct kvm_memory_slot *slot;
	const gfn_t gfn;
	unsigned long hva;
	unsigned int flags;
	bool pin;
	bool *map_writable;
	struct page **refcounted_page;
};

kvm_pfn_t hva_to_pfn(struct kvm_follow_pfn *kfp);

static const struct gmem_member kvm_members[] = {
	GMEM_MEMBER(struct kvm, mm),
	GMEM_MEMBER(struct kvm, mmu_notifier),
};

static const struct gmem_member gpc_members[] = {
	GMEM_MEMBER(struct gfn_to_pfn_cache, kvm),
	GMEM_MEMBER(struct gfn_to_pfn_cache, lock),
	GMEM_MEMBER(struct gfn_to_pfn_cache, refresh_lock),
	GMEM_MEMBER(struct gfn_to_pfn_cache, pfn),
	GMEM_MEMBER(struct gfn_to_pfn_cache, valid),
};

static const struct gmem_member map_members[] = {
	GMEM_MEMBER(struct kvm_host_map, hva),
	GMEM_MEMBER(struct kvm_host_map, pfn),
};

static const struct gmem_member follow_members[] = {
	GMEM_MEMBER(struct kvm_follow_pfn, slot),
	GMEM_MEMBER(struct kvm_follow_pfn, gfn),
	GMEM_MEMBER(struct kvm_follow_pfn, hva),
	GMEM_MEMBER(struct kvm_follow_pfn, flags),
	GMEM_MEMBER(struct kvm_follow_pfn, pin),
	GMEM_MEMBER(struct kvm_follow_pfn, map_writable),
	GMEM_MEMBER(struct kvm_follow_pfn, refcounted_page),
};

static const struct gmem_layout kvm_layouts[] = {
	GMEM_LAYOUT(kvm, kvm_members),
	GMEM_LAYOUT(gfn_to_pfn_cache, gpc_members),
	GMEM_LAYOUT(kvm_host_map, map_members),
	GMEM_LAYOUT_PRIVATE(kvm_follow_pfn, follow_members),
	GMEM_PROTOTYPE(kvm_mmu_notifier_release, 2),
	GMEM_PROTOTYPE(gfn_to_pfn_cache_invalidate_start, 3),
	GMEM_PROTOTYPE(hva_to_pfn, 1),
};

const struct gmem_layouts gmem_kvm_layouts = {
	.who = "guard",
	.module = "kvm",
	.landmark = "kvm_gpc_activate",
	.of = kvm_layouts,
	.nr = ARRAY_SIZE(kvm_layouts),
};

/* ---- hva_to_pfn() ---- */

struct gmem_lookup {
	struct kvm_follow_pfn *kfp;
	bool needs_loan;
};

DEFINE_STATIC_CALL_NULL(kvm_to_pfn, hva_to_pfn);
DEFINE_STATIC_CALL_NULL(kvm_map, __kvm_vcpu_map);
DEFINE_STATIC_CALL_NULL(kvm_unmap, kvm_vcpu_unmap);

/* Look up without a pin. A page with a reference could be pinned: an error. */
static kvm_pfn_t gmem_lookup_unpinned(struct gmem_lookup *l)
{
	struct kvm_follow_pfn *kfp = l->kfp;
	kvm_pfn_t pfn;

	kfp->pin = false;
	pfn = static_call(kvm_to_pfn)(kfp);
	if (!is_error_noslot_pfn(pfn) && *kfp->refcounted_page) {
		gmem_kvm_lookup_release(l, pfn);
		pfn = KVM_PFN_ERR_FAULT;
	}
	kfp->pin = true;
	return pfn;
}

kvm_pfn_t gmem_kvm_lookup(struct gmem_lookup *l)
{
	kvm_pfn_t pfn;

	/* KVM sets it only if it finds a page. */
	*l->kfp->refcounted_page = NULL;
	l->needs_loan = false;
	pfn = static_call(kvm_to_pfn)(l->kfp);
	if (pfn != KVM_PFN_ERR_FAULT || !l->kfp->pin)
		return pfn;
	l->needs_loan = true;
	return gmem_lookup_unpinned(l);
}

unsigned long gmem_kvm_lookup_address(const struct gmem_lookup *l)
{
	return l->kfp->hva;
}

/* KVM has no atomic look-ups any more. */
bool gmem_kvm_lookup_may_sleep(const struct gmem_lookup *l)
{
	return true;
}

bool gmem_kvm_lookup_interruptible(const struct gmem_lookup *l)
{
	return l->kfp->flags & (FOLL_INTERRUPTIBLE | FOLL_NOWAIT);
}

bool gmem_kvm_lookup_writes(const struct gmem_lookup *l)
{
	return l->kfp->flags & FOLL_WRITE;
}

void gmem_kvm_lookup_release(struct gmem_lookup *l, kvm_pfn_t pfn)
{
	struct page *page = *l->kfp->refcounted_page;

	if (page && l->kfp->pin)
		unpin_user_page(page);
	else if (page)
		put_page(page);
	*l->kfp->refcounted_page = NULL;
}

/*
 * What has a reference was found by GUP. That finds no page of the guest view,
 * and one of a shared view stays ours as long as it has the reference.
 */
bool gmem_kvm_lookup_is_foreign(struct gmem_lookup *l)
{
	return *l->kfp->refcounted_page;
}

bool gmem_kvm_lookup_needs_loan(struct gmem_lookup *l)
{
	return l->needs_loan;
}

static kvm_pfn_t gmem_hva_to_pfn(struct kvm_follow_pfn *kfp)
{
	struct gmem_lookup l = { .kfp = kfp };

	return gmem_borrow_lookup(&l);
}

struct gmem_hook gmem_kvm_to_pfn_hook =
	GMEM_HOOK_IF(gmem_borrow_under_way, hva_to_pfn, gmem_hva_to_pfn,
		     kvm_to_pfn);

/* ---- kvm_vcpu_map() and kvm_vcpu_unmap() ---- */

int gmem_kvm_vcpu_map(const struct gmem_map_call *call)
{
	return static_call(kvm_map)(call->vcpu, call->gfn, call->map,
				    call->writable);
}

void gmem_kvm_vcpu_unmap(struct kvm_vcpu *vcpu, struct kvm_host_map *map,
			 bool dirty)
{
	static_call(kvm_unmap)(vcpu, map);
}

static int gmem_vcpu_map(struct kvm_vcpu *vcpu, gfn_t gfn,
			 struct kvm_host_map *map, bool writable)
{
	const struct gmem_map_call call = {
		.vcpu = vcpu,
		.gfn = gfn,
		.map = map,
		.writable = writable,
	};

	return gmem_vcpumap_map(&call);
}

static void gmem_vcpu_unmap(struct kvm_vcpu *vcpu, struct kvm_host_map *map)
{
	gmem_vcpumap_unmap(vcpu, map, false);
}

struct gmem_hook gmem_kvm_vcpu_map_hook =
	GMEM_HOOK(__kvm_vcpu_map, gmem_vcpu_map, kvm_map);
struct gmem_hook gmem_kvm_vcpu_unmap_hook =
	GMEM_HOOK(kvm_vcpu_unmap, gmem_vcpu_unmap, kvm_unmap);

#endif
