// SPDX-License-Identifier: GPL-2.0
/*
 * The pool: blocks that are zeroed and hidden ahead of use, so that a task that
 * fills a file waits for neither.
 *
 * Each NUMA node has a pool of its own, with clean blocks, which are ready to
 * be taken, and dirty blocks, which a file gave back and which still hold its
 * data. Both are HIDDEN, unowned, and charged to no cgroup: one that had to pay
 * for dirty blocks would be at its limit because of memory that it can't use.
 * There are hardly more dirty blocks than the low watermark: a file whose
 * blocks find no room here zeroes them itself. One worker for each node zeroes
 * the dirty blocks, then adds blocks from the kernel's free memory up to the
 * low watermark, and gives back those above it.
 *
 * The pool grows only while the host has memory to spare, and shrinks when
 * others need memory (giveway.c).
 *
 * The low watermark is 0 unless the administrator sets it. Then there is no
 * pool: files get their memory from the kernel and give it back themselves.
 */
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "memcg.h"
#include "pieces.h"
#include "place.h"
#include "poison.h"
#include "pool.h"
#include "prepare.h"
#include "release.h"
#include "units.h"

/* No refill for so long after a shrink, or after a refill found no memory. */
#define GMEM_POOL_BACKOFF	(10 * HZ)

/* Filling the pool leaves 1/GMEM_POOL_LEAVE of the host's memory available. */
#define GMEM_POOL_LEAVE		16

/**
 * struct gmem_pool - the blocks of one node
 * @lock: protects the lists, the counts and @low
 * @clean: zeroed blocks
 * @dirty: blocks with a file's data in them
 * @nr_clean: blocks in @clean
 * @nr_dirty: blocks in @dirty
 * @low: the low watermark, in blocks
 * @quiet_until: jiffies; the worker doesn't fill the pool before
 * @filler: the worker, while it takes memory from the kernel
 * @work: the worker
 * @node: the NUMA node
 */
struct gmem_pool {
	spinlock_t lock;	/* see above */
	struct list_head clean;
	struct list_head dirty;
	unsigned long nr_clean;
	unsigned long nr_dirty;
	unsigned long low;
	unsigned long quiet_until;
	struct task_struct *filler;
	struct delayed_work work;
	int node;
};

static struct gmem_pool *pools[MAX_NUMNODES];
static struct workqueue_struct *pool_queue;
static atomic_long_t pool_counts[GMEM_POOL_COUNTS];
static bool pool_gone;

static void gmem_pool_count(enum gmem_pool_count what, long n)
{
	atomic_long_add(n, &pool_counts[what]);
}

unsigned long gmem_pool_counted(enum gmem_pool_count what)
{
	return atomic_long_read(&pool_counts[what]);
}

static struct gmem_pool *gmem_pool_of(int node)
{
	return node >= 0 && node < MAX_NUMNODES ? pools[node] : NULL;
}

/* gmem_pool_on_node - has the node a pool? Not if its memory came later. */
bool gmem_pool_on_node(int node)
{
	return gmem_pool_of(node);
}

/*
 * gmem_pool_fills_on_node - has the node a pool, and memory for it just now?
 *
 * All memory of a node may be movable, as hot-plugged memory often is. Such a
 * node may also leave while its pool, which is empty, stays.
 */
bool gmem_pool_fills_on_node(int node)
{
	return gmem_pool_of(node) && node_state(node, N_NORMAL_MEMORY);
}

static void gmem_pool_kick(struct gmem_pool *pool)
{
	if (!READ_ONCE(pool_gone))
		mod_delayed_work(pool_queue, &pool->work, 0);
}

/* ---- the lists ---- */

static struct page *gmem_pool_pop(struct list_head *list, unsigned long *count)
{
	struct page *page = list_first_entry_or_null(list, struct page, lru);

	if (page) {
		list_del(&page->lru);
		(*count)--;
	}
	return page;
}

static unsigned int gmem_pool_pop_many(struct gmem_pool *pool, bool dirty,
				       struct page **blocks, unsigned int nr)
{
	unsigned int n;

	spin_lock(&pool->lock);
	for (n = 0; n < nr; n++) {
		blocks[n] = dirty ? gmem_pool_pop(&pool->dirty, &pool->nr_dirty)
				  : gmem_pool_pop(&pool->clean,
						  &pool->nr_clean);
		if (!blocks[n])
			break;
	}
	spin_unlock(&pool->lock);
	return n;
}

