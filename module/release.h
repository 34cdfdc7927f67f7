/* SPDX-License-Identifier: GPL-2.0 */
/* Memory leaves gmemfs: release.c. */
#ifndef GMEMFS_RELEASE_H
#define GMEMFS_RELEASE_H

struct page;

void gmem_release(struct page *page, unsigned int nr);
void gmem_release_clean_run(struct page *page, unsigned int nr);
void gmem_release_clean(struct page **blocks, unsigned int nr);
unsigned int gmem_scrub_blocks(struct page **blocks, unsigned int nr);
void gmem_release_blocks(struct page **blocks, unsigned int nr);

#endif /* GMEMFS_RELEASE_H */
