// SPDX-License-Identifier: GPL-2.0
/*
 * convert [SEED]: pages are converted, 10,000 times, while a guest uses them.
 * By the guest view it notices nothing: KVM has no page fault and flushes
 * nothing, its 2 MiB mappings stay, as do the user's, and contents are what the
 * guest wrote. And a guest on the shared view, which notices.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "../lib/chance.h"
#include "kvm.h"
#include "../module/gmem_test.h"

#define SIZE		((long)GUEST_FILE_SIZE)
#define PAGES		(SIZE / (long)PAGE)
#define BLOCKS		(SIZE / (long)BLOCK)
#define CONVERSIONS	10000
#define SWEEPS		3	/* of the guest: enough to see it go on */
#define QUIET_SWEEPS	500

static struct vm vm;
static int fd, view;
static char *guest_view, *shared_view;
static uint64_t seed;

static uint64_t below(uint64_t n)
{
	return chance(&seed) % n;
}

static int convert(long page, long nr, uint64_t attributes)
{
	struct gmem_attributes set = {
		.offset = page * PAGE, .size = nr * PAGE,
		.attributes = attributes,
	};

	return ioctl(fd, GMEM_SET_ATTRIBUTES, &set);
}

/* ---- the guest ---- */

static volatile const struct guest_cpu *cpu;
static pthread_t vcpu_thread;
static atomic_bool stop;
static atomic_int run_errno;

static void *run_vcpu(void *arg)
{
	while (!stop && !run_errno)
		if (vcpu_run(&vm.vcpus[0]))
			run_errno = errno;
	return arg;
}

static void start_guest(void)
{
	stop = false;
	run_errno = 0;
	if (pthread_create(&vcpu_thread, NULL, run_vcpu, NULL))
		bail_out("pthread_create");
}

static void stop_guest(void)
{
	stop = true;
	pthread_join(vcpu_thread, NULL);
}

static void guest_sweeps(unsigned int rounds)
{
	uint64_t until = cpu->sweeps + rounds;

	while (cpu->sweeps < until && !run_errno)
		usleep(1000);
}

/* A new VM whose guest has memory there; it begins with a round from 0. */
static void make_guest(char *memory)
{
	vm_make(&vm, 1, false);
	must(vm_set_slot(&vm, 1, GUEST_FILE, memory, SIZE));
	vcpu_reset(&vm.vcpus[0], GUEST_SWEEP, 1);
	cpu = vm.vcpus[0].guest;
}

static char filler(long page)
{
	return 'a' + page % 23;
}

/* The guest's words begin at 0, the rest of each page is its own. */
static void fill(void)
{
	long page;

	for (page = 0; page < PAGES; page++) {
		memset(guest_view + page * PAGE, filler(page), PAGE);
		*(uint64_t *)(guest_view + page * PAGE) = 0;
	}
}

static bool contents_are_right(void)
{
	long page;

	for (page = 0; page < PAGES; page++) {
		char *at = guest_view + page * PAGE;

		if (*(uint64_t *)at == cpu->sweeps &&
		    all_bytes(at + 8, PAGE - 8, filler(page)))
			continue;
		diag("page %ld isn't as the guest left it", page);
		return false;
	}
	return true;
}

/* ---- what KVM counts ---- */

struct counts {
	long faults;		/* of the guest, that KVM handled */
	long flushes;		/* that KVM asked of other CPUs */
	long pages_2m;		/* mapped in stage 2 just now */
	long view_faults;	/* of the VMM, by the guest view */
	uint64_t sweeps;
};

static long kvm_stat(const char *name)
{
	char path[128], text[32] = "";
	int stat;

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%d-%d/%s",
		 getpid(), vm.fd, name);
	stat = must(open(path, O_RDONLY | O_CLOEXEC));
	must(read(stat, text, sizeof(text) - 1));
	close(stat);
	return strtol(text, NULL, 10);
}

static struct counts count(void)
{
	struct gmem_info info = get_info(fd);

	return (struct counts){
		.faults = kvm_stat("pf_taken"),
		.flushes = kvm_stat("remote_tlb_flush_requests"),
		.pages_2m = kvm_stat("pages_2m"),
		.view_faults = info.map_faults_2m + info.map_faults_4k,
		.sweeps = cpu->sweeps,
	};
}

static struct counts since(const struct counts *from)
{
	struct counts c = count();

	c.faults -= from->faults;
	c.flushes -= from->flushes;
	c.view_faults -= from->view_faults;
	c.sweeps -= from->sweeps;
	return c;
}

static void say(const char *when, const struct counts *c)
{
	diag("%s: %lu rounds of the guest, %ld faults, %ld flushes, %ld mappings of 2 MiB",
	     when, c->sweeps, c->faults, c->flushes, c->pages_2m);
}

/* ---- the tests ---- */

