/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A split virtqueue (virtio 1.2, 2.7), the device's side. The guest writes all
 * of it, and may write anything. Wrong contents give -EINVAL or -EFAULT, and
 * then the device stops using its queues. Calls may also return another error
 * of guest_read(). The caller holds the device's lock.
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
	bool event_index;	/* VIRTIO_RING_F_EVENT_IDX was accepted */
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

/* A request: segments that the device reads, then those that it writes. */
struct chain {
	const struct guest *guest;
	uint16_t head;
	unsigned int nr_out, nr_in;
	uint64_t out_size, in_size;
	struct segment segments[CHAIN_SEGMENTS];
};

/* The sizes of the queue's three parts, in bytes. */
uint64_t virtqueue_table_size(const struct virtqueue *queue);
uint64_t virtqueue_avail_size(const struct virtqueue *queue);
uint64_t virtqueue_used_size(const struct virtqueue *queue);

/* The caller has set addresses and size. Return: 0, -EINVAL, -EFAULT */
int virtqueue_start(struct virtqueue *queue);

/*
 * Go on where another device has stopped, which has given back each chain that
 * it has taken, and has taken @taken so far. Return: 0, -EFAULT
 */
int virtqueue_go_on(struct virtqueue *queue, uint16_t taken);

/* Take a chain. Return: 1, or 0 if there is none, -EINVAL, -EFAULT */
int virtqueue_pop(struct virtqueue *queue, struct chain *chain);

/* Undo the last virtqueue_pop(): the next one returns the same chain. */
void virtqueue_unpop(struct virtqueue *queue);

/* Give a chain back, with @written bytes written to it. Return: 0, -EFAULT */
int virtqueue_push(struct virtqueue *queue, const struct chain *chain,
		   uint32_t written);

/*
 * Ask the guest for a kick at the next chain. Return: 1 if there already is
 * one, 0, -EFAULT
 */
int virtqueue_wait(struct virtqueue *queue);

/* Does the guest want an interrupt for what was pushed? 1, 0, -EFAULT */
int virtqueue_must_tell(struct virtqueue *queue);

/*
 * Find the segments of @size bytes at an offset in the part of the chain that
 * the device reads, or writes (@in). @found has room for CHAIN_SEGMENTS.
 * Return: how many there are; 0 if the chain is shorter.
 */
unsigned int chain_find(const struct chain *chain, bool in, uint64_t offset,
			uint64_t size, struct segment *found);

/*
 * Copy from the part of the chain that the device reads, or to the part that it
 * writes, at an offset. Return: 0; -EFAULT, also if the chain is shorter.
 */
int chain_read(const struct chain *chain, uint64_t offset, void *data,
	       uint64_t size);
int chain_write(const struct chain *chain, uint64_t offset, const void *data,
		uint64_t size);

#endif
