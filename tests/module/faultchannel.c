// SPDX-License-Identifier: GPL-2.0
/*
 * Fault channels: whoever touches a page that isn't there waits, by whichever
 * access, until the holder of the channel has filled it; and what each answer,
 * each call and each order of them does.
 */
#include "channels.h"

#include <linux/falloc.h>
#include <linux/fs.h>

#define BLOCKS	3L
#define SIZE	(BLOCKS * (long)BLOCK)

/* ---- each way to touch a page ---- */

struct access {
	int fd;
	long page;
	bool write;
};

static int by_mapping(void *arg)
{
	struct access *a = arg;
	char *p = map(a->fd, SIZE) + a->page * PAGE;

	if (!has_contents(p, a->page, 'F'))
		return 1;
	if (a->write)
		p[PAGE - 1] = 'W';
	return 0;
}

static int by_write_first(void *arg)
{
	struct access *a = arg;
	char *p = map(a->fd, SIZE) + a->page * PAGE;

	p[PAGE - 1] = 'W';
	p[PAGE - 1] = 'F';
	return !has_contents(p, a->page, 'F');
}

static int by_read(void *arg)
{
	struct access *a = arg;
	char page[PAGE];

	return pread(a->fd, page, PAGE, a->page * PAGE) != (ssize_t)PAGE ||
	       !has_contents(page, a->page, 'F');
}

/* Of a part; the rest is as it was filled. */
static int by_write(void *arg)
{
	struct access *a = arg;

	if (pwrite(a->fd, "FF", 2, a->page * PAGE + 100) != 2)
		return 1;
	return by_read(arg);
}

/* One call from the page before, which is there, to the one behind. */
static int by_long_write(void *arg)
{
	struct access *a = arg;
	char *bytes = malloc(2 * PAGE);

	memset(bytes, 'F', 2 * PAGE);
	return pwrite(a->fd, bytes, 2 * PAGE, (a->page - 1) * PAGE) !=
	       2 * (ssize_t)PAGE;
}

static int by_shared_view(void *arg)
{
	struct access *a = arg;
	char *p = shared_map(a->fd, SIZE) + a->page * PAGE;

	return !has_contents(p, a->page, 'F');
}

/* A system call that reads the caller's memory. */
static int by_kernel(void *arg)
{
	struct access *a = arg;
	char *p = map(a->fd, SIZE) + a->page * PAGE;
	int ends[2];

	must(pipe(ends));
	return write(ends[1], p, 64) != 64;
}

static int by_copy(void *arg)
{
	struct access *a = arg;
	int to = new_file(SIZE);
	off_t in = a->page * PAGE, out = 0;

	return copy_file_range(a->fd, &in, to, &out, PAGE, 0) != (ssize_t)PAGE;
}

static const struct {
	const char *name;
	int (*touch)(void *arg);
	bool write;
} ways[] = {
	{ "a load", by_mapping, false },
	{ "a store", by_write_first, true },
	{ "read()", by_read, false },
	{ "write() of a part", by_write, true },
	{ "the shared view", by_shared_view, false },
	{ "a system call", by_kernel, false },
	{ "copy_file_range()", by_copy, false },
};

/* In the middle of the second block. */
static void test_way(unsigned int i, int fd)
{
	struct access a = { .fd = fd, .page = 512 + 7 };
	int channel = open_channel(fd, SIZE, 0);
	struct gmem_fault fault;
	struct toucher t;

	if (ways[i].touch == by_shared_view)
		must(set_shared(fd, 0, SIZE));
	t = start_toucher(ways[i].touch, &a);
	fault = next_fault(channel);
	is(fault.offset, BLOCK, "%s waits: the event has the block",
	   ways[i].name);
	is(fault.size, BLOCK, "  all of it");
	is(fault.touched, a.page * PAGE, "  the page");
	is(fault.pid, t.pid, "  the process");
	is(fault.flags, ways[i].write ? GMEM_FAULT_WRITE : 0,
	   "  and whether it is a write");
	await_sleep(&t);
	is(fill_with(channel, fault.offset, fault.size, 'F'), 0,
	   "  it is filled");
	is(end_of(&t), 0, "  and seen whole");
	is(missing(fd), SIZE - BLOCK, "  the rest is missing");
	close(channel);
	close(fd);
}

