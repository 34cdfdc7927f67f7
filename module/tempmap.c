// SPDX-License-Identifier: GPL-2.0
/*
 * Temporary kernel mappings: how the module itself reaches hidden pages, to
 * zero them and for read(2) and write(2), while they stay out of the direct
 * map.
 *
 * The mapping is private to the call that made it and gone when that returns.
 * Unmapping leaves translations in TLBs until the kernel's next flush of
 * lazily unmapped areas, which gmem_tempmap_flush() brings about: once for as
 * many mappings as have been made since.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "fault_inject.h"
#include "tempmap.h"

/**
 * gmem_tempmap - map pages into the kernel for a moment
 * @pages: the pages, hidden or not
 * @nr: how many, at most GMEM_TEMPMAP_PAGES
 *
 * VM_IOREMAP, because /proc/kcore passes over such areas. It would look up the
 * pages of any other and read them through the direct map.
 *
 * Return: the address, or NULL if there is no memory for page tables. Sleeps.
 */
void *gmem_tempmap(struct page **pages, unsigned int nr)
{
	if (gmem_fault_inject(GMEM_FAIL_SCRUB_MAP))
		return NULL;
	return vmap(pages, nr, VM_IOREMAP, PAGE_KERNEL);
}

void gmem_tempunmap(void *addr)
{
	vunmap(addr);
}

/*
 * After this no CPU has a translation for anything unmapped before. To hide
 * pages does the same: the kernel flushes aliases first. So does exposing them,
 * unless that could do without a flush (see directmap.c): what then goes back
 * to the kernel is as after any vunmap(), until the addresses are used again.
 */
void gmem_tempmap_flush(void)
{
	vm_unmap_aliases();
}

/* What has a memory error is left alone: to touch it could stop the host. */
static int gmem_zero_some(struct page *page, unsigned int nr)
{
	struct page *pages[GMEM_TEMPMAP_PAGES];
	unsigned int n = 0;
	void *addr;

	for (; nr--; page++)
		if (!PageHWPoison(page))
			pages[n++] = page;
	if (!n)
		return 0;
	addr = gmem_tempmap(pages, n);
	if (!addr)
		return -ENOMEM;
	memset(addr, 0, (size_t)n * PAGE_SIZE);
	gmem_tempunmap(addr);
	return 0;
}

/**
 * gmem_tempmap_zero - zero physically contiguous pages, hidden or not
 * @page: the first
 * @nr: how many
 *
 * Return: 0, or -ENOMEM with some of them zeroed. The caller flushes.
 */
int gmem_tempmap_zero(struct page *page, unsigned int nr)
{
	unsigned int n;
	int ret = 0;

	for (; nr && !ret; nr -= n, page += n) {
		n = min_t(unsigned int, nr, GMEM_TEMPMAP_PAGES);
		ret = gmem_zero_some(page, n);
	}
	return ret;
}

/**
 * gmem_tempmap_zero_bytes - zero a part of one page, which the file keeps
 * @page: the page
 * @from: first byte
 * @to: byte after the last
 *
 * For callers that can't fail: waits for memory.
 */
void gmem_tempmap_zero_bytes(struct page *page, unsigned int from,
			     unsigned int to)
{
	char *addr;

	if (PageHWPoison(page))
		return;
	addr = gmem_tempmap(&page, 1);
	while (!addr) {
		schedule_timeout_uninterruptible(1);
		addr = gmem_tempmap(&page, 1);
	}
	memset(addr + from, 0, to - from);
	gmem_tempunmap(addr);
}
