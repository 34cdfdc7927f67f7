// SPDX-License-Identifier: GPL-2.0
/* Reading a file's states block by block, while its owner may change it. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blocks.h"

/*
 * While a file is read, its owner can populate it just ahead and punch it
 * behind, up to the end of the file, whose size costs nothing. So the number of
 * blocks that are read is limited: twice as many as the file can have had at
 * the beginning (with a page in each), and MEANWHILE for a guest that populates
 * 128 GiB at the same time.
 */
#define MEANWHILE	65536

/* The file may become shorter each time it is read. */
#define TRIES		8

static uint64_t whole_pages(uint64_t size)
{
	return (size + GMEM_PAGE_SIZE - 1) / GMEM_PAGE_SIZE * GMEM_PAGE_SIZE;
}

void blocks_begin(struct blocks *b, int fd, const struct gmem_info *info)
{
	*b = (struct blocks){
		.fd = fd, .end = whole_pages(info->size),
		.left = 2 * (info->populated / GMEM_PAGE_SIZE) + MEANWHILE,
	};
}

/* A module that can't say how many have a page says 0. */
void blocks_ask_sharers(struct blocks *b, const struct gmem_info *info)
{
	b->shares = info->sharers;
}

void blocks_limit(struct blocks *b, uint64_t from, uint64_t to)
{
	b->from = from;
	b->next = from & -GMEM_BLOCK_SIZE;
	if (b->end > to)
		b->end = to;
}

/* Set @b->pages to how many pages of the block the file has now. */
static int count_pages(struct blocks *b)
{
	uint64_t end, left;
	struct stat st;

	if (fstat(b->fd, &st))
		return -errno;
	end = whole_pages(st.st_size);
	if (end > b->end)
		end = b->end;
	left = end > b->offset ? (end - b->offset) / GMEM_PAGE_SIZE : 0;
	b->pages = left < BLOCK_PAGES ? left : BLOCK_PAGES;
	return 0;
}

/*
 * A block that the file's old end was in comes twice: a part each time. And a
 * range may begin within a block.
 */
static void leave_out_earlier(struct blocks *b)
{
	uint64_t pages = 0;

	if (b->from > b->offset)
		pages = (b->from - b->offset) / GMEM_PAGE_SIZE;
	if (pages > b->pages)
		pages = b->pages;
	memset(b->states, 0, pages);
	memset(b->sharers, 0, pages);
}

static int ask(struct blocks *b)
{
	struct gmem_state get = {
		.offset = b->offset, .size = b->pages * GMEM_PAGE_SIZE,
		.states = (uintptr_t)b->states,
		.sharers = b->shares ? (uintptr_t)b->sharers : 0,
	};

	return ioctl(b->fd, GMEM_GET_STATE, &get) ? -errno : 0;
}

int blocks_again(struct blocks *b)
{
	int err = -EBUSY;

	for (int i = 0; i < TRIES; i++) {
		err = count_pages(b);
		if (err || !b->pages)
			return err;
		err = ask(b);
		if (!err)
			leave_out_earlier(b);
		if (err != -EINVAL)
			return err;
		err = -EBUSY;
	}
	return err;
}

int blocks_next(struct blocks *b)
{
	off_t found;
	int err;

	if (b->next >= b->end)
		return 0;
	found = lseek(b->fd, b->next, SEEK_DATA);
	if (found < 0)
		return errno == ENXIO ? 0 : -errno;
	if ((uint64_t)found >= b->end)
		return 0;
	if (!b->left--)
		return -EBUSY;
	b->offset = found & -GMEM_BLOCK_SIZE;
	b->next = b->offset + GMEM_BLOCK_SIZE;
	err = blocks_again(b);
	return err ? err : 1;
}

uint64_t blocks_skip_full(struct blocks *b)
{
	off_t from = lseek(b->fd, b->next, SEEK_DATA), to = -1;

	if (from >= 0 && from % GMEM_BLOCK_SIZE == 0)
		to = lseek(b->fd, from, SEEK_HOLE);
	if (to > (off_t)b->end)
		to = b->end;
	to &= -GMEM_BLOCK_SIZE;
	if (to <= from)
		return 0;
	b->next = to;
	return (to - from) / GMEM_PAGE_SIZE;
}

int blocks_go_on(struct blocks *b)
{
	struct stat st;

	if (fstat(b->fd, &st))
		return -errno;
	if (whole_pages(st.st_size) <= b->end)
		return 0;
	b->from = b->end;
	b->next = b->from & -GMEM_BLOCK_SIZE;
	b->end = whole_pages(st.st_size);
	return 1;
}
