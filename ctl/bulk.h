/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory in bulk, from and to files: read and written block by block, and
 * without the page cache where the file system can do that (O_DIRECT).
 */
#ifndef BULK_H
#define BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BULK_PAGE	4096ULL
#define BULK_BLOCK	(512 * BULK_PAGE)

/* How much of @size is left at @at, but no more than @most. */
static inline size_t bulk_part(uint64_t at, uint64_t size, size_t most)
{
	return size - at < most ? size - at : most;
}

/*
 * Zeroed memory, whole pages, that any file system can use for O_DIRECT. It is
 * in no core dump. For free().
 */
void *bulk_buffer(size_t size);

/*
 * bulk_direct - have a file read and written without the page cache, if its
 * file system can. Where a part of it isn't aligned, such as the end, and from
 * there on, the page cache is used.
 */
void bulk_direct(int fd);

/* Read or write all of it. Return: 0 or a negative errno; -EIO: it ends. */
int bulk_read(int fd, void *to, size_t size, uint64_t offset);
int bulk_write(int fd, const void *from, size_t size, uint64_t offset);

/*
 * bulk_data - find the next block that isn't a hole, from @offset on
 * @size: of the file
 *
 * Return: where it begins; @size if there is none.
 */
uint64_t bulk_data(int fd, uint64_t offset, uint64_t size);

bool bulk_is_zero(const void *bytes, size_t size);

#endif /* BULK_H */
