// SPDX-License-Identifier: GPL-2.0
/*
 * Map slots: kernel addresses by which one CPU accesses a few hidden pages for
 * a moment. The module uses them to zero pages, and for read(2) and write(2),
 * while the pages stay out of the direct map.
 *
 * Each CPU has slots of its own. With preemption off, it sets the page-table
 * entry of its next slot, accesses the page, clears the entry, and drops the
 * translation from its own TLB. So a slot costs no memory, can't fail, and no
 * other CPU is interrupted.
 *
 * A translation that isn't global belongs to the address space that the CPU has
 * now (PCID). A task without one of its own, as a kernel thread or a task that
 * exits, has borrowed one, and the interrupt by which another CPU flushes TLBs
 * may take that away. Then a translation would be dropped from the wrong one.
 * So such a task keeps interrupts off, too; and so does any task if the CPU has
 * INVLPGB, since that interrupt may then change the number of the task's own
 * address space. And before a slot is used, what the CPU may still have of it
 * is dropped: no access ever relies on an earlier one.
 *
 * Another CPU never accesses the slot, so it only has a translation if it
 * loaded one speculatively in that moment. The entries are not global: that
 * translation belongs to the address space that this other CPU had, and is gone
 * when the CPU gives its address space number to another process. And a CPU
 * goes round its slots: the address that a page had is that of other pages
 * soon, and of this one again only by chance. Between the slots of two CPUs is
 * an address that is never used, since a CPU may load the translation of the
 * page that follows the one that it reads. See docs/threat-model.md.
 *
 * This file edits the page-table entries of its own area only. The area comes
 * from vmap(), with the page tables and, where KASAN is, with the shadow. Its
 * entries first lead to one page that holds nothing. VM_IOREMAP, because
 * /proc/kcore skips such areas. In any other area it looks up the page of each
 * address, and reads that page by the direct map.
 */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <asm/pgtable.h>

#include "compat.h"
#include "mapslot.h"

/* For each CPU. Two runs could be in use at once: see gmem_slot_map_run(). */
#define GMEM_SLOTS	64
/* Their addresses, in pages, and one that is never used. */
#define GMEM_SLOTS_APART	(GMEM_SLOTS + 1)

/* How many pages are zeroed before another task may run. */
#define GMEM_ZERO_STEP	64

/* How many runs of slots one task has at once, to copy from page to page. */
#define GMEM_SLOTS_HELD	2

static_assert(GMEM_SLOT_RUN * GMEM_SLOTS_HELD <= GMEM_SLOTS);
static_assert(GMEM_ZERO_STEP % GMEM_SLOT_RUN == 0);

/**
 * struct gmem_cpu_slots - a CPU's state; changes with preemption off
 * @next: the next slot, below GMEM_SLOTS
 * @nr_held: how many runs are in use
 * @irqs: of each of these: what local_irq_restore() gets, if interrupts are off
 *	  for it
 * @space: of each: the address space that the CPU had
 */
struct gmem_cpu_slots {
	unsigned int next;
	unsigned int nr_held;
	unsigned long irqs[GMEM_SLOTS_HELD];
	unsigned long space[GMEM_SLOTS_HELD];
};

static DEFINE_PER_CPU(struct gmem_cpu_slots, gmem_cpu_slots);

static char *area;
static struct page *filler;
static pte_t **entries;

static unsigned int gmem_all_slots(void)
{
	return nr_cpu_ids * GMEM_SLOTS_APART;
}

/* PAGE_KERNEL, but not global: see above. */
static pgprot_t gmem_slot_prot(void)
{
	return __pgprot(pgprot_val(PAGE_KERNEL) & ~_PAGE_GLOBAL);
}

/* The kernel has the same function, but doesn't export it. */
static void gmem_forget_address(void *addr)
{
	asm volatile("invlpg (%0)" : : "r" (addr) : "memory");
}

/* Can an interrupt change the CPU's address space? See above. */
static bool gmem_space_may_change(void)
{
	return !current->mm || gmem_flush_may_move_space();
}

static void gmem_hold_space(struct gmem_cpu_slots *cpu)
{
	unsigned int i = cpu->nr_held++;

	if (WARN_ON_ONCE(i >= GMEM_SLOTS_HELD) || !gmem_space_may_change())
		return;
	local_irq_save(cpu->irqs[i]);
#ifdef GMEM_CHECK
	cpu->space[i] = __native_read_cr3();
#endif
}

