// SPDX-License-Identifier: GPL-2.0
/*
 * KVM of Linux 6.12: hva_to_pfn() takes plain arguments, and returns a
 * reference to every page that can have one. kvm_vcpu_map() pins nothing;
 * kvm_vcpu_unmap() is told whether KVM wrote to the page.
 */
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)

#include <linux/mm.h>

#include "borrow.h"
#include "hook.h"
#include "kvm.h"
#include "vcpumap.h"

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

static const struct gmem_layout kvm_layouts[] = {
	GMEM_LAYOUT(kvm, kvm_members),
	GMEM_LAYOUT(gfn_to_pfn_cache, gpc_members),
	GMEM_LAYOUT(kvm_host_map, map_members),
	GMEM_PROTOTYPE(kvm_mmu_notifier_release, 2),
	GMEM_PROTOTYPE(gfn_to_pfn_cache_invalidate_start, 3),
	GMEM_PROTOTYPE(hva_to_pfn, 6),
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
	unsigned long addr;
	bool atomic;
	bool interruptible;
	bool *async;
	bool write_fault;
	bool *writable;
};

/* KVM declares it in a private header. */
kvm_pfn_t hva_to_pfn(unsigned long addr, bool atomic, bool interruptible,
		     bool *async, bool write_fault, bool *writable);

DEFINE_STATIC_CALL_NULL(kvm_to_pfn, hva_to_pfn);
DEFINE_STATIC_CALL_NULL(kvm_map, kvm_vcpu_map);
DEFINE_STATIC_CALL_NULL(kvm_unmap, kvm_vcpu_unmap);

/*
 * KVM's function sets *async with an error, and never clears it. With a frame,
 * KVM would forget the reference to it.
 */
kvm_pfn_t gmem_kvm_lookup(struct gmem_lookup *l)
{
	if (l->async)
		*l->async = false;
	return static_call(kvm_to_pfn)(l->addr, l->atomic, l->interruptible,
				       l->async, l->write_fault, l->writable);
}

unsigned long gmem_kvm_lookup_address(const struct gmem_lookup *l)
{
	return l->addr;
}

bool gmem_kvm_lookup_may_sleep(const struct gmem_lookup *l)
{
	return !l->atomic;
}

bool gmem_kvm_lookup_interruptible(const struct gmem_lookup *l)
{
	return l->interruptible || l->async;
}

bool gmem_kvm_lookup_writes(const struct gmem_lookup *l)
{
	return l->write_fault;
}

/*
 * As kvm_release_pfn(), which would make this module depend on kvm.ko. Of
 * reserved pages, KVM takes references to these.
 */
static bool gmem_kvm_counts_reserved(struct page *page)
{
	return is_zero_pfn(page_to_pfn(page)) ||
	       (page_count(page) && is_zone_device_page(page));
}

void gmem_kvm_lookup_release(struct gmem_lookup *l, kvm_pfn_t pfn)
{
	struct page *page;

	if (!pfn_valid(pfn))
		return;
	page = pfn_to_page(pfn);
	if (!PageReserved(page) || gmem_kvm_counts_reserved(page))
		put_page(page);
}

/*
 * KVM takes a reference to a page of ours, too. That doesn't keep the page from
 * leaving its file, and the kernel from getting it.
 */
bool gmem_kvm_lookup_is_foreign(struct gmem_lookup *l)
{
	return false;
}

bool gmem_kvm_lookup_needs_loan(struct gmem_lookup *l)
{
	return false;
}

static kvm_pfn_t gmem_hva_to_pfn(unsigned long addr, bool atomic,
				 bool interruptible, bool *async,
				 bool write_fault, bool *writable)
{
	struct gmem_lookup l = {
		.addr = addr,
		.atomic = atomic,
		.interruptible = interruptible,
		.async = async,
		.write_fault = write_fault,
		.writable = writable,
	};

	return gmem_borrow_lookup(&l);
}

struct gmem_hook gmem_kvm_to_pfn_hook =
	GMEM_HOOK_IF(gmem_borrow_under_way, hva_to_pfn, gmem_hva_to_pfn,
		     kvm_to_pfn);

/* ---- kvm_vcpu_map() and kvm_vcpu_unmap() ---- */

int gmem_kvm_vcpu_map(const struct gmem_map_call *call)
{
	return static_call(kvm_map)(call->vcpu, call->gfn, call->map);
}

void gmem_kvm_vcpu_unmap(struct kvm_vcpu *vcpu, struct kvm_host_map *map,
			 bool dirty)
{
	static_call(kvm_unmap)(vcpu, map, dirty);
}

static int gmem_vcpu_map(struct kvm_vcpu *vcpu, gfn_t gfn,
			 struct kvm_host_map *map)
{
	const struct gmem_map_call call = {
		.vcpu = vcpu,
		.gfn = gfn,
		.map = map,
		.writable = true,
	};

	return gmem_vcpumap_map(&call);
}

static void gmem_vcpu_unmap(struct kvm_vcpu *vcpu, struct kvm_host_map *map,
			    bool dirty)
{
	gmem_vcpumap_unmap(vcpu, map, dirty);
}

struct gmem_hook gmem_kvm_vcpu_map_hook =
	GMEM_HOOK(kvm_vcpu_map, gmem_vcpu_map, kvm_map);
struct gmem_hook gmem_kvm_vcpu_unmap_hook =
	GMEM_HOOK(kvm_vcpu_unmap, gmem_vcpu_unmap, kvm_unmap);

#endif
