// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's direct map. Only this file edits the direct map's page tables.
 *
 * The kernel has three kinds of functions, none of them for modules:
 *
 *   - set_memory_np() and set_memory_p() clear and set the present bit of a
 *     range of kernel addresses, and flush every CPU's TLB.
 *   - set_direct_map_invalid_noflush() and set_direct_map_default_noflush() do
 *     it for one page, without a flush. They also clear and set the bit that
 *     lets the kernel write.
 *   - set_direct_map_valid_noflush() does the same for any number of pages.
 *     Linux 6.12 doesn't have it on x86.
 *
 * If the direct map has an aligned 2 MiB range as one entry, the first and the
 * last kind change that entry in place, in one step. For a smaller range they
 * split the entry. That costs a page for the page table, and the entry stays
 * split.
 *
 * A TLB has no translation for an entry that isn't present, so exposing needs
 * no flush. Pages that are hidden without one share a flush: struct gmem_flush.
 *
 * Flushes. Such a flush drops all translations of all CPUs. For a few pages,
 * set_memory_np() drops those pages' translations alone, on each CPU, and that
 * isn't enough: an entry that was hidden once is not global any more, so a CPU
 * has its translation under the number of each address space that used it
 * (PCID), and only drops that of the current one.
 *
 * Aliases. The kernel's image is mapped at high addresses, too. Parts of it
 * are freed after boot, and may become ours. set_memory_np() hides them there
 * as well; the functions that don't flush don't.
 *
 * Locks. Several CPUs may call these functions at once for pages within one
 * entry. The kernel looks an entry up, splits it and sets it under its
 * cpa_lock, without letting go; if it drops the lock to allocate memory for a
 * split, it looks the entry up again. (With debug_pagealloc, 6.12 does that
 * without the lock; then there is no entry to split, and an entry is one word.)
 * So the callers' locks protect the state of pages, not the page tables.
 *
 * Linux 7.3 also merges split entries again, and frees the page tables under
 * them. set_memory_np() and set_memory_p() hold init_mm's mmap lock for reading
 * against that. The functions that don't flush don't hold it, and need no lock
 * for it: they touch page tables under cpa_lock only, and so does the merging.
 * Besides, only set_memory_rox() merges, at addresses that hold code, and the
 * direct map's addresses don't. So an entry that lookup_address() finds here
 * may be split, but its page table isn't freed.
 *
 * The functions sleep: on the mmap lock, and on 6.12 in a split. Memory for a
 * split is allocated without the mmap lock. They may also wait for the kernel's
 * own work, so a task that reclaims memory doesn't call them: see giveway.c.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/set_memory.h>
#include <linux/static_call.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "directmap.h"
#include "fault_inject.h"
#include "hiding.h"
#include "symbol.h"
#include "trace.h"
#include "units.h"

/*
 * A static call is a direct call. Through a function pointer the CPU would
 * trap: with Intel IBT, functions whose address the kernel never takes are
 * sealed against indirect calls.
 */
/*
 * The kernel's headers declare these. Would they take addresses instead, a
 * struct page would pass for one, and memory that holds these would be hidden.
 */
static_assert(__same_type(set_memory_np, int(unsigned long, int)));
static_assert(__same_type(set_memory_p, int(unsigned long, int)));
static_assert(__same_type(set_direct_map_invalid_noflush, int(struct page *)));
static_assert(__same_type(set_direct_map_default_noflush, int(struct page *)));

DEFINE_STATIC_CALL_NULL(gmem_set_absent, set_memory_np);
DEFINE_STATIC_CALL_NULL(gmem_set_present, set_memory_p);
DEFINE_STATIC_CALL_NULL(gmem_set_absent_noflush,
			set_direct_map_invalid_noflush);
DEFINE_STATIC_CALL_NULL(gmem_set_present_noflush,
			set_direct_map_default_noflush);
/* set_direct_map_valid_noflush() and flush_tlb_kernel_range() */
DEFINE_STATIC_CALL_NULL(gmem_set_valid_noflush, gmem_like_valid_noflush);
DEFINE_STATIC_CALL_NULL(gmem_flush_range, gmem_like_flush_range);