static void test_ways(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		test_way(i, new_file(SIZE));
		test_way(i, new_singles(SIZE));
	}
}

static void test_write_goes_on(void)
{
	struct access a = { .fd = new_file(SIZE), .page = 1 };
	int channel = open_channel(a.fd, SIZE, 0);
	struct toucher t;

	must(fill_with(channel, 0, PAGE, 'F'));
	t = start_toucher(by_long_write, &a);
	is(next_fault(channel).touched, PAGE,
	   "write() waits in the middle of the call");
	await_sleep(&t);
	must(fill_with(channel, PAGE, PAGE, 'G'));
	is(end_of(&t), 0, "  and then writes all of it");
	close(channel);
	close(a.fd);
}

/* ---- events ---- */

static void test_events(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct access a[4] = {
		{ fd, 3, false }, { fd, 9, false }, { fd, 600, false },
		{ fd, 1100, false },
	};
	struct gmem_fault faults[8];
	struct toucher t[4];
	char few[sizeof(faults[0]) - 1];
	int i;

	no_wait(channel);
	ok(!has_fault(channel), "nobody waits: poll()");
	is_errno(read(channel, faults, sizeof(faults)), EAGAIN,
		 "  read() with O_NONBLOCK");
	is_errno(read(channel, few, sizeof(few)), EINVAL,
		 "a buffer that is too small");
	for (i = 0; i < 4; i++) {
		t[i] = start_toucher(by_mapping, &a[i]);
		await_sleep(&t[i]);
	}
	ok(has_fault(channel), "four wait: poll()");
	is(read(channel, faults, sizeof(faults)), 3 * sizeof(faults[0]),
	   "one read() has three events: two of them want the same block");
	is(faults[0].touched, 3 * PAGE, "  with the first's page");
	is(faults[1].offset, BLOCK, "  the second block");
	is(faults[2].offset, 2 * BLOCK, "  the third");
	ok(!has_fault(channel), "then there is none any more");

	must(fill_with(channel, 3 * PAGE, PAGE, 'F'));
	is(end_of(&t[0]), 0, "one page of the first block is filled");
	must(fcntl(channel, F_SETFL, O_RDWR));
	is(next_fault(channel).touched, 9 * PAGE,
	   "  the other is another event then");
	for (i = 0; i < BLOCKS; i++)
		must(fill_with(channel, i * BLOCK, BLOCK, 'F'));
	for (i = 1; i < 4; i++)
		is(end_of(&t[i]), 0, "page %ld is filled", a[i].page);
	ok(!has_fault(channel), "and there is no further event");
	close(channel);
	close(fd);
}

/* An event that nobody has read goes with the last who waits, or the fill. */
static void test_taken_back(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct access a = { fd, 3, false };
	struct toucher t = start_toucher(by_mapping, &a);

	await_sleep(&t);
	must(fill_with(channel, 0, BLOCK, 'F'));
	is(end_of(&t), 0, "filled before the event was read");
	ok(!has_fault(channel), "  so there is none");

	a.page = 600;
	t = start_toucher(by_mapping, &a);
	await_sleep(&t);
	ok(has_fault(channel), "somebody waits");
	must(kill(t.pid, SIGKILL));
	is(end_of(&t), 256 + SIGKILL, "  and is killed");
	ok(!has_fault(channel), "  so there is no event");
	close(channel);
	close(fd);
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
	signals = sig;
}

static int with_handler(void *arg)
{
	struct sigaction act = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &act, NULL);
	return by_mapping(arg) || !signals;
}

static void test_signal(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct access a = { fd, 3, false };
	struct toucher t = start_toucher(with_handler, &a);

	next_fault(channel);
	await_sleep(&t);
	must(kill(t.pid, SIGUSR1));
	is(next_fault(channel).touched, 3 * PAGE,
	   "a signal is handled, and the access waits again");
	must(fill_with(channel, 0, BLOCK, 'F'));
	is(end_of(&t), 0, "  until the page is there");
	close(channel);
	close(fd);
}

/* ---- answers ---- */

