// SPDX-License-Identifier: GPL-2.0
/*
 * late: what begins while a vCPU is in KVM_RUN: the library's first keys, a
 * region's first window, a region that is new. The vCPU has all of its memory.
 *
 * A process has each of these once, so each time is a child's.
 */
#include <pthread.h>

#include "../guard/kvm.h"
#include "../module/gmem_test.h"
#include "libgmem_test.h"

#define TIMES		6
#define RUNS_BEFORE	2
#define RUNS_AFTER	3

static struct vm vm;
static struct gmem_vm *book;
static volatile bool over;
static volatile int runs, result;

static void *run(void *arg)
{
	(void)arg;
	while (!over && !result) {
		result = gmem_vcpu_run(vm.vcpus[0].fd);
		runs++;
	}
	return NULL;
}

static void wait_for_runs(int more)
{
	int end = runs + more;

	while (runs < end && !result)
		usleep(1000);
}

static struct gmem_region *make(uint32_t windows)
{
	struct gmem_region_options options = {
		.size = GUEST_FILE_SIZE, .windows = windows,
	};
	struct gmem_region *r;

	good(gmem_region_create(&options, &r));
	return r;
}

static void give(struct gmem_region *r)
{
	good(gmem_vm_add(book, 1, GUEST_FILE, r, 0, GUEST_FILE_SIZE, 0));
}

/* The first window of the memory that the guest is running over. */
static void first_window(int delay_us)
{
	struct gmem_region *r = make(GMEM_WINDOWS_KEYS);
	char byte;

	give(r);
	wait_for_runs(RUNS_BEFORE);
	usleep(delay_us);
	good(gmem_region_read(r, 0, &byte, 1));
}

/* The first region with windows, when the guest runs already. */
static void first_keys(int delay_us)
{
	wait_for_runs(1);
	usleep(delay_us);
	give(make(GMEM_WINDOWS_KEYS));
}

static void first_own_key(int delay_us)
{
	wait_for_runs(1);
	usleep(delay_us);
	give(make(GMEM_WINDOWS_OWN_KEY));
}

static void first_by_mprotect(int delay_us)
{
	wait_for_runs(1);
	usleep(delay_us);
	give(make(GMEM_WINDOWS_PROCESS));
}

/* Return: the exit status, 0 if the guest ran all the time. */
static int in_child(void (*what)(int delay_us), int delay_us)
{
	pthread_t thread;

	vm_make(&vm, 1, false);
	vcpu_reset(&vm.vcpus[0], GUEST_SWEEP, 1);
	good(gmem_vm_create(vm.fd, &book));
	must(pthread_create(&thread, NULL, run, NULL) ? -1 : 0);
	what(delay_us);
	wait_for_runs(RUNS_AFTER);
	over = true;
	pthread_join(thread, NULL);
	return -result;
}

static int status_of(void (*what)(int delay_us), int delay_us)
{
	pid_t pid = must(fork());
	int status;

	if (!pid) {
		tap_finished = true;
		_exit(in_child(what, delay_us));
	}
	must(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test(void (*what)(int delay_us), const char *name)
{
	int i, status = 0;

	for (i = 0; i < TIMES && !status; i++)
		status = status_of(what, i * 3000);
	is(status, 0, "%s, %d times", name, TIMES);
}

int main(void)
{
	test(first_window, "a region's first window while a vCPU runs");
	test(first_keys, "the first keys");
	test(first_own_key, "the first key of a region's own");
	test(first_by_mprotect, "the first region closed by mprotect()");
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
	return done_testing();
}
