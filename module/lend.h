/* SPDX-License-Identifier: GPL-2.0 */
/* Lending pages to KVM: lend.c. */
#ifndef GMEMFS_LEND_H
#define GMEMFS_LEND_H

#include <linux/types.h>

struct inode;
struct page;

int gmem_lend_own_range(struct page *page, unsigned int nr);
void gmem_lend_assign(struct page *page, unsigned int nr, struct inode *inode);
unsigned int gmem_lend_leave(struct page *page, unsigned int nr);
void gmem_lend_disown(struct page *page, unsigned int nr);

int gmem_lend(unsigned long pfn, struct page **page);
void gmem_lend_return(struct page *page);
bool gmem_lend_is_gone(const struct page *page);
bool gmem_lend_is_ours(unsigned long pfn);
bool gmem_lend_is_lent(unsigned long pfn);
void gmem_lend_on_gone(void (*gone)(struct page *page));
void gmem_lend_allow_hidden(bool allow);

int gmem_lend_adopt(struct page *page, unsigned int nr, struct inode *inode);
int gmem_lend_share(struct page *page, unsigned int nr, struct inode *inode);
int gmem_lend_unshare(struct page *page, unsigned int nr, struct inode *inode);

unsigned long gmem_lend_pages(void);
unsigned long gmem_lend_total(void);
void gmem_lend_exit(void);

#endif /* GMEMFS_LEND_H */
