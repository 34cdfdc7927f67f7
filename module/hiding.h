/* SPDX-License-Identifier: GPL-2.0 */
/* How many pages are hidden, and whether any may be: hiding.c. */
#ifndef GMEMFS_HIDING_H
#define GMEMFS_HIDING_H

#include <linux/types.h>

/* Why no memory may be hidden now. */
enum gmem_forbidder {
	GMEM_FORBID_KVM_UNHOOKED,
	GMEM_FORBID_HIBERNATION,
};

unsigned long gmem_hiding_forbid(enum gmem_forbidder why);
void gmem_hiding_permit(enum gmem_forbidder why);

unsigned long gmem_hiding_pages(void);
int gmem_hiding_begin(unsigned int nr);
void gmem_hiding_end(unsigned int nr, bool hidden);
void gmem_hiding_uncount(unsigned int nr);

#endif /* GMEMFS_HIDING_H */
