/* SPDX-License-Identifier: GPL-2.0 */
/* Lending pages to KVM: lend.c. */
#ifndef GMEMFS_LEND_H
#define GMEMFS_LEND_H

#include <linux/types.h>

struct gmem_flush;
struct inode;
struct page;

int gmem_lend(unsigned long pfn, struct page **page);
void gmem_lend_return(struct page *page);
bool gmem_lend_is_gone(const struct page *page);
void gmem_lend_on_gone(void (*gone)(struct page *page));
void gmem_lend_allow_hidden(bool allow);

unsigned int gmem_lend_leave(struct page *page, unsigned int nr,
			     struct inode *inode);
bool gmem_lend_keeps(struct page *page);
unsigned int gmem_lend_count(const struct page *page);
int gmem_lend_make_private(struct page *page, unsigned int nr,
			   struct inode *inode, struct gmem_flush *flush);

unsigned long gmem_lend_total(void);
void gmem_lend_exit(void);

#endif /* GMEMFS_LEND_H */
