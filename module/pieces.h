/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks and single pages, many at a time: pieces.c. */
#ifndef GMEMFS_PIECES_H
#define GMEMFS_PIECES_H

#include <linux/mm_types.h>

/*
 * How many blocks are processed at a time: 32 MiB. The array is on the stack.
 */
#define GMEM_BATCH	16

struct gmem_batch {
	unsigned int nr;
	struct page *blocks[GMEM_BATCH];
};

void gmem_sort_pieces(struct page **pieces, unsigned int nr);
unsigned int gmem_run_length(struct page **pieces, unsigned int nr,
			     unsigned int each);

#endif /* GMEMFS_PIECES_H */
