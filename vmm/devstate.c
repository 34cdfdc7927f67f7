// SPDX-License-Identifier: GPL-2.0
/* The state of devices: copied for a snapshot, and checked at a restore. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#include "balloon.h"
#include "blk.h"
#include "devstate.h"
#include "error.h"

#define STARTED	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)
#define KNOWN	(STARTED | VIRTIO_CONFIG_S_FEATURES_OK | \
		 VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET | \
		 VIRTIO_CONFIG_S_FAILED)

#define INTERRUPTS	(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG)

/* ---- saving ---- */

static void save_queue(struct virtio *v, unsigned int index,
		       struct virtqueue_state *state)
{
	const struct virtqueue *q = &v->queues[index];
	unsigned int again = v->unfinished ? v->unfinished(v, index) : 0;

	*state = (struct virtqueue_state){
		.descriptors = q->descriptors, .available = q->available,
		.used = q->used, .size = q->size, .ready = q->ready,
		.next_available = q->next_available - again,
		.next_used = q->next_used, .told = q->told,
	};
}

/* The caller holds the lock. */
static void save(struct virtio *v, struct virtio_state *state)
{
	*state = (struct virtio_state){
		.offered = virtio_offers(v),
		.driver_features = v->driver_features,
		.id = v->id, .nr_queues = v->nr_queues, .status = v->status,
		.irq_status = __atomic_load_n(&v->irq_status,
					      __ATOMIC_ACQUIRE),
		.config_generation = v->config_generation,
		.features_page = v->features_page,
		.driver_features_page = v->driver_features_page,
		.queue_selected = v->queue_selected,
	};
	for (unsigned int i = 0; i < v->nr_queues; i++)
		save_queue(v, i, &state->queues[i]);
}

bool blk_is_busy(struct blk *b)
{
	bool busy;

	virtio_lock(&b->virtio);
	busy = b->under_way;
	virtio_unlock(&b->virtio);
	return busy;
}

void virtio_save(struct virtio *v, struct virtio_state *state)
{
	virtio_lock(v);
	save(v, state);
	virtio_unlock(v);
}

void blk_save(struct blk *b, struct blk_state *state)
{
	virtio_save(&b->virtio, &state->virtio);
	state->capacity = b->config.capacity;
	state->block_size = b->config.blk_size;
	state->reserved = 0;
}

void balloon_save(struct balloon *b, struct balloon_state *state)
{
	virtio_lock(&b->virtio);
	save(&b->virtio, &state->virtio);
	state->num_pages = b->config.num_pages;
	state->actual = b->config.actual;
	virtio_unlock(&b->virtio);
}

/* ---- restoring ---- */

static int impossible(const struct virtio *v)
{
	return fail("--restore: %s %u: the snapshot has a state that it can't have: make the snapshot again",
		    v->name, v->slot);
}

/* With other features, the guest's driver would do what the device can't. */
static int check_shape(const struct virtio *v, const struct virtio_state *s)
{
	if (s->id == v->id && s->nr_queues == v->nr_queues &&
	    s->offered == virtio_offers(v))
		return 0;
	return fail("--restore: %s %u was another device, or had other features, in the snapshot: give the options for disks, net and shared-io with which it was made",
		    v->name, v->slot);
}

/* The order in which a driver sets the bits of the status: see virtio.c. */
static bool can_be(const struct virtio *v, const struct virtio_state *s)
{
	bool agreed = s->status & VIRTIO_CONFIG_S_FEATURES_OK;

	if (s->status & ~KNOWN || s->irq_status & ~INTERRUPTS)
		return false;
	if (agreed && ((s->status & STARTED) != STARTED ||
		       !virtio_can_agree(v, s->driver_features)))
		return false;
	if (s->status & VIRTIO_CONFIG_S_DRIVER_OK && !agreed)
		return false;
	for (unsigned int i = 0; i < v->nr_queues; i++)
		if (s->queues[i].ready && !agreed)
			return false;
	return true;
}

static int restore_queue(struct virtqueue *q, const struct virtqueue_state *s,
			 const struct virtio *v)
{
	struct virtqueue new = {
		.guest = q->guest, .size = s->size,
		.event_index = v->status & VIRTIO_CONFIG_S_FEATURES_OK &&
			       virtio_has(v, VIRTIO_RING_F_EVENT_IDX),
		.descriptors = s->descriptors, .available = s->available,
		.used = s->used,
	};

	if (s->size > VIRTQUEUE_SIZE || s->ready > 1)
		return -1;
	if (s->ready && virtqueue_start(&new))
		return -1;
	new.next_available = s->next_available;
	new.next_used = s->next_used;
	new.told = s->told;
	*q = new;
	return 0;
}

/* The caller holds the lock, and has checked all but the queues. */
static int restore(struct virtio *v, const struct virtio_state *s)
{
	v->driver_features = s->driver_features;
	v->config_generation = s->config_generation;
	v->features_page = s->features_page;
	v->driver_features_page = s->driver_features_page;
	v->queue_selected = s->queue_selected;
	__atomic_store_n(&v->irq_status, s->irq_status, __ATOMIC_RELEASE);
	v->status = s->status;
	for (unsigned int i = 0; i < v->nr_queues; i++)
		if (restore_queue(&v->queues[i], &s->queues[i], v))
			return impossible(v);
	return 0;
}

int virtio_restore(struct virtio *v, const struct virtio_state *s)
{
	int ret;

	if (check_shape(v, s))
		return -1;
	if (!can_be(v, s))
		return impossible(v);
	virtio_lock(v);
	ret = restore(v, s);
	virtio_unlock(v);
	return ret;
}

int blk_restore(struct blk *b, const struct blk_state *s)
{
	if (s->capacity != b->config.capacity ||
	    s->block_size != b->config.blk_size)
		return fail("--restore: %s must be as large as the disk of the snapshot: %llu sectors of 512 bytes, in blocks of %u bytes",
			    b->disk.path, (unsigned long long)s->capacity,
			    s->block_size);
	return virtio_restore(&b->virtio, &s->virtio);
}

int balloon_restore(struct balloon *b, const struct balloon_state *s)
{
	b->config.num_pages = s->num_pages;
	b->config.actual = s->actual;
	return virtio_restore(&b->virtio, &s->virtio);
}
