/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Saved memory. Without a base, a file is the memory, with holes where that is
 * zero. With one, it has only the pages that differ, at their places, and
 * behind them a bitmap of these and a footer that says so.
 */
#ifndef DELTA_H
#define DELTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DELTA_PAGE	4096ULL
#define DELTA_BLOCK	(512 * DELTA_PAGE)

struct delta {
	uint64_t size;		/* of the memory, in bytes */
	uint8_t *pages;		/* a bit for each page that is there, or NULL */
};

/* How many bytes the bitmap has. */
size_t delta_bitmap_size(uint64_t size);

static inline void delta_add(struct delta *d, uint64_t page)
{
	d->pages[page / 8] |= 1 << page % 8;
}

static inline bool delta_has(const struct delta *d, uint64_t page)
{
	return d->pages[page / 8] >> page % 8 & 1;
}

/* delta_write - write bitmap and footer. Return: 0 or a negative errno. */
int delta_write(const struct delta *d, int fd);

/*
 * delta_read - read the footer and the bitmap of a file
 * @file_size: its length
 *
 * Return: 0 or a negative errno: -EBADMSG if there is none, or it can't be
 * right.
 */
int delta_read(struct delta *d, int fd, uint64_t file_size);
void delta_free(struct delta *d);

/* Read or write all of it. Return: 0 or a negative errno; -EIO: it ends. */
int delta_pread(int fd, void *to, size_t size, uint64_t offset);
int delta_pwrite(int fd, const void *from, size_t size, uint64_t offset);

/* Is it all zeros? @size is a multiple of 8. */
bool delta_is_zero(const void *bytes, size_t size);

#endif /* DELTA_H */
