// SPDX-License-Identifier: GPL-2.0
/*
 * What can be in a snapshot's file: sections of any kind and size with the
 * right checksum, and any state of a device in them. A device that accepts its
 * state has queues in the guest's memory only.
 */
#include <linux/virtio_config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../vmm/balloon.h"
#include "../../vmm/blk.h"
#include "../../vmm/devstate.h"
#include "../../vmm/rng.h"
#include "../../vmm/serial.h"
#include "../../vmm/snapfile.h"
#include "driver.h"
#include "fuzz.h"

#define MEMORY		(2ULL << 20)
#define POOL		(256ULL << 10)
#define DISK_SIZE	(1 << 20)
#define RANGES		64

enum slot { DISK, RNG, BALLOON };

static struct machine {
	struct vm vm;
	struct blk disk;
	struct rng rng;
	struct balloon balloon;
	struct serial serial;
} m;

static void add_disk(void)
{
	struct disk_options options = {};
	static char path[32];
	int fd = memfd_create("disk", 0);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	options.path = path;
	fuzz_must(fd >= 0 && !ftruncate(fd, DISK_SIZE));
	fuzz_must(!blk_add(&m.disk, &m.vm, DISK, &options));
}

static void begin(void)
{
	if (m.vm.region)
		return;
	driver_machine(&m.vm, fuzz_guest(MEMORY)->region, POOL);
	add_disk();
	fuzz_must(!rng_add(&m.rng, &m.vm, RNG) &&
		  !balloon_add(&m.balloon, &m.vm, BALLOON) &&
		  !serial_add(&m.serial, &m.vm, STDOUT_FILENO));
}

/* ---- after it was accepted ---- */

static void check_queue(struct virtio *v, unsigned int index)
{
	static struct chain chain;
	struct virtqueue *q = &v->queues[index];

	fuzz_must(q->size <= VIRTQUEUE_SIZE);
	if (!q->ready)
		return;
	fuzz_must(v->status & VIRTIO_CONFIG_S_FEATURES_OK);
	fuzz_must(guest_has(&m.vm.guest, q->descriptors,
			    virtqueue_table_size(q)) &&
		  guest_has(&m.vm.guest, q->available,
			    virtqueue_avail_size(q)) &&
		  guest_has(&m.vm.guest, q->used, virtqueue_used_size(q)));
	if (virtqueue_pop(q, &chain) > 0)
		virtqueue_push(q, &chain, 0);
	virtqueue_must_tell(q);
}

static void check_device(struct virtio *v)
{
	if (v->status & VIRTIO_CONFIG_S_FEATURES_OK)
		fuzz_must(virtio_can_agree(v, v->driver_features));
	for (unsigned int i = 0; i < v->nr_queues; i++)
		check_queue(v, i);
	virtio_hold(v);
	virtio_release(v);
}

/* ---- the sections ---- */

static bool take_lists(struct snap_reader *r)
{
	struct io_pool_state pool;
	const struct guest_range *ranges;
	size_t size = 0;

	ranges = snap_next(r, SNAP_SHARED, 0, &size, RANGES * sizeof(*ranges));
	if (!ranges)
		return false;
	guest_share_only(&m.vm.guest, ranges, size / sizeof(*ranges));
	if (snap_get(r, SNAP_IO_POOL, 0, &pool, sizeof(pool)))
		return false;
	if (!io_pool_restore(&m.vm.io_pool, &pool))
		fuzz_must(io_pool_known(&m.vm.io_pool) <= POOL);
	return true;
}

static bool take_devices(struct snap_reader *r)
{
	struct virtio_state rng;
	struct balloon_state balloon;
	struct blk_state disk;

	if (snap_get(r, SNAP_DISK, 0, &disk, sizeof(disk)))
		return false;
	if (!blk_restore(&m.disk, &disk))
		check_device(&m.disk.virtio);
	if (snap_get(r, SNAP_RNG, 0, &rng, sizeof(rng)))
		return false;
	if (!virtio_restore(&m.rng.virtio, &rng))
		check_device(&m.rng.virtio);
	if (snap_get(r, SNAP_BALLOON, 0, &balloon, sizeof(balloon)))
		return false;
	if (!balloon_restore(&m.balloon, &balloon))
		check_device(&m.balloon.virtio);
	return true;
}

static void take_serial(struct snap_reader *r)
{
	static struct serial_state state;
	uint8_t byte;

	if (snap_get(r, SNAP_SERIAL, 0, &state, sizeof(state)) ||
	    serial_restore(&m.serial, &state))
		return;
	for (unsigned int i = 0; i < 8; i++)
		bus_read(&m.vm.ports, 0x3f8 + i, &byte, 1);
	snap_end(r);
}

/* ---- inputs: all but the header, which is made to fit ---- */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snap_reader r = {
		.path = "", .size = sizeof(struct snap_header) + size,
	};

	begin();
	r.bytes = malloc(r.size);
	fuzz_must(r.bytes);
	memcpy(r.bytes + sizeof(struct snap_header), data, size);
	snap_seal(r.bytes, r.size);
	fuzz_must(!snap_check(&r));
	if (take_lists(&r) && take_devices(&r))
		take_serial(&r);
	free(r.bytes);
	return 0;
}

static const struct driver_queue queues[2] = {
	{ .descriptors = 0x1000, .available = 0x2000, .used = 0x3000,
	  .size = 16 },
	{ .descriptors = 0x4000, .available = 0x5000, .used = 0x6000,
	  .size = 16 },
};

static void write_devices(struct snap_writer *w)
{
	const uint64_t version_1 = 1ULL << VIRTIO_F_VERSION_1;
	static struct serial_state serial;
	struct balloon_state balloon;
	struct virtio_state rng;
	struct blk_state disk;

	driver_begin(&m.vm, DISK, version_1, queues, 1);
	driver_begin(&m.vm, RNG, version_1, queues, 1);
	driver_begin(&m.vm, BALLOON, version_1, queues, 2);
	blk_save(&m.disk, &disk);
	snap_put(w, SNAP_DISK, 0, &disk, sizeof(disk));
	virtio_save(&m.rng.virtio, &rng);
	snap_put(w, SNAP_RNG, 0, &rng, sizeof(rng));
	balloon_save(&m.balloon, &balloon);
	snap_put(w, SNAP_BALLOON, 0, &balloon, sizeof(balloon));
	serial_save(&m.serial, &serial);
	snap_put(w, SNAP_SERIAL, 0, &serial, sizeof(serial));
}

size_t fuzz_seed(uint8_t *data, size_t room)
{
	const struct guest_range range = { 16 * 4096, 4096 };
	struct io_pool_state pool = { POOL, 0x10000, 0x12000 };
	struct snap_writer w;
	size_t size;

	begin();
	snap_begin(&w);
	snap_put(&w, SNAP_SHARED, 0, &range, sizeof(range));
	snap_put(&w, SNAP_IO_POOL, 0, &pool, sizeof(pool));
	write_devices(&w);
	size = w.size - sizeof(struct snap_header);
	fuzz_must(!w.error && size <= room);
	memcpy(data, w.bytes + sizeof(struct snap_header), size);
	snap_free(&w);
	return size;
}
