// SPDX-License-Identifier: GPL-2.0
/*
 * Prepare: allocate memory from the kernel, zeroed and unowned, and remove it
 * from the direct map unless it has a reason to stay there.
 */
#include <linux/gfp.h>
#include <linux/mm.h>

#include "directmap.h"
#include "fault_inject.h"
#include "frame.h"
#include "giveback.h"
#include "pieces.h"
#include "place.h"
#include "prepare.h"
#include "quarantine.h"
#include "units.h"

#define GMEM_GFP	(GFP_HIGHUSER | __GFP_ZERO)

/*
 * For 2 MiB: take free memory, or what one round of compaction and of reclaim
 * yields. For less: only what is free. Single pages do as well.
 */
#define GMEM_GFP_HUGE	(GMEM_GFP | __GFP_NORETRY | __GFP_NOWARN)
#define GMEM_GFP_LARGE	(GMEM_GFP_HUGE & ~__GFP_RECLAIM)

static gfp_t gmem_gfp(unsigned int order)
{
	if (!order)
		return GMEM_GFP;
	return order == GMEM_BLOCK_ORDER ? GMEM_GFP_HUGE : GMEM_GFP_LARGE;
}

/*
 * Allocate memory: zeroed, still in the direct map, and with @account charged
 * to the memory cgroup of the current task. Each page has a refcount of its
 * own. Return: NULL if there is no memory.
 */
static struct page *gmem_alloc(unsigned int order,
			       const struct gmem_place *place, gfp_t account)
{
	enum gmem_fail kind = order ? GMEM_FAIL_ALLOC_HUGE
				    : GMEM_FAIL_ALLOC_PAGE;
	struct page *page;

	if (gmem_fault_inject(kind))
		return NULL;
	page = gmem_place_alloc(place, gmem_gfp(order) | account, order);
	if (page && order)
		split_page(page, order);
	return page;
}

static void gmem_free_run(struct page *page, unsigned int nr)
{
	while (nr--)
		__free_page(page++);
}

/*
 * Track contiguous pages, which are hidden in one step with one TLB flush if
 * there are no @reasons. On an error they are freed or put into quarantine.
 */
static int gmem_add_run(struct page *page, unsigned int nr,
			unsigned long reasons, struct gmem_flush *flush)
{
	int ret = gmem_frame_add(page, nr, reasons, flush);

	if (ret == -EIO)
		gmem_quarantine_run(page, nr);
	else if (ret)
		gmem_free_run(page, nr);
	return ret;
}

static struct page *gmem_prepare_new(struct page *page, unsigned int order,
				     unsigned long reasons)
{
	int ret;

	if (!page)
		return ERR_PTR(-ENOMEM);
	ret = gmem_add_run(page, 1U << order, reasons, NULL);
	return ret ? ERR_PTR(ret) : page;
}

/**
 * gmem_prepare - get memory that is zeroed, and hidden
 * @order: 0, or GMEM_BLOCK_ORDER
 * @place: where the memory should come from
 * @reasons: why it is not hidden (GMEM_REASONS), or 0
 *
 * Return: the first page, unowned, or an ERR_PTR: -ENOMEM; -EBUSY while the
 * host hibernates; -EPERM if KVM could not be hooked; -EIO if the direct map
 * can't be edited.
 */
struct page *gmem_prepare(unsigned int order, const struct gmem_place *place,
			  unsigned long reasons)
{
	return gmem_prepare_new(gmem_alloc(order, place, __GFP_ACCOUNT), order,
				reasons);
}

/**
 * gmem_prepare_uncharged - get memory that is zeroed, hidden, and charged to no
 *			    cgroup
 * @order: 0 to GMEM_BLOCK_ORDER
 * @place: where the memory should come from
 *
 * Return: as gmem_prepare().
 */
struct page *gmem_prepare_uncharged(unsigned int order,
				    const struct gmem_place *place)
{
	return gmem_prepare_new(gmem_alloc(order, place, 0), order, 0);
}

/**
 * gmem_prepare_blocks - get several blocks, with as few TLB flushes as possible
 * @blocks: out: first page of each
 * @nr: how many are wanted
 * @place: where the memory should come from
 *
 * Return: how many there are, 0 to @nr.
 */
unsigned int gmem_prepare_blocks(struct page **blocks, unsigned int nr,
				 const struct gmem_place *place)
{
	unsigned int got, done = 0, i = 0, run;
	struct gmem_flush flush = {};

	for (got = 0; got < nr; got++) {
		blocks[got] = gmem_alloc(GMEM_BLOCK_ORDER, place,
					 __GFP_ACCOUNT);
		if (!blocks[got])
			break;
		cond_resched();
	}
	gmem_sort_pieces(blocks, got);
	for (; i < got; i += run) {
		run = gmem_run_length(blocks + i, got - i, GMEM_BLOCK_PAGES);
		if (gmem_add_run(blocks[i], run * GMEM_BLOCK_PAGES, 0, &flush))
			continue;
		memmove(blocks + done, blocks + i, run * sizeof(*blocks));
		done += run;
	}
	gmem_directmap_flush(&flush);
	return done;
}
