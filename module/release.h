/* SPDX-License-Identifier: GPL-2.0 */
/* Memory back to the kernel: release.c. */
#ifndef GMEMFS_RELEASE_H
#define GMEMFS_RELEASE_H

#include <linux/types.h>

struct page;

void gmem_release_exit(void);
bool gmem_release_try(struct page *page, unsigned int nr, unsigned int hidden);
void gmem_release(struct page *page, unsigned int nr, unsigned int hidden);
void gmem_free_pages(struct page *page, unsigned int nr);
void gmem_release_exposed(struct page *page, unsigned int nr);
void gmem_release_clean(struct page **blocks, unsigned int nr);
unsigned int gmem_scrub_blocks(struct page **blocks, unsigned int nr);
void gmem_release_blocks(struct page **blocks, unsigned int nr);
bool gmem_has_poison(struct page *page, unsigned int nr);

#endif /* GMEMFS_RELEASE_H */
