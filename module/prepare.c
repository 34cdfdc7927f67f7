// SPDX-License-Identifier: GPL-2.0
/*
 * Prepare: memory from the kernel, zeroed, taken out of the direct map, and
 * known to lend.c as hidden memory of nobody's yet.
 */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "directmap.h"
#include "fault_inject.h"
#include "guard.h"
#include "lend.h"
#include "pieces.h"
#include "place.h"
#include "power.h"
#include "prepare.h"
#include "quarantine.h"
#include "release.h"
#include "units.h"

#define GMEM_GFP	(GFP_HIGHUSER | __GFP_ZERO | __GFP_ACCOUNT)

/*
 * For 2 MiB: take what is there or what one round of compaction brings, but
 * reclaim nobody's memory for it, since single pages do too.
 */
#define GMEM_GFP_HUGE	(GMEM_GFP | __GFP_NORETRY | __GFP_NOWARN)

/**
 * gmem_alloc - zeroed memory, still in the direct map
 * @order: 0, or GMEM_BLOCK_ORDER for a block
 * @place: where from
 *
 * Charged to the memory cgroup of the current task. Each page has a refcount
 * of its own.
 *
 * Return: the first page, or NULL.
 */
struct page *gmem_alloc(unsigned int order, const struct gmem_place *place)
{
	enum gmem_fail kind = order ? GMEM_FAIL_ALLOC_HUGE
				    : GMEM_FAIL_ALLOC_PAGE;
	struct page *page;
	unsigned int i;

	if (gmem_fault_inject(kind))
		return NULL;
	page = gmem_place_alloc(place, order ? GMEM_GFP_HUGE : GMEM_GFP, order);
	if (page && order)
		split_page(page, order);
	/* The allocator clears only the first one's; see GMEM_PAGE_EXPOSED. */
	for (i = 0; page && i < 1U << order; i++)
		set_page_private(page + i, 0);
	return page;
}

/* May there be hidden memory? Asked once the pages count as hidden. */
static int gmem_hiding_allowed(void)
{
	return gmem_power_may_hide() ? gmem_guard_allows_hiding() : -EBUSY;
}

/* Hide neighbours in memory: one step, one flush. Frees them if it can't. */
static int gmem_hide_run(struct page *page, unsigned int nr)
{
	unsigned int step = min_t(unsigned int, nr, GMEM_BLOCK_PAGES), i;
	int ret = gmem_directmap_hide(page, nr);

	if (ret == -EIO)
		goto quarantine;
	if (ret)
		goto free;
	ret = gmem_hiding_allowed();
	if (!ret)
		ret = gmem_lend_own_range(page, nr);
	if (!ret)
		return 0;

	/* Zeroed and never seen: nothing to scrub. */
	if (!gmem_directmap_expose(page, nr, nr))
		goto free;
	ret = -EIO;
quarantine:
	for (i = 0; i < nr; i += step)
		gmem_quarantine(page + i, step, step);
	return ret;
free:
	gmem_free_pages(page, nr);
	return ret;
}

/**
 * gmem_prepare - memory that is zeroed and hidden
 * @order: 0, or GMEM_BLOCK_ORDER
 * @place: where from
 *
 * Return: the first page, or an ERR_PTR: -ENOMEM; -EBUSY while the host
 * hibernates; -EPERM where KVM isn't guarded; -EIO where the direct map can't
 * be edited.
 */
struct page *gmem_prepare(unsigned int order, const struct gmem_place *place)
{
	struct page *page = gmem_alloc(order, place);
	int ret;

	if (!page)
		return ERR_PTR(-ENOMEM);
	ret = gmem_hide_run(page, 1U << order);
	return ret ? ERR_PTR(ret) : page;
}

/**
 * gmem_prepare_blocks - several blocks, with as few flushes as can be
 * @blocks: out: first page of each
 * @nr: how many are wanted
 * @place: where from
 *
 * Return: how many there are, 0 to @nr.
 */
unsigned int gmem_prepare_blocks(struct page **blocks, unsigned int nr,
				 const struct gmem_place *place)
{
	unsigned int got, done = 0, i = 0, run;

	for (got = 0; got < nr; got++) {
		blocks[got] = gmem_alloc(GMEM_BLOCK_ORDER, place);
		if (!blocks[got])
			break;
		cond_resched();
	}
	gmem_sort_pieces(blocks, got);
	for (; i < got; i += run) {
		run = gmem_run_length(blocks + i, got - i, GMEM_BLOCK_PAGES);
		if (gmem_hide_run(blocks[i], run * GMEM_BLOCK_PAGES))
			continue;
		memmove(blocks + done, blocks + i, run * sizeof(*blocks));
		done += run;
	}
	return done;
}
