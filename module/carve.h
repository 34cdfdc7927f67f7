/* SPDX-License-Identifier: GPL-2.0 */
/* Single pages out of memory that was hidden together: carve.c. */
#ifndef GMEMFS_CARVE_H
#define GMEMFS_CARVE_H

#include <linux/types.h>

struct gmem_place;
struct page;

int gmem_carve_init(void);
void gmem_carve_exit(void);
struct page *gmem_carve_take(const struct gmem_place *place);
bool gmem_carve_add(struct page *page);
bool gmem_carve_give(struct page *page);
void gmem_carve_settle(void);
unsigned long gmem_carve_shrink(int node, unsigned long nr);

#endif /* GMEMFS_CARVE_H */