static void test_ahead(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct gmem_info info;
	char *p = map(fd, SIZE);

	is(missing(fd), SIZE, "all of an empty file is missing");
	is(fill_with(channel, 0, BLOCK, 'F'), 0, "a block is filled ahead");
	info = get_info(fd);
	is(info.populated, BLOCK, "  it has memory");
	is(info.hidden, BLOCK, "  which is hidden");
	is(info.huge, BLOCK, "  in one piece");
	ok(has_contents(p + PAGE, 1, 'F'), "  it is read without an event");
	is(get_info(fd).map_faults_2m, info.map_faults_2m + 1,
	   "  and mapped by 2 MiB");
	ok(!has_fault(channel), "  nobody was asked");
	is_errno(fill_with(channel, 0, BLOCK, 'X'), EEXIST, "once only");
	ok(has_contents(p + PAGE, 1, 'F'), "  the first answer counts");
	munmap(p, SIZE);
	close(channel);
	close(fd);
}

static void test_pieces(int fd, const char *what)
{
	int channel = open_channel(fd, SIZE, 0);
	struct gmem_fill fill = { .offset = 0, .size = BLOCK };
	char *bytes = malloc(BLOCK), page[PAGE];
	long at, wrong = 0;

	for (at = 0; at < (long)BLOCK; at += 2 * PAGE)
		must(fill_with(channel, at, PAGE, 'F'));
	is(missing(fd), SIZE - BLOCK / 2, "%s: each second page is filled",
	   what);
	make_contents(bytes, 0, BLOCK, 'G');
	fill.address = (uintptr_t)bytes;
	is(answer(channel, GMEM_FILL, &fill), 0, "  then the rest at once");
	is(fill.done, BLOCK, "  up to its end");
	is(fill.filled, BLOCK / 2, "  of which a half was missing");
	for (at = 0; at < (long)BLOCK / (long)PAGE; at++) {
		must(pread(fd, page, PAGE, at * PAGE));
		wrong += !has_contents(page, at, at % 2 ? 'G' : 'F');
	}
	is(wrong, 0, "  each page has what came first");
	is(get_info(fd).hidden, BLOCK, "  and all is hidden");
	free(bytes);
	close(channel);
	close(fd);
}

static void test_zero(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	char *p = map(fd, SIZE);

	is(fill_zero(channel, 0, BLOCK), 0, "zeros");
	is(get_info(fd).populated, 0, "  take no memory");
	is(missing(fd), SIZE - BLOCK, "  and are not missing");
	is(lseek(fd, 0, SEEK_DATA), BLOCK, "  but a hole; the rest is data");
	is(lseek(fd, BLOCK, SEEK_HOLE), SIZE, "  to the end");
	ok(all_bytes(p, BLOCK, 0), "  they are zeros");
	is(fill_zero(channel, BLOCK + PAGE, PAGE), 0, "one page of a block");
	ok(all_bytes(p + BLOCK + PAGE, PAGE, 0), "  is read");
	is(missing(fd), SIZE - BLOCK - PAGE, "  the rest of it is missing");
	is(get_info(fd).populated, 2 * BLOCK, "  though there is memory for it");
	must(fill_with(channel, BLOCK, BLOCK, 'F'));
	ok(has_contents(p + BLOCK, 512, 'F'), "  and is filled in place");
	ok(all_bytes(p + BLOCK + PAGE, PAGE, 0), "  that page stays zero");
	munmap(p, SIZE);
	close(channel);
	close(fd);
}

static int bus_code;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	(void)context;
	bus_code = info->si_code;
	siglongjmp(fault_jump, sig);
}

static int code_of_touch(volatile char *p)
{
	struct sigaction act = {
		.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO,
	}, old;

	bus_code = 0;
	sigaction(SIGBUS, &act, &old);
	if (!sigsetjmp(fault_jump, 1))
		*p;
	sigaction(SIGBUS, &old, NULL);
	return bus_code;
}

static void test_poison(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct access a = { fd, 4, false };
	struct toucher t = start_toucher(by_read, &a);
	char *p = map(fd, SIZE), page[PAGE];

	await_sleep(&t);
	is(fill_poison(channel, 0, 8 * PAGE), 0, "it can't be had");
	is(end_of(&t), 1, "  who waits gets an error");
	is(code_of_touch(p), BUS_MCEERR_AR, "  a load gets a memory error");
	is_errno(pread(fd, page, PAGE, 0), EIO, "  read() gets EIO");
	is_errno(pwrite(fd, page, PAGE, 0), EIO, "  write(), too");
	is_errno(fill_poison(channel, 0, 8 * PAGE), EEXIST, "  once only");
	is(missing(fd), SIZE, "  it is missing still");
	is(fill_with(channel, 0, BLOCK, 'F'), 0, "until it is filled");
	ok(has_contents(p, 0, 'F'), "  and is as any other");
	munmap(p, SIZE);
	close(channel);
	close(fd);
}

