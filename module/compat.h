/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions. The rest of the module is written for
 * the newest kernel; this file gives older kernels the same interface. Only the
 * files for versions of KVM, kvm_6_*.c, have conditionals of their own: one
 * each.
 */
#ifndef GMEMFS_COMPAT_H
#define GMEMFS_COMPAT_H

#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <asm/cpufeature.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "gmemfs needs Linux 6.12 or later: older kernels have no special huge entries, so fast GUP would take references to hidden pages"
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

/*
 * Only for the types of two functions of the kernel, which headers lack (6.12,
 * the first) or hide from modules: see directmap.c. They don't exist.
 */
int gmem_like_valid_noflush(struct page *page, unsigned int nr, bool valid);
void gmem_like_flush_range(unsigned long start, unsigned long end);

/*
 * Since 6.15, where the CPU has INVLPGB, the interrupt of a TLB flush may give
 * the address space of the interrupted task another number.
 */
static inline bool gmem_flush_may_move_space(void)
{
#ifdef X86_FEATURE_INVLPGB
	return cpu_feature_enabled(X86_FEATURE_INVLPGB);
#else
	return false;
#endif
}

/*
 * The system's workqueues have got other names. 6.18 knows both, and so do later
 * releases of 6.12; 7.3 warns of work on one by its old name.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define system_dfl_wq system_unbound_wq
#endif

/* ---- filesystems ---- */

/* 6.18 renamed generic_delete_inode(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define inode_just_drop generic_delete_inode
#endif

/*
 * 6.19 marks names that live in the dcache alone. Before, an additional
 * reference kept them, and another function dropped those references at umount.
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

/* Since 6.15, ->mkdir() may return another dentry than it was given. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
#define GMEM_MKDIR_RETURNS int
#define gmem_mkdir_result(error) (error)
#else
#define GMEM_MKDIR_RETURNS struct dentry *
#define gmem_mkdir_result(error) ERR_PTR(error)
#endif

/* Some version after 6.12, and up to 7.3, removed O_EXCL from ->create(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
#define GMEM_CREATE_MODE umode_t mode, bool excl
#else
#define GMEM_CREATE_MODE umode_t mode
#endif

/* ---- memory of certain nodes ---- */

#ifdef CONFIG_NUMA

/*
 * 7.3 exports no function that takes a node mask, except for single pages. For
 * more, the nodes are tried in turn with __GFP_THISNODE. With that the OOM
 * killer doesn't run; but an allocation of 2 MiB doesn't wait for it anyway.
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

#endif /* GMEMFS_COMPAT_H */
