/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-balloon: memory that the guest gives back to the host. */
#ifndef BALLOON_H
#define BALLOON_H

#include <linux/virtio_balloon.h>

#include "virtio.h"

#define BALLOON_QUEUES	2

/* A chain of pages, of which the first @at bytes are done. */
struct balloon_work {
	struct chain chain;
	bool busy;
	unsigned int generation;	/* of the device, when it was begun */
	uint64_t at, end;
};

struct balloon {
	struct virtio virtio;
	struct balloon_work work[BALLOON_QUEUES];
	struct virtio_balloon_config config;
	/* Pages, with the device's lock. */
	uint64_t inflated, deflated;
	uint64_t refused;	/* that aren't memory, or couldn't be punched */
};

/* As virtio_add(); then virtio_stop() and virtio_remove(). */
int balloon_add(struct balloon *balloon, struct vm *vm, unsigned int slot);
int balloon_start(struct balloon *balloon);

/* How much the guest is to give back. Return: 0, -EINVAL it hasn't as much */
int balloon_set(struct balloon *balloon, uint64_t bytes);

#endif