/* ---- what else is done to a file ---- */

/* What was never filled, and is punched, isn't filled with what it had. */
static void test_punched_before(int fd, const char *what)
{
	int channel = open_channel(fd, SIZE, 0);
	char page[PAGE];

	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE,
		       PAGE));
	must(fill_with(channel, 0, BLOCK, 'F'));
	is(missing(fd), SIZE - BLOCK + PAGE,
	   "%s: what was punched first is not filled", what);
	is_errno(fill_punched(channel, BLOCK, BLOCK), EEXIST,
		 "  only that was punched");
	is(fill_punched(channel, 0, SIZE), 0, "  but zeroed");
	is(missing(fd), SIZE - BLOCK, "  and nothing else is");
	must(pread(fd, page, PAGE, PAGE));
	ok(all_bytes(page, PAGE, 0), "  it is zeros");
	must(pread(fd, page, PAGE, 2 * PAGE));
	ok(has_contents(page, 2, 'F'), "  beside what was filled");
	close(channel);
	close(fd);
}

static int is_zero(void *arg)
{
	struct access *a = arg;

	return !all_bytes(map(a->fd, SIZE) + a->page * PAGE, PAGE, 0);
}

static void test_punch(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct access a = { fd, 1, false };
	struct gmem_fault fault;
	struct toucher t;

	must(fill_with(channel, 0, SIZE, 'G'));
	is(missing(fd), 0, "all is there");
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE,
		       PAGE));
	is(missing(fd), PAGE, "what is punched is missing");
	t = start_toucher(is_zero, &a);
	fault = next_fault(channel);
	is(fault.touched, PAGE, "  and waited for");
	is(fault.flags, GMEM_FAULT_PUNCHED, "  the event says that");
	is_errno(fill_with(channel, 0, BLOCK, 'X'), EEXIST,
		 "  no contents come back");
	must(fill_punched(channel, 0, BLOCK));
	is(end_of(&t), 0, "  until it is zeros");
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       SIZE));
	is(missing(fd), SIZE, "all of it");
	is(get_info(fd).populated, 0, "  has no memory then");
	must(fill_zero(channel, 0, SIZE));
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK,
		       BLOCK));
	is(missing(fd), BLOCK, "zeros without memory are punched, too");
	a.page = 600;
	t = start_toucher(is_zero, &a);
	next_fault(channel);
	await_sleep(&t);
	close(channel);
	is(end_of(&t), 0, "all was filled once: when the channel is closed, what was punched is zero");
	is(missing(fd), 0, "  and not missing");
	close(fd);
}

static void test_refused(void)
{
	int fd = new_file(SIZE), to = new_file(SIZE);
	int channel = open_channel(fd, SIZE, 0);

	is_errno(fallocate(fd, 0, 0, PAGE), EBUSY, "fallocate()");
	is_errno(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE), EBUSY,
		 "  of zeros");
	is_errno(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100,
			   PAGE), EBUSY, "a part of a page is punched");
	is_errno(ftruncate(fd, PAGE + 100), EBUSY, "  or cut off");
	is_errno(ioctl(to, FICLONE, fd), EBUSY, "a clone");
	ok(mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED &&
	   errno == EBUSY, "  of a private mapping");
	must(fill_zero(channel, 0, SIZE));
	is(fallocate(fd, 0, 0, SIZE), 0, "fallocate() of what isn't missing");
	is(ioctl(to, FICLONE, fd), 0, "a clone of it");
	close(channel);
	close(fd);
	close(to);
}

static int beyond_end(void *arg)
{
	struct access *a = arg;

	return touch_read(map(a->fd, SIZE) + a->page * PAGE) != SIGBUS;
}

