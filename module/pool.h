/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks that are zeroed and hidden ahead of use: pool.c. */
#ifndef GMEMFS_POOL_H
#define GMEMFS_POOL_H

#include <linux/types.h>

struct gmem_place;
struct page;

enum gmem_pool_count {
	GMEM_POOL_HITS,		/* blocks taken */
	GMEM_POOL_MISSES,	/* no block to take */
	GMEM_POOL_REFILLS,	/* blocks added from the kernel's memory */
	GMEM_POOL_SCRUBS,	/* blocks zeroed after use, and kept */
	GMEM_POOL_SHRUNK,	/* blocks given up for lack of memory */
	GMEM_POOL_COUNTS,
};

int gmem_pool_init(void);
void gmem_pool_exit(void);
struct page *gmem_pool_take_uncharged(const struct gmem_place *place);
struct page *gmem_pool_take(const struct gmem_place *place);
unsigned int gmem_pool_give(struct page **blocks, unsigned int nr, bool dirty);
bool gmem_pool_on_node(int node);
bool gmem_pool_fills_on_node(int node);
int gmem_pool_set_low(int node, unsigned long blocks);
int gmem_pool_set_low_all(unsigned long blocks);
int gmem_pool_set_size(void);
unsigned long gmem_pool_low(int node);
unsigned long gmem_pool_clean(int node);
unsigned long gmem_pool_dirty(int node);
bool gmem_pool_is_filled(int node);
unsigned long gmem_pool_shrink(int node, unsigned long nr);
unsigned long gmem_pool_counted(enum gmem_pool_count what);

#endif /* GMEMFS_POOL_H */
