// SPDX-License-Identifier: MIT
/*
 * Pagers: a thread that fills a file from what its owner loads.
 *
 * The thread goes round: it answers all events that there are, and then, if it
 * is to fill ahead, brings one more block. It ends when all was filled, or when
 * it is told to. What was punched is zeros.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"
#include "range.h"

#define EVENTS	16

struct gmem_pager {
	struct gmem_pager_options options;
	int fd;			/* the file */
	int channel;
	int stop;		/* an eventfd */
	pthread_t thread;
	uint64_t size;
	uint64_t next;		/* the block to bring ahead */
	uint8_t *filled;	/* a byte for each block */
	void *buffer;		/* of a block */
	atomic_int lost;	/* some of it couldn't be had */
	int result;		/* once the thread has ended */
	bool joined;
};

/* ---- a block ---- */

static uint64_t block_size(const struct gmem_pager *p, uint64_t block)
{
	uint64_t left = p->size - block * GMEM_BLOCK_SIZE;

	return left < GMEM_BLOCK_SIZE ? left : GMEM_BLOCK_SIZE;
}

/*
 * Whole pages are filled: a part of one may be only where the file ends, which
 * may be elsewhere by now.
 */
static int answer(struct gmem_pager *p, uint64_t offset, uint64_t size)
{
	int ret = p->options.load(p->options.context, offset, p->buffer, size);
	uint64_t rest = -size % GMEM_PAGE_SIZE;

	memset((char *)p->buffer + size, 0, rest);
	size += rest;
	if (ret < 0) {
		atomic_store(&p->lost, 1);
		return gmem_channel_poison(p->channel, offset, size);
	}
	return ret ? gmem_channel_zero(p->channel, offset, size)
		   : gmem_channel_fill(p->channel, offset, size, p->buffer);
}

static int bring(struct gmem_pager *p, uint64_t block)
{
	int ret = 0;

	if (!p->filled[block])
		ret = answer(p, block * GMEM_BLOCK_SIZE, block_size(p, block));
	/* The file was truncated: there is nothing to bring. */
	if (ret == -ENXIO)
		ret = 0;
	if (!ret)
		p->filled[block] = 1;
	return ret;
}

static int serve_one(struct gmem_pager *p, const struct gmem_fault *fault)
{
	int ret;

	if (!(fault->flags & GMEM_FAULT_PUNCHED))
		return bring(p, fault->offset / GMEM_BLOCK_SIZE);
	ret = gmem_channel_zero_punched(p->channel, fault->offset, fault->size);
	return ret == -ENXIO ? 0 : ret;
}

/* ---- the thread ---- */

static int serve(struct gmem_pager *p)
{
	struct gmem_fault faults[EVENTS];
	int n = gmem_channel_read(p->channel, faults, EVENTS), ret = 0;

	if (n == -EAGAIN || n == -EINTR)
		return 0;
	for (int i = 0; i < n && !ret; i++)
		ret = serve_one(p, &faults[i]);
	return n < 0 ? n : ret;
}

static bool has_next(struct gmem_pager *p)
{
	while (p->next * GMEM_BLOCK_SIZE < p->size && p->filled[p->next])
		p->next++;
	return p->next * GMEM_BLOCK_SIZE < p->size;
}

/* Return: 1 if all was filled; 0; or an error. */
static int go_on(struct gmem_pager *p)
{
	struct gmem_info info;
	int ret;

	/* After the last block that is brought ahead, no event may come. */
	if (p->options.flags & GMEM_PAGER_AHEAD && has_next(p)) {
		ret = bring(p, p->next);
		if (ret || has_next(p))
			return ret;
	}
	ret = gmem_file_info(p->fd, &info);
	if (ret)
		return ret;
	return !info.missing || !has_next(p);
}

static int page(struct gmem_pager *p)
{
	struct pollfd fds[] = {
		{ .fd = p->channel, .events = POLLIN },
		{ .fd = p->stop, .events = POLLIN },
	};
	int ret = 0;

	for (;;) {
		bool busy = p->options.flags & GMEM_PAGER_AHEAD && has_next(p);

		/* The C library's own signals come: setuid() sends one. */
		if (poll(fds, 2, busy ? 0 : -1) < 0) {
			if (errno == EINTR)
				continue;
			return gmem_fail_errno("a pager can't wait for events");
		}
		if (fds[1].revents)
			return 0;
		if (fds[0].revents)
			ret = serve(p);
		if (!ret)
			ret = go_on(p);
		if (ret)
			return ret > 0 ? 0 : ret;
	}
}

