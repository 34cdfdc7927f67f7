/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-blk: a disk of the guest's. */
#ifndef BLK_H
#define BLK_H

#include <linux/virtio_blk.h>

#include "disk.h"
#include "virtio.h"

struct blk_request {
	struct chain chain;
	unsigned int generation;	/* of the device, when it came */
	uint32_t type;
	char *buffer;		/* NULL: none, or without a copy */
	uint32_t size;
	uint32_t done;
	uint64_t offset;
	uint64_t to_zero;	/* so many bytes from @offset on, still */
	bool punch;		/* and the host may have the space back */
	struct iovec parts[CHAIN_SEGMENTS];	/* what is still to be done */
	unsigned int first_part, nr_parts;
	bool pinned;		/* parts are the guest's, there is no copy */
	struct blk_request *next;	/* of those that are free */
};

/* What status.c tells. All but the first two are requests. */
struct blk_counters {
	uint64_t bytes_read, bytes_written;
	uint64_t reads, writes, flushes, zeroes;
	uint64_t copied, zero_copy;	/* of reads and writes */
	uint64_t fell_back;		/* to a copy: not shared any more */
	uint64_t failed;
};

struct blk {
	struct virtio virtio;
	struct disk disk;
	struct virtio_blk_config config;
	bool readonly;
	uint64_t kicks;
	bool waits_for_kick;
	bool starved;			/* the queue waits for room */
	unsigned int under_way;
	uint64_t bytes_under_way;
	unsigned int pinned;		/* requests under way without a copy */
	pthread_cond_t calm;		/* there are none, or no thread */
	bool ended;			/* the thread */
	struct blk_counters counters;
	struct blk_request *free;
	struct blk_request requests[VIRTQUEUE_SIZE];
};

/* Return: 0, or -1 said why. blk_remove() may be called after either. */
int blk_add(struct blk *blk, struct vm *vm, unsigned int slot,
	    const struct disk_options *options);
int blk_start(struct blk *blk);
/* After virtio_stop(). */
void blk_remove(struct blk *blk);

#endif
