/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions: the only file that has conditionals for
 * them. The rest of the module is written for the newest kernel; what is here
 * gives older ones the same interface.
 */
#ifndef GMEMFS_COMPAT_H
#define GMEMFS_COMPAT_H

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

#endif /* GMEMFS_COMPAT_H */
