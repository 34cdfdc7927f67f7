// SPDX-License-Identifier: GPL-2.0
/*
 * A guest whose memory is missing: its code, what it stores, and the page of
 * its clock, which KVM borrows, are filled when they are touched, by KVM too.
 * A vCPU that waits can be stopped by a signal, or killed. What can't be had is
 * an error of KVM_RUN.
 */
#include "small_vm.h"
#include "../module/channels.h"

#include <pthread.h>

#define BLOCKS	4L
#define SIZE	(BLOCKS * (long)BLOCK)
#define STORED	0x5000
#define CLOCK	BLOCK		/* in the second block */

/* In real mode. */
static const unsigned char code[] = {
	0xa1, 0x00, 0x50,			/* mov ax, [0x5000] */
	0x66, 0xb9, 0x01, 0x4d, 0x56, 0x4b,	/* mov ecx, the clock's MSR */
	0x66, 0xb8, 0x01, 0x00, 0x20, 0x00,	/* mov eax, 0x200001 */
	0x66, 0x31, 0xd2,			/* xor edx, edx */
	0x0f, 0x30,				/* wrmsr */
	0xff, 0x06, 0x00, 0x50,			/* inc word [0x5000] */
	0xf4,					/* hlt */
};

static char *snapshot;

struct pager {
	int channel;
	bool whole;	/* blocks; or pages */
	bool stop;
	int events;
};

static void *page_in(void *arg)
{
	struct pager *p = arg;
	struct pollfd poll_fd = { .fd = p->channel, .events = POLLIN };
	struct gmem_fault fault;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		if (poll(&poll_fd, 1, 10) <= 0 ||
		    read(p->channel, &fault, sizeof(fault)) != sizeof(fault))
			continue;
		p->events++;
		if (p->whole)
			fill_from(p->channel, fault.offset, fault.size,
				  snapshot + fault.offset);
		else
			fill_from(p->channel, fault.touched, PAGE,
				  snapshot + fault.touched);
	}
	return NULL;
}

static uint8_t state_of(int fd, long offset)
{
	uint8_t byte;
	struct gmem_state get = {
		.offset = offset, .size = PAGE, .states = (uintptr_t)&byte,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return byte;
}

static void test_served(int fd, bool whole, const char *what)
{
	struct pager pager = {
		.channel = open_channel(fd, SIZE, 0), .whole = whole,
	};
	char *mem = map(fd, SIZE);
	struct small_vm v = make_vm(mem, SIZE);
	uint16_t word = 0;
	pthread_t thread;

	no_wait(pager.channel);
	if (pthread_create(&thread, NULL, page_in, &pager))
		bail_out("no thread");
	is(ioctl(v.vcpu, KVM_RUN, 0), 0, "%s: the guest runs", what);
	is(v.run->exit_reason, KVM_EXIT_HLT, "  until it halts");
	must(pread(fd, &word, sizeof(word), STORED));
	is(word, 42, "  it has read what was filled, and stored");
	ok(state_of(fd, CLOCK) & GMEM_STATE_LENT, "  its clock is lent");
	ok(pager.events >= 2, "  KVM has waited: %d events", pager.events);
	is(missing(fd), whole ? SIZE - 2 * BLOCK
			      : SIZE - pager.events * PAGE,
	   "  nothing else was filled");
	free_vm(&v);
	__atomic_store_n(&pager.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	munmap(mem, SIZE);
	close(pager.channel);
	close(fd);
}

static int runs(void *arg)
{
	int fd = *(int *)arg;
	struct small_vm v = make_vm(map(fd, SIZE), SIZE);

	return !ioctl(v.vcpu, KVM_RUN, 0) ? 0 : errno;
}

/* It waits for its code, or for its clock. */
static void test_killed(long filled, const char *what)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct toucher t;

	if (filled)
		must(fill_from(channel, 0, filled, snapshot));
	t = start_toucher(runs, &fd);
	is(next_fault(channel).offset, filled, "%s: a vCPU waits", what);
	await_sleep(&t);
	must(kill(t.pid, SIGKILL));
	is(end_of(&t), 256 + SIGKILL, "  and is killed");
	is(missing(fd), SIZE - filled, "  nothing is filled");
	is(get_info(fd).lent, 0, "  nor lent");
	close(channel);
	close(fd);
}

static void ignore(int signal)
{
	(void)signal;
}

/* Return: 0; or which of these didn't happen. */
static int stops_and_runs(void *arg)
{
	int fd = *(int *)arg;
	struct small_vm v = make_vm(map(fd, SIZE), SIZE);

	if (!ioctl(v.vcpu, KVM_RUN, 0) || errno != EINTR)
		return 1;
	if (v.run->exit_reason != KVM_EXIT_INTR)
		return 2;
	if (ioctl(v.vcpu, KVM_RUN, 0) || v.run->exit_reason != KVM_EXIT_HLT)
		return 3;
	return 0;
}

static void test_stopped(void)
{
	struct sigaction action = { .sa_handler = ignore };
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct toucher t;

	must(sigaction(SIGUSR1, &action, NULL));
	t = start_toucher(stops_and_runs, &fd);
	next_fault(channel);
	await_sleep(&t);
	must(kill(t.pid, SIGUSR1));
	is(next_fault(channel).offset, 0,
	   "a signal stops a vCPU that waits, and it waits again");
	must(fill_from(channel, 0, BLOCK, snapshot));
	is(next_fault(channel).offset, CLOCK, "  then for its clock");
	must(fill_from(channel, CLOCK, BLOCK, snapshot + CLOCK));
	is(end_of(&t), 0, "  KVM_RUN has said EINTR, and then run the guest");
	close(channel);
	close(fd);
}

static void test_poisoned(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct toucher t = start_toucher(runs, &fd);

	next_fault(channel);
	must(fill_poison(channel, 0, BLOCK));
	ok(end_of(&t) != 0, "KVM_RUN fails if the guest's code can't be had");
	close(channel);
	close(fd);
}

static void test_pager_gone(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct toucher t = start_toucher(runs, &fd);

	next_fault(channel);
	await_sleep(&t);
	close(channel);
	is(end_of(&t), EFAULT, "KVM_RUN fails if the pager is gone");
	close(fd);
}

int main(void)
{
	snapshot = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memcpy(snapshot, code, sizeof(code));
	snapshot[STORED] = 41;
	test_served(new_file(SIZE), true, "2 MiB");
	test_served(new_file(SIZE), false, "2 MiB by pages");
	test_served(new_singles(SIZE), true, "single pages");
	test_killed(0, "its code is missing");
	test_killed(BLOCK, "its clock's page is missing");
	test_stopped();
	test_poisoned();
	test_pager_gone();
	nothing_is_left();
	return done_testing();
}
