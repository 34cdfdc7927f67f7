// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's direct map: the only file that edits the kernel's page tables.
 *
 * x86's set_memory_np() and set_memory_p() clear and set the present bit of a
 * range of kernel addresses and flush every CPU's TLB.
 * Given an aligned 2 MiB that the direct map holds as one entry, they change
 * that entry in place, in one step and with one flush. Smaller ranges split
 * the entry, which costs a page of page table, and it stays split.
 *
 * Where an entry is split, set_direct_map_default_noflush() exposes without a
 * flush. There is no such thing for 2 MiB: on a page of those it splits.
 *
 * Locks. All of these may be called for neighbours within one entry by several
 * CPUs at once: the kernel looks an entry up, splits and sets it in one piece
 * under its cpa_lock, and who has dropped that to get memory for a split looks
 * again. (6.12 goes without where debug_pagealloc is on; there nothing is left
 * to split, and an entry is one word.) So the callers' locks are for the pages'
 * state, not for page tables.
 *
 * Linux 7.3 also puts split entries together again and frees the page tables
 * under them. Against that, set_memory_np() and set_memory_p() hold init_mm's
 * mmap lock for reading, but set_direct_map_default_noflush() doesn't. It need
 * not: it touches page tables under cpa_lock only, as the collapsing does. And
 * that is done by set_memory_rox() alone, to addresses that hold code, which
 * the direct map's don't: what lookup_address() finds here may be split, but
 * doesn't go away.
 *
 * The mmap lock makes them sleep, as the splits do on 6.12. It isn't held while
 * memory is got for a split, so reclaim, and with it the pool's shrinker, may
 * come here.
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/set_memory.h>
#include <linux/static_call.h>
#include <linux/uaccess.h>

#include "directmap.h"
#include "fault_inject.h"
#include "symbol.h"
#include "trace.h"
#include "units.h"

/*
 * A static call is a direct call. Through a function pointer the CPU would
 * trap: with Intel IBT, functions whose address the kernel never takes are
 * sealed against indirect calls.
 */
DEFINE_STATIC_CALL_NULL(gmem_set_absent, set_memory_np);
DEFINE_STATIC_CALL_NULL(gmem_set_present, set_memory_p);
DEFINE_STATIC_CALL_NULL(gmem_set_present_noflush,
			set_direct_map_default_noflush);

static bool can_skip_flush;

static atomic_long_t hidden_pages;

unsigned long gmem_directmap_hidden(void)
{
	return atomic_long_read(&hidden_pages);
}

const char *gmem_directmap_method(void)
{
	return "set_memory_np";
}

static int gmem_set_absent_pages(struct page *page, unsigned int nr)
{
	unsigned long addr = (unsigned long)page_address(page);
	int ret = gmem_fault_inject(GMEM_FAIL_HIDE);

	if (!ret)
		ret = static_call(gmem_set_absent)(addr, nr);
	trace_gmem_hide(page_to_pfn(page), nr, ret);
	return ret;
}

/*
 * No CPU keeps a translation that isn't present, so nothing has to be flushed
 * when it becomes that. The function also makes the page writable, which
 * set_memory_np() had left as it was: no difference.
 *
 * Return: whether that is done; else some of them may still be absent.
 */
static bool gmem_set_present_without_flush(struct page *page, unsigned int nr)
{
	unsigned int level, i;
	pte_t *pte;

	if (!can_skip_flush || nr > GMEM_BLOCK_PAGES)
		return false;
	pte = lookup_address((unsigned long)page_address(page), &level);
	if (!pte || level != PG_LEVEL_4K)
		return false;
	for (i = 0; i < nr; i++)
		if (static_call(gmem_set_present_noflush)(page + i))
			return false;
	return pte_present(*pte);
}

/* gmem_directmap_has - is this page in the direct map, by its page table? */
bool gmem_directmap_has(struct page *page)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)page_address(page), &level);

	return pte && pte_flags(*pte) & _PAGE_PRESENT;
}

/* gmem_directmap_expose_flushes - would exposing this page flush all CPUs? */
bool gmem_directmap_expose_flushes(struct page *page)
{
	unsigned int level;

	return !can_skip_flush ||
	       !lookup_address((unsigned long)page_address(page), &level) ||
	       level != PG_LEVEL_4K;
}

static int gmem_set_present_pages(struct page *page, unsigned int nr)
{
	unsigned long addr = (unsigned long)page_address(page);
	int ret = gmem_fault_inject(GMEM_FAIL_EXPOSE);

	if (!ret && !gmem_set_present_without_flush(page, nr))
		ret = static_call(gmem_set_present)(addr, nr);
	trace_gmem_expose(page_to_pfn(page), nr, ret);
	return ret;
}

