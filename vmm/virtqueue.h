/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A split virtqueue (virtio 1.2, 2.7), the device's side. All in it is written
 * by the guest, and so anything: what makes no sense is -EINVAL or -EFAULT, and
 * the queue's end. Calls are serialised by the device's lock.
 */
#ifndef VIRTQUEUE_H
#define VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "guest.h"

#define VIRTQUEUE_SIZE	128	/* at most; a power of 2 */
#define CHAIN_SEGMENTS	VIRTQUEUE_SIZE

struct virtqueue {
	const struct guest *guest;
	uint16_t size;
	bool ready;
	bool event_index;	/* VIRTIO_F_EVENT_IDX was agreed on */
	uint64_t descriptors;
	uint64_t available;
	uint64_t used;
	uint16_t next_available;
	uint16_t next_used;
	uint16_t told;		/* next_used at the last interrupt */
};

struct segment {
	uint64_t address;
	uint32_t size;
};

/* A request: what the device reads, and then what it writes. */
struct chain {
	const struct guest *guest;
	uint16_t head;
	unsigned int nr_out, nr_in;
	uint64_t out_size, in_size;
	struct segment segments[CHAIN_SEGMENTS];
};

/* How long its parts are. */
uint64_t virtqueue_table_size(const struct virtqueue *queue);
uint64_t virtqueue_avail_size(const struct virtqueue *queue);
uint64_t virtqueue_used_size(const struct virtqueue *queue);

/* With addresses and size set. Return: 0, -EINVAL, -EFAULT */
int virtqueue_start(struct virtqueue *queue);

/* Return: 1 and a chain; 0 there is none; -EINVAL, -EFAULT */
int virtqueue_pop(struct virtqueue *queue, struct chain *chain);

/* The last one popped comes again. */
void virtqueue_unpop(struct virtqueue *queue);

/* Of which @written bytes are new to the guest. Return: 0, -EFAULT */
int virtqueue_push(struct virtqueue *queue, const struct chain *chain,
		   uint32_t written);

/* Have the guest kick for the next. Return: 1 if there is one, 0, -EFAULT */
int virtqueue_wait(struct virtqueue *queue);

/* Does the guest want to be told of what was pushed? 1, 0, -EFAULT */
int virtqueue_must_tell(struct virtqueue *queue);

/*
 * Where @size bytes are, from an offset on in what the device reads, or writes
 * (@in): CHAIN_SEGMENTS at most. Return: how many, 0 if the chain is shorter.
 */
unsigned int chain_find(const struct chain *chain, bool in, uint64_t offset,
			uint64_t size, struct segment *found);

/*
 * Copy at an offset in what the device reads, or writes. Return: 0, -EFAULT
 * also if the chain is shorter.
 */
int chain_read(const struct chain *chain, uint64_t offset, void *data,
	       uint64_t size);
int chain_write(const struct chain *chain, uint64_t offset, const void *data,
		uint64_t size);

#endif