static void gmem_pool_push(struct gmem_pool *pool, bool dirty,
			   struct page *page)
{
	spin_lock(&pool->lock);
	if (dirty) {
		list_add_tail(&page->lru, &pool->dirty);
		pool->nr_dirty++;
	} else {
		list_add(&page->lru, &pool->clean);
		pool->nr_clean++;
	}
	spin_unlock(&pool->lock);
}

/* ---- zeroing blocks that were given back ---- */

/* Zero dirty blocks. Return: how many are clean now, the first of @blocks. */
static unsigned int gmem_pool_scrub(struct page **blocks, unsigned int nr)
{
	unsigned int clean = gmem_scrub_blocks(blocks, nr);

	gmem_pool_count(GMEM_POOL_SCRUBS, clean);
	return clean;
}

/* ---- the worker ---- */

/* These take no lock: a block or two more than the watermark does no harm. */
static unsigned long gmem_pool_missing(const struct gmem_pool *pool)
{
	unsigned long have = READ_ONCE(pool->nr_clean) +
			     READ_ONCE(pool->nr_dirty);
	unsigned long low = READ_ONCE(pool->low);

	return low > have ? low - have : 0;
}

static unsigned long gmem_pool_excess(const struct gmem_pool *pool)
{
	unsigned long clean = READ_ONCE(pool->nr_clean);
	unsigned long low = READ_ONCE(pool->low);

	return clean > low ? clean - low : 0;
}

static bool gmem_pool_full(const struct gmem_pool *pool)
{
	return READ_ONCE(pool->nr_clean) >= READ_ONCE(pool->low);
}

static void gmem_pool_work_dirty(struct gmem_pool *pool)
{
	struct page *blocks[GMEM_BATCH];
	unsigned int nr, i;

	while ((nr = gmem_pool_pop_many(pool, true, blocks, GMEM_BATCH))) {
		if (gmem_pool_full(pool)) {
			gmem_release_blocks(blocks, nr);
			continue;
		}
		nr = gmem_pool_scrub(blocks, nr);
		for (i = 0; i < nr; i++)
			gmem_pool_push(pool, false, blocks[i]);
	}
}

static void gmem_pool_work_excess(struct gmem_pool *pool)
{
	struct page *blocks[GMEM_BATCH];
	unsigned int nr;

	while ((nr = min(gmem_pool_excess(pool), GMEM_BATCH))) {
		nr = gmem_pool_pop_many(pool, false, blocks, nr);
		gmem_release_clean(blocks, nr);
		cond_resched();
	}
}

static bool gmem_pool_host_has(unsigned int blocks)
{
	unsigned long want = blocks * GMEM_BLOCK_PAGES;

	return si_mem_available() > (long)(totalram_pages() / GMEM_POOL_LEAVE +
					   want);
}

/* Return: whether the worker should run again soon. */
static bool gmem_pool_work_fill(struct gmem_pool *pool)
{
	struct gmem_place place = { .node = pool->node, .only = true };
	struct page *blocks[GMEM_BATCH];
	unsigned int want, nr, i;

	/* The kernel complains about an allocation on a node that has left. */
	if (!gmem_pool_fills_on_node(pool->node))
		return false;
	while ((want = min(gmem_pool_missing(pool), GMEM_BATCH))) {
		/* First use blocks that files have given back meanwhile. */
		gmem_pool_work_dirty(pool);
		if (READ_ONCE(pool_gone) ||
		    time_before(jiffies, READ_ONCE(pool->quiet_until)))
			return true;
		nr = gmem_pool_host_has(want) ?
		     gmem_prepare_blocks(blocks, want, &place) : 0;
		for (i = 0; i < nr; i++)
			gmem_pool_push(pool, false, blocks[i]);
		gmem_pool_count(GMEM_POOL_REFILLS, nr);
		if (!nr) {
			WRITE_ONCE(pool->quiet_until,
				   jiffies + GMEM_POOL_BACKOFF);
			return true;
		}
		cond_resched();
	}
	return false;
}

static void gmem_pool_worker(struct work_struct *work)
{
	struct gmem_pool *pool = container_of(to_delayed_work(work),
					      struct gmem_pool, work);

	bool again;

	gmem_pool_work_dirty(pool);
	gmem_pool_work_excess(pool);
	WRITE_ONCE(pool->filler, current);
	again = gmem_pool_work_fill(pool);
	WRITE_ONCE(pool->filler, NULL);
	if (again && !READ_ONCE(pool_gone))
		queue_delayed_work(pool_queue, &pool->work, HZ);
}

