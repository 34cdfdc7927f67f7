/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-balloon: memory that the guest gives back to the host. */
#ifndef BALLOON_H
#define BALLOON_H

#include <linux/virtio_balloon.h>

#include "virtio.h"

#define BALLOON_QUEUES	2

/* A chain of page numbers, of which the first @at bytes are done. */
struct balloon_work {
	struct chain chain;
	bool busy;
	unsigned int generation;	/* the device's, when it was begun */
	uint64_t at, end;
};

struct balloon {
	struct virtio virtio;
	struct balloon_work work[BALLOON_QUEUES];
	struct virtio_balloon_config config;
	/* Pages; under the device's lock. */
	uint64_t inflated, deflated;
	uint64_t refused;	/* not memory, or could not be punched */
};

/* As virtio_add(). virtio_stop() and virtio_remove() end the device. */
int balloon_add(struct balloon *balloon, struct vm *vm, unsigned int slot);
int balloon_start(struct balloon *balloon);

/*
 * Ask the guest to give back so much memory in all. Return: 0, or -EINVAL if
 * the guest doesn't have as much
 */
int balloon_set(struct balloon *balloon, uint64_t bytes);

#endif
