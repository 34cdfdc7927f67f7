/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Make a step fail on purpose. Only in the debug build: in a release build
 * these functions do nothing and return 0. If the parameter fail_hide
 * (fail_alloc_huge, ...) is set to n, the nth such step from then on fails; if
 * it is set to -n, that step and all after it fail.
 */
#ifndef GMEMFS_FAULT_INJECT_H
#define GMEMFS_FAULT_INJECT_H

enum gmem_fail {
	GMEM_FAIL_ALLOC_HUGE,
	GMEM_FAIL_ALLOC_PAGE,
	GMEM_FAIL_ALLOC_META,
	GMEM_FAIL_HIDE,
	GMEM_FAIL_EXPOSE,
	GMEM_FAIL_SYMBOL,
	GMEM_FAIL_ALLOC_INODE,
	GMEM_FAIL_ALLOC_LINK,
	GMEM_FAIL_ALLOC_XATTR,
	GMEM_FAIL_LABEL,
	GMEM_FAIL_CREATE,
	GMEM_FAIL_LAYOUT,
	GMEM_FAIL_SECOND_LOOK,
	GMEM_FAIL_BORROW,
	GMEM_FAIL_PIN,
	GMEM_FAIL_KINDS,
};

#ifdef GMEM_DEBUG
int gmem_fault_inject(enum gmem_fail kind);
void gmem_fault_delay_lending(void);
void gmem_fault_delay_joining(void);
#else
static inline int gmem_fault_inject(enum gmem_fail kind)
{
	return 0;
}

static inline void gmem_fault_delay_lending(void) {}
static inline void gmem_fault_delay_joining(void) {}
#endif

#if defined(GMEM_DEBUG) && defined(CONFIG_FAULT_INJECTION)
void gmem_fault_inject_init(void);
#else
static inline void gmem_fault_inject_init(void) {}
#endif

#endif /* GMEMFS_FAULT_INJECT_H */
