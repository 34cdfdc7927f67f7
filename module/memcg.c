// SPDX-License-Identifier: GPL-2.0
/*
 * Memory cgroups: memory that was prepared ahead is charged when a task gets
 * it, to that task's cgroup.
 *
 * What is allocated for a task is charged by the page allocator, and uncharged
 * by it when the page is freed. The pool's memory was allocated for nobody. The
 * kernel has two functions to change that, which it doesn't export.
 */
#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/static_call.h>

#include "memcg.h"
#include "symbol.h"

#ifdef CONFIG_MEMCG

/* As in directmap.c: a direct call, because of IBT. */
DEFINE_STATIC_CALL_NULL(gmem_charge_page, __memcg_kmem_charge_page);
DEFINE_STATIC_CALL_NULL(gmem_uncharge_page, __memcg_kmem_uncharge_page);

static bool gmem_memcg_found;

/* gmem_memcg_works - can memory from the pool be charged? */
bool gmem_memcg_works(void)
{
	return gmem_memcg_found;
}

/**
 * gmem_memcg_charge - charge pages to the current task's cgroup
 * @page: first page, charged to nobody
 * @nr: how many
 *
 * Return: 0, or -ENOMEM over the cgroup's limit: then none is charged.
 */
int gmem_memcg_charge(struct page *page, unsigned int nr)
{
	unsigned int i;

	if (!memcg_kmem_online())
		return 0;
	for (i = 0; i < nr; i++) {
		if (!static_call(gmem_charge_page)(page + i, GFP_KERNEL, 0))
			continue;
		gmem_memcg_uncharge(page, i);
		return -ENOMEM;
	}
	return 0;
}

/**
 * gmem_memcg_uncharge - these pages are nobody's, but not freed
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

void __init gmem_memcg_init(void)
{
	void *charge, *uncharge;

	charge = gmem_find_function("__memcg_kmem_charge_page");
	uncharge = gmem_find_function("__memcg_kmem_uncharge_page");
	if (!charge || !uncharge) {
		pr_warn("this kernel has no functions to charge memory to cgroups to be found; no pool\n");
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

void __init gmem_memcg_init(void)
{
}

#endif
