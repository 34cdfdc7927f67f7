/* SPDX-License-Identifier: GPL-2.0 */
/* Pages with a memory error: poison.c. */
#ifndef GMEMFS_POISON_H
#define GMEMFS_POISON_H

#include <linux/compiler.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/types.h>

extern bool gmem_poison_seen;

void gmem_poison_init(void);
void gmem_poison_exit(void);

/*
 * gmem_page_poisoned - has the hardware reported an error in this page?
 *
 * Such a page is never read, written, handed out, or put into the direct map.
 */
static inline bool gmem_page_poisoned(const struct page *page)
{
	return READ_ONCE(gmem_poison_seen) && PageHWPoison(page);
}

/* gmem_any_poisoned - does one of @nr contiguous pages have a memory error? */
static inline bool gmem_any_poisoned(const struct page *page, unsigned int nr)
{
	if (!READ_ONCE(gmem_poison_seen))
		return false;
	while (nr--)
		if (PageHWPoison(page++))
			return true;
	return false;
}

#endif /* GMEMFS_POISON_H */