static void test_truncate(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct access a = { fd, 600, false };
	struct toucher t = start_toucher(beyond_end, &a);

	next_fault(channel);
	await_sleep(&t);
	must(ftruncate(fd, BLOCK));
	is(end_of(&t), 0, "who waits beyond the new end gets SIGBUS");
	is_errno(fill_with(channel, BLOCK, BLOCK, 'F'), ENXIO,
		 "  and a fill there comes too late");
	is(fill_with(channel, 0, BLOCK, 'F'), 0, "the rest can be filled");
	must(ftruncate(fd, PAGE));
	must(ftruncate(fd, SIZE));
	is(missing(fd), SIZE - PAGE, "what was cut off is missing again");
	close(channel);
	close(fd);
}

/* Nobody could fill what is beyond the end, so nobody waits for it. */
static void test_beyond_end(int fd, const char *what)
{
	int channel = open_channel(fd, SIZE, 0);
	char page[PAGE];

	must(ftruncate(fd, 0));
	is(pwrite(fd, "abc", 3, PAGE + 100), 3,
	   "%s: write() beyond the new end", what);
	is(missing(fd), SIZE - PAGE, "  brings that page");
	is(pread(fd, page, PAGE, PAGE), 103, "  it is read");
	ok(all_bytes(page, 100, 0) && !memcmp(page + 100, "abc", 3),
	   "  and zeros before that");
	is(fallocate(fd, 0, BLOCK, BLOCK), 0, "  fallocate()");
	is(missing(fd), SIZE - PAGE - BLOCK, "  does the same");
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK,
		     BLOCK + 100), 0, "  a hole may end there");
	is(missing(fd), SIZE - PAGE, "  and is missing as any other");
	ok(!has_fault(channel), "  nobody was asked");
	close(channel);
	close(fd);
}

static void test_unaligned_end(void)
{
	int fd = new_file(PAGE + 100), channel;
	char bytes[PAGE], page[PAGE];

	channel = open_channel(fd, PAGE + 100, 0);
	memset(bytes, 'E', sizeof(bytes));
	is_errno(fill_from(channel, PAGE, 99, bytes), EINVAL, "a part of a page");
	is(fill_from(channel, PAGE, 100, bytes), 0, "unless the file ends there");
	must(ftruncate(fd, 2 * PAGE));
	is(pread(fd, page, PAGE, PAGE), PAGE, "the file grows");
	ok(all_bytes(page, 100, 'E') && all_bytes(page + 100, PAGE - 100, 0),
	   "  by zeros");
	close(channel);
	close(fd);
}

static void test_convert(void)
{
	int fd = new_file(SIZE), channel = open_channel(fd, SIZE, 0);
	struct access a = { fd, 1, false };
	struct toucher t;
	char *p;

	must(set_shared(fd, 0, BLOCK));
	is(missing(fd), SIZE, "what is converted is missing still");
	t = start_toucher(by_shared_view, &a);
	next_fault(channel);
	must(fill_with(channel, 0, BLOCK, 'F'));
	is(end_of(&t), 0, "  the shared view has it when it is filled");
	is(get_info(fd).hidden, 0, "  and it is not hidden");
	must(set_flags(fd, BLOCK, PAGE, 0, GMEM_CONVERT_ZERO, NULL));
	is(missing(fd), SIZE - BLOCK - PAGE, "what is converted to zeros isn't");
	p = shared_map(fd, SIZE);
	ok(all_bytes(p + BLOCK, PAGE, 0), "  and is zeros");
	is_errno(fill_with(channel, BLOCK, PAGE, 'X'), EEXIST,
		 "  no fill changes that");
	munmap(p, SIZE);
	close(channel);
	close(fd);
}

/* ---- arguments ---- */

