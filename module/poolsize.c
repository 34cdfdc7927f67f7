// SPDX-License-Identifier: GPL-2.0
/* The pool's size, of all nodes together: the parameter "pool", and sysfs. */
#include <linux/module.h>
#include <linux/nodemask.h>

#include "number.h"
#include "pool.h"
#include "units.h"

/**
 * gmem_pool_set_low_all - divide a low watermark among the nodes with a pool
 * @blocks: the sum of all nodes
 *
 * A node that can't fill a pool now, as its memory has left or is all movable,
 * keeps none.
 *
 * Return: as gmem_pool_set_low().
 */
int gmem_pool_set_low_all(unsigned long blocks)
{
	nodemask_t fills = NODE_MASK_NONE;
	unsigned int nodes, done = 0;
	int node, ret = -ENODEV;

	for_each_node(node)
		if (gmem_pool_fills_on_node(node))
			node_set(node, fills);
	nodes = nodes_weight(fills);
	for_each_node_mask(node, fills) {
		ret = gmem_pool_set_low(node, blocks / nodes +
						(done++ < blocks % nodes));
		if (ret)
			return ret;
	}
	for_each_node(node)
		if (gmem_pool_on_node(node) && !node_isset(node, fills))
			gmem_pool_set_low(node, 0);
	return ret;
}

/* ---- the parameter: the low watermark at load ---- */

static char *pool_size;
module_param_named(pool, pool_size, charp, 0444);
MODULE_PARM_DESC(pool, "memory to keep zeroed and hidden ahead of use, all nodes together: bytes, or with k, m, g or t (default 0); can be changed later in /sys/fs/gmemfs/pool/low_bytes");

/* gmem_pool_set_size - what the parameter says. Return: 0 or an errno. */
int __init gmem_pool_set_size(void)
{
	u64 bytes;
	int ret;

	if (!pool_size)
		return 0;
	ret = gmem_parse_number(pool_size, &bytes) ?:
	      gmem_pool_set_low_all(gmem_bytes_to_blocks(bytes));
	if (ret)
		pr_err("bad pool=%s; give bytes (with k, m, g or t), at most the host's memory; a pool also needs a kernel in which gmemfs finds the functions that charge memory to cgroups\n",
		       pool_size);
	return ret;
}
