// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <linux/virtio_ids.h>
#include <unistd.h>

#include "balloon.h"

#define INFLATE		0
#define DEFLATE		1

#define PAGE_SHIFT	VIRTIO_BALLOON_PFN_SHIFT
#define PAGE_SIZE	(1ULL << PAGE_SHIFT)
#define BATCH		256

/* ---- pages ---- */

/* Neighbours, which are punched in one go. */
struct run {
	uint64_t first;
	uint64_t pages;
};

static void punch(struct balloon *b, const struct run *run)
{
	if (!run->pages)
		return;
	if (guest_punch(&b->virtio.vm->guest, run->first << PAGE_SHIFT,
			run->pages << PAGE_SHIFT))
		b->refused += run->pages;
	else
		b->inflated += run->pages;
}

/* In either direction, as guests allocate. */
static bool extend(struct run *run, uint64_t page)
{
	if (run->pages && page == run->first - 1)
		run->first--;
	else if (!run->pages)
		run->first = page;
	else if (page != run->first + run->pages)
		return false;
	run->pages++;
	return true;
}

static void inflate(struct balloon *b, const uint32_t *pages, unsigned int nr)
{
	struct run run = {};

	for (unsigned int i = 0; i < nr; i++) {
		if (extend(&run, pages[i]))
			continue;
		punch(b, &run);
		run = (struct run){ pages[i], 1 };
	}
	punch(b, &run);
}

/* What comes back is zeroed by the host when it's touched. */
static int serve(struct balloon *b, unsigned int index,
		 const struct chain *chain)
{
	uint32_t pages[BATCH];
	uint64_t left = chain->out_size / sizeof(pages[0]), at = 0;
	int ret;

	if (left > b->virtio.vm->guest.region->size >> PAGE_SHIFT)
		return -EINVAL;
	while (left) {
		unsigned int nr = left < BATCH ? left : BATCH;

		ret = chain_read(chain, at, pages, nr * sizeof(pages[0]));
		if (ret)
			return ret;
		if (index == INFLATE)
			inflate(b, pages, nr);
		else
			b->deflated += nr;
		at += nr * sizeof(pages[0]);
		left -= nr;
	}
	return 0;
}

/* ---- queues ---- */

static int serve_all(struct balloon *b, unsigned int index,
		     struct virtqueue *queue)
{
	struct chain chain;
	int ret;

	do {
		while ((ret = virtqueue_pop(queue, &chain)) > 0) {
			ret = serve(b, index, &chain);
			if (!ret)
				ret = virtqueue_push(queue, &chain, 0);
			if (ret)
				return ret;
		}
		if (!ret)
			ret = virtqueue_wait(queue);
	} while (ret > 0);
	return ret;
}

static void kicked(struct balloon *b, unsigned int index)
{
	struct virtqueue *queue = virtio_queue(&b->virtio, index);
	int ret;

	if (!queue)
		return;
	ret = serve_all(b, index, queue);
	if (ret)
		virtio_break(&b->virtio, ret);
	else
		virtio_tell(&b->virtio, queue);
}

static void *balloon_thread(void *arg)
{
	struct balloon *b = arg;
	struct virtio *v = &b->virtio;
	uint64_t kicks;

	while (read(v->kick_fd, &kicks, sizeof(kicks)) == sizeof(kicks) &&
	       !virtio_is_stopping(v)) {
		pthread_mutex_lock(&v->lock);
		kicked(b, INFLATE);
		kicked(b, DEFLATE);
		pthread_mutex_unlock(&v->lock);
	}
	return NULL;
}

/* ---- all ---- */

int balloon_set(struct balloon *b, uint64_t bytes)
{
	if (bytes > b->virtio.vm->guest.region->size)
		return -EINVAL;
	pthread_mutex_lock(&b->virtio.lock);
	b->config.num_pages = bytes >> PAGE_SHIFT;
	virtio_config_changed(&b->virtio);
	pthread_mutex_unlock(&b->virtio.lock);
	return 0;
}

int balloon_add(struct balloon *b, struct vm *vm, unsigned int slot)
{
	b->virtio = (struct virtio){
		.name = "balloon", .id = VIRTIO_ID_BALLOON, .nr_queues = 2,
		.features = 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM,
		.config = &b->config,
		/* Without what features that aren't there would add. */
		.config_size = 2 * sizeof(uint32_t),
		.config_writable = offsetof(struct virtio_balloon_config,
					    actual),
		.config_writable_size = sizeof(b->config.actual),
	};
	return virtio_add(&b->virtio, vm, slot);
}

int balloon_start(struct balloon *b)
{
	return virtio_start(&b->virtio, balloon_thread, b);
}
