// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest can do to a device: anything in its queues, any register, and
 * memory that is shared or not. Disk, random numbers, balloon and network run
 * as in gmemvm, with their threads; each is as usable after a reset as before.
 */
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../vmm/balloon.h"
#include "../../vmm/blk.h"
#include "../../vmm/net.h"
#include "../../vmm/rng.h"
#include "driver.h"
#include "fuzz.h"

#define MEMORY		(2ULL << 20)
#define POOL		(256ULL << 10)
#define DISK_SIZE	(1 << 20)
#define WRITES		8
#define PAGES		64
#define PAGE_SIZE	4096

enum slot { DISK, RNG, BALLOON, NET, SLOTS };

struct input {
	struct driver_queue queues[2];
	uint64_t features;
	uint64_t shared;	/* a bit for each of the first pages */
	uint16_t slot;
	uint16_t convert;	/* while the device is busy */
	struct {
		uint16_t offset;
		uint16_t size;
		uint64_t value;
	} writes[WRITES];
	uint8_t memory[8192];	/* from address 0 on */
};

static struct machine {
	struct vm vm;
	struct blk disk;
	struct rng rng;
	struct balloon balloon;
	struct net net;
	int wire;		/* the other end of what is its tap here */
	struct virtio *devices[SLOTS];
} m;

/* ---- the machine ---- */

static void add_disk(void)
{
	struct disk_options options = {};
	static char path[32];
	int fd = memfd_create("disk", 0);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	options.path = path;
	fuzz_must(fd >= 0 && !ftruncate(fd, DISK_SIZE));
	fuzz_must(!blk_add(&m.disk, &m.vm, DISK, &options));
	fuzz_must(!blk_start(&m.disk));
	m.devices[DISK] = &m.disk.virtio;
}

static void add_net(void)
{
	struct net_options options = {};
	int fds[2];

	fuzz_must(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds));
	m.net.tap_fd = fds[0];
	m.wire = fds[1];
	fuzz_must(!net_attach(&m.net, &m.vm, NET, &options) &&
		  !net_start(&m.net));
	m.devices[NET] = &m.net.virtio;
}

static void add_devices(void)
{
	add_disk();
	add_net();
	fuzz_must(!rng_add(&m.rng, &m.vm, RNG) && !rng_start(&m.rng));
	fuzz_must(!balloon_add(&m.balloon, &m.vm, BALLOON) &&
		  !balloon_start(&m.balloon));
	m.devices[RNG] = &m.rng.virtio;
	m.devices[BALLOON] = &m.balloon.virtio;
}

static void begin(void)
{
	static bool begun;

	if (begun)
		return;
	begun = true;
	driver_machine(&m.vm, fuzz_guest(MEMORY)->region, POOL);
	add_devices();
}

/* ---- waiting: for a while, as what it waits for may never come ---- */

static bool took_kick(const struct virtio *v)
{
	struct pollfd kick = { .fd = v->kick_fd, .events = POLLIN };

	return !poll(&kick, 1, 0);
}

static bool is_idle(struct virtio *v)
{
	bool idle;

	if (!took_kick(v))
		return false;
	pthread_mutex_lock(&v->lock);
	idle = v != &m.disk.virtio || !m.disk.under_way;
	pthread_mutex_unlock(&v->lock);
	return idle;
}

static void wait_until_idle(struct virtio *v)
{
	for (int i = 0; i < 20 && !is_idle(v); i++)
		usleep(20);
}

/* ---- the guest ---- */

static void convert(uint64_t shared)
{
	for (unsigned int i = 0; i < PAGES; i++)
		if (shared >> i & 1)
			guest_convert(&m.vm.guest, i * PAGE_SIZE, PAGE_SIZE,
				      false);
}

static void write_registers(const struct input *in, unsigned int slot)
{
	for (unsigned int i = 0; i < WRITES; i++) {
		uint64_t address = 0xd0000000 + slot * 0x1000ULL +
				   in->writes[i].offset % 0x140;
		unsigned int size = 1U << in->writes[i].size % 4;
		uint64_t value;

		bus_write(&m.vm.memory, address, &in->writes[i].value, size);
		bus_read(&m.vm.memory, address, &value, size);
	}
}

/* A reset waits for what is under way: then the memory is the guest's again. */
static void check_reset(unsigned int slot)
{
	driver_reset(&m.vm, slot);
	fuzz_must(!driver_read(&m.vm, slot, VIRTIO_MMIO_STATUS));
	fuzz_must(!m.disk.pinned || slot != DISK);
}

