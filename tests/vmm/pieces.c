// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that gives a device more to do than there is time for: one request
 * that is very long, or requests without an end. Whoever else wants the
 * device's lock gets it in between, and the device can be stopped. Without KVM.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "../../vmm/balloon.h"
#include "../../vmm/blk.h"
#include "../../vmm/net.h"
#include "../../vmm/rng.h"
#include "../lib/tap.h"
#include "driver.h"

#define MEMORY		(4ULL << 30)
#define DISK_SIZE	(4ULL << 30)
#define TIME_LIMIT_S	120
#define LOOK_US		100

#define QUEUE		64
#define AVAILABLE	0x1000
#define USED		0x2000
#define HEADER		0x3000
#define STATUS		0x3100
#define RANGE		0x3200
#define DATA		0x10000
#define DATA_SIZE	(64 << 10)

static struct vm vm;
static const struct driver_queue queue = { 0, AVAILABLE, USED, QUEUE };

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

static void put(uint64_t address, const void *data, uint64_t size)
{
	must(!guest_write(&vm.guest, address, data, size), "writing memory");
}

static uint16_t used_index(void)
{
	uint16_t index;

	must(!guest_load_index(&vm.guest, USED + 2, &index), "index");
	return index;
}

static void offer(uint16_t index)
{
	must(!guest_store_index(&vm.guest, AVAILABLE + 2, index), "index");
}

/* All entries of the ring are 0: the chain that begins there. */
static void begin_queues(unsigned int slot, const struct driver_queue *queues,
			 unsigned int nr)
{
	static const char zeros[2 * DATA];

	driver_reset(&vm, slot);
	put(0, zeros, sizeof(zeros));
	driver_begin(&vm, slot, 1ULL << VIRTIO_F_VERSION_1, queues, nr);
}

static void begin_queue(unsigned int slot)
{
	begin_queues(slot, &queue, 1);
}

/* ---- one request that is long ---- */

static struct balloon balloon;

/* As many pages as the guest has; no two are neighbours. */
static uint64_t put_long_chain(void)
{
	static uint32_t pages[DATA_SIZE / sizeof(uint32_t)];
	struct vring_desc d[QUEUE];

	for (unsigned int i = 0; i < DATA_SIZE / sizeof(pages[0]); i++)
		pages[i] = (1 << 15) + 2 * i;
	put(DATA, pages, sizeof(pages));
	for (unsigned int i = 0; i < QUEUE; i++)
		d[i] = (struct vring_desc){
			DATA, DATA_SIZE,
			i < QUEUE - 1 ? VRING_DESC_F_NEXT : 0, i + 1
		};
	put(0, d, sizeof(d));
	return QUEUE * DATA_SIZE / sizeof(pages[0]);
}

static uint64_t given(void)
{
	uint64_t pages;

	virtio_lock(&balloon.virtio);
	pages = balloon.inflated + balloon.refused;
	virtio_unlock(&balloon.virtio);
	usleep(LOOK_US);
	return pages;
}

/* Without pieces, nobody sees it half done. */
static void test_long_chain(void)
{
	uint64_t all, pages, looks = 0;

	must(!balloon_add(&balloon, &vm, 0) && !balloon_start(&balloon),
	     "a balloon");
	begin_queue(0);
	all = put_long_chain();
	offer(1);
	driver_kick(&balloon.virtio);
	while ((pages = given()) < all)
		looks += pages > 0;
	ok(looks > 10, "a long chain: the lock is let go between its parts");
	diag("%" PRIu64 " pages, of which part was seen %" PRIu64 " times",
	     all, looks);
	while (used_index() != 1)
		usleep(1000);
	pass("  and the guest has it back at the end");
	is(given(), all, "  with all pages, once each");
}

static void test_reset_inside(void)
{
	const struct vring_desc one = { DATA, sizeof(uint32_t), 0, 0 };
	uint64_t before = given(), all = put_long_chain();

	offer(2);
	driver_kick(&balloon.virtio);
	while (given() == before)
		;
	begin_queue(0);
	ok(given() < before + all, "a reset ends a long chain");
	before = given();
	put(0, &one, sizeof(one));
	offer(1);
	driver_kick(&balloon.virtio);
	while (used_index() != 1)
		usleep(1000);
	is(given(), before + 1, "  and the next one is done from its start");
}

