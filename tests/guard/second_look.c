// SPDX-License-Identifier: GPL-2.0
/*
 * Between KVM's look at an address and the loan of what it found, the page may
 * become another guest's. So the address is looked up again after the loan. On
 * the debug build, which can wait in between, and can find another page there.
 */
#include <pthread.h>

#include "kvm.h"
#include "../module/gmem_test.h"

#include <linux/fs.h>

#define SIZE	BLOCK
#define X	3
#define TRIES	20
#define DELAY	"/sys/module/gmemfs/parameters/delay_lending"
#define JOINING	"/sys/module/gmemfs/parameters/delay_joining"

static struct vm vm;
static int fd;
static char *mem;

static bool set_clock(void)
{
	return vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK,
			    (GUEST_FILE + X * PAGE) | 1);
}

static bool clock_off(void)
{
	return vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, 0);
}

static void punch_all(void)
{
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       SIZE));
}

/* A round in the guest, before which KVM writes its clock. */
static bool run(void)
{
	struct kvm_clock_data clock = {};

	must(ioctl(vm.fd, KVM_GET_CLOCK, &clock));
	clock.flags = 0;
	must(ioctl(vm.fd, KVM_SET_CLOCK, &clock));
	return !vcpu_run(&vm.vcpus[0]) &&
	       vm.vcpus[0].run->exit_reason == KVM_EXIT_IO;
}

static void delay(const char *ms)
{
	must(write_text(DELAY, ms));
}

/* ---- what is done with a frame that is another one the next time ---- */

static void test_another_once(void)
{
	long loans = sysfs("loans");

	inject("second_look", 1);
	ok(set_clock(), "the second look finds another page, once");
	is(sysfs("loans") - loans, 2, "so a page is lent twice");
	is(get_info(fd).lent, PAGE, "and one loan is left");
	ok(run(), "the guest runs");
	clock_off();
	is(get_info(fd).lent, 0, "clock off");
}

static void test_always_another(void)
{
	long loans = sysfs("loans");

	inject("second_look", -1);
	set_clock();
	inject("second_look", 0);
	ok(sysfs("loans") - loans < 100, "always another: KVM gives up");
	is(get_info(fd).lent, 0, "and no loan is left");
	clock_off();
}

static void test_no_record(void)
{
	inject("borrow", -1);
	set_clock();
	is(get_info(fd).lent, 0, "no memory for a record: nothing stays lent");
	ok(run(), "the guest runs");
	inject("borrow", 0);
	ok(run() && get_info(fd).lent == PAGE, "with memory it has its clock");
	clock_off();
	is(get_info(fd).lent, 0, "clock off");
}

/* ---- the page becomes another file's meanwhile ---- */

static void *set_clock_slowly(void *unused)
{
	(void)unused;
	set_clock();
	return NULL;
}

/*
 * The frame of X leaves the file while KVM knows it, and the fault of @other
 * gets what is free. Did that get the frame?
 */
static bool steal(int other)
{
	char *theirs = map(other, SIZE);
	pthread_t thread;
	uint64_t pfn;
	bool stolen;

	punch_all();
	pfn = fault_pfn(mem);
	delay("600");
	errno = pthread_create(&thread, NULL, set_clock_slowly, NULL);
	must(errno ? -1 : 0);
	usleep(200000);
	punch_all();
	stolen = fault_pfn(theirs) == pfn;
	pthread_join(thread, NULL);
	delay("0");
	munmap(theirs, SIZE);
	return stolen;
}

static void test_stolen(void)
{
	unsigned int i, stolen = 0;
	uint64_t wrong = 0;
	int other;

	for (i = 0; i < TRIES && stolen < 3; i++) {
		other = new_file(SIZE);
		stolen += steal(other);
		wrong += get_info(other).lent;
		close(other);
		clock_off();
	}
	diag("in %u tries, another file got the frame %u times", i, stolen);
	is(wrong, 0, "no page of the other file was lent to this one's guest");
	is(get_info(fd).lent, 0, "and nothing is left");
	is(sysfs("lent_bytes"), 0, "anywhere");
}

/* ---- guard=deny meanwhile ---- */

static void set_mode(const char *mode)
{
	must(write_text("/sys/module/gmemfs/parameters/guard", mode));
}

static void test_denied_meanwhile(void)
{
	pthread_t thread;

	punch_all();
	memset(mem, 1, SIZE);
	delay("5000");
	errno = pthread_create(&thread, NULL, set_clock_slowly, NULL);
	must(errno ? -1 : 0);
	usleep(200000);
	set_mode("deny");
	pthread_join(thread, NULL);
	delay("0");
	is(get_info(fd).lent, 0, "denied after it was asked for: not lent");
	ok(run() && run(), "the guest runs, without a clock");
	set_mode("lend");
	ok(run() && get_info(fd).lent == PAGE, "allowed, it has it");

	set_mode("deny");
	ok(run() && get_info(fd).lent == PAGE, "what is lent already stays");
	clock_off();
	is(get_info(fd).lent, 0, "until it is returned");
	set_clock();
	is(get_info(fd).lent, 0, "and then isn't lent again");
	clock_off();
	set_mode("lend");
}

/* ---- a cloned block is copied as a whole meanwhile ---- */

static void *copy_block(void *unused)
{
	(void)unused;
	must(fallocate(fd, 0, 0, SIZE));
	return NULL;
}

/* The page is the file's own and mapped; the rest is another file's, too. */
static void test_copied_meanwhile(void)
{
	int other = new_file(SIZE);
	pthread_t thread;

	punch_all();
	memset(mem, 1, SIZE);
	must(ioctl(other, FICLONE, fd));
	mem[X * PAGE + 100] = 2;
	must(write_text(JOINING, "1500"));
	errno = pthread_create(&thread, NULL, copy_block, NULL);
	must(errno ? -1 : 0);
	usleep(300000);
	ok(set_clock(), "KVM borrows a page of a block that will be copied");
	pthread_join(thread, NULL);
	must(write_text(JOINING, "0"));
	is(get_info(fd).lent, PAGE, "the loan is still of a page of the file");
	is(get_info(fd).cloned, 0, "all of the block was copied");
	ok(run() && get_info(fd).lent == PAGE, "the guest runs");
	is(mem[X * PAGE + 100], 2, "the page has its contents");
	is(mem[(X + 1) * PAGE], 1, "and the one beside it");
	clock_off();
	is(get_info(fd).lent, 0, "clock off");
	close(other);
}

int main(void)
{
	fd = new_file(SIZE);
	mem = map(fd, SIZE);
	vm_make(&vm, 1, false);
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));

	test_another_once();
	test_always_another();
	test_no_record();
	test_stolen();
	test_denied_meanwhile();
	test_copied_meanwhile();

	vm_free(&vm);
	munmap(mem, SIZE);
	close(fd);
	nothing_is_left();
	return done_testing();
}
