// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel does with pages and no copy: io_uring, with buffers that are
 * registered and such that aren't, and vmsplice. By the shared view it moves
 * real data both ways; with private pages, and by the guest view, it gives
 * EFAULT.
 */
#include "gmem_test.h"

#include <liburing.h>
#include <sys/uio.h>

#define SIZE	((long)BLOCK)

static struct io_uring ring;
static int file, disk;		/* the same on the disk; the second O_DIRECT */
static int fd;
static char *guest, *shared;	/* views of it */
static char pattern[SIZE], back[SIZE];

static void convert(long offset, long size, uint64_t attributes)
{
	struct gmem_attributes set = {
		.offset = offset, .size = size, .attributes = attributes,
	};

	must(ioctl(fd, GMEM_SET_ATTRIBUTES, &set));
}

static bool pinned(long offset)
{
	uint8_t state;
	struct gmem_state get = {
		.offset = offset, .size = PAGE, .states = (uintptr_t)&state,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return state & GMEM_STATE_PINNED;
}

/* Never the same twice. */
static void new_pattern(void)
{
	uint64_t *words = (uint64_t *)pattern, x;
	long i;

	must(getentropy(&x, sizeof(x)));
	for (i = 0; i < SIZE / 8; i++) {
		x = x * 6364136223846793005UL + 1442695040888963407UL;
		words[i] = x;
	}
}

static void open_disk(void)
{
	char path[] = "/var/tmp/gmem-uring-XXXXXX";

	file = must(mkstemp(path));
	disk = must(open(path, O_RDWR | O_DIRECT | O_CLOEXEC));
	unlink(path);
}

static void fill_disk(void)
{
	new_pattern();
	must(pwrite(file, pattern, SIZE, 0));
	must(fsync(file));
}

static bool disk_has_pattern(void)
{
	must(pread(file, back, SIZE, 0));
	return !memcmp(back, pattern, SIZE);
}

/* ---- io_uring ---- */

enum kind { PLAIN, FIXED };

static int transfer(enum kind kind, bool write_it, char *at, long size)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
	struct io_uring_cqe *cqe;
	int ret;

	if (kind == FIXED && write_it)
		io_uring_prep_write_fixed(sqe, disk, at, size, 0, 0);
	else if (kind == FIXED)
		io_uring_prep_read_fixed(sqe, disk, at, size, 0, 0);
	else if (write_it)
		io_uring_prep_write(sqe, disk, at, size, 0);
	else
		io_uring_prep_read(sqe, disk, at, size, 0);
	ret = io_uring_submit_and_wait(&ring, 1);
	if (ret < 0 || io_uring_wait_cqe(&ring, &cqe))
		bail_out("io_uring: %s", strerror(-ret));
	ret = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return ret;
}

static int register_buffer(char *at, long size)
{
	struct iovec iov = { at, size };

	return io_uring_register_buffers(&ring, &iov, 1);
}

static void moves_data(enum kind kind, const char *name)
{
	fill_disk();
	is(transfer(kind, false, shared, SIZE), SIZE, "%s: read", name);
	ok(!memcmp(guest, pattern, SIZE), "%s: the guest view shows it", name);
	new_pattern();
	memcpy(guest, pattern, SIZE);
	is(transfer(kind, true, shared, SIZE), SIZE, "%s: write", name);
	ok(disk_has_pattern(), "%s: and that's on the disk", name);
}

static void test_plain(void)
{
	is(transfer(PLAIN, false, shared, PAGE), -EFAULT,
	   "private: read gives EFAULT");
	is(transfer(PLAIN, true, guest, PAGE), -EFAULT,
	   "the guest view: write gives EFAULT");
	convert(0, SIZE, 0);
	is(transfer(PLAIN, false, guest, PAGE), -EFAULT,
	   "also of shared pages");
	moves_data(PLAIN, "shared");
	convert(0, SIZE, GMEM_ATTRIBUTE_PRIVATE);
	is(transfer(PLAIN, true, shared, PAGE), -EFAULT,
	   "private again: write gives EFAULT");
}

