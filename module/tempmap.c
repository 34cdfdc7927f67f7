// SPDX-License-Identifier: GPL-2.0
/*
 * Temporary kernel mappings: they let the module itself access hidden pages, to
 * zero them and for read(2) and write(2), while the pages stay out of the
 * direct map.
 *
 * A mapping is private to the call that made it, and removed before that
 * returns. TLBs may keep its translations until the kernel's next flush of
 * lazily unmapped areas. gmem_tempmap_flush() causes that flush: one for all
 * mappings since the last.
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
 * VM_IOREMAP, because /proc/kcore skips such areas. For any other area it looks
 * up the pages and reads them through the direct map.
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
 * After this no CPU has a translation for anything unmapped before. Hiding
 * pages does the same, because the kernel flushes aliases first. So does
 * exposing pages, unless that needs no flush (see directmap.c). Without one,
 * TLBs may still have translations to pages that are freed then, as after any
 * vunmap(), until the addresses are used again.
 */
void gmem_tempmap_flush(void)
{
	vm_unmap_aliases();
}

/* A page with a memory error is left alone: an access could crash the host. */
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
 * @page: the first page
 * @nr: how many
 *
 * Return: 0; or -ENOMEM: some may be zeroed. The caller flushes.
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
 * gmem_tempmap_zero_bytes - zero a part of one page, which stays in the file
 * @page: the page
 * @from: first byte
 * @to: byte after the last
 *
 * For callers that can't fail: it waits until there is memory for the mapping.
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
