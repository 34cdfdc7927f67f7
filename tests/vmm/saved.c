// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots without KVM: the file's format, which nothing damaged gets past,
 * and devices, which come back as they were, and never as no driver could have
 * left them.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "../../vmm/balloon.h"
#include "../../vmm/blk.h"
#include "../../vmm/devstate.h"
#include "../../vmm/rng.h"
#include "../../vmm/serial.h"
#include "../../vmm/snapfile.h"
#include "../lib/tap.h"
#include "driver.h"

#define MEMORY		(2ULL << 20)
#define PAGE		4096ULL
#define VERSION_1	(1ULL << VIRTIO_F_VERSION_1)

enum slot { RNG, OTHER_RNG, BALLOON };

static struct vm vm;
static struct rng rng, other_rng;
static struct balloon balloon;

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

/* ---- the file ---- */

static const char first[] = "the first section", second[8] = "second";

static void write_two(struct snap_writer *w)
{
	snap_begin(w);
	snap_put(w, SNAP_MACHINE, 0, first, sizeof(first));
	snap_put(w, SNAP_MSRS, 7, second, sizeof(second));
	must(!snap_finish(w), "a snapshot of two sections");
}

/* A copy of just as many bytes: what is read past them is found by ASan. */
static bool is_refused(const char *bytes, size_t size)
{
	struct snap_reader r = { .path = "file", .size = size };
	bool refused;

	r.bytes = malloc(size ? size : 1);
	must(r.bytes, "memory");
	memcpy(r.bytes, bytes, size);
	refused = snap_check(&r);
	free(r.bytes);
	return refused;
}

static void test_damaged(void)
{
	struct snap_writer w;
	unsigned int accepted = 0;

	write_two(&w);
	ok(!is_refused(w.bytes, w.size), "a file as it was written");
	for (size_t i = 0; i < w.size; i++) {
		w.bytes[i] ^= 0x10;
		accepted += !is_refused(w.bytes, w.size);
		w.bytes[i] ^= 0x10;
	}
	is(accepted, 0, "with any byte changed: refused");
	for (size_t size = 0; size < w.size; size++)
		accepted += !is_refused(w.bytes, size);
	is(accepted, 0, "cut off anywhere: refused");
	snap_free(&w);
}

static void test_order(void)
{
	char to[sizeof(first)];
	struct snap_reader r = { .path = "file" };
	struct snap_writer w;
	size_t size = 1;

	write_two(&w);
	r.bytes = w.bytes;
	r.size = w.size;
	must(!snap_check(&r), "the same snapshot");
	ok(snap_get(&r, SNAP_MSRS, 7, to, sizeof(second)), "not the first one");
	ok(snap_get(&r, SNAP_MACHINE, 1, to, sizeof(first)), "another index");
	ok(snap_get(&r, SNAP_MACHINE, 0, to, sizeof(first) - 1), "less room");
	ok(!snap_get(&r, SNAP_MACHINE, 0, to, sizeof(first)) &&
	   !memcmp(to, first, sizeof(first)), "the first section");
	ok(snap_end(&r), "there is another one");
	ok(snap_next(&r, SNAP_MSRS, 7, &size, 64) && size == sizeof(second),
	   "the second, of a size that isn't known");
	ok(!snap_end(&r), "the end");
	ok(!snap_next(&r, SNAP_MSRS, 8, &size, 64), "nothing follows");
	snap_free(&w);
}

/* The checksum is right, the sizes aren't. */
static void test_sizes(void)
{
	static const uint64_t sizes[] = {
		9, 16, 1 << 20, UINT32_MAX, UINT64_MAX, UINT64_MAX - 7,
		1ULL << 63,
	};
	struct snap_section section;
	const size_t at = sizeof(struct snap_header);
	struct snap_writer w;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct snap_reader r = { .path = "file" };
		size_t size = 0;

		snap_begin(&w);
		snap_put(&w, SNAP_MACHINE, 0, second, sizeof(second));
		memcpy(&section, w.bytes + at, sizeof(section));
		section.size = sizes[i];
		memcpy(w.bytes + at, &section, sizeof(section));
		snap_seal(w.bytes, w.size);
		r.bytes = w.bytes;
		r.size = w.size;
		must(!snap_check(&r), "a checksum");
		ok(!snap_next(&r, SNAP_MACHINE, 0, &size, SIZE_MAX),
		   "a section of %#llx bytes in a file of few",
		   (unsigned long long)sizes[i]);
		snap_free(&w);
	}
}

