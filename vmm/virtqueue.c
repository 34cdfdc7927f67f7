// SPDX-License-Identifier: GPL-2.0
/* Split virtqueues: rings, chains of descriptors, and copies of their data. */
#include <errno.h>
#include <linux/virtio_ring.h>

#include "virtqueue.h"

/* Offsets from the start of a ring. */
#define RING_FLAGS	0
#define RING_INDEX	2
#define RING_ENTRIES	4

static uint64_t available_entry(const struct virtqueue *q, uint16_t index)
{
	return q->available + RING_ENTRIES + index % q->size * 2ULL;
}

static uint64_t used_entry(const struct virtqueue *q, uint16_t index)
{
	return q->used + RING_ENTRIES +
	       index % q->size * (uint64_t)sizeof(struct vring_used_elem);
}

/* After the last entry of a ring: the index at which a side wants an event. */
static uint64_t used_event(const struct virtqueue *q)
{
	return q->available + RING_ENTRIES + q->size * 2ULL;
}

static uint64_t available_event(const struct virtqueue *q)
{
	return q->used + RING_ENTRIES +
	       q->size * (uint64_t)sizeof(struct vring_used_elem);
}

uint64_t virtqueue_table_size(const struct virtqueue *q)
{
	return q->size * (uint64_t)sizeof(struct vring_desc);
}

uint64_t virtqueue_avail_size(const struct virtqueue *q)
{
	return used_event(q) + 2 - q->available;
}

uint64_t virtqueue_used_size(const struct virtqueue *q)
{
	return available_event(q) + 2 - q->used;
}

int virtqueue_start(struct virtqueue *q)
{
	if (!q->size || q->size > VIRTQUEUE_SIZE || q->size & (q->size - 1))
		return -EINVAL;
	if (q->descriptors % 16 || q->available % 2 || q->used % 4)
		return -EINVAL;
	if (!guest_has(q->guest, q->descriptors, virtqueue_table_size(q)) ||
	    !guest_has(q->guest, q->available, virtqueue_avail_size(q)) ||
	    !guest_has(q->guest, q->used, virtqueue_used_size(q)))
		return -EFAULT;
	q->next_available = 0;
	q->next_used = 0;
	q->told = 0;
	q->ready = true;
	return 0;
}

int virtqueue_go_on(struct virtqueue *q, uint16_t taken)
{
	int ret = guest_load_index(q->guest, q->used + RING_INDEX,
				   &q->next_used);

	if (ret)
		return ret;
	q->next_available = taken;
	q->told = q->next_used;
	return 0;
}

/* ---- chains ---- */

/* A table of descriptors: the queue's, or one that a descriptor points to. */
struct table {
	uint64_t address;
	uint32_t count;
	bool indirect;
};

static int add_segment(struct chain *c, const struct vring_desc *d)
{
	unsigned int n = c->nr_out + c->nr_in;

	if (n == CHAIN_SEGMENTS)
		return -EINVAL;
	if (c->nr_in && !(d->flags & VRING_DESC_F_WRITE))
		return -EINVAL;
	if (d->flags & VRING_DESC_F_WRITE) {
		c->nr_in++;
		c->in_size += d->len;
	} else {
		c->nr_out++;
		c->out_size += d->len;
	}
	c->segments[n] = (struct segment){ .address = d->addr, .size = d->len };
	return 0;
}

static int enter_table(struct table *t, const struct vring_desc *d)
{
	if (t->indirect || d->flags & VRING_DESC_F_NEXT || !d->len ||
	    d->len % sizeof(*d))
		return -EINVAL;
	*t = (struct table){
		.address = d->addr, .count = d->len / sizeof(*d),
		.indirect = true,
	};
	return 0;
}

/* The number of steps is limited, so that a chain with a loop ends. */
static int walk(const struct virtqueue *q, struct chain *c)
{
	struct table t = { .address = q->descriptors, .count = q->size };
	uint32_t index = c->head;
	struct vring_desc d;
	int ret;

	for (unsigned int steps = 0; steps <= CHAIN_SEGMENTS; steps++) {
		if (index >= t.count)
			return -EINVAL;
		ret = guest_read(q->guest,
				 t.address + index * (uint64_t)sizeof(d), &d,
				 sizeof(d));
		if (ret)
			return ret;
		if (d.flags & VRING_DESC_F_INDIRECT) {
			ret = enter_table(&t, &d);
			index = 0;
		} else {
			ret = add_segment(c, &d);
			index = d.next;
		}
		if (ret)
			return ret;
		if (!(d.flags & (VRING_DESC_F_NEXT | VRING_DESC_F_INDIRECT)))
			return 0;
	}
	return -EINVAL;
}

