// SPDX-License-Identifier: GPL-2.0
/*
 * libgmem: fault channels and pagers; and the example of the manual page, which
 * is compiled from there, fills a file from another one.
 */
#include <gmem.h>
#include <poll.h>
#include <pthread.h>

#include "../module/gmem_test.h"

#define SIZE	((long)(4 * BLOCK))

/* A call's error, and a word of the sentence. */
#define fails(call, error, word) \
	do { \
		is((call), (error), "%s", #call); \
		ok(strstr(gmem_last_error(), word), "  \"%s\"", \
		   gmem_last_error()); \
	} while (0)

static int must_create(long size)
{
	int fd = gmem_file_create(NULL, size, 0);

	if (fd < 0)
		bail_out("%s", gmem_last_error());
	return fd;
}

static long missing(int fd)
{
	struct gmem_info info;

	if (gmem_file_info(fd, &info))
		bail_out("%s", gmem_last_error());
	return info.missing;
}

/* ---- channels ---- */

struct reader {
	int fd;
	char byte;
	ssize_t n;
};

static void *read_byte(void *arg)
{
	struct reader *r = arg;

	r->n = pread(r->fd, &r->byte, 1, BLOCK + 5);
	return NULL;
}

static void test_served(void)
{
	int fd = must_create(SIZE), channel = gmem_channel_open(fd, 0, 0, 0);
	struct reader r = { .fd = fd };
	struct gmem_fault faults[4];
	char *block = malloc(BLOCK);
	pthread_t thread;

	ok(channel >= 0, "a channel of all of a file");
	is(fcntl(channel, F_GETFD), FD_CLOEXEC, "close-on-exec");
	is(missing(fd), SIZE, "all is missing");
	must(fcntl(channel, F_SETFL, O_NONBLOCK));
	fails(gmem_channel_read(channel, faults, 4), -EAGAIN, "channel");
	must(fcntl(channel, F_SETFL, 0));
	if (pthread_create(&thread, NULL, read_byte, &r))
		bail_out("no thread");
	is(gmem_channel_read(channel, faults, 4), 1, "somebody waits");
	is(faults[0].offset, BLOCK, "  for the second block");
	memset(block, 'F', BLOCK);
	is(gmem_channel_fill(channel, BLOCK, BLOCK, block), 0, "  it is filled");
	pthread_join(thread, NULL);
	ok(r.n == 1 && r.byte == 'F', "  and read");
	is(gmem_channel_fill(channel, BLOCK, BLOCK, block), 0,
	   "a fill of what is there is no error");
	is(gmem_channel_zero(channel, 0, BLOCK), 0, "zeros");
	is(gmem_channel_poison(channel, 2 * BLOCK, PAGE), 0, "poison");
	is(gmem_file_punch(fd, BLOCK, PAGE), 0, "a page is punched");
	is(gmem_channel_zero_punched(channel, 0, SIZE), 0, "  and zeroed");
	is(missing(fd), 2 * BLOCK, "  nothing else is");
	is(gmem_channel_zero(channel, 0, SIZE), 0, "all the rest");
	is(missing(fd), 0, "nothing is missing");
	free(block);
	close(channel);
	close(fd);
}

static void test_errors(void)
{
	int fd = must_create(SIZE), channel, other;
	char page[PAGE] = "";

	fails(gmem_channel_open(fd, 0, SIZE, 2), -EINVAL, "flags");
	fails(gmem_channel_open(fd, 1, PAGE, 0), -EINVAL, "whole pages");
	fails(gmem_channel_open(fd, SIZE, 0, 0), -EINVAL, "whole pages");
	fails(gmem_channel_open(-1, 0, SIZE, 0), -EBADF, "channel");
	other = must(open("/dev/null", O_RDWR));
	fails(gmem_channel_open(other, 0, PAGE, 0), -ENOTTY, "regular file");
	fails(gmem_channel_fill(other, 0, PAGE, page), -ENOTTY, "no fault");
	close(other);
	channel = gmem_channel_open(fd, 0, BLOCK, GMEM_FAULT_REATTACH);
	ok(channel >= 0, "a channel of a part");
	fails(gmem_channel_open(fd, 0, BLOCK, 0), -EBUSY, "already");
	fails(gmem_channel_read(channel, NULL, 0), -EINVAL, "count");
	fails(gmem_channel_fill(channel, BLOCK, PAGE, page), -EINVAL, "range");
	fails(gmem_channel_fill(channel, 0, PAGE, NULL), -EFAULT, "contents");
	must(ftruncate(fd, PAGE));
	fails(gmem_channel_zero(channel, PAGE, PAGE), -ENXIO, "ends before");
	close(channel);
	close(fd);
}

/* ---- pagers ---- */

static int load(void *context, uint64_t offset, void *to, uint64_t size)
{
	int *loads = context;

	__atomic_add_fetch(loads, 1, __ATOMIC_RELAXED);
	if (offset == BLOCK)
		return 1;
	if (offset == 2 * BLOCK)
		return -EIO;
	memset(to, 'P', size);
	return 0;
}

static void test_pager(uint64_t flags, const char *what)
{
	int fd = must_create(SIZE), loads = 0;
	struct gmem_pager_options options = {
		.load = load, .context = &loads, .flags = flags,
	};
	struct gmem_pager *pager;
	char byte;

	if (gmem_pager_start(fd, &options, &pager))
		bail_out("%s", gmem_last_error());
	must(pread(fd, &byte, 1, SIZE - 1));
	is(byte, 'P', "%s: a block that was loaded", what);
	must(pread(fd, &byte, 1, BLOCK));
	is(byte, 0, "  one of zeros");
	is_errno(pread(fd, &byte, 1, 2 * BLOCK), EIO, "  one that is lost");
	if (!flags) {
		is(loads, 3, "  no other was loaded");
		is(gmem_pager_stop(pager), -EIO, "  it has lost something");
		is(missing(fd), 2 * BLOCK, "  the others are missing");
	} else {
		fails(gmem_pager_wait(pager), -EIO, "could not bring");
		is(loads, 4, "  each block was loaded once");
		is(missing(fd), BLOCK, "  only what is lost is missing");
		is(gmem_pager_stop(pager), -EIO, "  it ends so");
	}
	close(fd);
}

static void test_punched(void)
{
	int fd = must_create(SIZE), loads = 0;
	struct gmem_pager_options options = { .load = load, .context = &loads };
	struct gmem_pager *pager;
	char byte;

	if (gmem_pager_start(fd, &options, &pager))
		bail_out("%s", gmem_last_error());
	must(pread(fd, &byte, 1, 0));
	/* The C library interrupts all threads for that. */
	must(setuid(getuid()));
	is(gmem_file_punch(fd, 0, BLOCK), 0, "a block is punched");
	must(pread(fd, &byte, 1, 0));
	is(byte, 0, "  and zero then");
	is(loads, 1, "  without a load");
	is(gmem_pager_stop(pager), 0, "a pager is stopped early");
	is_errno(pread(fd, &byte, 1, SIZE - 1), EIO, "  the rest is lost");
	is(gmem_pager_stop(NULL), 0, "no pager is stopped");
	close(fd);
}

/* The file's end is in the middle of a page, and then elsewhere. */
static void test_odd(void)
{
	int fd = must_create(PAGE + 5), loads = 0;
	struct gmem_pager_options options = { .load = load, .context = &loads };
	struct gmem_pager *pager;
	char byte;

	if (gmem_pager_start(fd, &options, &pager))
		bail_out("%s", gmem_last_error());
	must(ftruncate(fd, PAGE + 6));
	must(pread(fd, &byte, 1, PAGE + 4));
	is(byte, 'P', "a file that gets longer meanwhile");
	must(pread(fd, &byte, 1, PAGE + 5));
	is(byte, 0, "  is zero there");
	is(gmem_pager_stop(pager), 0, "  all was filled");
	close(fd);
}

static void test_pager_errors(void)
{
	struct gmem_pager_options options = { .flags = GMEM_PAGER_AHEAD };
	struct gmem_pager *pager;
	int fd = must_create(SIZE);

	fails(gmem_pager_start(fd, &options, &pager), -EINVAL, "load");
	options.load = load;
	options.flags = 2;
	fails(gmem_pager_start(fd, &options, &pager), -EINVAL, "flags");
	options.flags = 0;
	options.reserved[4] = 1;
	fails(gmem_pager_start(fd, &options, &pager), -EINVAL, "reserved");
	options.reserved[4] = 0;
	fails(gmem_pager_start(-1, &options, &pager), -EBADF, "descriptor");
	must(ftruncate(fd, 0));
	fails(gmem_pager_start(fd, &options, &pager), -EINVAL, "empty");
	close(fd);
}

/* ---- the example ---- */

static void test_example(const char *program)
{
	static const char snapshot[] = "/tmp/snapshot", file[] = MNT "/example";
	int from = must(open(snapshot, O_RDWR | O_CREAT | O_TRUNC, 0600)), fd;
	char *block = malloc(BLOCK);
	int status, i, wrong = 0;
	pid_t pid;

	for (i = 0; i < SIZE / (long)BLOCK; i++) {
		memset(block, 'a' + i, BLOCK);
		must(write(from, block, BLOCK));
	}
	fd = must(open(file, O_RDWR | O_CREAT, 0600));
	must(ftruncate(fd, SIZE));
	pid = must(fork());
	if (!pid) {
		execl(program, program, snapshot, file, NULL);
		_exit(127);
	}
	must(waitpid(pid, &status, 0));
	ok(WIFEXITED(status) && !WEXITSTATUS(status),
	   "the example of the manual page runs");
	is(missing(fd), 0, "  nothing is missing");
	for (i = 0; i < SIZE / (long)BLOCK; i++) {
		must(pread(fd, block, BLOCK, i * BLOCK));
		wrong += !all_bytes(block, BLOCK, 'a' + i);
	}
	is(wrong, 0, "  and all is there");
	free(block);
	close(from);
	close(fd);
	unlink(snapshot);
	unlink(file);
}

int main(int argc, char **argv)
{
	test_served();
	test_errors();
	test_pager(0, "asked for");
	test_pager(GMEM_PAGER_AHEAD, "ahead");
	test_punched();
	test_odd();
	test_pager_errors();
	test_example(argc > 1 ? argv[1]
			      : "/opt/gmemfs/tests/libgmem/pager_example");
	return done_testing();
}
