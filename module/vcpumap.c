// SPDX-License-Identifier: GPL-2.0
/*
 * kvm_vcpu_map(): KVM maps pages of a guest that runs guests, or that shares a
 * page with the host (GHCB). This file has the loans for those that are ours.
 *
 * A record is made when a page is lent, so maps of other memory have none. When
 * KVM unmaps a page, its record is found by the vCPU and the frame, not by the
 * address of the map: KVM of Linux 7.3 copies its local maps, unmaps the copy,
 * and makes the next map where the first one was. If several records match, it
 * doesn't matter which one is returned. One thread at a time runs a vCPU, and
 * has its maps.
 *
 * KVM also unmaps with preemption disabled (sev_es_unmap_ghcb()). Then the
 * record is only handed to a worker, which returns the loan.
 *
 * Each map that KVM holds keeps the module loaded: from 6.13 on, the loan is
 * the only reference to the page.
 */
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "borrow.h"
#include "fault_inject.h"
#include "hook.h"
#include "kvm.h"
#include "lend.h"
#include "vcpumap.h"

/**
 * struct gmem_map - the loan of a map that KVM holds; it holds the module
 * @node: in the bucket of that vCPU
 * @returned: in returned_maps, once the map is gone
 * @vcpu: the vCPU that has the map
 * @map: the address of the map when it was made, for gmem_map_forgotten()
 * @page: the page, lent for it
 */
struct gmem_map {
	union {
		struct hlist_node node;
		struct llist_node returned;
	};
	struct kvm_vcpu *vcpu;
	struct kvm_host_map *map;
	struct page *page;
};

#define BUCKET_BITS	6

/* A raw spinlock, because KVM unmaps with preemption disabled. */
static struct gmem_map_bucket {
	raw_spinlock_t lock;
	struct hlist_head maps;
} ____cacheline_aligned_in_smp buckets[1 << BUCKET_BITS] = {
	[0 ... (1 << BUCKET_BITS) - 1] = {
		.lock = __RAW_SPIN_LOCK_UNLOCKED(buckets.lock),
	},
};

static struct gmem_map_bucket *gmem_map_bucket(struct kvm_vcpu *vcpu)
{
	return &buckets[hash_ptr(vcpu, BUCKET_BITS)];
}

/* ---- the end of a loan ---- */

static void gmem_map_return(struct gmem_map *m)
{
	gmem_lend_return(m->page);
	kfree(m);
}

static LLIST_HEAD(returned_maps);

static void gmem_map_return_work(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&returned_maps);
	struct gmem_map *m, *next;

	llist_for_each_entry_safe(m, next, list, returned)
		gmem_map_return(m);
}

static DECLARE_WORK(return_work, gmem_map_return_work);

/* Without CONFIG_PREEMPT_COUNT this is unknown, and preemptible() is false. */
static bool gmem_may_sleep(void)
{
	return preemptible() && !rcu_preempt_depth();
}

/*
 * KVM doesn't have the page any more. The caller is inside a hook, and the
 * worker is flushed once no task is. So gmemfs isn't unloaded before the loan
 * is returned.
 */
static void gmem_map_end(struct gmem_map *m)
{
	if (!m)
		return;
	module_put(THIS_MODULE);
	if (gmem_may_sleep()) {
		gmem_map_return(m);
		return;
	}
	llist_add(&m->returned, &returned_maps);
	schedule_work(&return_work);
}

/* ---- records ---- */

static struct gmem_map *gmem_map_take(struct kvm_vcpu *vcpu, kvm_pfn_t pfn)
{
	struct gmem_map_bucket *bucket = gmem_map_bucket(vcpu);
	struct gmem_map *m, *found = NULL;

	/* All records of this vCPU were added by this thread. */
	if (hlist_empty(&bucket->maps))
		return NULL;
	raw_spin_lock(&bucket->lock);
	hlist_for_each_entry(m, &bucket->maps, node)
		if (m->vcpu == vcpu && page_to_pfn(m->page) == pfn)
			found = m;
	if (found)
		hlist_del(&found->node);
	raw_spin_unlock(&bucket->lock);
	return found;
}

/*
 * KVM forgets a map in one case: an enlightened VMCS with a wrong revision.
 * Then the loan is returned when KVM maps another page into the same struct.
 * For a struct on the stack, an earlier map at the same address means nothing.
 */
static struct gmem_map *gmem_map_forgotten(struct gmem_map_bucket *bucket,
					   struct kvm_host_map *map)
{
	struct gmem_map *m, *found = NULL;

