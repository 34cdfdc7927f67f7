// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's direct map. Only this file edits the direct map's page tables.
 *
 * x86's set_memory_np() and set_memory_p() clear and set the present bit of a
 * range of kernel addresses and flush every CPU's TLB. If the direct map has an
 * aligned 2 MiB range as one entry, they change that entry in place, in one
 * step and with one flush. For a smaller range they split the entry. That costs
 * a page for the page table, and the entry stays split.
 *
 * set_direct_map_default_noflush() exposes a page of a split entry without a
 * flush. There is no such function for 2 MiB: it would split their entry.
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
 * against that. set_direct_map_default_noflush() doesn't, and needs no lock for
 * it: it touches page tables under cpa_lock only, and so does the merging.
 * Besides, only set_memory_rox() merges, at addresses that hold code, and the
 * direct map's addresses don't. So an entry that lookup_address() finds here
 * may be split, but its page table isn't freed.
 *
 * The functions sleep: on the mmap lock, and on 6.12 in a split. Memory for a
 * split is allocated without the mmap lock. They may also wait for the kernel's
 * own work, so a task that reclaims memory doesn't call them: see giveway.c.
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

/* ---- when no memory may be hidden ---- */

static unsigned long forbidden;	/* bits of enum gmem_forbidder */
static atomic_long_t hiding_pages;	/* that somebody is about to hide */

void gmem_directmap_permit(enum gmem_forbidder why)
{
	clear_bit(why, &forbidden);
}

/**
 * gmem_directmap_forbid - from now on, no memory is hidden, if none is now
 * @why: the reason, until gmem_directmap_permit() takes it back
 *
 * Who hides pages first counts them as being hidden, and then looks whether it
 * may. They are counted as hidden before they stop being counted so. This
 * function first forbids it, and then reads the count. Both have a full barrier
 * in between, so at least one of the two sees what the other has written.
 *
 * While some pages are hidden, nothing is forbidden even for a moment: that
 * would end a guest that touches new memory just then.
 *
 * Return: 0; or how many pages are hidden, or are being hidden, and nothing is
 * forbidden
 */
unsigned long gmem_directmap_forbid(enum gmem_forbidder why)
{
	unsigned long hidden = gmem_directmap_hidden();

	if (hidden)
		return hidden;
	set_bit(why, &forbidden);
	smp_mb__after_atomic();	/* pairs with gmem_begin_hiding() */
	hidden = atomic_long_read(&hiding_pages);
	smp_rmb();		/* pairs with gmem_end_hiding() */
	hidden += gmem_directmap_hidden();
	if (hidden)
		gmem_directmap_permit(why);
	return hidden;
}

/* Return: 0; -EBUSY; or -EPERM if KVM is loaded and could not be hooked. */
static int gmem_may_hide(void)
{
	unsigned long why = READ_ONCE(forbidden);

	if (!why)
		return 0;
	return why & BIT(GMEM_FORBID_KVM_UNHOOKED) ? -EPERM : -EBUSY;
}

/* gmem_directmap_explain - tell a user who gets -EPERM what to do */
void gmem_directmap_explain(int ret)
{
	if (ret == -EPERM)
		pr_warn_ratelimited("no memory can be hidden: kvm could not be hooked, so a guest with hidden memory could crash this host. Fix the problem that an earlier guard message names, then unload gmemfs and load it again. Mounts with direct_map=kept still work, but their memory is not protected\n");
}

/* Begin to hide @nr pages. Return: as gmem_may_hide(). */
static int gmem_begin_hiding(unsigned int nr)
{
	int ret;

	atomic_long_add(nr, &hiding_pages);
	smp_mb__after_atomic();	/* pairs with gmem_directmap_forbid() */
	ret = gmem_may_hide();
	if (ret)
		atomic_long_sub(nr, &hiding_pages);
	return ret;
}

static void gmem_end_hiding(unsigned int nr, bool hidden)
{
	if (hidden)
		atomic_long_add(nr, &hidden_pages);
	smp_mb__before_atomic();	/* gmem_directmap_forbid() sees one */
	atomic_long_sub(nr, &hiding_pages);
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
 * A TLB has no translation for an entry that isn't present. So nothing has to
 * be flushed when the entry becomes present. set_direct_map_default_noflush()
 * also makes the page writable. set_memory_np() had not changed that bit, so it
 * makes no difference.
 *
 * Return: whether that is done; if not, some pages may still be absent.
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

/* gmem_directmap_has - does the page table have this page in the direct map? */
bool gmem_directmap_has(struct page *page)
{
	unsigned int level;
	pte_t *pte = lookup_address((unsigned long)page_address(page), &level);

	return pte && pte_flags(*pte) & _PAGE_PRESENT;
}

/* gmem_directmap_expose_flushes - would exposing this page flush all TLBs? */
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
 * Return: 0; -ENOMEM, -EBUSY while the host hibernates, -EPERM if KVM could not
 * be hooked, or another errno if nothing was hidden; -EIO if some pages were
 * hidden and could not be exposed again: the caller must not free the pages.
 */
int gmem_directmap_hide(struct page *page, unsigned int nr)
{
	int ret = gmem_begin_hiding(nr);

	if (ret)
		return ret;
	ret = gmem_set_absent_pages(page, nr);
	/* It may have failed half way, without memory to split an entry. */
	if (ret && gmem_set_present_pages(page, nr))
		ret = -EIO;
	gmem_end_hiding(nr, !ret || ret == -EIO);
	return ret;
}

/**
 * gmem_directmap_hide_some - hide pages, some of which are hidden already
 * @page: first page, owned by the caller
 * @nr: how many, physically contiguous
 * @exposed: how many of them are not hidden yet
 *
 * One step, and one flush. Only a split can fail. So if at most the first entry
 * may have to be split, then on an error no page has changed.
 *
 * Return: 0, or an errno as above: the caller may try again.
 */
int gmem_directmap_hide_some(struct page *page, unsigned int nr,
			     unsigned int exposed)
{
	int ret = gmem_begin_hiding(exposed);

	if (ret)
		return ret;
	ret = gmem_set_absent_pages(page, nr);
	gmem_end_hiding(exposed, !ret);
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
	int ret = gmem_set_present_pages(page, nr);

	if (!ret)
		atomic_long_sub(hidden, &hidden_pages);
	return ret;
}

/* gmem_directmap_uncount - pages stay hidden for good: don't count them */
void gmem_directmap_uncount(unsigned int hidden)
{
	atomic_long_sub(hidden, &hidden_pages);
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
 * the kernel can't read it, expose it, and check that the kernel can.
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
	/* Don't free it: its next owner would crash the kernel. */
	pr_err("%lu KiB could not be put back into the direct map: this memory can't be used until the next boot\n",
	       (PAGE_SIZE << order) / 1024);
	return -EIO;
}

/* Optional: without this function, exposing always flushes. */
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
			can_skip_flush ? "" : "; exposing pages also flushes the TLBs");
	return ret;
}

void gmem_directmap_exit(void)
{
	if (gmem_directmap_hidden())
		pr_err("%lu pages are still absent from the direct map: they can't be used until the next boot\n",
		       gmem_directmap_hidden());
}