static void test_arguments(void)
{
	struct gmem_userfault userfault = { .size = SIZE, .reserved = { 1 } };
	struct gmem_fill fill = { .offset = 0, .size = PAGE, .done = 1 };
	int fd = new_file(SIZE), channel, other;
	char path[64];

	is_errno(ioctl(fd, GMEM_USERFAULT, &userfault), EINVAL,
		 "GMEM_USERFAULT: a reserved field");
	is_errno(ioctl(fd, GMEM_USERFAULT, NULL), EFAULT, "  no struct");
	is_errno(open_channel_in(fd, 0, SIZE, ~0UL), EINVAL, "  unknown flags");
	is_errno(open_channel_in(fd, 0, 0, 0), EINVAL, "  an empty range");
	is_errno(open_channel_in(fd, 1, PAGE, 0), EINVAL, "  no whole pages");
	is_errno(open_channel_in(fd, PAGE, SIZE, 0), EINVAL,
		 "  beyond the file's end");
	is_errno(open_channel_in(fd, -PAGE, 2 * PAGE, 0), EINVAL,
		 "  around the end of all numbers");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = must(open(path, O_RDONLY));
	is_errno(open_channel_in(other, 0, SIZE, 0), EBADF,
		 "  of a file that may not be written to");
	close(other);

	channel = must(open_channel_in(fd, BLOCK, BLOCK, 0));
	is(fcntl(channel, F_GETFD), FD_CLOEXEC, "a channel is O_CLOEXEC");
	is(missing(fd), BLOCK, "  and is about a part of the file");
	is_errno(open_channel_in(fd, BLOCK, BLOCK, 0), EBUSY,
		 "  there is one holder");
	is_errno(ioctl(channel, GMEM_FILL, &fill), EINVAL,
		 "GMEM_FILL: a field of the answer is set");
	is_errno(ioctl(channel, GMEM_FILL, NULL), EFAULT, "  no struct");
	is_errno(fill_with(channel, 0, PAGE, 'F'), EINVAL, "  out of range");
	is_errno(fill_with(channel, BLOCK, 2 * BLOCK, 'F'), EINVAL,
		 "  in part");
	is_errno(fill_from(channel, BLOCK + 1, PAGE, path), EINVAL,
		 "  no whole pages");
	is_errno(fill_from(channel, BLOCK, PAGE, NULL), EFAULT,
		 "  nothing to read from");
	fill = (struct gmem_fill){ .offset = BLOCK, .size = PAGE, .flags = 4 };
	is_errno(answer(channel, GMEM_FILL, &fill), EINVAL, "  unknown flags");
	fill.flags = GMEM_FILL_POISON;
	fill.address = PAGE;
	is_errno(answer(channel, GMEM_FILL, &fill), EINVAL,
		 "  contents of what can't be had");
	is_errno(answer(channel, GMEM_FILL_ZERO, &fill), EINVAL,
		 "  another call's flags");
	fill.flags = 0;
	is_errno(answer(channel, GMEM_FILL_ZERO, &fill), EINVAL,
		 "  contents of zeros");
	is_errno(ioctl(channel, GMEM_GET_INFO, &fill), ENOTTY,
		 "  other calls are the file's");
	is_errno(ioctl(fd, GMEM_FILL, &fill), ENOTTY, "  and this isn't");
	is(missing(fd), BLOCK, "  all is missing still");
	close(channel);
	close(fd);
}

/* Memory that is there stays as it is, from whatever time. */
static void test_not_empty(void)
{
	char *p, page[PAGE];
	int fd = new_file(SIZE), channel;

	make_contents(page, 0, PAGE, 'O');
	must(pwrite(fd, page, PAGE, 0));
	p = map(fd, SIZE);
	ok(has_contents(p, 0, 'O'), "a file has memory, and is mapped");
	channel = open_channel(fd, SIZE, 0);
	is(missing(fd), SIZE - get_info(fd).populated,
	   "what has none is missing");
	must(fill_with(channel, 0, SIZE, 'F'));
	ok(has_contents(p, 0, 'O'), "  the rest stays");
	ok(has_contents(p + SIZE - PAGE, SIZE / PAGE - 1, 'F'),
	   "  and is filled");
	munmap(p, SIZE);
	close(channel);
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       BLOCK));
	is(missing(fd), 0, "all was there when the channel was closed");
	must(pread(fd, page, PAGE, 0));
	ok(all_bytes(page, PAGE, 0), "  so what is punched now is zero");
	close(fd);
}

int main(void)
{
	test_arguments();
	test_ways();
	test_write_goes_on();
	test_events();
	test_taken_back();
	test_signal();
	test_ahead();
	test_pieces(new_file(SIZE), "2 MiB");
	test_pieces(new_singles(SIZE), "single pages");
	test_zero();
	test_poison();
	test_punch();
	test_punched_before(new_file(SIZE), "2 MiB");
	test_punched_before(new_singles(SIZE), "single pages");
	test_refused();
	test_truncate();
	test_beyond_end(new_file(SIZE), "2 MiB");
	test_beyond_end(new_singles(SIZE), "single pages");
	test_unaligned_end();
	test_convert();
	test_not_empty();
	nothing_is_left();
	return done_testing();
}
