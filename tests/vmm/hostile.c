// SPDX-License-Identifier: GPL-2.0
/*
 * hostile FILE: a guest that uses its disk, directly, from memory which it
 * makes private and shared again all the while; requests that make no sense;
 * one that resets the disk in the middle; and what a balloon is given. On
 * gmemfs's hidden memory, without KVM.
 */
#include <linux/kvm.h>
#include <linux/kvm_para.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <pthread.h>
#include <time.h>

#include "../../vmm/balloon.h"
#include "../../vmm/blk.h"
#include "../../vmm/convert.h"
#include "../lib/tap.h"
#include "driver.h"

#define MEMORY		(3 * CONVERT_PART)
#define PAGE		4096
#define SECONDS		5
#define SECONDS_MORE	120

#define QUEUE		16
#define AVAILABLE	0x1000
#define USED		0x2000
#define HEADER		0x3000
#define STATUS		0x3100
#define NOT_YET		0xff
#define DATA		(2ULL << 20)
#define DATA_SIZE	(64 << 10)

static struct vm vm;
static struct blk blk;
static bool stop;
static uint64_t made, refused;

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

static void get(uint64_t address, void *data, uint64_t size)
{
	must(!guest_read(&vm.guest, address, data, size), "reading memory");
}

/* ---- the driver: one request at a time ---- */

static bool is_to_guest(uint32_t type)
{
	return type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
}

static void begin_sized(uint16_t nr, uint32_t type, uint64_t sector,
			uint32_t size)
{
	struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	uint16_t to_guest = is_to_guest(type) ? VRING_DESC_F_WRITE : 0;
	struct vring_desc d[3] = {
		{ HEADER, sizeof(header), VRING_DESC_F_NEXT, 1 },
		{ DATA, size, VRING_DESC_F_NEXT | to_guest, 2 },
		{ STATUS, 1, VRING_DESC_F_WRITE, 0 },
	};
	uint16_t head = 0, index = nr + 1;
	uint8_t status = NOT_YET;

	put(HEADER, &header, sizeof(header));
	put(STATUS, &status, sizeof(status));
	put(0, d, sizeof(d));
	put(AVAILABLE + 4 + nr % QUEUE * 2, &head, sizeof(head));
	must(!guest_store_index(&vm.guest, AVAILABLE + 2, index), "index");
	driver_kick(&blk.virtio);
}

static void begin_request(uint16_t nr, uint32_t type, uint64_t sector)
{
	begin_sized(nr, type, sector, DATA_SIZE);
}

static uint8_t finish_request(uint16_t nr)
{
	uint16_t index;
	uint8_t status;

	do
		must(!guest_load_index(&vm.guest, USED + 2, &index), "index");
	while (index != (uint16_t)(nr + 1));
	get(STATUS, &status, sizeof(status));
	return status;
}

static uint8_t request(uint16_t nr, uint32_t type, uint64_t sector)
{
	begin_request(nr, type, sector);
	return finish_request(nr);
}

static void fill(uint8_t byte)
{
	static uint8_t data[DATA_SIZE];

	memset(data, byte, sizeof(data));
	put(DATA, data, sizeof(data));
}

static bool holds(uint8_t byte)
{
	static uint8_t data[DATA_SIZE];

	get(DATA, data, sizeof(data));
	return data[0] == byte && !memcmp(data, data + 1, sizeof(data) - 1);
}

/* ---- memory that comes and goes ---- */

static void *convert(void *arg)
{
	uint64_t seed = 1;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		bool private = made & 1;
		int ret = guest_convert(&vm.guest, DATA, DATA_SIZE, private);

		made += !ret;
		refused += ret == -EAGAIN;
		must(!ret || ret == -EAGAIN, "a conversion fails");
		usleep(seed++ * 37 % 400);
	}
	return NULL;
}

#define ENOUGH	10

/* On a machine that has other things to do, it may take longer. */
static bool had_both(void)
{
	return made > ENOUGH && blk.counters.zero_copy > ENOUGH &&
	       blk.counters.copied > ENOUGH;
}

