/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio on the memory bus (virtio 1.2, 4.2). The transport is here. Each kind
 * of device has its own file for what it does with its queues, and each device
 * has its own thread, which a kick wakes.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thread.h"
#include "virtqueue.h"
#include "vm.h"

#define VIRTIO_QUEUES	2

struct virtio {
	/* Set before virtio_add(). */
	const char *name;
	uint32_t id;
	unsigned int nr_queues;
	uint64_t features;	/* the device's; the transport adds more */
	void *config;		/* little-endian; the guest reads it */
	size_t config_size;
	/* Offset and size of the field that the guest may write, or 0. */
	size_t config_writable, config_writable_size;
	/* NULL, or called with the lock held when the driver is ready. */
	void (*begin)(struct virtio *virtio);
	/*
	 * NULL, or called with the lock held when the queues end. When it
	 * returns, no request may access the guest's memory any more.
	 */
	void (*quiesce)(struct virtio *virtio);
	/* NULL, or called with the lock held when the device is held. */
	void (*hold)(struct virtio *virtio);
	/*
	 * NULL, or how many chains a device that is held has taken from a queue
	 * and not given back: 0 or 1.
	 */
	unsigned int (*unfinished)(struct virtio *virtio, unsigned int index);
	/* The queues' kicks and interrupts go to the kernel, not to gmemvm. */
	bool past_us;

	struct vm *vm;
	unsigned int slot;
	int kick_fd;		/* an eventfd: the queues may have requests */
	int queue_kick_fds[VIRTIO_QUEUES];	/* kick_fd, or see past_us */
	int irq_fd;
	uint32_t irq_status;	/* atomic */
	bool stopping;		/* atomic */
	struct thread thread;

	unsigned int waiting;	/* threads in virtio_lock(); atomic */
	pthread_mutex_t lock;	/* protects all fields below */
	pthread_cond_t changed;	/* @turns or @ending has changed */
	unsigned int turns;	/* how often virtio_lock() got the lock */
	unsigned int generation;	/* how often the queues have ended */
	bool ending;		/* end_queues() runs: register writes wait */
	bool held;		/* no new chain is taken from a queue */
	uint32_t status;
	uint32_t config_generation;
	uint32_t features_page;
	uint32_t driver_features_page;
	uint64_t driver_features;
	uint32_t queue_selected;
	struct virtqueue queues[VIRTIO_QUEUES];
};

/* Return: 0, or -1 after fail(). virtio_remove() may be called after either. */
int virtio_add(struct virtio *virtio, struct vm *vm, unsigned int slot);
void virtio_remove(struct virtio *virtio);

int virtio_start(struct virtio *virtio, void *(*thread)(void *), void *arg);

/* Set @stopping, but don't wait: virtio_stop() does that later. */
void virtio_tell_end(struct virtio *virtio);

/*
 * Set @stopping, and wait until the thread has completed its work and ended.
 * Return: as thread_end()
 */
int virtio_stop(struct virtio *virtio);
bool virtio_is_stopping(const struct virtio *virtio);

/*
 * The lock, for all threads but the device's own. The guest decides how much
 * work the device's thread has. That thread works in pieces, and a thread that
 * waits here gets the lock before the next piece.
 */
void virtio_lock(struct virtio *virtio);
void virtio_unlock(struct virtio *virtio);

/* The lock for the device's thread, around a short piece of work. */
void virtio_begin_piece(struct virtio *virtio);
void virtio_end_piece(struct virtio *virtio);

/*
 * For a snapshot, while no vCPU runs: take no new chains from the queues, until
 * virtio_release(). Those that are under way are still completed.
 */
void virtio_hold(struct virtio *virtio);

/*
 * The opposite; also after virtio_restore(), when the device's thread has been
 * started. A kick or an interrupt may have been lost on the way, so this makes
 * both: neither does harm if it is one too many.
 */
void virtio_release(struct virtio *virtio);

/* All features that the device offers. */
uint64_t virtio_offers(const struct virtio *virtio);

/* May the driver have accepted these? */
bool virtio_can_agree(const struct virtio *virtio, uint64_t features);

/*
 * The main loop of the thread of a device that has nothing but queues: it calls
 * @piece after each kick, and again while that returns true.
 */
void virtio_serve(struct virtio *virtio, bool (*piece)(struct virtio *virtio));

/*
 * Part of a piece of work; with the lock held. If the queue may be used now,
 * and the device isn't held, this calls @use, which returns 1 if there is more
 * to do, 0, or a negative errno if the queue is wrong. Return: is there more to
 * do?
 */
bool virtio_use(struct virtio *virtio, unsigned int index,
		int (*use)(struct virtio *virtio, unsigned int index,
			   struct virtqueue *queue));

/* The caller of all that follow holds the lock. */

/* Return: a queue, or NULL if it may not be used now. */
struct virtqueue *virtio_queue(struct virtio *virtio, unsigned int index);

/* Has the guest accepted the feature with this bit? */
bool virtio_has(const struct virtio *virtio, unsigned int bit);

/* Raise an interrupt for the queue, if the guest wants one. */
void virtio_tell(struct virtio *virtio, struct virtqueue *queue);

/* Tell the guest that the configuration has changed. */
void virtio_config_changed(struct virtio *virtio);

/* The guest's queue is wrong: the device stops until the guest resets it. */
void virtio_break(struct virtio *virtio, int error);

#endif
