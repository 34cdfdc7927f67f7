/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-blk: a disk of the guest's. */
#ifndef BLK_H
#define BLK_H

#include <linux/virtio_blk.h>

#include "disk.h"
#include "virtio.h"

struct blk_request {
	struct chain chain;
	unsigned int generation;	/* the device's, when it arrived */
	uint32_t type;
	char *buffer;		/* NULL: no data, or no copy */
	uint32_t size;
	uint32_t done;
	uint64_t offset;
	uint64_t to_zero;	/* bytes from @offset on, still to do */
	bool punch;		/* to_zero: also free the space on the host */
	struct iovec parts[CHAIN_SEGMENTS];	/* still to be transferred */
	unsigned int first_part, nr_parts;
	bool pinned;		/* parts are the guest's memory: no copy */
	struct blk_request *next;	/* in the list of free requests */
};

/* What report.c shows. The first two are in bytes, the others in requests. */
struct blk_counters {
	uint64_t bytes_read, bytes_written;
	uint64_t reads, writes, flushes, zeroes;
	uint64_t copied, zero_copy;	/* of reads and writes */
	uint64_t fell_back;		/* copied, as it became private */
	uint64_t failed;
};

struct blk {
	struct virtio virtio;
	struct disk disk;
	struct virtio_blk_config config;
	bool readonly;
	uint64_t kicks;
	bool waits_for_kick;
	bool starved;			/* no free request or buffer space */
	unsigned int under_way;
	uint64_t bytes_under_way;
	unsigned int pinned;		/* requests under way without a copy */
	pthread_cond_t calm;		/* @pinned is 0, or @ended is set */
	bool ended;			/* the device's thread has ended */
	struct blk_counters counters;
	struct blk_request *free;
	struct blk_request requests[VIRTQUEUE_SIZE];
};

/* Return: 0, or -1 after fail(). blk_remove() may be called after either. */
int blk_add(struct blk *blk, struct vm *vm, unsigned int slot,
	    const struct disk_options *options);
int blk_start(struct blk *blk);
/* After virtio_stop(). */
void blk_remove(struct blk *blk);

#endif