/* ---- for files ---- */

/* Take a clean block. One that has got a memory error since leaves the pool. */
static struct page *gmem_pool_take_clean(struct gmem_pool *pool)
{
	struct page *page;

	while (gmem_pool_pop_many(pool, false, &page, 1)) {
		if (!gmem_any_poisoned(page, GMEM_BLOCK_PAGES))
			return page;
		gmem_release(page, GMEM_BLOCK_PAGES);
	}
	return NULL;
}

/*
 * Take a clean block, or zero a dirty one: that still needs no edit of the
 * direct map.
 */
static struct page *gmem_pool_take_any(struct gmem_pool *pool)
{
	struct page *page;

	while (!(page = gmem_pool_take_clean(pool))) {
		if (!gmem_pool_pop_many(pool, true, &page, 1))
			return NULL;
		if (gmem_pool_scrub(&page, 1))
			break;
	}
	return page;
}

/**
 * gmem_pool_take_uncharged - take a block that is ready
 * @place: where the memory should come from
 *
 * Return: its first page: zeroed, HIDDEN, unowned, and charged to no cgroup; or
 * NULL if there is none.
 */
struct page *gmem_pool_take_uncharged(const struct gmem_place *place)
{
	struct gmem_pool *pool = gmem_pool_of(place->node);
	struct page *page;

	if (!pool || !READ_ONCE(pool->low) || !gmem_place_allowed(place))
		return NULL;
	page = gmem_pool_take_any(pool);
	gmem_pool_kick(pool);
	gmem_pool_count(page ? GMEM_POOL_HITS : GMEM_POOL_MISSES, 1);
	return page;
}

/**
 * gmem_pool_take - take a block that is ready, and charge it
 * @place: where the memory should come from
 *
 * Return: its first page: zeroed, HIDDEN, unowned, and charged to the current
 * task's cgroup; or NULL if there is none, or the cgroup is at its limit.
 */
struct page *gmem_pool_take(const struct gmem_place *place)
{
	struct page *page = gmem_pool_take_uncharged(place);

	struct gmem_pool *pool;

	if (!page || !gmem_memcg_charge(page, GMEM_BLOCK_PAGES))
		return page;
	/* The watermark may be lower by now. */
	pool = gmem_pool_of(page_to_nid(page));
	gmem_pool_push(pool, false, page);
	gmem_pool_kick(pool);
	return NULL;
}

static bool gmem_pool_has_room(const struct gmem_pool *pool, bool dirty)
{
	unsigned long have;

	if (!pool || READ_ONCE(pool_gone))
		return false;
	have = dirty ? READ_ONCE(pool->nr_dirty) : READ_ONCE(pool->nr_clean);
	return have < READ_ONCE(pool->low);
}

/**
 * gmem_pool_give - take blocks that a file doesn't need any more into the pool
 * @blocks: first page of each, HIDDEN as a whole, unowned; reordered here
 * @nr: how many
 * @dirty: whether there may be data in them
 *
 * Return: how many were not taken; they come first in @blocks.
 */
unsigned int gmem_pool_give(struct page **blocks, unsigned int nr, bool dirty)
{
	unsigned int i, left = 0;

	for (i = 0; i < nr; i++) {
		struct gmem_pool *pool = gmem_pool_of(page_to_nid(blocks[i]));

		if (!gmem_pool_has_room(pool, dirty)) {
			blocks[left++] = blocks[i];
			continue;
		}
		gmem_memcg_uncharge(blocks[i], GMEM_BLOCK_PAGES);
		gmem_pool_push(pool, dirty, blocks[i]);
		gmem_pool_kick(pool);
	}
	return left;
}

/* ---- giving memory to others ---- */

/*
 * gmem_pool_is_filled - does the current task fill this pool?
 *
 * To find memory for it, the kernel may look for some to reclaim: not there.
 */
bool gmem_pool_is_filled(int node)
{
	struct gmem_pool *pool = gmem_pool_of(node);

	return pool && READ_ONCE(pool->filler) == current;
}

/**
 * gmem_pool_shrink - give blocks back to the kernel
 * @node: whose blocks
 * @nr: how many at most
 *
 * Not for a task that reclaims memory: see giveway.c.
 *
 * Return: how many blocks were given back.
 */
