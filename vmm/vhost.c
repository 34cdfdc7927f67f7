// SPDX-License-Identifier: GPL-2.0
/* vhost-net: tells it the guest's memory and the queues. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "error.h"
#include "layout.h"
#include "vhost.h"

#define RANGES	2

/* Features that vhost must know. Others are between the guest and the tap. */
#define FEATURES	(1ULL << VIRTIO_F_VERSION_1 | \
			 1ULL << VIRTIO_RING_F_INDIRECT_DESC | \
			 1ULL << VIRTIO_RING_F_EVENT_IDX)

int vhost_open(struct vhost *vhost, struct vm *vm)
{
	if (vm->region->windows != GMEM_WINDOWS_NONE)
		return fail("--net: vhost=on needs memory without windows, for the kernel's worker: give --memory=protect=hidden+no-gup");
	vhost->fd = open("/dev/vhost-net", O_RDWR | O_CLOEXEC);
	if (vhost->fd < 0)
		return fail_errno("can't open /dev/vhost-net (is vhost_net loaded?)");
	return 0;
}

int vhost_start(struct vhost *vhost)
{
	if (ioctl(vhost->fd, VHOST_SET_OWNER))
		return fail_errno("VHOST_SET_OWNER");
	return 0;
}

/* ---- memory ---- */

static uint64_t kernel_address(const struct guest *guest, uint64_t address,
			       uint64_t size)
{
	return (uintptr_t)guest_for_kernel(guest, address, size);
}

static void add_range(struct vhost_memory *table, const struct guest *guest,
		      uint64_t address, uint64_t size)
{
	if (size)
		table->regions[table->nregions++] =
			(struct vhost_memory_region){
				.guest_phys_addr = address,
				.memory_size = size,
				.userspace_addr =
					kernel_address(guest, address, size),
			};
}

static int set_memory(struct vhost *vhost, const struct guest *guest)
{
	struct vhost_memory *table;
	int ret;

	table = calloc(1, sizeof(*table) +
			  RANGES * sizeof(table->regions[0]));
	if (!table)
		return fail("no memory for vhost's table");
	add_range(table, guest, 0, guest->low_size);
	add_range(table, guest, HIGH_MEMORY_START, guest->high_size);
	ret = ioctl(vhost->fd, VHOST_SET_MEM_TABLE, table);
	free(table);
	return ret ? fail_errno("VHOST_SET_MEM_TABLE") : 0;
}

/* ---- queues ---- */

static int set_addresses(struct vhost *vhost, const struct virtqueue *q,
			 unsigned int index)
{
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = kernel_address(q->guest, q->descriptors,
						 virtqueue_table_size(q)),
		.avail_user_addr = kernel_address(q->guest, q->available,
						  virtqueue_avail_size(q)),
		.used_user_addr = kernel_address(q->guest, q->used,
						 virtqueue_used_size(q)),
	};

	return ioctl(vhost->fd, VHOST_SET_VRING_ADDR, &addr);
}

/* vhost raises the interrupt itself, by irq_fd. */
static int set_queue(struct vhost *vhost, struct virtio *v, unsigned int index,
		     int tap_fd)
{
	struct virtqueue *q = &v->queues[index];
	struct vhost_vring_state size = { index, q->size };
	struct vhost_vring_state base = { index, q->next_available };
	struct vhost_vring_file kick = { index, v->queue_kick_fds[index] };
	struct vhost_vring_file call = { index, v->irq_fd };
	struct vhost_vring_file tap = { index, tap_fd };

	if (!q->ready)
		return 0;
	if (ioctl(vhost->fd, VHOST_SET_VRING_NUM, &size) ||
	    ioctl(vhost->fd, VHOST_SET_VRING_BASE, &base) ||
	    set_addresses(vhost, q, index) ||
	    ioctl(vhost->fd, VHOST_SET_VRING_KICK, &kick) ||
	    ioctl(vhost->fd, VHOST_SET_VRING_CALL, &call) ||
	    ioctl(vhost->fd, VHOST_NET_SET_BACKEND, &tap))
		return fail_errno("vhost-net: queue %u", index);
	return 0;
}

int vhost_begin(struct vhost *vhost, struct virtio *v, int tap_fd)
{
	uint64_t features = v->driver_features & FEATURES;

	vhost_end(vhost);
	if (ioctl(vhost->fd, VHOST_SET_FEATURES, &features))
		return fail_errno("VHOST_SET_FEATURES");
	if (set_memory(vhost, &v->vm->guest))
		return -1;
	for (unsigned int i = 0; i < v->nr_queues; i++)
		if (set_queue(vhost, v, i, tap_fd))
			return -1;
	return 0;
}

/* The ioctl fails only for a queue that had no backend: no error. */
void vhost_end(struct vhost *vhost)
{
	for (unsigned int i = 0; i < VIRTIO_QUEUES; i++) {
		struct vhost_vring_file none = { i, -1 };

		ioctl(vhost->fd, VHOST_NET_SET_BACKEND, &none);
	}
}

/* Without a backend, vhost has completed each chain that it has taken. */
int vhost_hold(struct vhost *vhost, struct virtio *v)
{
	vhost_end(vhost);
	for (unsigned int i = 0; i < v->nr_queues; i++) {
		struct vhost_vring_state base = { i, 0 };
		struct virtqueue *q = virtio_queue(v, i);

		if (!q)
			continue;
		if (ioctl(vhost->fd, VHOST_GET_VRING_BASE, &base))
			return fail_errno("VHOST_GET_VRING_BASE");
		if (virtqueue_go_on(q, base.num))
			return fail("vhost-net: can't read queue %u", i);
	}
	return 0;
}