/* The three kinds of functions, see above. */
enum gmem_edit {
	GMEM_EDIT_AND_FLUSH,
	GMEM_EDIT_PAGE,
	GMEM_EDIT_RANGE,
};

/* The best that this kernel has. */
static enum gmem_edit best_edit;
static bool can_flush;		/* there is gmem_flush_tlbs() */

/*
 * For more pages than this, the kernel's own flush drops all translations
 * (tlb_single_page_flush_ceiling, which is 33 unless somebody changes it). So
 * up to here an edit of single pages saves a flush. It costs a few hundred
 * instructions a page.
 */
#define GMEM_FEW_PAGES	33

/* The frames of the kernel's image that have a second mapping. */
static unsigned long image_begin, image_end;

/* What hides 2 MiB. */
static const char *const edit_names[] = {
	[GMEM_EDIT_AND_FLUSH] = "set_memory_np",
	[GMEM_EDIT_PAGE] = "set_memory_np",
	[GMEM_EDIT_RANGE] = "set_direct_map_valid_noflush",
};

const char *gmem_directmap_method(void)
{
	return edit_names[best_edit];
}

/* gmem_directmap_shares_flush - can edits of single pages share a flush? */
bool gmem_directmap_shares_flush(void)
{
	return best_edit != GMEM_EDIT_AND_FLUSH;
}

/* ---- hiding ---- */

/* Not inline, so that tests can count it. */
static noinline void gmem_flush_tlbs(void)
{
	static_call(gmem_flush_range)(0, TLB_FLUSH_ALL);
}

/**
 * gmem_directmap_flush - flush what edits have left to be flushed
 * @flush: nothing is left afterwards
 *
 * On return no CPU has a translation for the pages that they hid.
 */
void gmem_directmap_flush(struct gmem_flush *flush)
{
	if (flush->needed)
		gmem_flush_tlbs();
	flush->needed = false;
}

static bool gmem_has_alias(struct page *page, unsigned int nr)
{
	unsigned long pfn = page_to_pfn(page);

	return pfn < image_end && pfn + nr > image_begin;
}

/* The best way to hide these pages. */
static enum gmem_edit gmem_edit_for(struct page *page, unsigned int nr)
{
	if (gmem_has_alias(page, nr))
		return GMEM_EDIT_AND_FLUSH;
	if (best_edit == GMEM_EDIT_PAGE && nr > GMEM_FEW_PAGES)
		return GMEM_EDIT_AND_FLUSH;
	return best_edit;
}

/*
 * Only the first page may need a split, which may fail: then no page has
 * changed.
 */
static int gmem_set_absent_one_by_one(struct page *page, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr && !ret; i++)
		ret = static_call(gmem_set_absent_noflush)(page + i);
	return ret;
}

/* Return: 0, or an errno. Sets @flush if the TLBs are still to be flushed. */
static int gmem_set_absent_pages(struct page *page, unsigned int nr,
				 struct gmem_flush *flush)
{
	unsigned long addr = (unsigned long)page_address(page);
	int ret;

	switch (gmem_edit_for(page, nr)) {
	case GMEM_EDIT_RANGE:
		flush->needed = true;
		return static_call(gmem_set_valid_noflush)(page, nr, false);
	case GMEM_EDIT_PAGE:
		flush->needed = true;
		return gmem_set_absent_one_by_one(page, nr);
	default:
		ret = static_call(gmem_set_absent)(addr, nr);
		flush->needed |= nr <= GMEM_FEW_PAGES && can_flush;
		return ret;
	}
}

static int gmem_edit_absent(struct page *page, unsigned int nr,
			    struct gmem_flush *flush)
{
	struct gmem_flush now = {};
	int ret = gmem_fault_inject(GMEM_FAIL_HIDE);

	if (!ret)
		ret = gmem_set_absent_pages(page, nr, flush ?: &now);
	gmem_directmap_flush(&now);
	trace_gmem_hide(page_to_pfn(page), nr, ret);
	return ret;
}

/* ---- exposing ---- */

