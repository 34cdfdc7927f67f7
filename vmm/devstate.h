/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of devices in a snapshot: of the transport, and of each kind of
 * device. A device is held when it is saved, so no request is under way. A
 * state that is restored may be anything: it becomes the device's only if a
 * driver could have brought the device there.
 */
#ifndef DEVSTATE_H
#define DEVSTATE_H

#include <stdint.h>

#include "virtio.h"

struct balloon;
struct blk;

struct virtqueue_state {
	uint64_t descriptors, available, used;
	uint16_t size;
	uint16_t ready;
	uint16_t next_available, next_used, told;
	uint16_t reserved[3];
};

struct virtio_state {
	uint64_t offered;		/* features */
	uint64_t driver_features;
	uint32_t id;
	uint32_t nr_queues;
	uint32_t status;
	uint32_t irq_status;
	uint32_t config_generation;
	uint32_t features_page, driver_features_page;
	uint32_t queue_selected;
	struct virtqueue_state queues[VIRTIO_QUEUES];
};

struct blk_state {
	struct virtio_state virtio;
	uint64_t capacity;		/* in sectors */
	uint32_t block_size;
	uint32_t reserved;
};

struct balloon_state {
	struct virtio_state virtio;
	uint32_t num_pages, actual;
};

/* Is a request under way? After virtio_hold() no new one begins. */
bool blk_is_busy(struct blk *blk);

void virtio_save(struct virtio *virtio, struct virtio_state *state);
void blk_save(struct blk *blk, struct blk_state *state);
void balloon_save(struct balloon *balloon, struct balloon_state *state);

/*
 * Before the device's thread runs; virtio_release() follows when it does.
 * Return: 0, or -1 after fail(), which says how the device differs
 */
int virtio_restore(struct virtio *virtio, const struct virtio_state *state);
int blk_restore(struct blk *blk, const struct blk_state *state);
int balloon_restore(struct balloon *balloon,
		    const struct balloon_state *state);

#endif
