/* SPDX-License-Identifier: GPL-2.0 */
/* For benchmarks: copies through the direct map: reinsert.c. */
#ifndef GMEMFS_REINSERT_H
#define GMEMFS_REINSERT_H

#include <linux/types.h>

struct inode;
struct iov_iter;
struct page;

#ifdef GMEM_DEBUG
void gmem_reinsert_init(void);
bool gmem_reinserts(void);
ssize_t gmem_reinsert_copy(struct inode *inode, struct page **pages,
			   loff_t pos, size_t len, struct iov_iter *iter);
#else
static inline void gmem_reinsert_init(void) {}
static inline bool gmem_reinserts(void)
{
	return false;
}

static inline ssize_t gmem_reinsert_copy(struct inode *inode,
					 struct page **pages, loff_t pos,
					 size_t len, struct iov_iter *iter)
{
	return 0;
}
#endif

#endif /* GMEMFS_REINSERT_H */