static void gmem_let_space_go(struct gmem_cpu_slots *cpu)
{
	unsigned int i = --cpu->nr_held;

	if (i >= GMEM_SLOTS_HELD || !gmem_space_may_change())
		return;
#ifdef GMEM_CHECK
	WARN_ON_ONCE(cpu->space[i] != __native_read_cr3());
#endif
	local_irq_restore(cpu->irqs[i]);
}

/* The first of @nr slots of this CPU that follow each other. */
static unsigned int gmem_next_slots(struct gmem_cpu_slots *cpu, unsigned int nr)
{
	unsigned int first = cpu->next;

	if (first + nr > GMEM_SLOTS)
		first = 0;
	cpu->next = first + nr;
	return smp_processor_id() * GMEM_SLOTS_APART + first;
}

static char *gmem_slot_addr(unsigned int slot)
{
	return area + (size_t)slot * PAGE_SIZE;
}

/* Inline, as a single page is often zeroed alone. */
static __always_inline void *gmem_slots_map(struct page *const *pages,
					    unsigned int nr)
{
	pgprot_t prot = gmem_slot_prot();
	struct gmem_cpu_slots *cpu;
	unsigned int first, i;
	pte_t **entry;
	char *addr;

	preempt_disable();
	pagefault_disable();
	cpu = this_cpu_ptr(&gmem_cpu_slots);
	gmem_hold_space(cpu);
	first = gmem_next_slots(cpu, nr);
	entry = entries + first;
	addr = gmem_slot_addr(first);
	for (i = 0; i < nr; i++) {
		WARN_ON_ONCE(!pte_none(*entry[i]));
		set_pte(entry[i], pfn_pte(page_to_pfn(pages[i]), prot));
		gmem_forget_address(addr + i * PAGE_SIZE);
	}
	return addr;
}

static __always_inline void gmem_slots_unmap(char *addr, unsigned int nr)
{
	pte_t **entry = entries + (addr - area) / PAGE_SIZE;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		set_pte(entry[i], __pte(0));
		gmem_forget_address(addr + i * PAGE_SIZE);
	}
	gmem_let_space_go(this_cpu_ptr(&gmem_cpu_slots));
	pagefault_enable();
	preempt_enable();
}

/**
 * gmem_slot_map_run - give this CPU addresses for pages
 * @pages: the pages, hidden or not, in any order
 * @nr: how many, at most GMEM_SLOT_RUN
 *
 * Until gmem_slot_unmap_run(), preemption and page faults are off: the caller
 * must not sleep, and copies to and from user memory end where that needs a
 * fault. Interrupts are off, too, where one could change the CPU's address
 * space. At most two runs are in use at once, and given back in the reverse
 * order. No interrupt handler uses slots.
 *
 * Return: the address of @nr * PAGE_SIZE bytes, for this CPU only
 */
void *gmem_slot_map_run(struct page *const *pages, unsigned int nr)
{
	return gmem_slots_map(pages, nr);
}

/**
 * gmem_slot_unmap_run - take back what gmem_slot_map_run() gave
 * @addr: the address
 * @nr: how many pages
 */
void gmem_slot_unmap_run(void *addr, unsigned int nr)
{
	gmem_slots_unmap(addr, nr);
}

/* gmem_slot_map - the same for one page */
void *gmem_slot_map(struct page *page)
{
	return gmem_slots_map(&page, 1);
}

/* gmem_slot_unmap - take back what gmem_slot_map() gave */
void gmem_slot_unmap(void *addr)
{
	gmem_slots_unmap(addr, 1);
}

/**
 * gmem_slot_copy - copy a page, hidden or not
 * @to: the copy
 * @from: the page; the caller has checked that it has no memory error
 */
void gmem_slot_copy(struct page *to, struct page *from)
{
	void *src = gmem_slot_map(from);
	void *dst = gmem_slot_map(to);

	copy_page(dst, src);
	gmem_slot_unmap(dst);
	gmem_slot_unmap(src);
}

/* ---- zeroing ---- */

/* A page with a memory error is left alone: an access could crash the host. */
static void gmem_slot_zero_one(struct page *page)
{
	void *addr;

	if (PageHWPoison(page))
		return;
	addr = gmem_slot_map(page);
	clear_page(addr);
	gmem_slot_unmap(addr);
}

