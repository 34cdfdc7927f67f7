// SPDX-License-Identifier: GPL-2.0
/*
 * Memory cgroups: memory that was prepared ahead of use is charged when a task
 * gets it, to that task's cgroup.
 *
 * The page allocator charges memory that it allocates for a task, and uncharges
 * it when the page is freed. The pool's memory, and what single pages are
 * carved from, was allocated for no task. The kernel has two functions to
 * charge and uncharge it later, but doesn't export them.
 */
#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/page_counter.h>
#include <linux/sched.h>
#include <linux/static_call.h>

#include "memcg.h"
#include "symbol.h"

#ifdef CONFIG_MEMCG

/* Static calls, which are direct calls, because of IBT: see directmap.c. */
DEFINE_STATIC_CALL_NULL(gmem_charge_page, __memcg_kmem_charge_page);
DEFINE_STATIC_CALL_NULL(gmem_uncharge_page, __memcg_kmem_uncharge_page);

static bool gmem_memcg_found;

/* gmem_memcg_works - can memory be charged later than it was allocated? */
bool gmem_memcg_works(void)
{
	return gmem_memcg_found;
}

/*
 * At the limit, no other task is killed for a block: a single page, which the
 * caller takes then, may be all that there is room for. For that page, the
 * kernel does what it does for any page.
 */
static gfp_t gmem_gfp_charge(unsigned int nr)
{
	return nr == 1 ? GFP_KERNEL : GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
}

/**
 * gmem_memcg_charge - charge pages to the current task's cgroup
 * @page: first page, charged to no cgroup
 * @nr: how many
 *
 * Return: 0; or -ENOMEM over the cgroup's limit: then no page is charged.
 */
int gmem_memcg_charge(struct page *page, unsigned int nr)
{
	unsigned int i;

	if (!memcg_kmem_online())
		return 0;
	for (i = 0; i < nr; i++) {
		if (!static_call(gmem_charge_page)(page + i,
						   gmem_gfp_charge(nr), 0))
			continue;
		gmem_memcg_uncharge(page, i);
		return -ENOMEM;
	}
	return 0;
}

/**
 * gmem_memcg_uncharge - uncharge pages without freeing them
 * @page: first page
 * @nr: how many
 */
void gmem_memcg_uncharge(struct page *page, unsigned int nr)
{
	if (!memcg_kmem_online())
		return;
	for (; nr--; page++)
		if (PageMemcgKmem(page))
			static_call(gmem_uncharge_page)(page, 0);
}

/* The kernel charges a CPU for so many pages at once. */
#define GMEM_MEMCG_STOCK	64

/**
 * gmem_memcg_is_full - is there no room for more in the current task's cgroup?
 * @nr: how many pages more
 *
 * A guess, for a message: a charge that has just failed may have had something
 * reclaimed, and others charge and uncharge at the same time.
 */
bool gmem_memcg_is_full(unsigned int nr)
{
	struct mem_cgroup *mine, *memcg;
	bool full = false;

	if (!memcg_kmem_online() || !current->mm)
		return false;
	nr += GMEM_MEMCG_STOCK;
	mine = get_mem_cgroup_from_mm(current->mm);
	for (memcg = mine; memcg && !full; memcg = parent_mem_cgroup(memcg))
		full = page_counter_read(&memcg->memory) + nr >
		       READ_ONCE(memcg->memory.max);
	mem_cgroup_put(mine);
	return full;
}

void __init gmem_memcg_init(void)
{
	void *charge, *uncharge;

	charge = gmem_find_function("__memcg_kmem_charge_page");
	uncharge = gmem_find_function("__memcg_kmem_uncharge_page");
	if (!charge || !uncharge) {
		pr_warn("the functions that charge memory to cgroups were not found in this kernel: the pool can't be used, and single pages are hidden one by one\n");
		return;
	}
	static_call_update(gmem_charge_page, charge);
	static_call_update(gmem_uncharge_page, uncharge);
	gmem_memcg_found = true;
}

#else /* !CONFIG_MEMCG */

bool gmem_memcg_works(void)
{
	return true;
}

int gmem_memcg_charge(struct page *page, unsigned int nr)
{
	return 0;
}

void gmem_memcg_uncharge(struct page *page, unsigned int nr)
{
}

bool gmem_memcg_is_full(unsigned int nr)
{
	return false;
}

void __init gmem_memcg_init(void)
{
}

#endif