/**
 * gmem_directmap_hide - take pages out of the direct map
 * @page: first page, owned by the caller
 * @nr: how many, physically contiguous
 *
 * On return no CPU has a translation for them in its TLB. Sleeps.
 *
 * Return: 0; -ENOMEM or another errno if nothing was hidden; -EIO if some
 * pages went and could not be put back: the caller must not free them.
 */
int gmem_directmap_hide(struct page *page, unsigned int nr)
{
	int ret = gmem_set_absent_pages(page, nr);

	/* It may have failed half way, for want of memory to split an entry. */
	if (ret && !gmem_set_present_pages(page, nr))
		return ret;

	atomic_long_add(nr, &hidden_pages);
	return ret ? -EIO : 0;
}

/**
 * gmem_directmap_hide_some - hide pages, some of which are hidden already
 * @page: first page, owned by the caller
 * @nr: how many, physically contiguous
 * @exposed: how many of them are not hidden yet
 *
 * One step, and one flush. Only to split an entry can fail: so, if the first is
 * the only one that may have to be split, it's all or nothing.
 *
 * Return: 0, or an errno, and the caller may try again.
 */
int gmem_directmap_hide_some(struct page *page, unsigned int nr,
			     unsigned int exposed)
{
	int ret = gmem_set_absent_pages(page, nr);

	if (!ret)
		atomic_long_add(exposed, &hidden_pages);
	return ret;
}

/**
 * gmem_directmap_expose - put hidden pages back into the direct map
 * @page: first page, owned by the caller
 * @nr: how many, physically contiguous
 * @hidden: how many of them are hidden; the others stay as they are
 *
 * Return: 0, or an errno if some pages are still absent: the caller must not
 * free them, and may try again. Sleeps.
 */
int gmem_directmap_expose(struct page *page, unsigned int nr,
			  unsigned int hidden)
{
	int ret = gmem_set_present_pages(page, nr);

	if (!ret)
		atomic_long_sub(hidden, &hidden_pages);
	return ret;
}

/* gmem_directmap_uncount - so many hidden pages are no concern of ours now */
void gmem_directmap_uncount(unsigned int hidden)
{
	atomic_long_sub(hidden, &hidden_pages);
}

static void *gmem_need_function(const char *name)
{
	void *addr = gmem_find_function(name);

	if (!addr)
		pr_err("this kernel has no function %s to be found; it needs CONFIG_KPROBES and x86-64\n",
		       name);
	return addr;
}

static bool gmem_kernel_can_read(struct page *page)
{
	unsigned long word;

	return !copy_from_kernel_nofault(&word, page_address(page),
					 sizeof(word));
}

/*
 * Believe what the page tables do, not what the functions are called: hide
 * memory, see that the kernel can't read it, and the same back.
 */
static int gmem_directmap_prove(void)
{
	unsigned int order = GMEM_BLOCK_ORDER;
	struct page *page;
	bool readable;
	int ret;

	page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, order);
	if (!page) {
		order = 0;
		page = alloc_pages(GFP_KERNEL, order);
	}
	if (!page)
		return -ENOMEM;

	ret = gmem_directmap_hide(page, 1U << order);
	if (ret == -EIO)
		goto lost;
	if (ret)
		goto out_free;

	readable = gmem_kernel_can_read(page);
	if (gmem_directmap_expose(page, 1U << order, 1U << order))
		goto lost;

	if (readable || !gmem_kernel_can_read(page)) {
		pr_err("set_memory_np() does not take memory out of the direct map on this kernel\n");
		ret = -ENODEV;
	}
out_free:
	__free_pages(page, order);
	return ret;
lost:
	/* Not given back: whoever gets it next would crash the kernel. */
	pr_err("could not put %lu KiB back into the direct map; they are lost until the next boot\n",
	       (PAGE_SIZE << order) / 1024);
	return -EIO;
}

/* Can be done without. */
static void __init gmem_directmap_find_noflush(void)
{
	void *found =
		gmem_find_function("set_direct_map_default_noflush");

	if (found)
		static_call_update(gmem_set_present_noflush, found);
	can_skip_flush = found;
}

int __init gmem_directmap_init(void)
{
	void *absent = gmem_need_function("set_memory_np");
	void *present = gmem_need_function("set_memory_p");
	int ret;

	if (!absent || !present)
		return -ENODEV;
	gmem_directmap_find_noflush();

	static_call_update(gmem_set_absent, absent);
	static_call_update(gmem_set_present, present);

	ret = gmem_directmap_prove();
	if (!ret)
		pr_info("direct map: %s%s\n", gmem_directmap_method(),
			can_skip_flush ? "" : "; exposing flushes, too");
	return ret;
}

void gmem_directmap_exit(void)
{
	if (gmem_directmap_hidden())
		pr_err("%lu pages are still out of the direct map; they are lost until the next boot\n",
		       gmem_directmap_hidden());
}
