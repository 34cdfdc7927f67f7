// SPDX-License-Identifier: GPL-2.0
/* The balloon device: it punches the pages that the guest gives back. */
#include <errno.h>
#include <linux/virtio_ids.h>

#include "balloon.h"

#define INFLATE		0
#define DEFLATE		1

#define PAGE_SHIFT	VIRTIO_BALLOON_PFN_SHIFT
#define PAGE_SIZE	(1ULL << PAGE_SHIFT)
#define BATCH		256	/* pages in a piece of work */

static struct balloon *balloon_of(struct virtio *v)
{
	return (struct balloon *)((char *)v - offsetof(struct balloon, virtio));
}

/* ---- pages ---- */

/* Adjacent pages, which are punched in one call. */
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

/* A run grows in both directions, because guests allocate in both. */
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

/* ---- queues ---- */

/*
 * A chain may name all pages of the guest, and each page may need a call of its
 * own. So one piece of work is only a part of a chain.
 */
static int begin_chain(struct balloon *b, struct balloon_work *w)
{
	w->at = 0;
	w->end = w->chain.out_size / sizeof(uint32_t) * sizeof(uint32_t);
	w->generation = b->virtio.generation;
	w->busy = true;
	return w->end / sizeof(uint32_t) >
	       b->virtio.vm->guest.region->size >> PAGE_SHIFT ? -EINVAL : 0;
}

/* Deflated pages need no work: the host zeroes each one at its first access. */
static int do_part(struct balloon *b, unsigned int index)
{
	struct balloon_work *w = &b->work[index];
	uint64_t left = (w->end - w->at) / sizeof(uint32_t);
	uint32_t pages[BATCH];
	unsigned int nr = left < BATCH ? left : BATCH;
	int ret;

	ret = chain_read(&w->chain, w->at, pages, nr * sizeof(pages[0]));
	if (ret)
		return ret;
	if (index == INFLATE)
		inflate(b, pages, nr);
	else
		b->deflated += nr;
	w->at += nr * sizeof(pages[0]);
	return 0;
}

/* Is a chain being worked on? A chain from before a reset doesn't count. */
static bool is_busy(const struct balloon *b, const struct balloon_work *w)
{
	return w->busy && w->generation == b->virtio.generation;
}

/* Return: 1 if there is more to do, 0, or an error */
static int serve(struct virtio *v, unsigned int index, struct virtqueue *queue)
{
	struct balloon *b = balloon_of(v);
	struct balloon_work *w = &b->work[index];
	int ret = 1;

	if (!is_busy(b, w)) {
		w->busy = false;
		ret = virtqueue_pop(queue, &w->chain);
		if (!ret)
			return virtqueue_wait(queue);
		if (ret > 0)
			ret = begin_chain(b, w) ?: 1;
	}
	if (ret > 0)
		ret = do_part(b, index) ?: 1;
	if (ret < 0 || w->at < w->end)
		return ret;
	w->busy = false;
	return virtqueue_push(queue, &w->chain, 0) ?: 1;
}

static bool piece(struct virtio *v)
{
	bool more = virtio_use(v, INFLATE, serve);

	return virtio_use(v, DEFLATE, serve) || more;
}

static void *balloon_thread(void *arg)
{
	struct balloon *b = arg;

	virtio_serve(&b->virtio, piece);
	return NULL;
}

/* ---- all ---- */

/* After a restore the chain is begun anew: its pages are punched again. */
static unsigned int unfinished(struct virtio *v, unsigned int index)
{
	struct balloon *b = balloon_of(v);

	return is_busy(b, &b->work[index]);
}

int balloon_set(struct balloon *b, uint64_t bytes)
{
	if (bytes > b->virtio.vm->guest.region->size)
		return -EINVAL;
	virtio_lock(&b->virtio);
	b->config.num_pages = bytes >> PAGE_SHIFT;
	virtio_config_changed(&b->virtio);
	virtio_unlock(&b->virtio);
	return 0;
}

int balloon_add(struct balloon *b, struct vm *vm, unsigned int slot)
{
	b->virtio = (struct virtio){
		.name = "balloon", .id = VIRTIO_ID_BALLOON,
		.nr_queues = BALLOON_QUEUES,
		.features = 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM,
		.config = &b->config,
		/* Without the fields of features that aren't offered. */
		.config_size = 2 * sizeof(uint32_t),
		.config_writable = offsetof(struct virtio_balloon_config,
					    actual),
		.config_writable_size = sizeof(b->config.actual),
		.unfinished = unfinished,
	};
	return virtio_add(&b->virtio, vm, slot);
}

int balloon_start(struct balloon *b)
{
	return virtio_start(&b->virtio, balloon_thread, b);
}