static bool gmem_is_split(struct page *page)
{
	unsigned int level;

	return lookup_address((unsigned long)page_address(page), &level) &&
	       level == PG_LEVEL_4K;
}

/* How many pages are in the 2 MiB around the first one? */
static unsigned int gmem_left_in_entry(struct page *page, unsigned int nr)
{
	unsigned long slot = page_to_pfn(page) % GMEM_BLOCK_PAGES;

	return min_t(unsigned long, nr, GMEM_BLOCK_PAGES - slot);
}

/* How many pages, from the first on, fill entries that aren't split? */
static unsigned int gmem_whole_entries(struct page *page, unsigned int nr)
{
	unsigned int n = 0;

	while (gmem_left_in_entry(page + n, nr - n) == GMEM_BLOCK_PAGES &&
	       !gmem_is_split(page + n))
		n += GMEM_BLOCK_PAGES;
	return n;
}

static int gmem_set_present_one_by_one(struct page *page, unsigned int nr)
{
	int ret = 0;

	while (nr-- && !ret)
		ret = static_call(gmem_set_present_noflush)(page++);
	return ret;
}

/*
 * Pages of a split entry may have been hidden by the functions that also make
 * them read-only: set_memory_p() would leave them so. Whole entries are only
 * hidden by set_memory_np() here. A part of a whole one goes one by one, too,
 * and the first page splits it: set_memory_p() may wait for work that frees
 * other mappings, which a task that may use the reserves must not do.
 */
static int gmem_set_present_by_entry(struct page *page, unsigned int nr,
				     bool reserves)
{
	unsigned int n, flags = 0;
	unsigned long at;
	int ret = 0;

	for (; nr && !ret; nr -= n, page += n) {
		n = gmem_whole_entries(page, nr);
		if (n) {
			at = (unsigned long)page_address(page);
			ret = static_call(gmem_set_present)(at, n);
			continue;
		}
		n = gmem_left_in_entry(page, nr);
		if (reserves)
			flags = memalloc_noreclaim_save();
		ret = gmem_set_present_one_by_one(page, n);
		if (reserves)
			memalloc_noreclaim_restore(flags);
	}
	return ret;
}

static int gmem_set_present_range(struct page *page, unsigned int nr,
				  bool reserves)
{
	unsigned int flags = 0;
	int ret;

	if (reserves)
		flags = memalloc_noreclaim_save();
	ret = static_call(gmem_set_valid_noflush)(page, nr, true);
	if (reserves)
		memalloc_noreclaim_restore(flags);
	return ret;
}

static int gmem_set_present_pages(struct page *page, unsigned int nr,
				  bool reserves)
{
	unsigned long addr = (unsigned long)page_address(page);

	switch (best_edit) {
	case GMEM_EDIT_RANGE:
		return gmem_set_present_range(page, nr, reserves);
	case GMEM_EDIT_PAGE:
		return gmem_set_present_by_entry(page, nr, reserves);
	default:
		return static_call(gmem_set_present)(addr, nr);
	}
}

/*
 * With @reserves, memory to split an entry may come from the kernel's reserves,
 * and no task reclaims any for it, nor is killed.
 */
static int gmem_edit_present(struct page *page, unsigned int nr, bool reserves)
{
	int ret = gmem_fault_inject(GMEM_FAIL_EXPOSE) ?:
		  gmem_set_present_pages(page, nr, reserves);

	trace_gmem_expose(page_to_pfn(page), nr, ret);
	return ret;
}

/* gmem_directmap_expose_flushes - would exposing this page flush all TLBs? */
bool gmem_directmap_expose_flushes(struct page *page)
{
	return best_edit == GMEM_EDIT_AND_FLUSH || !gmem_is_split(page);
}

/* ---- what the module sees of it ---- */

static unsigned long gmem_flags_of(struct page *page)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)page_address(page), &level);

	return pte ? pte_flags(*pte) : 0;
}

/* gmem_directmap_has - does the page table have this page in the direct map? */
bool gmem_directmap_has(struct page *page)
{
	return gmem_flags_of(page) & _PAGE_PRESENT;
}