	lockdep_assert_held(&bucket->lock);
	if (object_is_on_stack(map))
		return NULL;
	hlist_for_each_entry(m, &bucket->maps, node)
		if (m->map == map)
			found = m;
	if (found)
		hlist_del(&found->node);
	return found;
}

static void gmem_map_add(struct gmem_map *m)
{
	struct gmem_map_bucket *bucket = gmem_map_bucket(m->vcpu);
	struct gmem_map *forgotten;

	raw_spin_lock(&bucket->lock);
	forgotten = gmem_map_forgotten(bucket, m->map);
	hlist_add_head(&m->node, &bucket->maps);
	raw_spin_unlock(&bucket->lock);
	gmem_map_end(forgotten);
}

/* ---- map and unmap ---- */

/**
 * struct gmem_mapping - one call of kvm_vcpu_map()
 * @borrow: the note for borrow.c
 * @call: KVM's arguments
 * @map: what was lent for it, or NULL; not in its bucket yet
 */
struct gmem_mapping {
	struct gmem_borrow borrow;
	const struct gmem_map_call *call;
	struct gmem_map *map;
};

static int gmem_mapping_keep(struct gmem_borrow *b, struct page *page)
{
	struct gmem_mapping *mapping =
		container_of(b, struct gmem_mapping, borrow);
	struct gmem_map *m;

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	m = gmem_fault_inject(GMEM_FAIL_BORROW) ?
		NULL : kmalloc(sizeof(*m), GFP_KERNEL_ACCOUNT);
	if (!m) {
		module_put(THIS_MODULE);
		return -ENOMEM;
	}
	m->vcpu = mapping->call->vcpu;
	m->map = mapping->call->map;
	m->page = page;
	gmem_map_end(mapping->map);
	mapping->map = m;
	return 0;
}

/* KVM's call is over: keep the loan if KVM has the page, or return it. */
static int gmem_mapping_settle(struct gmem_mapping *mapping, int ret)
{
	const struct gmem_map_call *call = mapping->call;
	struct gmem_map *m = mapping->map;

	if (!ret && m && page_to_pfn(m->page) == call->map->pfn) {
		gmem_map_add(m);
		return 0;
	}
	gmem_map_end(m);
	if (ret || !gmem_borrow_slipped_through(call->map->pfn))
		return ret;
	gmem_kvm_vcpu_unmap(call->vcpu, call->map, false);
	return -EFAULT;
}

/* gmem_vcpumap_map - replaces kvm_vcpu_map() */
int gmem_vcpumap_map(const struct gmem_map_call *call)
{
	struct gmem_mapping mapping = {
		.borrow.keep = gmem_mapping_keep,
		.call = call,
	};
	int token = gmem_hook_enter(&gmem_kvm_hooks);
	int ret;

	gmem_borrow_begin(&mapping.borrow);
	ret = gmem_kvm_vcpu_map(call);
	gmem_borrow_end(&mapping.borrow);
	ret = gmem_mapping_settle(&mapping, ret);
	gmem_hook_leave(&gmem_kvm_hooks, token);
	return ret;
}

/**
 * gmem_vcpumap_unmap - replaces kvm_vcpu_unmap()
 * @vcpu: the vCPU that has the map
 * @map: KVM's map; may be NULL, or unmapped already
 * @dirty: for KVM's function
 *
 * The loan is returned last: KVM may write to the page until it has unmapped
 * it.
 */
void gmem_vcpumap_unmap(struct kvm_vcpu *vcpu, struct kvm_host_map *map,
			bool dirty)
{
	int token = gmem_hook_enter(&gmem_kvm_hooks);
	struct gmem_map *m = NULL;

	if (map && map->hva)
		m = gmem_map_take(vcpu, map->pfn);
	gmem_kvm_vcpu_unmap(vcpu, map, dirty);
	gmem_map_end(m);
	gmem_hook_leave(&gmem_kvm_hooks, token);
}

/**
 * gmem_vcpumap_forget_all - return all loans: the hooks are removed
 *
 * The worker returns its loans. There are other records only if KVM has
 * forgotten a map and is being unloaded itself.
 */
void gmem_vcpumap_forget_all(void)
{
	struct gmem_map_bucket *bucket;
	struct hlist_node *next;
	struct gmem_map *m;

	flush_work(&return_work);
	for (bucket = buckets; bucket < buckets + ARRAY_SIZE(buckets);
	     bucket++) {
		hlist_for_each_entry_safe(m, next, &bucket->maps, node) {
			hlist_del(&m->node);
			module_put(THIS_MODULE);
			gmem_map_return(m);
		}
	}
}
