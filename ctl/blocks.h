/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pages of a file that hold something, a block after the other, with their
 * states. Takes as long as there are blocks that hold something, however large
 * the file is, and no more memory for a large one.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <linux/gmemfs.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_PAGES	(GMEM_BLOCK_SIZE / GMEM_PAGE_SIZE)

struct blocks {
	int fd;
	uint64_t end;		/* what the file had at first */
	uint64_t next;
	uint64_t left;		/* of what may be looked at: see blocks.c */
	/* The block: */
	uint64_t offset;
	size_t pages;
	uint8_t states[BLOCK_PAGES];
};

void blocks_begin(struct blocks *b, int fd, const struct gmem_info *info);

/*
 * blocks_next - the next block that is no hole, which is in @b then
 *
 * Return: 1, 0 after the last, or a negative errno: -EBUSY if the file is
 * filled as fast as it is read.
 */
int blocks_next(struct blocks *b);

/*
 * blocks_again - the same block's states, now
 *
 * Return: 0 or a negative errno. The file may be shorter: @b->pages are those
 * that it still has, perhaps none.
 */
int blocks_again(struct blocks *b);

#endif /* BLOCKS_H */