/* gmem_directmap_writable - and may the kernel write to it there? */
bool gmem_directmap_writable(struct page *page)
{
	const unsigned long both = _PAGE_PRESENT | _PAGE_RW;

	return (gmem_flags_of(page) & both) == both;
}

/**
 * gmem_directmap_hide - take pages out of the direct map
 * @page: first page, owned by the caller
 * @nr: how many, physically contiguous
 * @flush: flush the TLBs later, if the kernel can do that; or NULL
 *
 * On return, or after that flush, no CPU has a translation for them in its TLB.
 * Sleeps.
 *
 * Return: 0; -ENOMEM, -EBUSY while the host hibernates, -EPERM if KVM could not
 * be hooked, or another errno if nothing was hidden; -EIO if some pages were
 * hidden and could not be exposed again: the caller must not free the pages.
 */
int gmem_directmap_hide(struct page *page, unsigned int nr,
			struct gmem_flush *flush)
{
	int ret = gmem_hiding_begin(nr);

	if (ret)
		return ret;
	ret = gmem_edit_absent(page, nr, flush);
	/* It may have failed half way, without memory to split an entry. */
	if (ret && gmem_edit_present(page, nr, false))
		ret = -EIO;
	gmem_hiding_end(nr, !ret || ret == -EIO);
	return ret;
}

/**
 * gmem_directmap_hide_some - hide pages, some of which are hidden already
 * @page: first page, owned by the caller
 * @nr: how many, physically contiguous
 * @exposed: how many of them are not hidden yet
 * @flush: as above
 *
 * One step, and one flush at most. Only a split can fail. So if at most the
 * first entry may have to be split, then on an error no page has changed.
 *
 * Return: 0, or an errno as above: the caller may try again.
 */
int gmem_directmap_hide_some(struct page *page, unsigned int nr,
			     unsigned int exposed, struct gmem_flush *flush)
{
	int ret = gmem_hiding_begin(exposed);

	if (ret)
		return ret;
	ret = gmem_edit_absent(page, nr, flush);
	gmem_hiding_end(exposed, !ret);
	return ret;
}

/**
 * gmem_directmap_expose - put hidden pages back into the direct map
 * @page: first page, owned by the caller
 * @nr: how many, physically contiguous
 * @hidden: how many of them are hidden; the others stay as they are
 *
 * Sleeps.
 *
 * Return: 0; or an errno if some pages are still absent: the caller must not
 * free the pages, and may try again.
 */
int gmem_directmap_expose(struct page *page, unsigned int nr,
			  unsigned int hidden)
{
	int ret = gmem_edit_present(page, nr, false);

	if (!ret)
		gmem_hiding_uncount(hidden);
	return ret;
}

/**
 * gmem_directmap_expose_to_free - the same for pages that are freed then
 * @page: first page
 * @nr: how many
 * @hidden: how many of them are hidden
 *
 * At least as much memory is free afterwards as is needed to split an entry. So
 * that may come from the kernel's reserves: otherwise the kernel would kill a
 * task for it. (On a kernel that has set_memory_p() only, it doesn't come from
 * there.)
 */
int gmem_directmap_expose_to_free(struct page *page, unsigned int nr,
				  unsigned int hidden)
{
	int ret = gmem_edit_present(page, nr, true);

	if (!ret)
		gmem_hiding_uncount(hidden);
	return ret;
}

