// SPDX-License-Identifier: GPL-2.0
/*
 * A device's status: in which order the driver's bits come, what each state
 * permits, and that nothing another vCPU writes outlives a reset. Without KVM.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <pthread.h>

#include "../../vmm/rng.h"
#include "../lib/tap.h"
#include "driver.h"

#define MEMORY		(2ULL << 20)
#define SLOT		0
#define QUEUE		16
#define AVAILABLE	0x1000
#define USED		0x2000

#define ACK		VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER		VIRTIO_CONFIG_S_DRIVER
#define AGREED		VIRTIO_CONFIG_S_FEATURES_OK
#define RUNS		VIRTIO_CONFIG_S_DRIVER_OK
#define FAILED		VIRTIO_CONFIG_S_FAILED
#define NEEDS_RESET	VIRTIO_CONFIG_S_NEEDS_RESET
#define VERSION_1	(1ULL << VIRTIO_F_VERSION_1)

static struct vm vm;

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

static uint32_t status(void)
{
	return driver_read(&vm, SLOT, VIRTIO_MMIO_STATUS);
}

static uint32_t set_status(uint32_t value)
{
	driver_write(&vm, SLOT, VIRTIO_MMIO_STATUS, value);
	return status();
}

static void set_features(uint64_t features)
{
	for (unsigned int page = 0; page < 2; page++) {
		driver_write(&vm, SLOT, VIRTIO_MMIO_DRIVER_FEATURES_SEL, page);
		driver_write(&vm, SLOT, VIRTIO_MMIO_DRIVER_FEATURES,
			     features >> 32 * page);
	}
}

static bool set_ready(uint32_t value)
{
	driver_write(&vm, SLOT, VIRTIO_MMIO_QUEUE_READY, value);
	return driver_read(&vm, SLOT, VIRTIO_MMIO_QUEUE_READY);
}

static void place_queue(void)
{
	driver_write(&vm, SLOT, VIRTIO_MMIO_QUEUE_SEL, 0);
	driver_write(&vm, SLOT, VIRTIO_MMIO_QUEUE_NUM, QUEUE);
	driver_write(&vm, SLOT, VIRTIO_MMIO_QUEUE_AVAIL_LOW, AVAILABLE);
	driver_write(&vm, SLOT, VIRTIO_MMIO_QUEUE_USED_LOW, USED);
}

static bool is_usable(struct virtio *v)
{
	bool usable;

	virtio_lock(v);
	usable = virtio_queue(v, 0);
	virtio_unlock(v);
	return usable;
}

/* ---- the order ---- */

static void test_order(struct virtio *v)
{
	is(set_status(0), 0, "a reset");
	is(set_status(RUNS), 0, "a driver can't begin to use it");
	is(set_status(AGREED), 0, "nor agree on features");
	is(set_status(ACK | DRIVER | RUNS), ACK | DRIVER,
	   "nor use it before these are agreed on");
	is(set_status(ACK | DRIVER | AGREED), ACK | DRIVER,
	   "features without VERSION_1 are refused");
	set_features(VERSION_1 | 1);
	is(set_status(ACK | DRIVER | AGREED), ACK | DRIVER,
	   "and what the device doesn't have");
	set_features(VERSION_1);
	place_queue();
	ok(!set_ready(1), "no queue before that");
	is(set_status(ACK | DRIVER | AGREED | RUNS), ACK | DRIVER | AGREED,
	   "the driver has to look whether they are taken");
	ok(set_ready(1), "then there is a queue");
	ok(!is_usable(v), "which isn't used yet");
	is(set_status(ACK | DRIVER | AGREED | RUNS),
	   ACK | DRIVER | AGREED | RUNS, "now it is in use");
	ok(is_usable(v), "and its queue is");
}

