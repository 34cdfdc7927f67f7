/* SPDX-License-Identifier: GPL-2.0 */
/* Lending pages to KVM: lend.c. */
#ifndef GMEMFS_LEND_H
#define GMEMFS_LEND_H

#include <linux/types.h>

struct gmem_loan;
struct inode;
struct page;

int gmem_lend_own_range(struct page *page, unsigned int nr);
void gmem_lend_assign(struct page *page, unsigned int nr, struct inode *inode);
unsigned int gmem_lend_leave(struct page *page, unsigned int nr);
void gmem_lend_disown(struct page *page, unsigned int nr);

struct gmem_loan *gmem_lend(unsigned long pfn);
void gmem_lend_return(struct gmem_loan *loan);
bool gmem_lend_is_gone(struct gmem_loan *loan);
bool gmem_lend_is_ours(unsigned long pfn);
bool gmem_lend_is_lent(unsigned long pfn);

int gmem_lend_adopt(struct page *page, unsigned int nr, struct inode *inode);
int gmem_lend_share(struct page *page, unsigned int nr, struct inode *inode);
int gmem_lend_unshare(struct page *page, unsigned int nr, struct inode *inode);

/* guard.c: this page is leaving its file. */
void gmem_guard_loan_gone(struct gmem_loan *loan);

unsigned long gmem_lend_pages(void);
unsigned long gmem_lend_total(void);
void gmem_lend_exit(void);

#endif /* GMEMFS_LEND_H */