/* The same for GMEM_SLOT_RUN contiguous pages, one map for all. */
static void gmem_slot_zero_run(struct page *page)
{
	struct page *pages[GMEM_SLOT_RUN];
	unsigned int i, nr = 0;
	char *addr;

	for (i = 0; i < GMEM_SLOT_RUN; i++)
		if (!PageHWPoison(page + i))
			pages[nr++] = page + i;
	if (!nr)
		return;
	addr = gmem_slots_map(pages, nr);
	/* An error may have been found meanwhile. */
	for (i = 0; i < nr; i++)
		if (!PageHWPoison(pages[i]))
			clear_page(addr + i * PAGE_SIZE);
	gmem_slots_unmap(addr, nr);
}

/**
 * gmem_slot_zero - zero physically contiguous pages, hidden or not
 * @page: the first page
 * @nr: how many
 *
 * Sleeps.
 */
void gmem_slot_zero(struct page *page, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i + GMEM_SLOT_RUN <= nr; i += GMEM_SLOT_RUN) {
		gmem_slot_zero_run(page + i);
		if ((i + GMEM_SLOT_RUN) % GMEM_ZERO_STEP == 0)
			cond_resched();
	}
	for (; i < nr; i++)
		gmem_slot_zero_one(page + i);
}

/**
 * gmem_slot_zero_bytes - zero a part of one page
 * @page: the page, hidden or not
 * @from: first byte
 * @to: byte after the last
 */
void gmem_slot_zero_bytes(struct page *page, unsigned int from,
			  unsigned int to)
{
	char *addr;

	if (PageHWPoison(page))
		return;
	addr = gmem_slot_map(page);
	memset(addr + from, 0, to - from);
	gmem_slot_unmap(addr);
}

/* ---- the area ---- */

static int __init gmem_slots_map_area(void)
{
	struct page **pages;
	unsigned int i;

	pages = kvmalloc_array(gmem_all_slots(), sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < gmem_all_slots(); i++)
		pages[i] = filler;
	area = vmap(pages, gmem_all_slots(), VM_IOREMAP, PAGE_KERNEL);
	kvfree(pages);
	return area ? 0 : -ENOMEM;
}

static int __init gmem_slots_find_entries(void)
{
	unsigned int i, level;

	for (i = 0; i < gmem_all_slots(); i++) {
		entries[i] = lookup_address((unsigned long)area +
					    (size_t)i * PAGE_SIZE, &level);
		if (!entries[i] || level != PG_LEVEL_4K)
			return -ENODEV;
	}
	return 0;
}

static void __init gmem_slots_clear_entries(void)
{
	unsigned int i;

	for (i = 0; i < gmem_all_slots(); i++)
		set_pte(entries[i], __pte(0));
}

/* Does a slot lead to the page that it should, and to none afterwards? */
static bool __init gmem_slots_work(void)
{
	unsigned long *word, value = 0, *there = page_address(filler);
	bool good;

	*there = 0x736c6f7473;
	word = gmem_slot_map(filler);
	good = !copy_from_kernel_nofault(&value, word, sizeof(value)) &&
	       value == *there;
	gmem_slot_unmap(word);
	return good && copy_from_kernel_nofault(&value, word, sizeof(value));
}

/*
 * gmem_slots_init - make the slots of all CPUs that there may be
 *
 * If it fails, gmem_slots_exit() undoes what it did.
 */
int __init gmem_slots_init(void)
{
	int ret;

	filler = alloc_page(GFP_KERNEL | __GFP_ZERO);
	entries = kvcalloc(gmem_all_slots(), sizeof(*entries), GFP_KERNEL);
	if (!filler || !entries)
		return -ENOMEM;
	ret = gmem_slots_map_area() ?: gmem_slots_find_entries();
	if (!ret) {
		gmem_slots_clear_entries();
		ret = gmem_slots_work() ? 0 : -ENODEV;
	}
	if (ret == -ENODEV)
		pr_err("this kernel's page tables can't be used for addresses of one CPU\n");
	return ret;
}

/* gmem_slots_exit - the reverse of gmem_slots_init() */
void gmem_slots_exit(void)
{
	vunmap(area);
	/* Some TLB may still lead to the page. */
	vm_unmap_aliases();
	kvfree(entries);
	if (filler)
		__free_page(filler);
	area = NULL;
	entries = NULL;
	filler = NULL;
}
