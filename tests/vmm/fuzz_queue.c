// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest can have in a virtqueue. The input is the queue's place and size
 * and all of its memory; whatever that is, chains are within bounds and have an
 * end, and a queue gives no more of them than it can hold.
 */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "../../vmm/virtqueue.h"
#include "fuzz.h"

#define MEMORY		(2ULL << 20)
#define PART		4096

struct input {
	uint64_t descriptors;
	uint64_t available;
	uint64_t used;
	uint16_t size;
	uint16_t event_index;
	uint16_t next;
	uint16_t reserved;
	uint8_t memory[8192];	/* from address 0 on */
};

static void check_chain(const struct chain *c)
{
	uint64_t in = 0, out = 0;

	fuzz_must(c->nr_in <= CHAIN_SEGMENTS &&
		  c->nr_out <= CHAIN_SEGMENTS - c->nr_in);
	for (unsigned int i = 0; i < c->nr_out; i++)
		out += c->segments[i].size;
	for (unsigned int i = 0; i < c->nr_in; i++)
		in += c->segments[c->nr_out + i].size;
	fuzz_must(in == c->in_size && out == c->out_size);
}

static void use_chain(const struct chain *c)
{
	static char data[PART];
	uint64_t part = c->out_size < PART ? c->out_size : PART;

	check_chain(c);
	/* What is there can be had, or it isn't memory. */
	chain_read(c, 0, data, part);
	fuzz_must(chain_read(c, c->out_size, data, 1) == -EFAULT);
	if (c->out_size)
		chain_read(c, c->out_size - 1, data, 1);
	if (c->in_size)
		chain_write(c, c->in_size - 1, data, 1);
	fuzz_must(chain_write(c, c->in_size, data, 1) == -EFAULT);
	fuzz_must(!chain_write(c, c->in_size, data, 0));
}

/* The device's own writes may make new entries: twice a queue is enough. */
static void use_queue(struct virtqueue *q)
{
	static struct chain chain;
	unsigned int left = 2 * VIRTQUEUE_SIZE;

	while (left-- && virtqueue_pop(q, &chain) == 1) {
		use_chain(&chain);
		if (left == 2 * VIRTQUEUE_SIZE - 1) {
			virtqueue_unpop(q);
			if (virtqueue_pop(q, &chain) != 1)
				return;
		}
		if (virtqueue_push(q, &chain, chain.in_size))
			return;
	}
	virtqueue_wait(q);
	virtqueue_must_tell(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct guest *guest = fuzz_guest(MEMORY);
	static struct input input;
	struct virtqueue q = { .guest = guest };

	memset(&input, 0, sizeof(input));
	memcpy(&input, data, size < sizeof(input) ? size : sizeof(input));
	fuzz_must(!guest_write(guest, 0, input.memory, sizeof(input.memory)));
	q.size = input.size;
	q.descriptors = input.descriptors;
	q.available = input.available;
	q.used = input.used;
	q.event_index = input.event_index & 1;
	if (virtqueue_start(&q))
		return 0;
	fuzz_must(guest_has(guest, q.descriptors, 16ULL * q.size));
	q.next_available = input.next;
	q.next_used = input.next;
	use_queue(&q);
	return 0;
}

/* Requests of three descriptors, as a disk's; the last one's are in a table. */
#define QUEUE		16
#define AVAILABLE	0x1000
#define USED		0x1400
#define TABLE		0x1800

static void set_chain(struct vring_desc *d, unsigned int first)
{
	d[0] = (struct vring_desc){
		0x100000, 16, VRING_DESC_F_NEXT, first + 1
	};
	d[1] = (struct vring_desc){
		0x101000, 4096, VRING_DESC_F_NEXT, first + 2
	};
	d[2] = (struct vring_desc){
		0x102000, 1, VRING_DESC_F_WRITE, 0
	};
}

size_t fuzz_seed(uint8_t *data, size_t room)
{
	static struct input in;
	struct vring_desc *d = (struct vring_desc *)in.memory;
	struct vring_avail *available = (void *)(in.memory + AVAILABLE);

	fuzz_must(room >= sizeof(in));
	in = (struct input){
		.available = AVAILABLE, .used = USED, .size = QUEUE,
		.event_index = 1,
	};
	for (unsigned int i = 0; i + 3 < QUEUE; i += 3)
		set_chain(d + i, i);
	set_chain((struct vring_desc *)(in.memory + TABLE), 0);
	d[QUEUE - 1] = (struct vring_desc){
		TABLE, 3 * sizeof(*d), VRING_DESC_F_INDIRECT, 0
	};
	for (unsigned int i = 0; i < 5; i++)
		available->ring[i] = 3 * i;
	available->ring[5] = QUEUE - 1;
	available->idx = 6;
	memcpy(data, &in, sizeof(in));
	return sizeof(in);
}
