// SPDX-License-Identifier: GPL-2.0
/*
 * What ends a conversion early, or a process that has converted: signals, pins
 * that another process holds. And what the state of pages costs, and the pool.
 */
#include "gmem_test.h"

#include <sys/time.h>

#define SIZE		((long)(4 * BLOCK))
#define PAGES		(SIZE / (long)PAGE)

/* So large that a conversion takes long. Nothing but holes. */
#define LARGE		(64L << 30)
#define LARGE_PAGES	(LARGE / (long)PAGE)
#define LARGE_BLOCKS	(LARGE / (long)BLOCK)

static void get_states(int fd, long offset, long size, uint8_t *states)
{
	struct gmem_state get = {
		.offset = offset, .size = size, .states = (uintptr_t)states,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
}

static uint8_t state(int fd, long offset)
{
	uint8_t byte;

	get_states(fd, offset, PAGE, &byte);
	return byte;
}

static long slab_kb(void)
{
	return meminfo("SUnreclaim");
}

/* ---- signals ---- */

static void on_alarm(int sig)
{
	(void)sig;
}

static void set_timer(long us)
{
	struct itimerval timer = { .it_value.tv_usec = us };

	must(setitimer(ITIMER_REAL, &timer, NULL));
}

/* Interrupted again and again. Return: how often; -1 if something is wrong. */
static long convert_interrupted(int fd, uint64_t attributes)
{
	uint8_t want = attributes ? 0 : GMEM_STATE_SHARED;
	uint64_t at = 0, stopped;
	long times = 0;
	int ret;

	for (;;) {
		set_timer(5000);
		ret = set_flags(fd, at, LARGE - at, attributes, 0, &stopped);
		set_timer(0);
		if (!ret)
			return times;
		if (errno != EINTR || stopped % PAGE || stopped <= at ||
		    stopped >= LARGE || state(fd, stopped) == want ||
		    state(fd, stopped - PAGE) != want) {
			diag("%s at %lx, from %lx", strerror(errno), stopped,
			     at);
			return -1;
		}
		at = stopped;
		times++;
	}
}

/* On a busy machine the alarm may come before the call: it ends nothing. */
static long convert_until_interrupted(int fd, uint64_t attributes)
{
	uint64_t stopped, others = attributes ^ GMEM_ATTRIBUTE_PRIVATE;
	long times;
	int i;

	for (i = 0, times = 0; i < 10 && !times; i++) {
		must(set_flags(fd, 0, LARGE, others, 0, &stopped));
		times = convert_interrupted(fd, attributes);
	}
	return times;
}

static void test_signals(int fd)
{
	static uint8_t states[1 << 18];
	struct sigaction act = { .sa_handler = on_alarm };
	long times;

	sigaction(SIGALRM, &act, NULL);
	times = convert_until_interrupted(fd, 0);
	ok(times > 0, "interrupted %ld times, it goes on from there", times);
	get_states(fd, LARGE - (long)sizeof(states) * PAGE,
		   sizeof(states) * PAGE, states);
	ok(all_bytes((char *)states, sizeof(states), GMEM_STATE_SHARED),
	   "up to the end");
	times = convert_until_interrupted(fd, GMEM_ATTRIBUTE_PRIVATE);
	ok(times > 0, "and back: %ld times", times);
}

/* ---- what it costs ---- */

static void test_cost(void)
{
	long before = slab_kb(), one, all, back;
	int fd = new_file(LARGE);

	must(set_shared(fd, 0, PAGE));
	one = slab_kb() - before;
	must(set_shared(fd, 0, LARGE));
	all = slab_kb() - before;
	diag("%ld kB for a block that was converted, %ld kB for %ld blocks",
	     one, all, LARGE_BLOCKS);
	ok(one < 1024, "blocks that weren't converted cost nothing");
	ok(all > one, "those that were do");
	ok(all * 1024 <= 2 * LARGE_PAGES, "at most 2 bytes a page");
	must(set_private(fd, 0, LARGE));
	back = slab_kb() - before;
	ok(back < all, "less when they are as they were: %ld kB", back);
	test_signals(fd);
	close(fd);
	back = slab_kb() - before;
	ok(back < 1024, "and nothing without the file: %ld kB", back);
}

/* Where each object in a slab has a red zone and is kept when it is freed. */
static void test_signals_only(void)
{
	int fd = new_file(LARGE);

	skip(5, "a debugging kernel's slabs aren't what objects cost");
	must(set_shared(fd, 0, LARGE));
	must(set_private(fd, 0, LARGE));
	test_signals(fd);
	close(fd);
}

/* ---- processes that end ---- */

static _Noreturn void convert_for_ever(int fd, char *s)
{
	long page;

	for (page = 0;; page = (page + 37) % PAGES) {
		long n = page % 3 ? 512 : 5;

		if (n > PAGES - page)
			n = PAGES - page;
		if (set_shared(fd, page * PAGE, n * PAGE))
			_exit(1);
		s[page * PAGE + 1] = 2;
		if (set_private(fd, page * PAGE, n * PAGE))
			_exit(2);
	}
}

/* Is every page either: shared and exposed, or private and hidden? */
static bool want_is_is(int fd)
{
	uint8_t states[PAGES], both = GMEM_STATE_SHARED | GMEM_STATE_EXPOSED;
	long i;

	get_states(fd, 0, SIZE, states);
	for (i = 0; i < PAGES; i++) {
		if ((states[i] & both) == both || !(states[i] & both))
			continue;
		diag("page %ld: %#x", i, states[i]);
		return false;
	}
	return true;
}

static void test_killed(void)
{
	int fd = new_file(SIZE), i, status, odd = 0, ended = 0;
	char *p = map(fd, SIZE);
	long page;
	pid_t pid;

	memset(p, 2, SIZE);
	for (i = 0; i < 20; i++) {
		pid = must(fork());
		if (!pid)
			convert_for_ever(fd, shared_map(fd, SIZE));
		usleep(20000 + i * 1777);
		kill(pid, SIGKILL);
		must(waitpid(pid, &status, 0));
		ended += !WIFSIGNALED(status);
		odd += !want_is_is(fd);
	}
	is(ended, 0, "a process that converts is killed, 20 times");
	is(odd, 0, "each page is as wanted");
	must(set_private(fd, 0, SIZE));
	is(get_info(fd).hidden, SIZE, "all can be made private");
	for (page = 0; page < PAGES; page++)
		if (!all_bytes(p + page * PAGE, PAGE, 2))
			break;
	is(page, PAGES, "and nothing is lost");
	munmap(p, SIZE);
	close(fd);
}

/* A VMM that makes a file, shares it, and gives us a page by a pipe. */
static _Noreturn void be_vmm(int to_us, int ready)
{
	int fd = new_file(SIZE);
	char *s = shared_map(fd, SIZE);
	struct iovec iov = { s + 3 * PAGE, PAGE };

	must(set_shared(fd, 0, SIZE));
	memset(s, 7, SIZE);
	must(set_private(fd, 8 * PAGE, BLOCK));
	must(vmsplice(to_us, &iov, 1, 0));
	must(write(ready, "", 1));
	for (;;)
		pause();
}

static void test_dead_vmm(void)
{
	int pipes[2], ready[2], i;
	char buf[PAGE];
	pid_t pid;

	must(pipe(pipes));
	must(pipe(ready));
	pid = must(fork());
	if (!pid)
		be_vmm(pipes[1], ready[1]);
	must(read(ready[0], buf, 1));
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
	ok(becomes("hidden_bytes", 0), "its process killed, a file is gone");
	is(sysfs("pinned_bytes"), PAGE, "but for the page that we have");
	is(read(pipes[0], buf, PAGE), PAGE, "which can be read");
	ok(all_bytes(buf, PAGE, 0), "and has nothing of the file's any more");
	ok(becomes("pinned_bytes", 0), "and then it goes too");
	for (i = 0; i < 2; i++) {
		close(pipes[i]);
		close(ready[i]);
	}
}

/* Who pins may be another process, and outlive the one that shared. */
static void test_foreign_pin(void)
{
	int fd = new_file(SIZE), pipes[2], i;
	char buf[PAGE];
	uint64_t stopped;
	pid_t pid;

	must(set_shared(fd, 0, SIZE));
	must(pipe(pipes));
	pid = must(fork());
	if (!pid) {
		struct iovec iov = { shared_map(fd, SIZE) + BLOCK, PAGE };

		_exit(vmsplice(pipes[1], &iov, 1, 0) != (long)PAGE);
	}
	must(waitpid(pid, &i, 0));
	is(i, 0, "a child pins a page, and ends");
	is_errno(set_flags(fd, 0, SIZE, GMEM_ATTRIBUTE_PRIVATE, 0,
			   &stopped),
		 EAGAIN, "it's pinned for others, too");
	is(stopped, BLOCK, "that page");
	is(state(fd, BLOCK - PAGE) & GMEM_STATE_SHARED, 0,
	   "those before it are private");
	must(read(pipes[0], buf, PAGE));
	for (i = 0; i < 3000 && set_private(fd, stopped, SIZE - stopped); i++)
		usleep(20000);
	is(get_info(fd).shared, 0, "the same call goes on from there");
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

/* ---- the pool, and what shows it ---- */

static void set_pool(const char *bytes)
{
	must(write_text("/sys/fs/gmemfs/pool/low_bytes", bytes));
}

static long pool_blocks(void)
{
	return (sysfs("pool/free_bytes") + sysfs("pool/dirty_bytes")) /
	       (long)BLOCK;
}

/* Mixed blocks go to the kernel, others to the pool; neither tells anything. */
static void test_pool(void)
{
	int fd = new_file(SIZE), i;
	char *p = map(fd, SIZE);

	memset(p, 9, SIZE);
	must(set_shared(fd, 5 * PAGE, 3 * PAGE));
	must(set_shared(fd, BLOCK, BLOCK));
	must(set_shared(fd, 2 * BLOCK, BLOCK));
	must(set_private(fd, 2 * BLOCK, BLOCK));
	set_pool("8388608");
	munmap(p, SIZE);
	close(fd);
	for (i = 0; i < 600 && (sysfs("pool/free_bytes") != SIZE ||
				sysfs("hidden_bytes") != SIZE); i++)
		usleep(100000);
	is(sysfs("pool/free_bytes"), SIZE, "a pool, when mixed blocks go");
	is(sysfs("hidden_bytes"), SIZE, "all of it is hidden");

	fd = new_file(SIZE);
	p = map(fd, SIZE);
	ok(all_bytes(p, SIZE, 0), "who gets memory next finds zeros");
	is(get_info(fd).hidden, SIZE, "and it's hidden");
	ok(want_is_is(fd), "as each page says");
	must(set_shared(fd, 0, SIZE));
	ok(want_is_is(fd) && !get_info(fd).hidden, "it can be shared");
	munmap(p, SIZE);
	set_pool("0");
	close(fd);
	for (i = 0; i < 600 && pool_blocks(); i++) {
		must(write_text("/proc/sys/vm/drop_caches", "2"));
		usleep(100000);
	}
	ok(becomes("hidden_bytes", 0), "nothing is hidden");
}

static void test_fdinfo(void)
{
	int fd = new_file(SIZE);
	char path[64];

	must(fallocate(fd, 0, 0, SIZE));
	must(set_shared(fd, 0, 3 * PAGE));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	is(number_in(path, "gmem-shared"), 12, "fdinfo has what is shared");
	is(number_in(path, "gmem-hidden"), SIZE / 1024 - 12,
	   "and what is hidden");
	close(fd);
}

int main(void)
{
	if (on_debugging_kernel())
		test_signals_only();
	else
		test_cost();
	test_killed();
	test_dead_vmm();
	test_foreign_pin();
	test_pool();
	test_fdinfo();
	nothing_is_left();
	is(sysfs("pinned_bytes"), 0, "nothing is pinned");
	return done_testing();
}
