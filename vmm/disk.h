/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk's image, which io_uring reads and writes. The data is in buffers of
 * the VMM or in shared memory of the guest: hidden memory can't be pinned, and
 * io_uring's workers have no window open for it.
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

/* Return: 0, or -1 after fail(). disk_close() may be called after either. */
int disk_open(struct disk *disk, const struct disk_options *options,
	      unsigned int requests);
void disk_close(struct disk *disk);

/*
 * Each of these operations begins with disk_submit(), and has ended when
 * disk_next() returns its tag. @parts must last until then.
 */
void disk_transfer(struct disk *disk, bool write, const struct iovec *parts,
		   unsigned int nr_parts, uint64_t offset, void *tag);
void disk_flush(struct disk *disk, void *tag);
/* Write zeros. With @punch, the host's filesystem may free the space. */
void disk_zero(struct disk *disk, uint64_t offset, uint64_t size, bool punch,
	       void *tag);

/* The same for a read of another descriptor than the disk's. */
void disk_read_other(struct disk *disk, int fd, void *data, uint32_t size,
		     void *tag);

/* With @wait, wait until an operation ends. Return: 0, or -1 after fail() */
int disk_submit(struct disk *disk, bool wait);

/*
 * Get the next operation that has ended. *@result is a number of bytes or a
 * negative errno. Return: false if there is none
 */
bool disk_next(struct disk *disk, void **tag, int *result);

#endif
