// SPDX-License-Identifier: GPL-2.0
/*
 * Give way: the pool gives up blocks when others need memory. The kernel's
 * shrinkers get some of them; before the OOM killer picks a task, all of them
 * go.
 */
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/oom.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>

#include "giveway.h"
#include "pool.h"
#include "units.h"

static struct shrinker *pool_shrinker;

static unsigned long gmem_shrinker_count(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	unsigned long blocks = gmem_pool_clean(sc->nid) +
			       gmem_pool_dirty(sc->nid);

	return blocks ? blocks * GMEM_BLOCK_PAGES : SHRINK_EMPTY;
}

static unsigned long gmem_shrinker_scan(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	unsigned long blocks = DIV_ROUND_UP(sc->nr_to_scan, GMEM_BLOCK_PAGES);

	blocks = gmem_pool_shrink(sc->nid, blocks);
	sc->nr_scanned = max(sc->nr_to_scan, blocks * GMEM_BLOCK_PAGES);
	return blocks ? blocks * GMEM_BLOCK_PAGES : SHRINK_STOP;
}

static int gmem_pool_oom(struct notifier_block *nb, unsigned long unused,
			 void *freed)
{
	unsigned long *pages = freed, blocks = 0;
	unsigned int flags;
	int node;

	/*
	 * Zeroing may allocate memory. The caller holds oom_lock, so an
	 * allocation that finds no memory would wait for that lock.
	 */
	flags = memalloc_noreclaim_save();
	for_each_node_state(node, N_MEMORY)
		blocks += gmem_pool_shrink(node, ULONG_MAX);
	memalloc_noreclaim_restore(flags);
	*pages += blocks * GMEM_BLOCK_PAGES;
	return NOTIFY_OK;
}

static struct notifier_block gmem_pool_oom_nb = {
	.notifier_call = gmem_pool_oom,
};

int __init gmem_giveway_init(void)
{
	int ret;

	pool_shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "gmemfs-pool");
	if (!pool_shrinker)
		return -ENOMEM;
	pool_shrinker->count_objects = gmem_shrinker_count;
	pool_shrinker->scan_objects = gmem_shrinker_scan;
	pool_shrinker->batch = GMEM_BLOCK_PAGES;
	ret = register_oom_notifier(&gmem_pool_oom_nb);
	if (ret) {
		shrinker_free(pool_shrinker);
		return ret;
	}
	shrinker_register(pool_shrinker);
	return 0;
}

void gmem_giveway_exit(void)
{
	unregister_oom_notifier(&gmem_pool_oom_nb);
	shrinker_free(pool_shrinker);
}
