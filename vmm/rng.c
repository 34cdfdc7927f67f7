// SPDX-License-Identifier: GPL-2.0
/* virtio-rng: fills the guest's buffers with the host's random bytes. */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <sys/random.h>

#include "rng.h"

#define BYTES_MAX	256	/* getrandom() returns these in one call */
#define BATCH		16	/* requests in a piece of work */

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

/* Return: 1 if there is more to do, 0, or an error */
static int serve_some(struct virtio *v, unsigned int index,
		      struct virtqueue *queue)
{
	struct chain chain;
	int ret = 1;

	(void)v;
	(void)index;
	for (unsigned int i = 0; i < BATCH && ret > 0; i++) {
		ret = virtqueue_pop(queue, &chain);
		if (!ret)
			ret = virtqueue_wait(queue);
		else if (ret > 0)
			ret = serve(queue, &chain) ?: 1;
	}
	return ret;
}

static bool piece(struct virtio *v)
{
	return virtio_use(v, 0, serve_some);
}

static void *rng_thread(void *arg)
{
	virtio_serve(arg, piece);
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