/* A buffer that can't be registered as a whole leaves no page pinned. */
static void test_register_private(void)
{
	is(register_buffer(shared, SIZE), -EFAULT,
	   "private pages can't be registered");
	is(register_buffer(guest, SIZE), -EFAULT, "nor the guest view");
	convert(0, SIZE, 0);
	is(register_buffer(guest, SIZE), -EFAULT, "even if it's shared");
	convert(7 * PAGE, PAGE, GMEM_ATTRIBUTE_PRIVATE);
	is(register_buffer(shared, SIZE), -EFAULT, "nor with one private page");
	ok(!pinned(0) && !pinned(6 * PAGE) && !pinned(8 * PAGE),
	   "which leaves no other pinned");
	convert(0, SIZE, GMEM_ATTRIBUTE_PRIVATE);
	is(get_info(fd).hidden, SIZE, "so all can be private");
}

static void test_fixed(void)
{
	struct gmem_attributes set = {
		.size = SIZE, .attributes = GMEM_ATTRIBUTE_PRIVATE,
	};
	int i;

	convert(0, SIZE, 0);
	is(register_buffer(shared, SIZE), 0, "shared pages are registered");
	ok(pinned(0) && pinned(SIZE - PAGE), "and so pinned");
	moves_data(FIXED, "registered");

	is_errno(ioctl(fd, GMEM_SET_ATTRIBUTES, &set), EAGAIN,
		 "what is registered can't be made private");
	is(set.error_offset, 0, "not even the first page");
	moves_data(FIXED, "after that was refused");
	must(munmap(shared, SIZE));
	is(transfer(FIXED, false, shared, SIZE), SIZE,
	   "it's there without the mapping, too");
	is(io_uring_unregister_buffers(&ring), 0, "unregistered");
	set.error_offset = 0;
	for (i = 0; i < 3000 && ioctl(fd, GMEM_SET_ATTRIBUTES, &set); i++) {
		set.error_offset = 0;
		usleep(20000);
	}
	is(get_info(fd).hidden, SIZE, "it can be private");
	ok(!memcmp(guest, pattern, SIZE), "with its contents");
}

/* ---- vmsplice ---- */

static void test_vmsplice(void)
{
	struct iovec from_shared = { shared, PAGE };
	struct iovec from_guest = { guest, PAGE };
	struct iovec to_shared = { shared + PAGE, PAGE };
	int pipes[2];

	must(pipe(pipes));
	new_pattern();
	memcpy(guest, pattern, SIZE);
	is_errno(vmsplice(pipes[1], &from_shared, 1, 0), EFAULT,
		 "vmsplice of a private page: EFAULT");
	is_errno(vmsplice(pipes[1], &from_guest, 1, 0), EFAULT,
		 "by the guest view, too");
	convert(0, PAGE, 0);
	is_errno(vmsplice(pipes[1], &from_guest, 1, 0), EFAULT,
		 "also if it's shared");
	is(vmsplice(pipes[1], &from_shared, 1, 0), PAGE, "a shared page goes");
	guest[0] = pattern[0] ^= 1;
	must(read(pipes[0], back, PAGE));
	ok(!memcmp(back, pattern, PAGE), "itself, not a copy");

	must(write(pipes[1], pattern, PAGE));
	is_errno(vmsplice(pipes[0], &to_shared, 1, 0), EFAULT,
		 "out of a pipe into a private page: EFAULT");
	convert(PAGE, PAGE, 0);
	memset(guest + PAGE, 0, PAGE);
	is(vmsplice(pipes[0], &to_shared, 1, 0), PAGE, "into a shared one");
	ok(!memcmp(guest + PAGE, pattern, PAGE), "with real data");
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	int view;

	open_disk();
	/* From a hole, O_DIRECT stores zeros as users do: no page needed. */
	fill_disk();
	fd = new_file(SIZE);
	guest = map(fd, SIZE);
	memset(guest, 1, SIZE);
	view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	shared = map(view, SIZE);
	if (io_uring_queue_init(4, &ring, 0))
		bail_out("no io_uring");

	test_plain();
	test_register_private();
	test_fixed();
	shared = map(view, SIZE);
	test_vmsplice();

	io_uring_queue_exit(&ring);
	munmap(shared, SIZE);
	munmap(guest, SIZE);
	close(view);
	close(fd);
	nothing_is_left();
	ok(becomes("pinned_bytes", 0), "nothing stays pinned");
	return done_testing();
}
