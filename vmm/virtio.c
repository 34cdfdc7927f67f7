// SPDX-License-Identifier: GPL-2.0
/* virtio on the memory bus: registers, status, kicks, interrupts, the lock. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "error.h"
#include "layout.h"
#include "virtio.h"

#define MAGIC		0x74726976	/* "virt" */
#define VERSION		2
#define VENDOR		0x6d656d67	/* "gmem" */
#define CONFIG_END	VIRTIO_STRIDE

#define TRANSPORT_FEATURES	(1ULL << VIRTIO_F_VERSION_1 | \
				 1ULL << VIRTIO_RING_F_INDIRECT_DESC | \
				 1ULL << VIRTIO_RING_F_EVENT_IDX)

/* With one of these, the device doesn't work until it is reset. */
#define BROKEN	(VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)

uint64_t virtio_offers(const struct virtio *v)
{
	return v->features | TRANSPORT_FEATURES;
}

/* ---- eventfds ---- */

static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one) && errno != EAGAIN)
		abort();
}

static void interrupt(struct virtio *v, uint32_t reason)
{
	__atomic_fetch_or(&v->irq_status, reason, __ATOMIC_RELEASE);
	signal_fd(v->irq_fd);
}

/* ---- the lock ---- */

void virtio_lock(struct virtio *v)
{
	__atomic_fetch_add(&v->waiting, 1, __ATOMIC_ACQ_REL);
	pthread_mutex_lock(&v->lock);
	__atomic_fetch_sub(&v->waiting, 1, __ATOMIC_ACQ_REL);
	v->turns++;
	pthread_cond_broadcast(&v->changed);
}

void virtio_unlock(struct virtio *v)
{
	pthread_mutex_unlock(&v->lock);
}

/*
 * A thread that has just released a mutex usually gets it again before threads
 * that wait for it. So the device's thread waits until one of those has had it.
 */
void virtio_begin_piece(struct virtio *v)
{
	unsigned int turns;

	pthread_mutex_lock(&v->lock);
	turns = v->turns;
	while (__atomic_load_n(&v->waiting, __ATOMIC_ACQUIRE) &&
	       v->turns == turns)
		pthread_cond_wait(&v->changed, &v->lock);
}

void virtio_end_piece(struct virtio *v)
{
	pthread_mutex_unlock(&v->lock);
}

/* ---- for the device ---- */

struct virtqueue *virtio_queue(struct virtio *v, unsigned int index)
{
	struct virtqueue *q = &v->queues[index];

	if (!q->ready || v->ending ||
	    !(v->status & VIRTIO_CONFIG_S_DRIVER_OK) || v->status & BROKEN)
		return NULL;
	return q;
}

bool virtio_has(const struct virtio *v, unsigned int bit)
{
	return v->driver_features >> bit & 1;
}

