// SPDX-License-Identifier: GPL-2.0
/*
 * A worker: does what the order says with the file, by mappings and descriptors
 * of its own.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "fuzz.h"

int worker_me;
static char *guest_view, *shared_view;
static sigjmp_buf jump;

static void on_signal(int sig)
{
	siglongjmp(jump, sig);
}

char *worker_view(void)
{
	return guest_view;
}

/* ---- mappings ---- */

static void map_at(char *at, long size, int fd, long offset)
{
	must_do(mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		     fd, offset));
}

static void map_shared_at(char *at, long size, int fd, long offset)
{
	int view = must_do(ioctl(fd, GMEM_SHARED_VIEW, 0));

	map_at(at, size, view, offset);
	close(view);
}

static char *reserve(void)
{
	uintptr_t at = (uintptr_t)must_do(mmap(NULL, SIZE + BLOCK, PROT_NONE,
					       MAP_PRIVATE | MAP_ANONYMOUS,
					       -1, 0));

	return (char *)((at + BLOCK - 1) & -BLOCK);
}

/* At the same place as before: KVM's slots are there. */
static void map_all(int fd)
{
	munmap(guest_view, SIZE);
	munmap(shared_view, SIZE);
	map_at(guest_view, SIZE, fd, 0);
	map_shared_at(shared_view, SIZE, fd, 0);
	note_mapped(0, SIZE, false);
}

long obey_remap(void)
{
	map_all(file_fd());
	return 0;
}

long obey_map(void)
{
	char *at = guest_view + order->offset;

	note_mapped(order->offset, order->size, false);
	if (order->op == OP_MAP_GUEST)
		map_at(at, order->size, file_fd(), order->offset);
	else if (order->op == OP_MAP_SHARED)
		map_shared_at(at, order->size, file_fd(), order->offset);
	else
		must_do(mmap(at, order->size, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	return 0;
}

long obey_madvise(void)
{
	int advice = order->op == OP_KEEP_ON_FORK ? MADV_KEEPONFORK
						  : MADV_WIPEONFORK;

	return madvise(guest_view + order->offset, order->size, advice)
		? -errno : 0;
}

/* ---- by mapping ---- */

/* Return: bytes done before a signal; minus the signal if that was none. */
static long by_mapping(char *at, bool store)
{
	static volatile long done;
	int sig = sigsetjmp(jump, 1);

	if (sig)
		return done ? done : -sig;
	for (done = 0; done < order->size; done++) {
		if (store)
			at[done] = order->byte;
		else
			order->data[done] = at[done];
	}
	return done;
}

/* Read it, if that is possible. */
void worker_touch(char *at)
{
	if (!sigsetjmp(jump, 1))
		*(volatile char *)at;
}

long obey_store(void)
{
	return by_mapping(guest_view + order->offset, true);
}

long obey_store_shared(void)
{
	return by_mapping(shared_view + order->offset, true);
}

long obey_load(void)
{
	return by_mapping(guest_view + order->offset, false);
}

long obey_load_shared(void)
{
	return by_mapping(shared_view + order->offset, false);
}

/* ---- by descriptor ---- */

long obey_read(void)
{
	return pread(file_fd(), order->data, order->size, order->offset);
}

long obey_write(void)
{
	long n;

	memset(order->data, order->byte, order->size);
	n = pwrite(file_fd(), order->data, order->size, order->offset);
	return n < 0 ? -errno : n;
}

static long allocate(int mode)
{
	return fallocate(file_fd(), mode | FALLOC_FL_KEEP_SIZE, order->offset,
			 order->size) ? -errno : 0;
}

long obey_punch(void)
{
	return allocate(FALLOC_FL_PUNCH_HOLE);
}

long obey_zero(void)
{
	return allocate(FALLOC_FL_ZERO_RANGE);
}

long obey_allocate(void)
{
	return allocate(0);
}

long obey_truncate(void)
{
	return ftruncate(file_fd(), order->offset) ? -errno : 0;
}

static long convert(uint64_t attributes)
{
	struct gmem_attributes set = {
		.offset = order->offset, .size = order->size,
		.attributes = attributes,
		.flags = order->zero ? GMEM_CONVERT_ZERO : 0,
	};
	long ret = ioctl(file_fd(), GMEM_SET_ATTRIBUTES, &set) ? -errno : 0;

	order->error_offset = set.error_offset;
	return ret;
}

long obey_share(void)
{
	if (order->fill)
		allocate(0);
	return convert(0);
}

long obey_unshare(void)
{
	return convert(GMEM_ATTRIBUTE_PRIVATE);
}

long obey_pin(void)
{
	struct iovec iov = { shared_view + order->offset, PAGE };
	long n = vmsplice(pipes[order->pipe][1], &iov, 1, SPLICE_F_NONBLOCK);

	return n < 0 ? -errno : n;
}

long obey_unpin(void)
{
	return read(pipes[order->pipe][0], order->data, PAGE);
}

/* ---- children ---- */

static unsigned long faults(void)
{
	struct gmem_info info = {};

	must_do(ioctl(file_fd(), GMEM_GET_INFO, &info));
	return info.map_faults_2m + info.map_faults_4k;
}

/* What it stores to is in its parent's page table, and not in its own. */
long obey_fork_store(void)
{
	unsigned long before;
	int status;
	pid_t pid;

	worker_touch(guest_view + order->offset);
	before = faults();
	pid = must_do(fork());
	if (!pid) {
		order->result = obey_store();
		_exit(0);
	}
	must_do(waitpid(pid, &status, 0));
	order->faults = faults() - before;
	return order->result;
}

_Noreturn void work(int me, int from, int to)
{
	struct sigaction act = {
		.sa_handler = on_signal, .sa_flags = SA_NODEFER,
	};
	char byte;

	worker_me = me;
	sigaction(SIGBUS, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
	guest_view = reserve();
	shared_view = reserve();
	/* The order may be another worker's already. */
	map_all(model->files[model->file_of[me]].fd);
	for (;;) {
		if (read(from, &byte, 1) != 1)
			_exit(0);
		order->result = kinds[order->op].obey();
		must_do(write(to, &byte, 1));
	}
}
