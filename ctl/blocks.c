// SPDX-License-Identifier: GPL-2.0
/* Reading a file's states block by block, while its owner may change it. */
#include <errno.h>
#include <gmem.h>
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

void blocks_begin(struct blocks *b, int fd, const struct gmem_info *info)
{
	*b = (struct blocks){
		.fd = fd, .end = info->size,
		.left = 2 * (info->populated / GMEM_PAGE_SIZE) + MEANWHILE,
	};
}

/* Set @b->pages to how many pages of the block the file has now. */
static int count_pages(struct blocks *b)
{
	uint64_t left;
	struct stat st;

	if (fstat(b->fd, &st))
		return -errno;
	b->pages = 0;
	if ((uint64_t)st.st_size <= b->offset)
		return 0;
	left = (st.st_size - b->offset + GMEM_PAGE_SIZE - 1) / GMEM_PAGE_SIZE;
	b->pages = left < BLOCK_PAGES ? left : BLOCK_PAGES;
	return 0;
}

int blocks_again(struct blocks *b)
{
	int err = -EBUSY;

	for (int i = 0; i < TRIES; i++) {
		err = count_pages(b);
		if (err || !b->pages)
			return err;
		err = gmem_file_state(b->fd, b->offset,
				      b->pages * GMEM_PAGE_SIZE, b->states);
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
