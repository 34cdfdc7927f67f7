/* SPDX-License-Identifier: GPL-2.0 */
/*
 * VFIO: guest memory for devices: vfio.c. What differs between versions of
 * VFIO's type1 driver is in vfio_6_12.c and vfio_6_15.c; each is named after
 * the first version that it is for, and only one of them compiles to any code.
 */
#ifndef GMEMFS_VFIO_H
#define GMEMFS_VFIO_H

#include <linux/types.h>

struct gmem_hook;
struct gmem_hooks;
struct gmem_layouts;
struct mm_struct;
struct page;

int gmem_vfio_init(void);
void gmem_vfio_exit(void);
const char *gmem_vfio_state(void);

/* ---- for the files for versions ---- */

extern struct gmem_hooks gmem_vfio_hooks;

long gmem_vfio_pin(struct mm_struct *mm, unsigned long addr, unsigned long nr,
		   int prot, struct page **pages);

/* ---- what they have ---- */

extern const struct gmem_layouts gmem_vfio_layouts;
extern struct gmem_hook gmem_vfio_get_pfns_hook;

#endif /* GMEMFS_VFIO_H */
