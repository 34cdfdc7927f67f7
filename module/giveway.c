// SPDX-License-Identifier: GPL-2.0
/*
 * Give way: the pool's blocks and the spare pages (carve.c) go to the kernel
 * when others need memory. The kernel's shrinkers get some of them; before the
 * OOM killer picks a task, all of them are asked for. Whole blocks go first:
 * nobody asks a node for spare pages while its pool has blocks, and the blocks
 * of all nodes that are asked go before any spare page. For those, an entry of
 * the direct map may have to be split. They stay where that would be for a few,
 * or can't be.
 *
 * A thread gives them back. That edits the direct map, for which the kernel may
 * wait for work of its own that frees other mappings. A task that reclaims
 * memory may not do that: the kernel would warn, and such work may need memory
 * itself. So reclaim only asks for blocks. The thread is there from the start,
 * since a worker might have to be made, which takes memory.
 */
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/oom.h>
#include <linux/shrinker.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "carve.h"
#include "giveway.h"
#include "pieces.h"
#include "pool.h"
#include "spare.h"
#include "units.h"

/*
 * How long the OOM killer waits for the pool's next blocks. It is enough for
 * some that have to be zeroed. If the thread itself waits for memory, a task
 * has to be killed.
 */
#define GMEM_GIVE_WAIT	(2 * HZ)

static struct shrinker *pool_shrinker;
static struct task_struct *giver;

/* Blocks of each node that were asked for, and are not given back yet. */
static unsigned long asked[MAX_NUMNODES];
/* Of these, up to so many are on their way from the pool to the kernel. */
static unsigned long in_hand[MAX_NUMNODES];
/* Blocks that were given back ever, of all nodes. */
static unsigned long given_blocks;
static DEFINE_SPINLOCK(asked_lock);
static DECLARE_WAIT_QUEUE_HEAD(asked_queue);
static DECLARE_WAIT_QUEUE_HEAD(given_queue);

/* ---- what was asked for ---- */

/* Those that the thread is giving are not in the pool any more. */
static unsigned long gmem_pool_blocks(int node)
{
	return gmem_pool_clean(node) + gmem_pool_dirty(node) +
	       READ_ONCE(in_hand[node]);
}

/* Spare pages, as the blocks that they would fill. */
static unsigned long gmem_spare_blocks(int node)
{
	return DIV_ROUND_UP(gmem_spare_pages(node), GMEM_BLOCK_PAGES);
}

/*
 * What may be asked for now. When memory is tight, the kernel's shrinker and
 * the OOM killer ask for all.
 */
static unsigned long gmem_blocks_to_give(int node)
{
	return gmem_pool_blocks(node) ?: gmem_spare_blocks(node);
}

/*
 * Never ask for more than there is. But what the thread has in hand is not
 * there any more, and still asked for.
 */
static void gmem_ask(int node, unsigned long blocks)
{
	unsigned long have = gmem_blocks_to_give(node), all;

	spin_lock(&asked_lock);
	all = min(have, asked[node] + min(have, blocks));
	WRITE_ONCE(asked[node], max(asked[node], all));
	spin_unlock(&asked_lock);
	wake_up(&asked_queue);
}

/*
 * @blocks have been given back. 0: there were none, or spare pages that could
 * not be given; and no more is asked for than the pool has got since.
 */
static void gmem_given(int node, unsigned long blocks)
{
	unsigned long left;

	spin_lock(&asked_lock);
	left = asked[node] - min(asked[node], blocks);
	if (!blocks)
		left = min(left, gmem_pool_blocks(node));
	WRITE_ONCE(asked[node], left);
	WRITE_ONCE(given_blocks, given_blocks + blocks);
	spin_unlock(&asked_lock);
	wake_up_all(&given_queue);
}

static unsigned long gmem_asked(int node)
{
	return READ_ONCE(asked[node]);
}

static bool gmem_any_asked(void)
{
	int node;

	for_each_node_state(node, N_MEMORY)
		if (gmem_asked(node))
			return true;
	return false;
}

/* ---- the thread ---- */

static unsigned long gmem_give_blocks(int node)
{
	unsigned long most = min(gmem_asked(node), GMEM_BATCH), given;

	if (!most)
		return 0;
	WRITE_ONCE(in_hand[node], most);
	given = gmem_pool_shrink(node, most);
	WRITE_ONCE(in_hand[node], 0);
	return given;
}