static void test_stop_inside(void)
{
	uint64_t before = given(), all;

	begin_queue(0);
	all = put_long_chain();
	offer(1);
	driver_kick(&balloon.virtio);
	while (given() == before)
		;
	is(virtio_stop(&balloon.virtio), 0, "the device stops within it");
	ok(given() < before + all, "  and leaves the rest");
	virtio_remove(&balloon.virtio);
}

/* ---- requests without an end ---- */

/* Each that is done brings another, before the device looks. */
static bool endless;

int __real_virtqueue_push(struct virtqueue *queue, const struct chain *chain,
			  uint32_t written);
int __wrap_virtqueue_push(struct virtqueue *queue, const struct chain *chain,
			  uint32_t written);

int __wrap_virtqueue_push(struct virtqueue *queue, const struct chain *chain,
			  uint32_t written)
{
	if (__atomic_load_n(&endless, __ATOMIC_ACQUIRE))
		offer(queue->next_available + 1);
	return __real_virtqueue_push(queue, chain, written);
}

#define LOOKS	200

static void look(struct virtio *v)
{
	virtio_lock(v);
	virtio_unlock(v);
	usleep(LOOK_US);
}

/* The device's queue is there; this is its only chain. */
static void test_endless(struct virtio *v, const struct vring_desc *chain,
			 unsigned int length)
{
	uint16_t first;

	put(0, chain, length * sizeof(*chain));
	__atomic_store_n(&endless, true, __ATOMIC_RELEASE);
	offer(1);
	driver_kick(v);
	while (!used_index())
		usleep(LOOK_US);
	first = used_index();
	for (int i = 0; i < LOOKS; i++)
		look(v);
	ok(first != used_index(), "%s: others get the lock meanwhile", v->name);
	is(virtio_stop(v), 0, "%s: and it stops", v->name);
	__atomic_store_n(&endless, false, __ATOMIC_RELEASE);
}

static void test_rng(void)
{
	const struct vring_desc chain = { DATA, 16, VRING_DESC_F_WRITE, 0 };
	static struct rng rng;

	must(!rng_add(&rng, &vm, 1) && !rng_start(&rng), "random numbers");
	begin_queue(1);
	test_endless(&rng.virtio, &chain, 1);
	virtio_remove(&rng.virtio);
}

static void test_short_chains(void)
{
	const struct vring_desc chain = { DATA, 4, 0, 0 };
	static struct balloon small;

	must(!balloon_add(&small, &vm, 2) && !balloon_start(&small),
	     "a balloon");
	begin_queue(2);
	test_endless(&small.virtio, &chain, 1);
	virtio_remove(&small.virtio);
}

/* What is sent goes nowhere, and nothing is received. */
static void test_net(void)
{
	const struct driver_queue both[] = {
		{ DATA, DATA + AVAILABLE, DATA + USED, QUEUE }, queue,
	};
	const struct vring_desc chain = {
		HEADER, sizeof(struct virtio_net_hdr_v1) + 60, 0, 0
	};
	const struct net_options options = {};
	static struct net net;
	int fds[2];

	must(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), "a tap");
	net.tap_fd = fds[0];
	must(!net_attach(&net, &vm, 3, &options) && !net_start(&net),
	     "a network");
	begin_queues(3, both, 2);
	test_endless(&net.virtio, &chain, 1);
	net_remove(&net);
	close(fds[1]);
}

static void add_disk(struct blk *blk, unsigned int slot)
{
	struct disk_options options = {};
	char path[32];
	int fd = memfd_create("disk", 0);

	must(fd >= 0 && !ftruncate(fd, DISK_SIZE), "an image");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	options.path = path;
	must(!blk_add(blk, &vm, slot, &options) && !blk_start(blk), "a disk");
	close(fd);
}

