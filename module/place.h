/* SPDX-License-Identifier: GPL-2.0 */
/* Where memory should come from: place.c. */
#ifndef GMEMFS_PLACE_H
#define GMEMFS_PLACE_H

#include <linux/nodemask.h>
#include <linux/types.h>

struct page;
struct vm_area_struct;

/**
 * struct gmem_place - where memory should come from
 * @node: the NUMA node to ask first
 * @bound: no other nodes than these, or NULL
 * @by_vma: @node and @bound are from a mapping's policy, not from the task's
 * @only: no other node than @node
 * @kernel: the policy is one that only the kernel can apply
 */
struct gmem_place {
	int node;
	nodemask_t *bound;
	bool by_vma;
	bool only;
	bool kernel;
};

struct gmem_place gmem_place_of_vma(struct vm_area_struct *vma, pgoff_t index);
bool gmem_place_allowed(const struct gmem_place *place);
struct page *gmem_place_alloc(const struct gmem_place *place, gfp_t gfp,
			      unsigned int order);

#endif /* GMEMFS_PLACE_H */