static void gmem_give_whole(int node)
{
	unsigned long blocks;

	while ((blocks = gmem_give_blocks(node)))
		gmem_given(node, blocks);
}

/* Return: how many blocks they would fill. */
static unsigned long gmem_give_spare_pages(int node, unsigned long blocks)
{
	unsigned long pages;

	pages = gmem_carve_shrink(node, blocks * GMEM_BLOCK_PAGES);
	return DIV_ROUND_UP(pages, GMEM_BLOCK_PAGES);
}

/*
 * The pool may have got blocks meanwhile. A few at a time: another node may be
 * asked for blocks.
 */
static void gmem_give_rest(int node)
{
	unsigned long most = min(gmem_asked(node), GMEM_BATCH);

	if (most)
		gmem_given(node, gmem_give_blocks(node) ?:
				 gmem_give_spare_pages(node, most));
}

static int gmem_giver(void *unused)
{
	int node;

	while (!kthread_should_stop()) {
		wait_event_idle(asked_queue,
				gmem_any_asked() || kthread_should_stop());
		for_each_node_state(node, N_MEMORY)
			gmem_give_whole(node);
		for_each_node_state(node, N_MEMORY)
			gmem_give_rest(node);
	}
	return 0;
}

/* ---- who asks ---- */

static unsigned long gmem_shrinker_count(struct shrinker *shrinker,
					 struct shrink_control *sc)
{
	unsigned long have = gmem_pool_blocks(sc->nid) +
			     gmem_spare_blocks(sc->nid);
	unsigned long gone = gmem_asked(sc->nid);

	if (gmem_pool_is_filled(sc->nid))
		return 0;
	return have > gone ? (have - gone) * GMEM_BLOCK_PAGES : SHRINK_EMPTY;
}

static unsigned long gmem_shrinker_scan(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	gmem_ask(sc->nid, DIV_ROUND_UP(sc->nr_to_scan, GMEM_BLOCK_PAGES));
	return 0;	/* nothing is free yet */
}

static int gmem_pool_oom(struct notifier_block *nb, unsigned long unused,
			 void *freed)
{
	unsigned long before = READ_ONCE(given_blocks), given;
	unsigned long *pages = freed;
	int node;

	/* The thread can't wait for itself. */
	if (current == giver)
		return NOTIFY_DONE;
	for_each_node_state(node, N_MEMORY)
		gmem_ask(node, ULONG_MAX);
	wait_event_timeout(given_queue,
			   !gmem_any_asked() ||
			   READ_ONCE(given_blocks) != before,
			   GMEM_GIVE_WAIT);
	given = READ_ONCE(given_blocks) - before;
	*pages += given * GMEM_BLOCK_PAGES;
	return NOTIFY_OK;
}

static struct notifier_block gmem_pool_oom_nb = {
	.notifier_call = gmem_pool_oom,
};

/* ---- load and unload ---- */

static int __init gmem_giver_start(void)
{
	giver = kthread_run(gmem_giver, NULL, "gmemfs-giveway");
	return PTR_ERR_OR_ZERO(giver);
}

static int __init gmem_shrinker_alloc(void)
{
	pool_shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "gmemfs-pool");
	if (!pool_shrinker)
		return -ENOMEM;
	pool_shrinker->count_objects = gmem_shrinker_count;
	pool_shrinker->scan_objects = gmem_shrinker_scan;
	pool_shrinker->batch = GMEM_BLOCK_PAGES;
	return 0;
}

int __init gmem_giveway_init(void)
{
	int ret;

	ret = gmem_giver_start();
	if (ret)
		return ret;
	ret = gmem_shrinker_alloc();
	if (ret)
		goto stop;
	ret = register_oom_notifier(&gmem_pool_oom_nb);
	if (ret)
		goto free;
	shrinker_register(pool_shrinker);
	return 0;

free:
	shrinker_free(pool_shrinker);
stop:
	kthread_stop(giver);
	return ret;
}

void gmem_giveway_exit(void)
{
	unregister_oom_notifier(&gmem_pool_oom_nb);
	shrinker_free(pool_shrinker);
	kthread_stop(giver);
}