/* Some packets for the guest; what it has sent goes nowhere. */
static void use_wire(void)
{
	static char packet[NET_PACKET_MAX];

	while (read(m.wire, packet, sizeof(packet)) > 0)
		;
	for (int i = 0; i < 3; i++)
		if (write(m.wire, packet, 60 + 1500 * i) < 0)
			return;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in;
	unsigned int slot;

	begin();
	memset(&in, 0, sizeof(in));
	memcpy(&in, data, size < sizeof(in) ? size : sizeof(in));
	slot = in.slot % SLOTS;
	guest_close_shared(&m.vm.guest);
	fuzz_must(!guest_open_shared(&m.vm.guest));
	io_pool_init(&m.vm.io_pool, &m.vm.guest, POOL);
	fuzz_must(!guest_write(&m.vm.guest, 0, in.memory, sizeof(in.memory)));
	convert(in.shared);
	if (slot == NET)
		use_wire();
	driver_begin(&m.vm, slot, in.features, in.queues, 2);
	driver_kick(m.devices[slot]);
	if (in.convert & 1)
		convert(~in.shared);
	write_registers(&in, slot);
	driver_kick(m.devices[slot]);
	wait_until_idle(m.devices[slot]);
	check_reset(slot);
	return 0;
}

/* ---- an input that is fine: requests to read, write, flush and zero ---- */

#define QUEUE		16
#define AVAILABLE	0x1000
#define USED		0x1400
#define HEADERS		0x1800
#define STATUSES	0x1a00
#define RANGE		0x1b00	/* to be zeroed */
#define DATA		0x8000

static const uint32_t types[] = {
	VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH,
	VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_T_GET_ID,
};

#define TYPES	(sizeof(types) / sizeof(types[0]))

static void set_request(struct input *in, unsigned int i)
{
	struct vring_desc *d = (struct vring_desc *)in->memory + 3 * i;
	struct virtio_blk_outhdr header = { .type = types[i], .sector = 8 * i };
	struct virtio_blk_discard_write_zeroes range = { .num_sectors = 8 };
	bool read = types[i] == VIRTIO_BLK_T_IN;
	uint64_t at = HEADERS + i * 64;

	memcpy(in->memory + at, &header, sizeof(header));
	d[0] = (struct vring_desc){ at, 16, VRING_DESC_F_NEXT, 3 * i + 1 };
	d[1] = (struct vring_desc){
		DATA + i * PAGE_SIZE, i < 2 ? PAGE_SIZE : 16,
		VRING_DESC_F_NEXT | (read ? VRING_DESC_F_WRITE : 0), 3 * i + 2
	};
	if (types[i] == VIRTIO_BLK_T_WRITE_ZEROES) {
		memcpy(in->memory + RANGE, &range, sizeof(range));
		d[1].addr = RANGE;
	}
	d[2] = (struct vring_desc){ STATUSES + i, 1, VRING_DESC_F_WRITE, 0 };
	if (types[i] == VIRTIO_BLK_T_GET_ID)
		d[1] = (struct vring_desc){
			DATA, VIRTIO_BLK_ID_BYTES,
			VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 3 * i + 2
		};
}

size_t fuzz_seed(uint8_t *data, size_t room)
{
	static struct input in;
	struct vring_avail *available = (void *)(in.memory + AVAILABLE);
	static unsigned int turn;

	fuzz_must(room >= sizeof(in));
	memset(&in, 0, sizeof(in));
	for (unsigned int i = 0; i < 2; i++)
		in.queues[i] = (struct driver_queue){
			0, AVAILABLE, USED, QUEUE
		};
	in.features = 1ULL << VIRTIO_F_VERSION_1 |
		      1ULL << VIRTIO_RING_F_INDIRECT_DESC;
	if (turn & 1)
		in.features |= 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	in.shared = turn & 2 ? UINT64_MAX : 0;
	in.convert = turn & 4;
	/* Disks have the most to do. */
	in.slot = turn % 8 < 5 ? DISK : turn % 8 - 4;
	turn++;
	for (unsigned int i = 0; i < TYPES; i++) {
		set_request(&in, i);
		available->ring[i] = 3 * i;
	}
	available->idx = TYPES;
	/* Registers that are there to be read only. */
	for (unsigned int i = 0; i < WRITES; i++)
		in.writes[i].size = 2;
	memcpy(data, &in, sizeof(in));
	return sizeof(in);
}
