// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/virtio_ids.h>
#include <sys/random.h>
#include <unistd.h>

#include "rng.h"

#define BYTES_MAX	256	/* which getrandom() gives in one go */

static int serve(struct virtqueue *queue, const struct chain *chain)
{
	char bytes[BYTES_MAX];
	ssize_t size = sizeof(bytes);
	int ret;

	if (chain->in_size < sizeof(bytes))
		size = chain->in_size;
	if (getrandom(bytes, size, 0) != size)
		return -EIO;
	ret = chain_write(chain, 0, bytes, size);
	return ret ? ret : virtqueue_push(queue, chain, size);
}

static int serve_all(struct virtqueue *queue)
{
	struct chain chain;
	int ret;

	do {
		while ((ret = virtqueue_pop(queue, &chain)) > 0) {
			ret = serve(queue, &chain);
			if (ret)
				return ret;
		}
		if (!ret)
			ret = virtqueue_wait(queue);
	} while (ret > 0);
	return ret;
}

static void kicked(struct virtio *v)
{
	struct virtqueue *queue = virtio_queue(v, 0);
	int ret;

	if (!queue)
		return;
	ret = serve_all(queue);
	if (ret)
		virtio_break(v, ret);
	else
		virtio_tell(v, queue);
}

static void *rng_thread(void *arg)
{
	struct virtio *v = arg;
	uint64_t kicks;

	while (read(v->kick_fd, &kicks, sizeof(kicks)) == sizeof(kicks) &&
	       !virtio_is_stopping(v)) {
		pthread_mutex_lock(&v->lock);
		kicked(v);
		pthread_mutex_unlock(&v->lock);
	}
	return NULL;
}

int rng_add(struct rng *rng, struct vm *vm, unsigned int slot)
{
	rng->virtio = (struct virtio){
		.name = "rng", .id = VIRTIO_ID_RNG, .nr_queues = 1,
	};
	return virtio_add(&rng->virtio, vm, slot);
}

int rng_start(struct rng *rng)
{
	return virtio_start(&rng->virtio, rng_thread, &rng->virtio);
}