/* ---- devices ---- */

static const struct driver_queue queues[2] = {
	{ .descriptors = 0x10000, .available = 0x11000, .used = 0x12000,
	  .size = 16 },
	{ .descriptors = 0x20000, .available = 0x21000, .used = 0x22000,
	  .size = 16 },
};

static void test_same(void)
{
	struct virtio_state before, after;

	driver_begin(&vm, RNG, VERSION_1, queues, 1);
	rng.virtio.queues[0].next_available = 65535;
	rng.virtio.queues[0].next_used = 65534;
	rng.virtio.queues[0].told = 65533;
	virtio_hold(&rng.virtio);
	virtio_save(&rng.virtio, &before);
	is(virtio_restore(&other_rng.virtio, &before), 0, "restored");
	virtio_save(&other_rng.virtio, &after);
	ok(!memcmp(&before, &after, sizeof(before)), "and the same");
	is(driver_read(&vm, OTHER_RNG, VIRTIO_MMIO_STATUS), before.status,
	   "as the driver sees it");
	virtio_release(&rng.virtio);
}

/* What a driver can't do isn't restored, either. */
static void test_impossible(void)
{
	struct virtio_state fine, s;
	struct virtqueue_state *q = &s.queues[0];

	driver_begin(&vm, RNG, VERSION_1, queues, 1);
	virtio_save(&rng.virtio, &fine);

#define refused(change, ...) \
	do { \
		s = fine; \
		change; \
		ok(virtio_restore(&other_rng.virtio, &s), __VA_ARGS__); \
		driver_reset(&vm, OTHER_RNG); \
	} while (0)

	refused(s.id++, "another device");
	refused(s.nr_queues++, "more queues");
	refused(s.offered ^= 1ULL << 40, "another feature");
	refused(s.status |= 0x100, "an unknown bit of the status");
	refused(s.status &= ~VIRTIO_CONFIG_S_FEATURES_OK, "no agreement");
	refused(s.status &= ~VIRTIO_CONFIG_S_DRIVER, "no driver");
	refused(s.irq_status |= 4, "an interrupt for an unknown reason");
	refused(s.driver_features |= 1ULL << 50, "a feature not offered");
	refused(s.driver_features = 0, "not of version 1");
	refused(q->size = 0, "a queue without a size");
	refused(q->size = 24, "a size that is no power of two");
	refused(q->size = 2 * VIRTQUEUE_SIZE, "a queue that is too long");
	refused(q->ready = 2, "neither ready nor not");
	refused(q->descriptors = MEMORY, "descriptors past the memory");
	refused(q->descriptors = -PAGE, "descriptors at the end of addresses");
	refused(q->available = MEMORY - 16, "half of a ring");
	refused(q->used++, "a ring that isn't aligned");
#undef refused
	is(virtio_restore(&other_rng.virtio, &fine), 0, "without a change: fine");
	driver_reset(&vm, OTHER_RNG);
}

/* A chain that is half done is begun again. */
static void test_unfinished(void)
{
	struct balloon_state s;

	driver_begin(&vm, BALLOON, VERSION_1, queues, 2);
	balloon.config.num_pages = 5;
	balloon.virtio.queues[1].next_available = 1;
	balloon.work[1].busy = true;
	balloon.work[1].generation = balloon.virtio.generation;
	balloon_save(&balloon, &s);
	is(s.num_pages, 5, "what is wanted of the balloon");
	is(s.virtio.queues[0].next_available, 0, "a queue that is idle");
	is(s.virtio.queues[1].next_available, 0,
	   "a queue of which a chain is under way");
	balloon.work[1].busy = false;
	virtio_save(&balloon.virtio, &s.virtio);
	is(s.virtio.queues[1].next_available, 1, "  and when it is done");
}

/* vhost writes the used ring's index itself; 2 is its offset. */
static void test_vhost(void)
{
	struct virtqueue *q = &rng.virtio.queues[0];
	uint16_t index = 65530;

	driver_begin(&vm, RNG, VERSION_1, queues, 1);
	must(!guest_write(&vm.guest, queues[0].used + 2, &index, sizeof(index)),
	     "the used ring");
	is(virtqueue_go_on(q, 65531), 0, "in place of vhost");
	ok(q->next_available == 65531 && q->next_used == 65530 &&
	   q->told == 65530, "  the device goes on where it stopped");
}

