/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions: the only file that has conditionals for
 * them. The rest of the module is written for the newest kernel; what is here
 * gives older ones the same interface.
 */
#ifndef GMEMFS_COMPAT_H
#define GMEMFS_COMPAT_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/kvm_types.h>
#include <linux/mm.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "gmemfs needs Linux 6.12: older kernels' fast GUP follows huge entries that it must not"
#endif

#ifndef CONFIG_X86_64
#error "gmemfs edits the direct map of x86-64 only"
#endif

/* 6.17 removed pfn_t: vmf_insert_pfn_pmd() takes a plain frame number. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#define gmem_pfn_arg(pfn) __pfn_to_pfn_t(pfn, 0)
#else
#define gmem_pfn_arg(pfn) (pfn)
#endif

static inline vm_fault_t gmem_insert_pfn_pmd(struct vm_fault *vmf,
					     unsigned long pfn, bool write)
{
	return vmf_insert_pfn_pmd(vmf, gmem_pfn_arg(pfn), write);
}

/* ---- filesystems ---- */

/* 6.18 renamed it. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define inode_just_drop generic_delete_inode
#endif

/*
 * 6.19 marks the names that live in the dcache alone. Before, it was one more
 * reference that kept them, and another function that dropped those at umount.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
static inline void gmem_make_persistent(struct dentry *dentry,
					struct inode *inode)
{
	d_instantiate(dentry, inode);
	dget(dentry);
}

#define gmem_kill_tree kill_litter_super
#else
static inline void gmem_make_persistent(struct dentry *dentry,
					struct inode *inode)
{
	d_make_persistent(dentry, inode);
}

#define gmem_kill_tree kill_anon_super
#endif

/* 6.15 lets ->mkdir() return another dentry than it was given. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define GMEM_MKDIR_RETURNS int
#define gmem_mkdir_result(error) (error)
#else
#define GMEM_MKDIR_RETURNS struct dentry *
#define gmem_mkdir_result(error) ERR_PTR(error)
#endif

/* ->create() was told of O_EXCL, until some version between these two. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define GMEM_CREATE_MODE umode_t mode, bool excl
#else
#define GMEM_CREATE_MODE umode_t mode
#endif

/* ---- memory of certain nodes ---- */

#ifdef CONFIG_NUMA

/*
 * The exported function that takes nodes is gone: there is one for single pages
 * still. For more, the nodes are asked in turn; who wants 2 MiB doesn't wait
 * for the OOM killer anyway, which doesn't run with __GFP_THISNODE.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
static inline struct page *gmem_alloc_of_nodes(gfp_t gfp, unsigned int order,
					       int first, nodemask_t *nodes)
{
	return __alloc_pages(gfp, order, first, nodes);
}
#else
static inline struct page *gmem_alloc_of_nodes(gfp_t gfp, unsigned int order,
					       int first, nodemask_t *nodes)
{
	struct page *page = NULL;
	int node;

	if (!nodes)
		return alloc_pages_node(first, gfp, order);
	if (!order) {
		__alloc_pages_bulk(gfp, first, nodes, 1, &page);
		return page;
	}
	gfp |= __GFP_THISNODE;
	if (node_isset(first, *nodes))
		page = alloc_pages_node(first, gfp, order);
	for_each_node_mask(node, *nodes) {
		if (page)
			break;
		page = alloc_pages_node(node, gfp, order);
	}
	return page;
}
#endif

#endif /* CONFIG_NUMA */

/* ---- KVM: see guard.c ---- */

