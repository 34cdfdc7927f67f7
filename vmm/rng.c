// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/virtio_ids.h>
#include <sys/random.h>
#include <unistd.h>

#include "rng.h"

#define BYTES_MAX	256	/* which getrandom() gives in one go */

static int serve(struct virtio *v, const struct chain *chain)
{
	char bytes[BYTES_MAX];
	ssize_t size = sizeof(bytes);
	int ret;

	if (chain->in_size < sizeof(bytes))
		size = chain->in_size;
	if (getrandom(bytes, size, 0) != size)
		return -EIO;
	ret = chain_write(chain, 0, bytes, size);
	return ret ? ret : virtqueue_push(&v->queue, chain, size);
}

static int serve_all(struct virtio *v)
{
	struct chain chain;
	int ret;

	do {
		while ((ret = virtqueue_pop(&v->queue, &chain)) > 0) {
			ret = serve(v, &chain);
			if (ret)
				return ret;
		}
		if (!ret)
			ret = virtqueue_wait(&v->queue);
	} while (ret > 0);
	return ret;
}

static void *rng_thread(void *arg)
{
	struct virtio *v = arg;
	uint64_t kicks;
	int ret;

	while (read(v->kick_fd, &kicks, sizeof(kicks)) == sizeof(kicks) &&
	       !virtio_is_stopping(v)) {
		pthread_mutex_lock(&v->lock);
		if (virtio_is_running(v)) {
			ret = serve_all(v);
			if (ret)
				virtio_break(v, ret);
			else
				virtio_tell(v);
		}
		pthread_mutex_unlock(&v->lock);
	}
	return NULL;
}

int rng_add(struct rng *rng, struct vm *vm, unsigned int slot)
{
	rng->virtio = (struct virtio){ .name = "rng", .id = VIRTIO_ID_RNG };
	return virtio_add(&rng->virtio, vm, slot);
}

int rng_start(struct rng *rng)
{
	return virtio_start(&rng->virtio, rng_thread, &rng->virtio);
}