/* Of each size about as many, both ways: pages, runs, blocks, several. */
static void choose(long *page, long *nr)
{
	switch (below(4)) {
	case 0:
		*page = below(PAGES);
		*nr = 1;
		return;
	case 1:
		*page = below(PAGES);
		*nr = 1 + below(64);
		break;
	case 2:
		*page = below(BLOCKS) * 512;
		*nr = 512;
		break;
	default:
		*page = below(PAGES);
		*nr = 1 + below(4 * 512);
	}
	if (*nr > PAGES - *page)
		*nr = PAGES - *page;
}

/* The shared view is used, so that there is something to take away. */
static long convert_once(void)
{
	bool share = below(2);
	long page, nr;

	choose(&page, &nr);
	if (convert(page, nr, share ? 0 : GMEM_ATTRIBUTE_PRIVATE))
		return 0;
	if (share)
		*(volatile char *)(shared_view + (page + nr - 1) * PAGE);
	return nr;
}

static void test_conversions(void)
{
	struct counts before = count(), quiet, busy;
	long i, done = 0, pages = 0;
	struct timespec ms = { .tv_nsec = 1000000 };

	guest_sweeps(QUIET_SWEEPS);
	quiet = since(&before);
	say("no conversions", &quiet);
	is(quiet.pages_2m, BLOCKS, "all of the guest is mapped by 2 MiB");
	is(quiet.faults, 0, "left alone, it has no faults");
	is(quiet.flushes, 0, "and KVM flushes nothing");

	before = count();
	for (i = 0; i < CONVERSIONS; i++) {
		long nr = convert_once();

		done += nr > 0;
		pages += nr;
		if (i % 100 == 0)
			nanosleep(&ms, NULL);
	}
	busy = since(&before);
	say("conversions", &busy);
	is(done, CONVERSIONS, "conversions under the guest: %ld pages", pages);
	ok(busy.sweeps > 0, "it runs meanwhile");
	is(busy.faults, quiet.faults, "has no more faults than without them");
	is(busy.flushes, quiet.flushes, "nor KVM more flushes");
	is(busy.pages_2m, BLOCKS, "its 2 MiB mappings stay");
	is(busy.view_faults, 0, "and so do the VMM's");
}

static void test_contents(void)
{
	struct counts before;

	guest_sweeps(SWEEPS);
	stop_guest();
	is(run_errno, 0, "the guest has run without an error");
	is(cpu->wrong, 0, "and found its memory as it left it");
	before = count();
	ok(contents_are_right(), "and so does the VMM");
	is(since(&before).view_faults, 0, "without a fault");
	must(convert(0, PAGES, GMEM_ATTRIBUTE_PRIVATE));
	is(get_info(fd).hidden, SIZE, "all of it can be hidden");
}

/* That all of this can be seen at all. */
static void test_punch(void)
{
	struct counts before = count(), c;

	start_guest();
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       5 * PAGE, PAGE));
	guest_sweeps(SWEEPS);
	c = since(&before);
	say("a hole of one page", &c);
	ok(c.faults > 0, "a page that is punched does cause faults");
	ok(c.flushes > 0, "and flushes");
	ok(c.pages_2m < BLOCKS, "and costs a 2 MiB mapping");
	stop_guest();
	is(cpu->wrong, 1, "and the guest misses its contents");
}

/* Shared pages are a guest's memory by the shared view, too; private aren't. */
static void test_shared_view(void)
{
	must(convert(0, PAGES, 0));
	fill();
	make_guest(shared_view);
	start_guest();
	guest_sweeps(SWEEPS);
	is(run_errno, 0, "a guest runs on the shared view");
	must(convert(7, 1, GMEM_ATTRIBUTE_PRIVATE));
	pthread_join(vcpu_thread, NULL);
	is(run_errno, EFAULT, "until a page is private");
	must(convert(7, 1, 0));
	start_guest();
	guest_sweeps(SWEEPS);
	stop_guest();
	is(run_errno, 0, "shared again, it goes on");
	is(cpu->wrong, 0, "and has lost nothing");
	ok(contents_are_right(), "as the guest view shows");
	must(convert(0, PAGES, GMEM_ATTRIBUTE_PRIVATE));
	vm_free(&vm);
}

int main(int argc, char **argv)
{
	seed = argc > 1 ? strtoul(argv[1], NULL, 0) : (uint64_t)time(NULL) | 1;
	diag("seed %lu", seed);
	fd = new_file(SIZE);
	view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	guest_view = map(fd, SIZE);
	shared_view = map(view, SIZE);
	fill();
	make_guest(guest_view);
	start_guest();
	guest_sweeps(SWEEPS);		/* with which all is mapped */
	test_conversions();
	test_contents();
	test_punch();
	vm_free(&vm);
	test_shared_view();

	munmap(guest_view, SIZE);
	munmap(shared_view, SIZE);
	close(view);
	close(fd);
	nothing_is_left();
	is(sysfs("pinned_bytes"), 0, "nothing is pinned");
	return done_testing();
}
