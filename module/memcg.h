/* SPDX-License-Identifier: GPL-2.0 */
/* Memory cgroups: memcg.c. */
#ifndef GMEMFS_MEMCG_H
#define GMEMFS_MEMCG_H

#include <linux/types.h>

struct page;

void gmem_memcg_init(void);
bool gmem_memcg_works(void);
int gmem_memcg_charge(struct page *page, unsigned int nr);
void gmem_memcg_uncharge(struct page *page, unsigned int nr);
bool gmem_memcg_is_full(unsigned int nr);

#endif /* GMEMFS_MEMCG_H */
