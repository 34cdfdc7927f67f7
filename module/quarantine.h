/* SPDX-License-Identifier: GPL-2.0 */
/* Memory that can't be put back into the direct map yet: quarantine.c. */
#ifndef GMEMFS_QUARANTINE_H
#define GMEMFS_QUARANTINE_H

struct page;

void gmem_quarantine(struct page *page, unsigned int nr);
void gmem_quarantine_run(struct page *page, unsigned int nr);
void gmem_give_back_around_poison(struct page *page, unsigned int nr);
unsigned long gmem_quarantined_pages(void);
void gmem_quarantine_exit(void);

#endif /* GMEMFS_QUARANTINE_H */