int virtqueue_pop(struct virtqueue *q, struct chain *c)
{
	uint16_t index;
	int ret;

	ret = guest_load_index(q->guest, q->available + RING_INDEX, &index);
	if (ret)
		return ret;
	if (index == q->next_available)
		return 0;
	if ((uint16_t)(index - q->next_available) > q->size)
		return -EINVAL;
	c->guest = q->guest;
	c->nr_out = 0;
	c->nr_in = 0;
	c->out_size = 0;
	c->in_size = 0;
	ret = guest_read(q->guest, available_entry(q, q->next_available),
			 &c->head, sizeof(c->head));
	if (!ret)
		ret = walk(q, c);
	if (ret)
		return ret;
	q->next_available++;
	return 1;
}

void virtqueue_unpop(struct virtqueue *q)
{
	q->next_available--;
}

int virtqueue_push(struct virtqueue *q, const struct chain *c,
		   uint32_t written)
{
	struct vring_used_elem used = { .id = c->head, .len = written };
	int ret;

	ret = guest_write(q->guest, used_entry(q, q->next_used), &used,
			  sizeof(used));
	if (ret)
		return ret;
	return guest_store_index(q->guest, q->used + RING_INDEX,
				 ++q->next_used);
}

/* ---- kicks and interrupts ---- */

/* Writes before this are visible to the guest before later reads happen. */
static void full_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

int virtqueue_wait(struct virtqueue *q)
{
	uint16_t index;
	int ret;

	if (q->event_index) {
		ret = guest_store_index(q->guest, available_event(q),
					q->next_available);
		if (ret)
			return ret;
		full_barrier();
	}
	ret = guest_load_index(q->guest, q->available + RING_INDEX, &index);
	return ret ? ret : index != q->next_available;
}

int virtqueue_must_tell(struct virtqueue *q)
{
	uint16_t old = q->told, wish;
	int ret;

	if (old == q->next_used)
		return 0;
	q->told = q->next_used;
	full_barrier();
	if (q->event_index) {
		ret = guest_load_index(q->guest, used_event(q), &wish);
		return ret ? ret : vring_need_event(wish, q->next_used, old);
	}
	ret = guest_load_index(q->guest, q->available + RING_FLAGS, &wish);
	return ret ? ret : !(wish & VRING_AVAIL_F_NO_INTERRUPT);
}

/* ---- data ---- */

unsigned int chain_find(const struct chain *c, bool in, uint64_t offset,
			uint64_t size, struct segment *found)
{
	const struct segment *segments = c->segments + (in ? c->nr_out : 0);
	unsigned int nr = in ? c->nr_in : c->nr_out, used = 0;

	for (unsigned int i = 0; i < nr && size; i++) {
		const struct segment *s = &segments[i];
		uint64_t part;

		if (offset >= s->size) {
			offset -= s->size;
			continue;
		}
		part = s->size - offset;
		if (part > size)
			part = size;
		/* An address that wraps isn't in the guest's memory either. */
		found[used++] = (struct segment){ s->address + offset, part };
		size -= part;
		offset = 0;
	}
	return size ? 0 : used;
}

int chain_read(const struct chain *c, uint64_t offset, void *data,
	       uint64_t size)
{
	struct segment found[CHAIN_SEGMENTS];
	unsigned int nr = chain_find(c, false, offset, size, found);
	char *to = data;
	int ret;

	if (!nr && size)
		return -EFAULT;
	for (unsigned int i = 0; i < nr; to += found[i++].size) {
		ret = guest_read(c->guest, found[i].address, to, found[i].size);
		if (ret)
			return ret;
	}
	return 0;
}

int chain_write(const struct chain *c, uint64_t offset, const void *data,
		uint64_t size)
{
	struct segment found[CHAIN_SEGMENTS];
	unsigned int nr = chain_find(c, true, offset, size, found);
	const char *from = data;
	int ret;

	if (!nr && size)
		return -EFAULT;
	for (unsigned int i = 0; i < nr; from += found[i++].size) {
		ret = guest_write(c->guest, found[i].address, from,
				  found[i].size);
		if (ret)
			return ret;
	}
	return 0;
}
