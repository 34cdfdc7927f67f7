// SPDX-License-Identifier: GPL-2.0
/*
 * A device has all memory of a guest, and KVM borrows a page of it: the page is
 * lent and hidden again as without the device, whatever comes first. And KVM
 * waits for a missing page: what is about devices doesn't wait for that.
 */
#include "devices.h"

#include <pthread.h>

#include "../../ctl/kcore.h"
#include "../guard/kvm.h"
#include "../module/channels.h"

#define SIZE	((long)(2 * BLOCK))
#define X	3
#define MODE	"/sys/module/gmemfs/parameters/vfio"
#define ROUNDS	100	/* more than may wait to be hidden at a time */

static struct kcore kcore;
static struct nvme disk;
static struct vm vm;
static uint64_t first_pfn;
static char *mem;
static int fd;

static bool in_direct_map(unsigned int page)
{
	return kcore_has_frame(&kcore, first_pfn + page);
}

static bool clock_at(unsigned int page)
{
	return vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK,
			    (GUEST_FILE + page * PAGE) | 1);
}

static bool clock_off(void)
{
	return vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, 0);
}

/* A page may wait to be hidden: so may this. */
static bool nothing_is_lent(void)
{
	return becomes("lent_bytes", 0) && !get_info(fd).lent;
}

static void give_to_device(void)
{
	must(vfio_map(&disk.v, mem, DATA_IOVA, SIZE, VFIO_RW));
}

static void take_from_device(void)
{
	must(vfio_unmap(&disk.v, DATA_IOVA, SIZE));
}

static void test_device_first(void)
{
	give_to_device();
	ok(clock_at(X), "the device has all, KVM borrows a page");
	is(get_info(fd).lent, PAGE, "it is lent");
	ok(in_direct_map(X), "and exposed");
	transfer(&disk, false, DATA_IOVA, 0, SIZE);
	ok(clock_off(), "KVM returns it");
	ok(nothing_is_lent(), "nothing is lent");
	ok(!in_direct_map(X), "it is hidden, though the device has it");
	is(get_info(fd).hidden, SIZE, "all is");
	is(get_info(fd).device, SIZE, "and the device has all");
	take_from_device();
}

static void test_kvm_first(void)
{
	ok(clock_at(X), "KVM borrows a page, and then the device gets all");
	give_to_device();
	is(get_info(fd).device, SIZE, "it has all, what is lent, too");
	take_from_device();
	ok(in_direct_map(X), "it lets go: the page stays lent");
	give_to_device();
	ok(clock_off(), "KVM returns it while the device has it again");
	ok(nothing_is_lent(), "nothing is lent");
	ok(!in_direct_map(X), "it is hidden");
	take_from_device();
}

/* If pages waited for the device, no page would be lent after some. */
static void test_many(void)
{
	unsigned int round, lent = 0;

	give_to_device();
	for (round = 0; round < ROUNDS; round++)
		lent += clock_at(1 + round) && clock_off();
	is(lent, ROUNDS, "KVM borrows and returns a page after the other");
	ok(nothing_is_lent(), "nothing is lent");
	is(get_info(fd).hidden, SIZE, "all is hidden");
	take_from_device();
}

/* Shared when it is borrowed, private while it is, and the device has it. */
static void test_converted(void)
{
	ok(clock_at(X), "KVM borrows a page");
	must(set_shared(fd, X * PAGE, PAGE));
	must(set_private(fd, X * PAGE, PAGE));
	give_to_device();
	ok(clock_off(), "it was shared meanwhile, and the device got it");
	ok(nothing_is_lent(), "returned, it isn't lent");
	ok(!in_direct_map(X), "and is hidden");
	take_from_device();
}

/*
 * The file goes while KVM has one of the pages that the device has: that page
 * is in the direct map, and its block is taken apart.
 */
static void test_file_goes(void)
{
	int file = new_file(SIZE);
	char *p = map(file, SIZE);
	uint64_t pfn = fault_pfn(p);
	struct vm other;

	vm_make(&other, 1, false);
	must(vm_set_slot(&other, 1, GUEST_FILE, p, SIZE));
	must(vfio_map(&disk.v, p, DATA_IOVA, SIZE, VFIO_RW));
	ok(vcpu_set_msr(&other.vcpus[0], MSR_CLOCK, GUEST_FILE | 1),
	   "KVM borrows a page of another file, of which the device has all");
	munmap(p, SIZE);
	close(file);
	is(sysfs("pinned_bytes"), SIZE, "  the file goes, the device has all");
	is(sysfs("device_bytes"), 0, "  of no file");
	ok(kcore_has_frame(&kcore, pfn), "  what is lent stays exposed");
	ok(!kcore_has_frame(&kcore, pfn + 1), "  what isn't stays hidden");
	transfer(&disk, false, DATA_IOVA, 0, SIZE);
	vm_free(&other);
	is(sysfs("pinned_bytes"), SIZE, "  the VM goes, the device has all");
	take_from_device();
	ok(becomes("pinned_bytes", 0), "  it lets go, and nothing is pinned");
}

static void *turns_clock_on(void *vcpu)
{
	return (void *)(long)vcpu_set_msr(vcpu, MSR_CLOCK, GUEST_FILE | 1);
}

/* It waits inside of the guard's hooks, with the cache locked. */
static void test_missing(void)
{
	int file = new_file(SIZE), channel = open_channel(file, SIZE, 0);
	char *p = map(file, SIZE);
	pthread_t thread;
	struct vm other;
	void *on;

	vm_make(&other, 1, false);
	must(vm_set_slot(&other, 1, GUEST_FILE, p, SIZE));
	if (pthread_create(&thread, NULL, turns_clock_on, &other.vcpus[0]))
		bail_out("no thread");
	is(next_fault(channel).offset, 0, "KVM waits for a missing page");
	ok(!write_text(MODE, "off") && !write_text(MODE, "pin"),
	   "  VFIO's hooks go and come again without it");
	give_to_device();
	is(get_info(fd).device, SIZE, "  a device gets other memory");
	take_from_device();
	must(fill_with(channel, 0, BLOCK, 'a'));
	pthread_join(thread, &on);
	ok(on, "  filled, it is borrowed");
	is(get_info(file).lent, PAGE, "  and lent");
	must(vfio_map(&disk.v, p, DATA_IOVA, BLOCK, VFIO_RW));
	is(get_info(file).device, BLOCK, "  the device gets it, too");
	must(vfio_unmap(&disk.v, DATA_IOVA, BLOCK));
	vm_free(&other);
	ok(nothing_is_lent(), "  without the VM nothing is lent");
	munmap(p, SIZE);
	close(channel);
	close(file);
}

int main(void)
{
	if (kcore_open(&kcore))
		bail_out("%s", kcore.error);
	open_disk(&disk);
	fd = new_file(SIZE);
	mem = map(fd, SIZE);
	first_pfn = fault_pfn(mem);
	vm_make(&vm, 1, false);
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));

	test_device_first();
	test_kvm_first();
	test_many();
	test_converted();
	test_file_goes();
	test_missing();

	vm_free(&vm);
	munmap(mem, SIZE);
	close(fd);
	close_disk(&disk);
	kcore_close(&kcore);
	nothing_is_left();
	return done_testing();
}
