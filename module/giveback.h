/* SPDX-License-Identifier: GPL-2.0 */
/* Memory is freed to the kernel: giveback.c. */
#ifndef GMEMFS_GIVEBACK_H
#define GMEMFS_GIVEBACK_H

struct page;

int gmem_give_back(struct page *page, unsigned int nr);
int gmem_give_back_clean(struct page *page, unsigned int nr);

#endif /* GMEMFS_GIVEBACK_H */
