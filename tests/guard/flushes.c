// SPDX-License-Identifier: GPL-2.0
/*
 * flushes [SECONDS]: a guest that moves its clock page about, as fast as it
 * can, doesn't make the host flush its TLBs more often than it may: 100 times a
 * second for each file (module/budget.h), and as many at once after a pause. It
 * still gets its clock.
 *
 * Counted are calls of the functions that flush for an edit of the direct map:
 * the kernel's set_memory_np(), and the module's gmem_flush_tlbs().
 */
#include <time.h>

#include "kvm.h"
#include "../module/gmem_test.h"

#define SIZE	(8 * BLOCK)
#define PAGES	(SIZE / PAGE)
#define LIMIT	100

static struct vm vm;
static int fd;
static char *mem;

static void count_flushes(bool on)
{
	must(write_text(TRACING "/events/enable", "0"));
	must(write_text(TRACING "/kprobe_events", ""));
	if (!on)
		return;
	must(write_text(TRACING "/kprobe_events",
			"p:gmemtest/np set_memory_np\n"
			"p:gmemtest/all gmem_flush_tlbs\n"));
	must(write_text(TRACING "/events/gmemtest/enable", "1"));
}

static unsigned long flushes(void)
{
	unsigned long hits, sum = 0;
	char line[256], name[64];
	FILE *f = fopen(TRACING "/kprobe_profile", "re");

	if (!f)
		bail_out("no kprobe_profile");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " %63s %lu", name, &hits) == 2)
			sum += hits;
	fclose(f);
	return sum;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static bool clock_at(unsigned int page)
{
	return vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK,
			    (GUEST_FILE + page * PAGE) | 1);
}

static bool run(void)
{
	struct kvm_clock_data clock = { .clock = 12345678 };

	must(ioctl(vm.fd, KVM_SET_CLOCK, &clock));
	return !vcpu_run(&vm.vcpus[0]) &&
	       vm.vcpus[0].run->exit_reason == KVM_EXIT_IO;
}

/* From one page to the next of @pages, for a while. */
static void move_about(unsigned int pages, double seconds, const char *how)
{
	unsigned long before = flushes(), moves = 0, loans = sysfs("loans");
	double start = now(), took;
	bool all = true;

	do {
		all &= clock_at(moves++ % pages);
		took = now() - start;
	} while (took < seconds);
	ok(all, "%s: each time it is taken", how);
	ok(flushes() - before <= LIMIT * (took + 2),
	   "%s: %lu flushes in %.1f s", how, flushes() - before, took);
	ok(flushes() > before, "%s: they are counted", how);
	ok(moves > took, "%s: %lu moves, %ld loans", how, moves,
	   sysfs("loans") - loans);
	ok(get_info(fd).lent <= 65 * PAGE,
	   "%s: few pages wait to be hidden: %ld KiB", how,
	   (long)(get_info(fd).lent / 1024));
	ok(run(), "%s: the guest runs", how);
}

static bool hidden_again(void)
{
	int i;

	for (i = 0; i < 600 && get_info(fd).lent; i++)
		usleep(100000);
	return !get_info(fd).lent;
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atoi(argv[1]) : 5;

	fd = new_file(SIZE);
	mem = map(fd, SIZE);
	memset(mem, 0, SIZE);
	vm_make(&vm, 1, false);
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));
	vcpu_reset(&vm.vcpus[0], GUEST_IDLE, 1);
	count_flushes(true);
	move_about(2, seconds, "two pages");
	move_about(PAGES, seconds, "many pages");
	vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, 0);
	ok(hidden_again(), "what was lent is hidden again");
	count_flushes(false);
	vm_free(&vm);
	munmap(mem, SIZE);
	close(fd);
	nothing_is_left();
	return done_testing();
}