static void test_in_use(struct virtio *v)
{
	const uint32_t all = ACK | DRIVER | AGREED | RUNS;

	is(set_status(ACK), all, "no bit goes without a reset");
	is(set_status(all | NEEDS_RESET), all, "the device's own isn't set");
	set_features(VERSION_1 | 1ULL << 28);
	ok(!virtio_has(v, 28), "features stay as they were agreed on");
	ok(!set_ready(0) && !set_ready(1), "a queue that ended starts no more");
	is(set_status(all | FAILED), all | FAILED, "a driver gives up");
	ok(!is_usable(v), "then nothing is used");
	is(set_status(all), all | FAILED, "until a reset");
	is(set_status(0), 0, "which is one");
	is(set_status(ACK | FAILED), ACK | FAILED, "gives up at once");
	is(set_status(ACK | DRIVER | AGREED | RUNS), ACK | DRIVER | FAILED,
	   "and can't go on");
	set_status(0);
}

static void test_broken(struct virtio *v)
{
	set_status(ACK | DRIVER);
	set_features(VERSION_1);
	set_status(ACK | DRIVER | AGREED);
	place_queue();
	driver_write(&vm, SLOT, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 1);
	ok(!set_ready(1), "a queue outside of the memory isn't ready");
	is(set_status(ACK | DRIVER | AGREED | RUNS),
	   ACK | DRIVER | AGREED | NEEDS_RESET, "and the device not in use");
	ok(!is_usable(v), "at all");
	is(set_status(0), 0, "until a reset");
}

/* ---- a reset that takes long, and another vCPU ---- */

static struct {
	pthread_cond_t changed;
	bool begun, may_end;
} long_end = { .changed = PTHREAD_COND_INITIALIZER };

static void quiesce(struct virtio *v)
{
	long_end.begun = true;
	pthread_cond_broadcast(&long_end.changed);
	while (!long_end.may_end)
		pthread_cond_wait(&long_end.changed, &v->lock);
}

static void *reset(void *arg)
{
	set_status(0);
	return arg;
}

/* What a driver writes that doesn't know of the reset. */
static void *begin(void *arg)
{
	driver_write(&vm, SLOT, VIRTIO_MMIO_STATUS, ACK | DRIVER | AGREED |
		     RUNS);
	return arg;
}

static void wait_for_reset(struct virtio *v)
{
	virtio_lock(v);
	while (!long_end.begun)
		pthread_cond_wait(&long_end.changed, &v->lock);
	virtio_unlock(v);
}

static void end_reset(struct virtio *v)
{
	virtio_lock(v);
	long_end.may_end = true;
	pthread_cond_broadcast(&long_end.changed);
	virtio_unlock(v);
}

static void test_reset(struct virtio *v)
{
	static const struct driver_queue queue = { 0, AVAILABLE, USED, QUEUE };
	pthread_t resets, writes;

	driver_begin(&vm, SLOT, VERSION_1, &queue, 1);
	v->quiesce = quiesce;
	must(!pthread_create(&resets, NULL, reset, NULL), "a thread");
	wait_for_reset(v);
	ok(status(), "while a reset is under way, nobody is told that it's done");
	ok(!is_usable(v), "and nothing is used");
	must(!pthread_create(&writes, NULL, begin, NULL), "a thread");
	/* Time to come as far as it can. */
	usleep(100000);
	end_reset(v);
	pthread_join(resets, NULL);
	pthread_join(writes, NULL);
	v->quiesce = NULL;
	is(status() & ~(ACK | DRIVER), 0,
	   "what another vCPU wrote meanwhile doesn't begin anything");
	ok(!is_usable(v), "nothing is used");
	ok(!driver_read(&vm, SLOT, VIRTIO_MMIO_QUEUE_READY), "no queue is left");
	set_status(0);
}

int main(void)
{
	struct gmem_region_options options = {
		.size = MEMORY, .backends = 1ULL << GMEM_BACKEND_MEMFD,
	};
	struct gmem_region *region;
	static struct rng rng;

	must(!gmem_region_create(&options, &region), "a region");
	driver_machine(&vm, region, 0);
	must(!rng_add(&rng, &vm, SLOT) && !rng_start(&rng), "a device");
	test_order(&rng.virtio);
	test_in_use(&rng.virtio);
	test_broken(&rng.virtio);
	test_reset(&rng.virtio);
	must(!virtio_stop(&rng.virtio), "it stops");
	virtio_remove(&rng.virtio);
	guest_close_shared(&vm.guest);
	gmem_region_destroy(region);
	return done_testing();
}