void virtio_break(struct virtio *v, int error)
{
	warn_seldom(&v->vm->warnings->queues[v->slot],
		    "%s %u: the guest's queue is invalid (%s); the device stops until the guest resets it",
		    v->name, v->slot, strerror(-error));
	v->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	interrupt(v, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_config_changed(struct virtio *v)
{
	v->config_generation++;
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(v, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_tell(struct virtio *v, struct virtqueue *q)
{
	int ret = virtqueue_must_tell(q);

	if (ret < 0)
		virtio_break(v, ret);
	else if (ret)
		interrupt(v, VIRTIO_MMIO_INT_VRING);
}

bool virtio_use(struct virtio *v, unsigned int index,
		int (*use)(struct virtio *v, unsigned int index,
			   struct virtqueue *queue))
{
	struct virtqueue *queue = virtio_queue(v, index);
	int ret;

	if (!queue || v->held)
		return false;
	ret = use(v, index, queue);
	if (ret < 0)
		virtio_break(v, ret);
	else
		virtio_tell(v, queue);
	return ret > 0;
}

static bool do_piece(struct virtio *v, bool (*piece)(struct virtio *v))
{
	bool more;

	virtio_begin_piece(v);
	more = piece(v);
	virtio_end_piece(v);
	return more;
}

void virtio_serve(struct virtio *v, bool (*piece)(struct virtio *v))
{
	uint64_t kicks;

	while (!virtio_is_stopping(v)) {
		if (do_piece(v, piece))
			continue;
		if (read(v->kick_fd, &kicks, sizeof(kicks)) < 0 &&
		    errno != EINTR)
			return;
	}
}

/* ---- registers ---- */

static uint32_t page_of(uint64_t features, uint32_t page)
{
	return page < 2 ? features >> 32 * page : 0;
}

static struct virtqueue *selected(struct virtio *v)
{
	return v->queue_selected < v->nr_queues ?
	       &v->queues[v->queue_selected] : NULL;
}

/* If vhost raises interrupts, any of them may have been for a queue. */
static uint32_t irq_status(const struct virtio *v)
{
	return __atomic_load_n(&v->irq_status, __ATOMIC_ACQUIRE) |
	       (v->past_us ? VIRTIO_MMIO_INT_VRING : 0);
}

static uint32_t read_register(struct virtio *v, uint64_t offset)
{
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return v->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return page_of(virtio_offers(v), v->features_page);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return selected(v) ? VIRTQUEUE_SIZE : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return selected(v) && selected(v)->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return irq_status(v);
	case VIRTIO_MMIO_STATUS:
		return v->status;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return v->config_generation;
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
		return UINT32_MAX;	/* no such region */
	default:
		return 0;
	}
}

static void init_queues(struct virtio *v)
{
	for (unsigned int i = 0; i < v->nr_queues; i++)
		v->queues[i] = (struct virtqueue){ .guest = &v->vm->guest };
}

/*
 * quiesce() may release the lock. Register writes of other vCPUs wait until
 * this has ended, see write_bus().
 */
static void end_queues(struct virtio *v)
{
	v->generation++;
	v->ending = true;
	if (v->quiesce)
		v->quiesce(v);
	v->ending = false;
	pthread_cond_broadcast(&v->changed);
}

/* A driver that reads status 0 may reuse the memory, so queues end before. */
static void reset(struct virtio *v)
{
	end_queues(v);
	v->status = 0;
	v->driver_features = 0;
	init_queues(v);
	__atomic_store_n(&v->irq_status, 0, __ATOMIC_RELEASE);
}

bool virtio_can_agree(const struct virtio *v, uint64_t features)
{
	return !(features & ~virtio_offers(v)) &&
	       features & 1ULL << VIRTIO_F_VERSION_1;
}

#define STARTED	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER)

/*
 * The driver sets bits in this order, and only a reset clears them (virtio 1.2,
 * 2.1 and 3.1.1): the driver is there; the features are agreed on; the driver
 * has seen FEATURES_OK, and uses the device.
 */
static uint32_t next_status(const struct virtio *v, uint32_t wanted)
{
	uint32_t status = v->status |
			  (wanted & (STARTED | VIRTIO_CONFIG_S_FAILED));

	if (status & BROKEN)
		return status;
	if ((status & STARTED) == STARTED &&
	    virtio_can_agree(v, v->driver_features))
		status |= wanted & VIRTIO_CONFIG_S_FEATURES_OK;
	if (v->status & VIRTIO_CONFIG_S_FEATURES_OK)
		status |= wanted & VIRTIO_CONFIG_S_DRIVER_OK;
	return status;
}

static void agree(struct virtio *v)
{
	for (unsigned int i = 0; i < v->nr_queues; i++)
		v->queues[i].event_index =
			virtio_has(v, VIRTIO_RING_F_EVENT_IDX);
}

static void begin(struct virtio *v)
{
	if (v->begin)
		v->begin(v);
	signal_fd(v->kick_fd);
}

static void write_status(struct virtio *v, uint32_t wanted)
{
	uint32_t added = next_status(v, wanted) & ~v->status;

	if (!wanted) {
		reset(v);
		return;
	}
	v->status |= added;
	if (added & VIRTIO_CONFIG_S_FEATURES_OK)
		agree(v);
	if (added & VIRTIO_CONFIG_S_DRIVER_OK)
		begin(v);
	if (added & VIRTIO_CONFIG_S_FAILED)
		end_queues(v);
}

static void write_features(struct virtio *v, uint32_t value)
{
	uint64_t mask = UINT32_MAX;
	unsigned int shift = 32 * v->driver_features_page;

	if (v->driver_features_page > 1 ||
	    v->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	v->driver_features &= ~(mask << shift);
	v->driver_features |= (uint64_t)value << shift;
}

/* The driver may start a queue after FEATURES_OK and before DRIVER_OK. */
static bool may_start(const struct virtio *v)
{
	return v->status & VIRTIO_CONFIG_S_FEATURES_OK &&
	       !(v->status & (VIRTIO_CONFIG_S_DRIVER_OK | BROKEN));
}

static void write_ready(struct virtio *v, uint32_t value)
{
	struct virtqueue *q = selected(v);
	int ret;

	if (!q || q->ready == !!value)
		return;
	if (!value) {
		q->ready = false;
		end_queues(v);
		return;
	}
	if (!may_start(v))
		return;
	ret = virtqueue_start(q);
	if (ret)
		virtio_break(v, ret);
}

static void set_low(uint64_t *address, uint32_t value)
{
	*address = (*address & ~(uint64_t)UINT32_MAX) | value;
}

static void set_high(uint64_t *address, uint32_t value)
{
	*address = (*address & UINT32_MAX) | (uint64_t)value << 32;
}

/* A queue's addresses and size can't change while it is in use. */
static void write_queue(struct virtio *v, uint64_t offset, uint32_t value)
{
	struct virtqueue *q = selected(v);

	if (!q || q->ready)
		return;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		q->size = value <= VIRTQUEUE_SIZE ? value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		set_low(&q->descriptors, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_high(&q->descriptors, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		set_low(&q->available, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_high(&q->available, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		set_low(&q->used, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_high(&q->used, value);
		break;
	}
}

static void write_register(struct virtio *v, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		v->features_page = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		v->driver_features_page = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_features(v, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		v->queue_selected = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		write_ready(v, value);
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (value < v->nr_queues)
			signal_fd(v->queue_kick_fds[value]);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		__atomic_fetch_and(&v->irq_status, ~value, __ATOMIC_ACQ_REL);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(v, value);
		break;
	default:
		write_queue(v, offset, value);
	}
}

/* ---- held, for a snapshot ---- */

void virtio_hold(struct virtio *v)
{
	virtio_lock(v);
	v->held = true;
	if (v->hold)
		v->hold(v);
	virtio_unlock(v);
}

void virtio_release(struct virtio *v)
{
	virtio_lock(v);
	v->held = false;
	if (v->status & VIRTIO_CONFIG_S_DRIVER_OK && !(v->status & BROKEN)) {
		begin(v);
		if (irq_status(v))
			signal_fd(v->irq_fd);
	}
	virtio_unlock(v);
}

/* ---- the bus ---- */

static uint64_t read_config(const struct virtio *v, uint64_t offset,
			    unsigned int size)
{
	uint64_t value = 0;

	if (offset < v->config_size && size <= v->config_size - offset)
		memcpy(&value, (const char *)v->config + offset, size);
	return value;
}

static void write_config(struct virtio *v, uint64_t offset, unsigned int size,
			 uint64_t value)
{
	if (offset == v->config_writable && size == v->config_writable_size)
		memcpy((char *)v->config + offset, &value, size);
}

static uint64_t read_bus(void *device, uint64_t offset, unsigned int size)
{
	struct virtio *v = device;
	uint64_t value;

	if (offset < VIRTIO_MMIO_CONFIG && size != sizeof(uint32_t))
		return 0;
	virtio_lock(v);
	if (offset >= VIRTIO_MMIO_CONFIG)
		value = read_config(v, offset - VIRTIO_MMIO_CONFIG, size);
	else
		value = read_register(v, offset);
	virtio_unlock(v);
	return value;
}

static void write_bus(void *device, uint64_t offset, unsigned int size,
		      uint64_t value)
{
	struct virtio *v = device;

	if (offset < VIRTIO_MMIO_CONFIG && size != sizeof(uint32_t))
		return;
	virtio_lock(v);
	while (v->ending)
		pthread_cond_wait(&v->changed, &v->lock);
	if (offset >= VIRTIO_MMIO_CONFIG)
		write_config(v, offset - VIRTIO_MMIO_CONFIG, size, value);
	else
		write_register(v, offset, value);
	virtio_unlock(v);
}

/* ---- all ---- */

static int add_kicks(struct virtio *v, uint64_t address)
{
	for (unsigned int i = 0; i < v->nr_queues; i++) {
		int *fd = &v->queue_kick_fds[i];

		*fd = v->past_us ? eventfd(0, EFD_CLOEXEC) : v->kick_fd;
		if (*fd < 0)
			return fail_errno("eventfd");
		if (vm_write_fd(v->vm, address + VIRTIO_MMIO_QUEUE_NOTIFY, i,
				*fd))
			return -1;
	}
	return 0;
}

int virtio_add(struct virtio *v, struct vm *vm, unsigned int slot)
{
	struct bus_range range = {
		.first = VIRTIO_ADDRESS + slot * VIRTIO_STRIDE,
		.size = CONFIG_END, .device = v,
		.read = read_bus, .write = write_bus,
	};

	v->vm = vm;
	v->slot = slot;
	init_queues(v);
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->changed, NULL);
	v->kick_fd = eventfd(0, EFD_CLOEXEC);
	v->irq_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (v->kick_fd < 0 || v->irq_fd < 0)
		return fail_errno("eventfd");
	if (vm_irq_fd(vm, VIRTIO_IRQ + slot, v->irq_fd) ||
	    add_kicks(v, range.first))
		return -1;
	return bus_add(&vm->memory, &range);
}

void virtio_remove(struct virtio *v)
{
	for (unsigned int i = 0; v->past_us && i < v->nr_queues; i++)
		if (v->queue_kick_fds[i] > 0)
			close(v->queue_kick_fds[i]);
	if (v->kick_fd > 0)
		close(v->kick_fd);
	if (v->irq_fd > 0)
		close(v->irq_fd);
}

int virtio_start(struct virtio *v, void *(*thread)(void *), void *arg)
{
	return thread_start(&v->thread, v->name, thread, arg);
}

bool virtio_is_stopping(const struct virtio *v)
{
	return __atomic_load_n(&v->stopping, __ATOMIC_ACQUIRE);
}

void virtio_tell_end(struct virtio *v)
{
	if (!v->thread.started)
		return;
	__atomic_store_n(&v->stopping, true, __ATOMIC_RELEASE);
	signal_fd(v->kick_fd);
}

int virtio_stop(struct virtio *v)
{
	if (!v->thread.started)
		return 0;
	virtio_tell_end(v);
	return thread_end(&v->thread, v->name, THREAD_PATIENCE_MS);
}