static void *gmem_need_function(const char *name)
{
	void *addr = gmem_find_function(name);

	if (!addr)
		pr_err("no function %s was found in this kernel; gmemfs needs x86-64 and CONFIG_KPROBES\n",
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
 * Test what the functions do, whatever they are called: hide memory, check that
 * the kernel can't read it, expose it, and check that the kernel can use it.
 */
static int __init gmem_directmap_prove(unsigned int order)
{
	struct page *page;
	bool readable;
	int ret;

	page = alloc_pages(GFP_KERNEL | __GFP_NOWARN |
			   (order ? __GFP_NORETRY : 0), order);
	if (!page)
		return order ? 0 : -ENOMEM;

	/* From now on, this CPU has a translation to drop. */
	gmem_kernel_can_read(page);
	ret = gmem_directmap_hide(page, 1U << order, NULL);
	if (ret == -EIO)
		goto lost;
	if (ret)
		goto out_free;

	readable = gmem_kernel_can_read(page);
	if (gmem_directmap_expose(page, 1U << order, 1U << order) ||
	    !gmem_kernel_can_read(page) || !gmem_directmap_writable(page))
		goto lost;

	if (readable) {
		pr_err("%s() does not take memory out of the direct map on this kernel\n",
		       edit_names[best_edit]);
		ret = -ENODEV;
	}
out_free:
	__free_pages(page, order);
	return ret;
lost:
	/* Don't free it: its next owner would crash the kernel. */
	pr_err("%lu KiB could not be put back into the direct map: this memory can't be used until the next boot\n",
	       (PAGE_SIZE << order) / 1024);
	return -EIO;
}

/* Each kind of functions is proven: the module uses all up to the best. */
static int __init gmem_directmap_prove_all(enum gmem_edit best)
{
	enum gmem_edit edit;
	int ret = 0;

	for (edit = GMEM_EDIT_AND_FLUSH; edit <= best && !ret; edit++) {
		best_edit = edit;
		ret = gmem_directmap_prove(GMEM_BLOCK_ORDER) ?:
		      gmem_directmap_prove(0);
	}
	return ret;
}

/* Functions that the module can do without. */
static enum gmem_edit __init gmem_directmap_find_optional(void)
{
	void *absent = gmem_find_function("set_direct_map_invalid_noflush");
	void *present = gmem_find_function("set_direct_map_default_noflush");
	void *valid = gmem_find_function("set_direct_map_valid_noflush");
	void *range = gmem_find_function("flush_tlb_kernel_range");

	if (!range) {
		pr_warn("flush_tlb_kernel_range() was not found in this kernel: where its CPUs have PCIDs, some may keep the translation of a single page that is hidden, until they need its place\n");
		return GMEM_EDIT_AND_FLUSH;
	}
	static_call_update(gmem_flush_range, range);
	can_flush = true;
	if (!absent || !present)
		return GMEM_EDIT_AND_FLUSH;
	static_call_update(gmem_set_absent_noflush, absent);
	static_call_update(gmem_set_present_noflush, present);
	if (!valid)
		return GMEM_EDIT_PAGE;
	static_call_update(gmem_set_valid_noflush, valid);
	return GMEM_EDIT_RANGE;
}

/* Is anything mapped at these 2 MiB of the image's addresses? */
static bool __init gmem_image_has(unsigned long addr)
{
	unsigned int level;
	pte_t *pte = lookup_address(addr, &level);

	return pte && (level == PG_LEVEL_4K ||
		       pte_flags(*pte) & _PAGE_PRESENT);
}

static void __init gmem_directmap_find_image(void)
{
	unsigned long offset, pfn;

	for (offset = 0; offset < KERNEL_IMAGE_SIZE; offset += PMD_SIZE) {
		if (!gmem_image_has(__START_KERNEL_map + offset))
			continue;
		pfn = PHYS_PFN(phys_base + offset);
		if (!image_end)
			image_begin = pfn;
		image_end = pfn + GMEM_BLOCK_PAGES;
	}
}

int __init gmem_directmap_init(void)
{
	void *absent = gmem_need_function("set_memory_np");
	void *present = gmem_need_function("set_memory_p");
	int ret;

	if (!absent || !present)
		return -ENODEV;
	static_call_update(gmem_set_absent, absent);
	static_call_update(gmem_set_present, present);
	gmem_directmap_find_image();

	ret = gmem_directmap_prove_all(gmem_directmap_find_optional());
	if (!ret)
		pr_info("direct map: %s%s\n", gmem_directmap_method(),
			best_edit == GMEM_EDIT_AND_FLUSH ?
			"; each edit flushes the TLBs" : "");
	return ret;
}

void gmem_directmap_exit(void)
{
	if (gmem_hiding_pages())
		pr_err("%lu pages are still absent from the direct map: they can't be used until the next boot\n",
		       gmem_hiding_pages());
}
