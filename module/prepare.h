/* SPDX-License-Identifier: GPL-2.0 */
/* Memory from the kernel, zeroed and hidden: prepare.c. */
#ifndef GMEMFS_PREPARE_H
#define GMEMFS_PREPARE_H

struct gmem_place;
struct page;

struct page *gmem_prepare(unsigned int order, const struct gmem_place *place,
			  unsigned long reasons);
struct page *gmem_prepare_uncharged(unsigned int order,
				    const struct gmem_place *place);
unsigned int gmem_prepare_blocks(struct page **blocks, unsigned int nr,
				 const struct gmem_place *place);

#endif /* GMEMFS_PREPARE_H */
