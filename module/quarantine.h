/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that can not go back to the kernel yet: quarantine.c. */
#ifndef GMEMFS_QUARANTINE_H
#define GMEMFS_QUARANTINE_H

#include <linux/types.h>

struct page;

void gmem_keep_pinned(struct page *page);
void gmem_quarantine(struct page *page, unsigned int nr, unsigned int hidden);
unsigned long gmem_release_quarantined(void);
unsigned long gmem_release_pinned(void);

#endif /* GMEMFS_QUARANTINE_H */
