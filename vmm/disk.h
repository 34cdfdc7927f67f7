/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk's image, read and written by io_uring, to and from buffers of the
 * VMM's or memory of the guest's that is shared: what is hidden can't be
 * pinned, and workers of io_uring have no window to it.
 */
#ifndef DISK_H
#define DISK_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "options.h"

struct disk {
	const char *path;
	int fd;
	uint64_t size;
	uint32_t block_size;	/* the smallest transfer */
	struct io_uring ring;
	bool has_ring;
};

/* Return: 0, or -1 said why. disk_close() may be called after either. */
int disk_open(struct disk *disk, const struct disk_options *options,
	      unsigned int requests);
void disk_close(struct disk *disk);

/* Each begins with disk_submit(), and ends with disk_next() giving its tag. */
/* Parts must last until then. */
void disk_transfer(struct disk *disk, bool write, const struct iovec *parts,
		   unsigned int nr_parts, uint64_t offset, void *tag);
void disk_flush(struct disk *disk, void *tag);
/* Zeroes; @punch if the host may have the space back. */
void disk_zero(struct disk *disk, uint64_t offset, uint64_t size, bool punch,
	       void *tag);

/* The same for a descriptor that has nothing to do with the disk. */
void disk_read_other(struct disk *disk, int fd, void *data, uint32_t size,
		     void *tag);

/* With @wait, until one ends. Return: 0, or -1 said why */
int disk_submit(struct disk *disk, bool wait);

/* What has ended: its tag and how, bytes or a negative errno. */
bool disk_next(struct disk *disk, void **tag, int *result);

#endif