/* ---- the rest ---- */

static void test_serial(void)
{
	static struct serial a, b;
	static struct serial_state s;
	uint64_t byte = 0;

	must(!serial_add(&a, &vm, STDOUT_FILENO), "a port");
	vm.ports.nr_ranges = 0;
	must(!serial_add(&b, &vm, STDOUT_FILENO), "another");
	serial_type(&a, 'x');
	serial_type(&a, 'y');
	serial_save(&a, &s);
	is(s.count, 2, "two keys wait");
	is(serial_restore(&b, &s), 0, "restored");
	bus_read(&vm.ports, 0x3f8, &byte, 1);
	is(byte, 'x', "the first key comes first");
	s.count = SERIAL_TYPED + 1;
	ok(serial_restore(&b, &s), "more keys than there is room for");
	s.count = 0;
	s.sent = 2;
	ok(serial_restore(&b, &s), "a switch that is neither on nor off");
}

static int share(uint64_t offset, uint64_t size)
{
	const struct guest_range range = { offset, size };

	return guest_share_only(&vm.guest, &range, 1);
}

static void test_shared(void)
{
	const struct guest_range twice[] = {
		{ 4 * PAGE, 4 * PAGE }, { 6 * PAGE, PAGE },
	};
	struct guest_range list[4];

	is(share(1, PAGE), -EINVAL, "not whole pages");
	is(share(PAGE, PAGE + 1), -EINVAL, "  nor at the end");
	is(share(0, 0), -EINVAL, "nothing");
	is(share(MEMORY, PAGE), -EINVAL, "past the memory");
	is(share(PAGE, -PAGE), -EINVAL, "a size that wraps");
	is(guest_share_only(&vm.guest, twice, 2), -EINVAL, "one page twice");
	is(share(70 * PAGE, 3 * PAGE), 0, "three pages");
	is(guest_list_shared(&vm.guest, list, 4), 2, "two ranges are shared");
	ok(list[0].offset == 4 * PAGE && list[0].size == 4 * PAGE &&
	   list[1].offset == 70 * PAGE && list[1].size == 3 * PAGE,
	   "  in their order");
	is(guest_list_shared(&vm.guest, list, 1), 2, "with room for one: two");
}

static void test_pool(void)
{
	const uint64_t size = 64 * PAGE;
	struct io_pool_state s;

	io_pool_init(&vm.io_pool, &vm.guest, size);
	io_pool_save(&vm.io_pool, &s);
	is(io_pool_restore(&vm.io_pool, &s), 0, "a pool that isn't known yet");
	s = (struct io_pool_state){ size, PAGE, 3 * PAGE };
	is(io_pool_restore(&vm.io_pool, &s), 0, "two pages of it");
	is(io_pool_known(&vm.io_pool), 2 * PAGE, "  are known");
	s.start = 3 * PAGE + 1;
	ok(io_pool_restore(&vm.io_pool, &s), "an end before the start");
	s = (struct io_pool_state){ size, 0, size + PAGE };
	ok(io_pool_restore(&vm.io_pool, &s), "more than the pool");
	s = (struct io_pool_state){ size, MEMORY, MEMORY + PAGE };
	ok(io_pool_restore(&vm.io_pool, &s), "not in the memory");
	s = (struct io_pool_state){ 2 * size, PAGE, PAGE };
	ok(io_pool_restore(&vm.io_pool, &s), "a pool of another size");
}

int main(void)
{
	struct gmem_region_options options = {
		.size = MEMORY, .backends = 1ULL << GMEM_BACKEND_MEMFD,
	};
	struct gmem_region *region;

	must(!gmem_region_create(&options, &region), gmem_last_error());
	driver_machine(&vm, region, 0);
	must(!rng_add(&rng, &vm, RNG) && !rng_add(&other_rng, &vm, OTHER_RNG) &&
	     !balloon_add(&balloon, &vm, BALLOON), "devices");
	test_damaged();
	test_order();
	test_sizes();
	test_same();
	test_impossible();
	test_unfinished();
	test_vhost();
	test_serial();
	test_shared();
	test_pool();
	return done_testing();
}