static void test_conversions(void)
{
	time_t end = time(NULL) + SECONDS;
	uint64_t wrong = 0, failed = 0;
	pthread_t thread;
	uint16_t nr = 0;

	must(!pthread_create(&thread, NULL, convert, NULL), "a thread");
	while (time(NULL) < end ||
	       (time(NULL) < end + SECONDS_MORE && !had_both())) {
		uint8_t byte = nr >> 1;

		fill(byte);
		failed += request(nr++, VIRTIO_BLK_T_OUT, 0) !=
			  VIRTIO_BLK_S_OK;
		fill(~byte);
		failed += request(nr++, VIRTIO_BLK_T_IN, 0) != VIRTIO_BLK_S_OK;
		wrong += !holds(byte);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	diag("%" PRIu64 " conversions, %" PRIu64 " had to wait too long; %"
	     PRIu64 " requests without a copy, %" PRIu64 " with, %" PRIu64
	     " of those had begun without", made, refused,
	     blk.counters.zero_copy, blk.counters.copied,
	     blk.counters.fell_back);
	is(failed, 0, "no request fails");
	is(wrong, 0, "what was written is read");
	ok(made > ENOUGH, "memory was converted meanwhile");
	ok(blk.counters.zero_copy > ENOUGH, "some requests went without a copy");
	ok(blk.counters.copied > ENOUGH, "and some by one");
}

/* ---- all of the memory in one hypercall ---- */

static uint64_t convert_all(bool private)
{
	struct kvm_run run = {
		.hypercall.nr = KVM_HC_MAP_GPA_RANGE,
		.hypercall.args = { 0, MEMORY / PAGE, private << 4 },
	};

	convert_handle(&vm, &run);
	return run.hypercall.ret;
}

static void test_long_conversion(void)
{
	uint64_t before = vm.guest.made_shared;

	vm.end = VM_QUIT;
	convert_all(false);
	is(vm.guest.made_shared, before,
	   "a conversion doesn't go on when the machine ends");
	vm.end = VM_RUNS;
	is(convert_all(false), 0, "all of the memory is shared");
	is(vm.guest.made_shared - before, MEMORY / PAGE, "  each page");
	ok(guest_shared_at(&vm.guest, 0, MEMORY), "  up to the last");
	is(convert_all(true), 0, "and private again");
	ok(!guest_shared_at(&vm.guest, MEMORY - PAGE, PAGE), "  up to the last");
}

/* ---- requests that are seldom, or make no sense ---- */

static uint16_t next_nr;

static void begin_disk(void)
{
	driver_reset(&vm, 0);
	put(AVAILABLE, &(uint32_t){ 0 }, sizeof(uint32_t));
	put(USED, &(uint32_t){ 0 }, sizeof(uint32_t));
	driver_begin(&vm, 0, 1ULL << VIRTIO_F_VERSION_1, &queue, 1);
	next_nr = 0;
}

static uint8_t sized(uint32_t type, uint64_t sector, uint32_t size)
{
	begin_sized(next_nr, type, sector, size);
	return finish_request(next_nr++);
}

static uint8_t zero(uint32_t type, uint64_t sector, uint32_t sectors,
		    uint32_t flags)
{
	struct virtio_blk_discard_write_zeroes range = {
		.sector = sector, .num_sectors = sectors, .flags = flags,
	};

	put(DATA, &range, sizeof(range));
	return sized(type, 0, sizeof(range));
}

static bool reads_zeros(void)
{
	fill(0x77);
	must(!sized(VIRTIO_BLK_T_IN, 0, DATA_SIZE), "a read");
	return holds(0);
}

static void test_zeros(void)
{
	const uint32_t sectors = DATA_SIZE / 512, unknown = 2;

	fill(0x77);
	is(sized(VIRTIO_BLK_T_OUT, 0, DATA_SIZE), VIRTIO_BLK_S_OK, "a write");
	is(zero(VIRTIO_BLK_T_WRITE_ZEROES, 0, sectors, 0), VIRTIO_BLK_S_OK,
	   "write zeroes");
	ok(reads_zeros(), "and they are read");
	fill(0x77);
	is(sized(VIRTIO_BLK_T_OUT, 0, DATA_SIZE), VIRTIO_BLK_S_OK, "a write");
	is(zero(VIRTIO_BLK_T_DISCARD, 0, sectors, 0), VIRTIO_BLK_S_OK,
	   "discard");
	ok(reads_zeros(), "and zeros are read");
	is(zero(VIRTIO_BLK_T_DISCARD, 0, sectors,
		VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP), VIRTIO_BLK_S_UNSUPP,
	   "discard has no flags");
	is(zero(VIRTIO_BLK_T_WRITE_ZEROES, 0, sectors, unknown),
	   VIRTIO_BLK_S_UNSUPP, "write zeroes with an unknown flag");
	is(zero(VIRTIO_BLK_T_DISCARD, 0, 0, 0), VIRTIO_BLK_S_IOERR,
	   "discard of nothing");
	is(zero(VIRTIO_BLK_T_DISCARD, UINT64_MAX / 512, sectors, 0),
	   VIRTIO_BLK_S_IOERR, "discard behind the end");
	is(sized(VIRTIO_BLK_T_DISCARD, 0, 8), VIRTIO_BLK_S_IOERR,
	   "discard of half a range");
}

static void test_requests(void)
{
	begin_disk();
	test_zeros();
	is(sized(VIRTIO_BLK_T_GET_ID, 0, VIRTIO_BLK_ID_BYTES), VIRTIO_BLK_S_OK,
	   "the disk's name");
	is(sized(VIRTIO_BLK_T_GET_ID, 0, 1), VIRTIO_BLK_S_IOERR,
	   "with too little room");
	is(sized(77, 0, 512), VIRTIO_BLK_S_UNSUPP, "a request that isn't known");
	is(sized(VIRTIO_BLK_T_IN, 1ULL << 40, DATA_SIZE), VIRTIO_BLK_S_IOERR,
	   "a read behind the end");
	is(sized(VIRTIO_BLK_T_OUT, 0, 100), VIRTIO_BLK_S_IOERR,
	   "a write of part of a sector");
}

static bool needs_reset(void)
{
	return driver_read(&vm, 0, VIRTIO_MMIO_STATUS) &
	       VIRTIO_CONFIG_S_NEEDS_RESET;
}

static void test_nonsense(void)
{
	uint16_t head = QUEUE;

	begin_disk();
	put(AVAILABLE + 4, &head, sizeof(head));
	must(!guest_store_index(&vm.guest, AVAILABLE + 2, 1), "index");
	driver_kick(&blk.virtio);
	for (int i = 0; i < 60000 && !needs_reset(); i++)
		usleep(1000);
	ok(needs_reset(), "a queue without sense: the disk wants a reset");
	begin_disk();
	ok(!needs_reset(), "and has had it");
	is(sized(VIRTIO_BLK_T_IN, 0, DATA_SIZE), VIRTIO_BLK_S_OK, "all is well");
}

/* ---- a reset ---- */

static void test_reset(void)
{
	uint64_t touched = 0, before = blk.counters.zero_copy;

	must(!guest_convert(&vm.guest, DATA, DATA_SIZE, false), "sharing");
	for (int i = 0; i < 200; i++) {
		driver_begin(&vm, 0, 1ULL << VIRTIO_F_VERSION_1, &queue, 1);
		put(USED, &(uint32_t){ 0 }, sizeof(uint32_t));
		begin_request(0, VIRTIO_BLK_T_IN, 0);
		usleep(i * 5);
		driver_reset(&vm, 0);
		fill(0xa5);
		usleep(500);
		touched += !holds(0xa5);
	}
	is(touched, 0, "after a reset the disk touches no memory");
	ok(blk.counters.zero_copy > before, "some were under way without a copy");
}

/* ---- a balloon ---- */

#define BALLOON_QUEUE	0x10000	/* laid out as the disk's */
#define BALLOON_PAGES	0x13000

static const struct driver_queue balloon_queues[] = {
	{ BALLOON_QUEUE, BALLOON_QUEUE + AVAILABLE, BALLOON_QUEUE + USED,
	  QUEUE },
};

/* As hostile as can be: one page isn't memory at all. */
static void give_pages(struct balloon *balloon)
{
	uint32_t pages[] = { DATA / PAGE + 1, DATA / PAGE, UINT32_MAX };
	struct vring_desc d = { BALLOON_PAGES, sizeof(pages), 0, 0 };
	uint16_t index = 0;

	put(BALLOON_PAGES, pages, sizeof(pages));
	put(BALLOON_QUEUE, &d, sizeof(d));
	put(BALLOON_QUEUE + AVAILABLE + 4, &index, sizeof(index));
	must(!guest_store_index(&vm.guest, BALLOON_QUEUE + AVAILABLE + 2, 1),
	     "index");
	driver_kick(&balloon->virtio);
	do
		must(!guest_load_index(&vm.guest, BALLOON_QUEUE + USED + 2,
				       &index), "index");
	while (index != 1);
}

static void test_balloon(void)
{
	static const uint8_t zeros[2 * PAGE];
	static struct balloon balloon;
	uint8_t data[3 * PAGE];

	must(!balloon_add(&balloon, &vm, 1) && !balloon_start(&balloon),
	     "a balloon");
	driver_begin(&vm, 1, 1ULL << VIRTIO_F_VERSION_1, balloon_queues, 1);
	fill(0x5a);
	give_pages(&balloon);
	get(DATA, data, sizeof(data));
	ok(!memcmp(data, zeros, sizeof(zeros)), "what was given is zero");
	ok(data[2 * PAGE] == 0x5a && data[3 * PAGE - 1] == 0x5a,
	   "the next page is as it was");
	is(balloon.inflated, 2, "two pages are counted");
	is(balloon.refused, 1, "and one that isn't memory");
	virtio_stop(&balloon.virtio);
	virtio_remove(&balloon.virtio);
}

/* ---- all ---- */

static struct gmem_region *create_region(void)
{
	struct gmem_region_options options = {
		.size = MEMORY, .backends = 1ULL << GMEM_BACKEND_GMEMFS,
		.demand = GMEM_PROTECT_HIDDEN | GMEM_PROTECT_NO_GUP,
	};
	struct gmem_region *region;

	must(!gmem_region_create(&options, &region), "a region");
	return region;
}

int main(int argc, char **argv)
{
	struct disk_options options = { .direct = true };
	struct gmem_region *region;

	must(argc == 2, "usage: hostile FILE");
	options.path = argv[1];
	region = create_region();
	driver_machine(&vm, region, 0);
	must(!blk_add(&blk, &vm, 0, &options) && !blk_start(&blk), "a disk");
	driver_begin(&vm, 0, 1ULL << VIRTIO_F_VERSION_1, &queue, 1);
	test_conversions();
	test_long_conversion();
	test_requests();
	vm.guest.by_file = true;
	test_requests();
	vm.guest.by_file = false;
	test_nonsense();
	test_reset();
	test_balloon();
	virtio_stop(&blk.virtio);
	blk_remove(&blk);
	guest_close_shared(&vm.guest);
	gmem_region_destroy(region);
	return done_testing();
}
