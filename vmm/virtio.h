/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio device on the memory bus (virtio 1.2, 4.2). The transport is here;
 * what a device does with its queues is its own, in a thread of its own, which
 * a kick wakes.
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
	uint64_t features;	/* of its kind; the transport adds its own */
	void *config;		/* little-endian; the guest reads it */
	size_t config_size;
	/* Bytes of it that the guest writes, or none. */
	size_t config_writable, config_writable_size;
	/* With the lock held, or NULL: the driver is ready. */
	void (*begin)(struct virtio *virtio);
	/*
	 * With the lock held: the queues end. What is under way must not touch
	 * the guest's memory when this is back. Or NULL.
	 */
	void (*quiesce)(struct virtio *virtio);
	/* Kicks and interrupts of the queues go past us, to the kernel. */
	bool past_us;

	struct vm *vm;
	unsigned int slot;
	int kick_fd;		/* an eventfd: there may be something to do */
	int queue_kick_fds[VIRTIO_QUEUES];	/* the same, but see past_us */
	int irq_fd;
	uint32_t irq_status;	/* atomic */
	bool stopping;		/* atomic */
	struct thread thread;

	unsigned int waiting;	/* threads in virtio_lock(); atomic */
	pthread_mutex_t lock;	/* of all that follows */
	pthread_cond_t changed;	/* @turns or @ending */
	unsigned int turns;	/* how often virtio_lock() had the lock */
	bool warned;
	unsigned int generation;	/* how often the queues ended */
	bool ending;		/* a vCPU waits for that */
	uint32_t status;
	uint32_t config_generation;
	uint32_t features_page;
	uint32_t driver_features_page;
	uint64_t driver_features;
	uint32_t queue_selected;
	struct virtqueue queues[VIRTIO_QUEUES];
};

/* Return: 0, or -1 said why. virtio_remove() may be called after either. */
int virtio_add(struct virtio *virtio, struct vm *vm, unsigned int slot);
void virtio_remove(struct virtio *virtio);

int virtio_start(struct virtio *virtio, void *(*thread)(void *), void *arg);

/* It needn't go on: virtio_stop() then waits for it. */
void virtio_tell_end(struct virtio *virtio);

/*
 * The thread finds @stopping set, ends what it has begun, and itself. Return:
 * as of thread_end()
 */
int virtio_stop(struct virtio *virtio);
bool virtio_is_stopping(const struct virtio *virtio);

/*
 * The lock, for all but the device's thread. The guest decides how much that
 * has to do; but it does so in pieces, and whoever waits here comes before the
 * next piece.
 */
void virtio_lock(struct virtio *virtio);
void virtio_unlock(struct virtio *virtio);

/* The same for the device's thread: a piece of work, to be short. */
void virtio_begin_piece(struct virtio *virtio);
void virtio_end_piece(struct virtio *virtio);

/*
 * What the thread of a device does that has nothing but queues: a piece of work
 * after each kick, and more of them while one answers that there is more.
 */
void virtio_serve(struct virtio *virtio, bool (*piece)(struct virtio *virtio));

/*
 * With the lock held: part of a piece. If the queue may be used now, @use does
 * so, and answers 1 if there is more to do, 0, or what is wrong with the queue.
 * Return: is there more to do?
 */
bool virtio_use(struct virtio *virtio, unsigned int index,
		int (*use)(struct virtio *virtio, unsigned int index,
			   struct virtqueue *queue));

/* With the lock held: a queue that may be used now, or NULL. */
struct virtqueue *virtio_queue(struct virtio *virtio, unsigned int index);

/* With the lock held: has the guest agreed on VIRTIO_..._F_@bit? */
bool virtio_has(const struct virtio *virtio, unsigned int bit);

/* With the lock held: an interrupt, if the guest wants one. */
void virtio_tell(struct virtio *virtio, struct virtqueue *queue);

/* With the lock held: the configuration isn't what it was. */
void virtio_config_changed(struct virtio *virtio);

/* With the lock held: the guest has made a mess, and has to begin anew. */
void virtio_break(struct virtio *virtio, int error);

#endif