/* What is answered at once. */
static void test_unknown_requests(void)
{
	const struct vring_desc chain[] = {
		{ HEADER, 16, VRING_DESC_F_NEXT, 1 },
		{ STATUS, 1, VRING_DESC_F_WRITE, 0 },
	};
	const struct virtio_blk_outhdr header = { .type = 77 };
	static struct blk blk;

	add_disk(&blk, 4);
	begin_queue(4);
	put(HEADER, &header, sizeof(header));
	test_endless(&blk.virtio, chain, 2);
	blk_remove(&blk);
}

/* ---- a disk that is to be zeroed ---- */

#define PART_MAX	(16 << 20)

static struct {
	struct virtio *stop;	/* at the third part */
	unsigned int parts;
	uint64_t bytes, longest;
} zeroed;

void __real_disk_zero(struct disk *disk, uint64_t offset, uint64_t size,
		      bool punch, void *tag);
void __wrap_disk_zero(struct disk *disk, uint64_t offset, uint64_t size,
		      bool punch, void *tag);

void __wrap_disk_zero(struct disk *disk, uint64_t offset, uint64_t size,
		      bool punch, void *tag)
{
	zeroed.parts++;
	zeroed.bytes += size;
	if (size > zeroed.longest)
		zeroed.longest = size;
	if (zeroed.stop && zeroed.parts == 3)
		__atomic_store_n(&zeroed.stop->stopping, true,
				 __ATOMIC_RELEASE);
	__real_disk_zero(disk, offset, size, punch, tag);
}

static uint8_t discard(struct blk *blk, uint16_t nr, uint32_t sectors)
{
	const struct virtio_blk_outhdr header = {
		.type = VIRTIO_BLK_T_DISCARD
	};
	const struct virtio_blk_discard_write_zeroes range = {
		.num_sectors = sectors,
	};
	const struct vring_desc chain[] = {
		{ HEADER, sizeof(header), VRING_DESC_F_NEXT, 1 },
		{ RANGE, sizeof(range), VRING_DESC_F_NEXT, 2 },
		{ STATUS, 1, VRING_DESC_F_WRITE, 0 },
	};
	uint8_t status;

	put(0, chain, sizeof(chain));
	put(HEADER, &header, sizeof(header));
	put(RANGE, &range, sizeof(range));
	zeroed.parts = 0;
	zeroed.bytes = 0;
	zeroed.longest = 0;
	offer(nr);
	driver_kick(&blk->virtio);
	while (used_index() != nr)
		usleep(1000);
	must(!guest_read(&vm.guest, STATUS, &status, 1), "the status");
	return status;
}

static void test_zeroing(void)
{
	const uint32_t sectors = 1 << 22;
	static struct blk blk;

	add_disk(&blk, 5);
	begin_queue(5);
	is(discard(&blk, 1, sectors), VIRTIO_BLK_S_OK, "2 GiB are discarded");
	is(zeroed.bytes, 512ULL * sectors, "  all of them");
	ok(zeroed.longest <= PART_MAX, "  in parts");
	is(discard(&blk, 2, 9), VIRTIO_BLK_S_OK, "and a few sectors");
	is(zeroed.bytes, 9 * 512, "  no more than these");
	zeroed.stop = &blk.virtio;
	is(discard(&blk, 3, sectors), VIRTIO_BLK_S_IOERR,
	   "a disk that is stopped meanwhile says that it isn't done");
	is(zeroed.parts, 3, "  and begins no more parts");
	is(virtio_stop(&blk.virtio), 0, "  and stops");
	blk_remove(&blk);
}

/* ---- all ---- */

static struct gmem_region *create_region(void)
{
	struct gmem_region_options options = {
		.size = MEMORY, .backends = 1ULL << GMEM_BACKEND_MEMFD,
	};
	struct gmem_region *region;

	must(!gmem_region_create(&options, &region), "a region");
	return region;
}

int main(void)
{
	/* Where a device can't be stopped, this is the end. */
	alarm(TIME_LIMIT_S);
	driver_machine(&vm, create_region(), 0);
	test_long_chain();
	test_reset_inside();
	test_stop_inside();
	test_rng();
	test_short_chains();
	test_net();
	test_unknown_requests();
	test_zeroing();
	guest_close_shared(&vm.guest);
	gmem_region_destroy(vm.region);
	return done_testing();
}
