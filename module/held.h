/* SPDX-License-Identifier: GPL-2.0 */
/* Unowned pages to which somebody still has a reference: held.c. */
#ifndef GMEMFS_HELD_H
#define GMEMFS_HELD_H

struct page;

void gmem_hold(struct page *page);
void gmem_held_kick(void);
unsigned long gmem_held_pages(void);
void gmem_held_exit(void);

#endif /* GMEMFS_HELD_H */
