// SPDX-License-Identifier: GPL-2.0
/*
 * pinned [SECONDS]: a shared page that somebody has pinned isn't made private,
 * however often KVM borrows it and returns it meanwhile, nor does it become a
 * hole: a loan that begins or ends isn't taken for the end of the pin.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <time.h>

#include "kvm.h"
#include "../module/gmem_test.h"

#define SIZE		(2 * (long)BLOCK)
#define X		3
#define AT		((long)BLOCK + X * (long)PAGE)

static struct vm vm;
static int fd, pipe_fds[2];
static char *mem;
static atomic_bool stop;
static atomic_long loans;

static void *borrow_and_return(void *arg)
{
	for (; !stop; loans++) {
		vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, (GUEST_FILE + AT) | 1);
		vcpu_set_msr(&vm.vcpus[0], MSR_CLOCK, 0);
	}
	return arg;
}

static uint8_t state(void)
{
	uint8_t byte;
	struct gmem_state get = {
		.offset = AT, .size = PAGE, .states = (uintptr_t)&byte,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return byte;
}

/* As long as a pipe has the page, the kernel may read it by the direct map. */
static void pin(char *page)
{
	struct iovec iov = { page, PAGE };

	must(pipe(pipe_fds));
	is(vmsplice(pipe_fds[1], &iov, 1, 0), PAGE, "a pipe has a page");
}

/* Return: whether it was, in the end. */
static bool make_private(long *tries)
{
	(*tries)++;
	return !set_private(fd, AT, PAGE);
}

static bool make_hole(long *tries)
{
	(*tries)++;
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, AT,
		       PAGE));
	return !(state() & GMEM_STATE_POPULATED);
}

static void test_pinned(bool (*make)(long *tries), double seconds,
			const char *what)
{
	time_t end = time(NULL) + seconds;
	bool made = false;
	pthread_t thread;
	long tries = 0;

	stop = false;
	loans = 0;
	errno = pthread_create(&thread, NULL, borrow_and_return, NULL);
	must(errno ? -1 : 0);
	while (time(NULL) < end && !made)
		made = make(&tries);
	stop = true;
	pthread_join(thread, NULL);
	diag("%ld tries, %ld loans", tries, (long)loans);
	is(made, false, "lent and returned, it %s", what);
	ok(made || (tries > 10 && loans > 10), "both were done several times");
	is(state() & (GMEM_STATE_SHARED | GMEM_STATE_EXPOSED |
		      GMEM_STATE_PINNED),
	   GMEM_STATE_SHARED | GMEM_STATE_EXPOSED | GMEM_STATE_PINNED,
	   "it is shared, exposed and pinned as before");
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 10;
	char *view;

	fd = new_file(SIZE);
	mem = map(fd, SIZE);
	mem[0] = 1;
	mem[BLOCK] = 1;
	must(set_shared(fd, AT, PAGE));
	view = shared_map(fd, SIZE);
	memset(view + AT, 'p', PAGE);
	pin(view + AT);
	munmap(view, SIZE);
	vm_make(&vm, 1, false);
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));
	test_pinned(make_private, seconds, "isn't made private");
	test_pinned(make_hole, seconds, "doesn't become a hole");

	close(pipe_fds[0]);
	close(pipe_fds[1]);
	is(set_private(fd, AT, PAGE), 0, "no more pinned, it's made private");
	vm_free(&vm);
	munmap(mem, SIZE);
	close(fd);
	nothing_is_left();
	return done_testing();
}