static void *run(void *arg)
{
	struct gmem_pager *p = arg;
	int ret = page(p);

	p->result = ret ? ret : atomic_load(&p->lost) ? -EIO : 0;
	/* Nobody waits for a pager that has ended. */
	close(p->channel);
	return NULL;
}

/* ---- calls ---- */

static void free_pager(struct gmem_pager *p)
{
	if (p->buffer)
		munmap(p->buffer, GMEM_BLOCK_SIZE);
	if (p->fd >= 0)
		close(p->fd);
	if (p->stop >= 0)
		close(p->stop);
	free(p->filled);
	free(p);
}

static int check_options(const struct gmem_pager_options *options)
{
	for (unsigned int i = 0; i < 5; i++)
		if (options->reserved[i])
			return gmem_fail(-EINVAL, "a reserved field of the pager's options is set");
	if (!options->load)
		return gmem_fail(-EINVAL, "the pager's options have no load()");
	return gmem_check_bits("flags", options->flags, GMEM_PAGER_AHEAD);
}

static int get_parts(struct gmem_pager *p, int fd)
{
	struct gmem_info info;
	int ret = gmem_file_info(fd, &info);
	void *buffer;

	if (ret)
		return ret;
	if (!info.size)
		return gmem_fail(-EINVAL, "descriptor %d: the file is empty", fd);
	p->size = info.size;
	p->filled = calloc(info.size / GMEM_BLOCK_SIZE + 1, 1);
	if (!p->filled)
		return gmem_fail(-ENOMEM, "no memory for a pager");
	/* What is loaded is a guest's, and belongs into no core dump. */
	buffer = mmap(NULL, GMEM_BLOCK_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		return gmem_fail_errno("no memory for a pager");
	p->buffer = buffer;
	madvise(buffer, GMEM_BLOCK_SIZE, MADV_DONTDUMP);
	p->stop = eventfd(0, EFD_CLOEXEC);
	p->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (p->stop < 0 || p->fd < 0)
		return gmem_fail_errno("no descriptor for a pager");
	return 0;
}

static int start_thread(struct gmem_pager *p)
{
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&p->thread, NULL, run, p);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error)
		return gmem_fail(-error, "no thread for a pager");
	return 0;
}

static int open_and_start(struct gmem_pager *p)
{
	int ret;

	/* Not of what it has become meanwhile: @filled is for this size. */
	p->channel = gmem_channel_open(p->fd, 0, p->size, 0);
	if (p->channel < 0)
		return p->channel;
	if (fcntl(p->channel, F_SETFL, O_NONBLOCK))
		ret = gmem_fail_errno("can't use the fault channel");
	else
		ret = start_thread(p);
	if (ret)
		close(p->channel);
	return ret;
}

EXPORT int gmem_pager_start(int fd, const struct gmem_pager_options *options,
			    struct gmem_pager **pager)
{
	int cancel NOT_CANCELLED = gmem_cancel_off();
	int ret = check_options(options);
	struct gmem_pager *p;

	if (ret)
		return ret;
	p = calloc(1, sizeof(*p));
	if (!p)
		return gmem_fail(-ENOMEM, "no memory for a pager");
	p->options = *options;
	p->fd = -1;
	p->stop = -1;
	ret = get_parts(p, fd);
	if (!ret)
		ret = open_and_start(p);
	if (ret) {
		free_pager(p);
		return ret;
	}
	*pager = p;
	return 0;
}

EXPORT int gmem_pager_wait(struct gmem_pager *pager)
{
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (!pager->joined)
		pthread_join(pager->thread, NULL);
	pager->joined = true;
	if (pager->result)
		return gmem_fail(pager->result, "the pager could not bring all of the file");
	return 0;
}

EXPORT int gmem_pager_stop(struct gmem_pager *pager)
{
	int cancel NOT_CANCELLED = gmem_cancel_off();
	int ret;

	if (!pager)
		return 0;
	eventfd_write(pager->stop, 1);
	ret = gmem_pager_wait(pager);
	free_pager(pager);
	return ret;
}