/*
 * hva_to_pfn() is how KVM gets from a user address to a frame. 6.13 puts its
 * arguments into a struct, which KVM keeps in a header of its own; and has
 * kvm_vcpu_map() inline.
 *
 * For each, the parameters of a function that replaces it, and a call of such a
 * function from within that one, or FOR a borrower. RELEASE is for the
 * reference that came with a frame, if it is COUNTED. UNPIN has that be no pin, or
 * is false where KVM doesn't want one; REPIN undoes it. UNUSED is for what was
 * mapped and never used.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)

#define GMEM_TO_PFN_PARAMS	unsigned long addr, bool atomic, \
				bool interruptible, bool *async, \
				bool write_fault, bool *writable
#define GMEM_TO_PFN_CALL(fn)	fn(addr, atomic, interruptible, async, \
				   write_fault, writable)
#define GMEM_TO_PFN_FOR(fn, b)	fn(b, addr, atomic, interruptible, async, \
				   write_fault, writable)
#define GMEM_TO_PFN_RELEASE	gmem_to_pfn_release(pfn)
#define GMEM_TO_PFN_COUNTED	true
#define GMEM_TO_PFN_UNPIN	false
#define GMEM_TO_PFN_REPIN	do { } while (0)

static inline void gmem_to_pfn_release(kvm_pfn_t pfn)
{
	if (pfn_valid(pfn))
		put_page(pfn_to_page(pfn));
}

#define GMEM_VCPU_MAP		kvm_vcpu_map
#define GMEM_VCPU_MAP_PARAMS	struct kvm_vcpu *vcpu, gfn_t gfn, \
				struct kvm_host_map *map
#define GMEM_VCPU_MAP_CALL(fn)	fn(vcpu, gfn, map)

#define GMEM_VCPU_UNMAP_PARAMS	struct kvm_vcpu *vcpu, \
				struct kvm_host_map *map, bool dirty
#define GMEM_VCPU_UNMAP_CALL(fn)	fn(vcpu, map, dirty)
#define GMEM_VCPU_UNMAP_UNUSED(fn)	fn(vcpu, map, false)

#else

struct kvm_follow_pfn {
	const struct kvm_memory_slot *slot;
	const gfn_t gfn;
	unsigned long hva;
	unsigned int flags;
	bool pin;
	bool *map_writable;
	struct page **refcounted_page;
};

#define GMEM_TO_PFN_PARAMS	struct kvm_follow_pfn *kfp
#define GMEM_TO_PFN_CALL(fn)	fn(kfp)
#define GMEM_TO_PFN_FOR(fn, b)	fn(b, kfp)
#define GMEM_TO_PFN_RELEASE	gmem_to_pfn_release(kfp)
#define GMEM_TO_PFN_COUNTED	(*kfp->refcounted_page)
#define GMEM_TO_PFN_UNPIN	gmem_to_pfn_unpin(kfp)
#define GMEM_TO_PFN_REPIN	(kfp->pin = true)

static inline void gmem_to_pfn_release(struct kvm_follow_pfn *kfp)
{
	struct page *page = *kfp->refcounted_page;

	if (page && kfp->pin)
		unpin_user_page(page);
	else if (page)
		put_page(page);
	*kfp->refcounted_page = NULL;
}

static inline bool gmem_to_pfn_unpin(struct kvm_follow_pfn *kfp)
{
	bool pinned = kfp->pin;

	kfp->pin = false;
	return pinned;
}

#define GMEM_VCPU_MAP		__kvm_vcpu_map
#define GMEM_VCPU_MAP_PARAMS	struct kvm_vcpu *vcpu, gfn_t gfn, \
				struct kvm_host_map *map, bool writable
#define GMEM_VCPU_MAP_CALL(fn)	fn(vcpu, gfn, map, writable)

#define GMEM_VCPU_UNMAP_PARAMS	struct kvm_vcpu *vcpu, \
				struct kvm_host_map *map
#define GMEM_VCPU_UNMAP_CALL(fn)	fn(vcpu, map)
#define GMEM_VCPU_UNMAP_UNUSED(fn)	fn(vcpu, map)

#endif

kvm_pfn_t hva_to_pfn(GMEM_TO_PFN_PARAMS);

#endif /* GMEMFS_COMPAT_H */
