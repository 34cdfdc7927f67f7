// SPDX-License-Identifier: GPL-2.0
/*
 * Place: the NUMA nodes that memory should come from.
 *
 * A fault uses the policy that mbind(2) gave the mapping, everything else uses
 * the task's policy. The kernel's own function for mappings isn't exported (or
 * makes a compound page), so the policies are read here.
 */
#include <linux/cpuset.h>
#include <linux/gfp.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/topology.h>

#include "compat.h"
#include "place.h"

#ifdef CONFIG_NUMA

/*
 * Does a policy bind our memory to its nodes? The kernel doesn't apply one to
 * memory that can't be moved, as ours, if all its nodes have only memory for
 * what can be moved: nothing could be allocated at all.
 */
static bool gmem_binds(const nodemask_t *nodes)
{
	return nodes_intersects(*nodes, node_states[N_NORMAL_MEMORY]);
}

/*
 * The place for the @index-th block or page under a policy. A cpuset may change
 * the nodes of a task's policy at any time, also to none for a moment, so all
 * is decided by one copy of them.
 */
static struct gmem_place gmem_place_by(struct mempolicy *policy, pgoff_t index)
{
	struct gmem_place place = { .node = numa_mem_id() };
	nodemask_t nodes;
	unsigned int skip;

	if (!policy)
		return place;
	nodes = policy->nodes;
	barrier();
	if (nodes_empty(nodes))
		return place;
	switch (policy->mode) {
	case MPOL_BIND:
		if (gmem_binds(&nodes))
			place.bound = &policy->nodes;
		fallthrough;
	case MPOL_PREFERRED:
	case MPOL_PREFERRED_MANY:
		if (!node_isset(place.node, nodes))
			place.node = first_node(nodes);
		break;
	case MPOL_INTERLEAVE:
		skip = index % nodes_weight(nodes);
		place.node = first_node(nodes);
		while (skip--)
			place.node = next_node_in(place.node, nodes);
		break;
	case MPOL_WEIGHTED_INTERLEAVE:
		place.kernel = true;
		break;
	}
	return place;
}

/**
 * gmem_place_of_vma - where a fault's memory should come from
 * @vma: the mapping; the fault holds its lock, so its policy stays; or NULL
 * @index: index of the block in the file, for policies that interleave
 */
struct gmem_place gmem_place_of_vma(struct vm_area_struct *vma, pgoff_t index)
{
	struct gmem_place place;

	/* Only the task itself changes its policy: no lock. */
	if (!vma || !vma->vm_policy)
		return gmem_place_by(current->mempolicy, index);
	place = gmem_place_by(vma->vm_policy, index);
	place.by_vma = true;
	return place;
}

/* The kernel applies the task's policy itself, and knows cpusets better. */
struct page *gmem_place_alloc(const struct gmem_place *place, gfp_t gfp,
			      unsigned int order)
{
	if (place->only)
		return alloc_pages_node(place->node, gfp | __GFP_THISNODE,
					order);
	if (!place->by_vma)
		return alloc_pages(gfp, order);
	return gmem_alloc_of_nodes(gfp, order, place->node, place->bound);
}

#else /* !CONFIG_NUMA */

struct gmem_place gmem_place_of_vma(struct vm_area_struct *vma, pgoff_t index)
{
	return (struct gmem_place){};
}

struct page *gmem_place_alloc(const struct gmem_place *place, gfp_t gfp,
			      unsigned int order)
{
	return alloc_pages(gfp, order);
}

#endif

/*
 * gmem_place_allowed - may the task have memory of that node that is ready?
 *
 * Its cpuset may not let it. Most memory policies have been looked at already.
 * For new memory, the kernel knows itself.
 */
bool gmem_place_allowed(const struct gmem_place *place)
{
	return !place->kernel &&
	       node_isset(place->node, cpuset_current_mems_allowed);
}