unsigned long gmem_pool_shrink(int node, unsigned long nr)
{
	struct gmem_pool *pool = gmem_pool_of(node);
	struct page *blocks[GMEM_BATCH];
	unsigned long done = 0;
	unsigned int n;

	if (!pool)
		return 0;
	if (nr)
		WRITE_ONCE(pool->quiet_until, jiffies + GMEM_POOL_BACKOFF);
	while (done < nr) {
		unsigned int want = min(nr - done, GMEM_BATCH);

		n = gmem_pool_pop_many(pool, false, blocks, want);
		if (n) {
			gmem_release_clean(blocks, n);
		} else {
			n = gmem_pool_pop_many(pool, true, blocks, want);
			gmem_release_blocks(blocks, n);
		}
		if (!n)
			break;
		done += n;
		gmem_pool_count(GMEM_POOL_SHRUNK, n);
		cond_resched();
	}
	return done;
}

/* ---- for sysfs ---- */

unsigned long gmem_pool_low(int node)
{
	struct gmem_pool *pool = gmem_pool_of(node);

	return pool ? READ_ONCE(pool->low) : 0;
}

unsigned long gmem_pool_clean(int node)
{
	struct gmem_pool *pool = gmem_pool_of(node);

	return pool ? READ_ONCE(pool->nr_clean) : 0;
}

unsigned long gmem_pool_dirty(int node)
{
	struct gmem_pool *pool = gmem_pool_of(node);

	return pool ? READ_ONCE(pool->nr_dirty) : 0;
}

/**
 * gmem_pool_set_low - set a node's low watermark
 * @node: a node
 * @blocks: the watermark
 *
 * Returns before the pool has grown or shrunk to it.
 *
 * Return: 0; -ENODEV if there is no such node; -EOPNOTSUPP if this kernel can't
 * charge blocks of the pool to cgroups; -EINVAL for more than the host's
 * memory.
 */
int gmem_pool_set_low(int node, unsigned long blocks)
{
	struct gmem_pool *pool = gmem_pool_of(node);

	if (!pool)
		return -ENODEV;
	if (blocks && !gmem_memcg_works())
		return -EOPNOTSUPP;
	if (blocks > totalram_pages() / GMEM_BLOCK_PAGES)
		return -EINVAL;
	spin_lock(&pool->lock);
	pool->low = blocks;
	spin_unlock(&pool->lock);
	WRITE_ONCE(pool->quiet_until, jiffies);
	gmem_pool_kick(pool);
	return 0;
}

/* ---- load and unload ---- */

static struct gmem_pool *gmem_pool_new(int node)
{
	struct gmem_pool *pool = kzalloc_node(sizeof(*pool), GFP_KERNEL, node);

	if (!pool)
		return NULL;
	spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->clean);
	INIT_LIST_HEAD(&pool->dirty);
	INIT_DELAYED_WORK(&pool->work, gmem_pool_worker);
	pool->quiet_until = jiffies;
	pool->node = node;
	return pool;
}

static void gmem_pool_free_all(void)
{
	int node;

	for_each_node(node) {
		kfree(pools[node]);
		pools[node] = NULL;
	}
}

int __init gmem_pool_init(void)
{
	int node, ret = -ENOMEM;

	/*
	 * Not WQ_MEM_RECLAIM: the worker edits the direct map, and there the
	 * kernel may wait for work of its own that is not, and would warn.
	 * Reclaim doesn't wait for this worker: see giveway.c.
	 */
	pool_queue = alloc_workqueue("gmemfs-pool", WQ_UNBOUND, 0);
	if (!pool_queue)
		return -ENOMEM;
	for_each_node_state(node, N_MEMORY) {
		pools[node] = gmem_pool_new(node);
		if (!pools[node])
			goto free_pools;
	}
	ret = gmem_pool_set_size();
	if (ret)
		gmem_pool_exit();
	return ret;

free_pools:
	gmem_pool_free_all();
	destroy_workqueue(pool_queue);
	return ret;
}

/* No file is left, so nobody takes or gives blocks. */
void gmem_pool_exit(void)
{
	int node;

	WRITE_ONCE(pool_gone, true);
	for_each_node(node) {
		if (!pools[node])
			continue;
		cancel_delayed_work_sync(&pools[node]->work);
		gmem_pool_shrink(node, ULONG_MAX);
	}
	destroy_workqueue(pool_queue);
	gmem_pool_free_all();
}
