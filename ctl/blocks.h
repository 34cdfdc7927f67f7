/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The states of a file's pages, block by block, without blocks that are holes.
 * The time depends on the number of populated blocks, not on the file's size.
 * The memory that this needs is always the same.
 */
#ifndef BLOCKS_H
#define BLOCKS_H

#include <linux/gmemfs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_PAGES	(GMEM_BLOCK_SIZE / GMEM_PAGE_SIZE)

struct blocks {
	int fd;
	uint64_t end;		/* where the file ended; then whole pages */
	uint64_t from;		/* pages before it were there before */
	uint64_t next;
	uint64_t left;		/* how many more blocks: see MEANWHILE */
	bool shares;		/* ask how many have a page, too */
	/* The current block: */
	uint64_t offset;
	size_t pages;
	uint8_t states[BLOCK_PAGES];
	/* How many places in files have each page; zeros if not @shares. */
	uint8_t sharers[BLOCK_PAGES];
};

void blocks_begin(struct blocks *b, int fd, const struct gmem_info *info);

/* blocks_ask_sharers - after blocks_begin(): get @sharers, too, if there are */
void blocks_ask_sharers(struct blocks *b, const struct gmem_info *info);

/* blocks_limit - after blocks_begin(): only this range, of whole pages */
void blocks_limit(struct blocks *b, uint64_t from, uint64_t to);

/*
 * blocks_next - get the next block that isn't a hole into @b
 *
 * Return: 1; 0 after the last block; or a negative errno: -EBUSY if the file's
 * owner populates it as fast as it is read.
 */
int blocks_next(struct blocks *b);

/*
 * blocks_skip_full - go on after the blocks that come next and have all pages
 *
 * Their states aren't read, so this takes next to no time. Return: the number
 * of their pages.
 */
uint64_t blocks_skip_full(struct blocks *b);

/*
 * blocks_go_on - after the last block: has the file become longer meanwhile?
 *
 * Return: 1 if it has: then blocks_next() goes on with the pages that have come
 * into sight, and with no others; 0; or a negative errno.
 */
int blocks_go_on(struct blocks *b);

/*
 * blocks_again - get the current block's states again
 *
 * Return: 0 or a negative errno. The file may have become shorter: @b->pages is
 * how many pages of the block it still has, perhaps 0. Pages beyond @b->end are
 * left out.
 */
int blocks_again(struct blocks *b);

#endif /* BLOCKS_H */
