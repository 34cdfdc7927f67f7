// SPDX-License-Identifier: GPL-2.0
/*
 * Reads and fills. A block is read as a whole into a slot's buffer, and then
 * the module copies it to the file's memory, which is hidden by then. Where the
 * snapshot has nothing, nothing is read.
 *
 * The buffers are in the direct map, as the page cache is. They are kept out of
 * core dumps, and wiped at the end.
 */
#include <errno.h>
#include <gmem.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "fetch.h"
#include "say.h"

#define BLOCK		GMEM_BLOCK_SIZE
#define PAGE		GMEM_PAGE_SIZE

/* Messages about blocks that are lost. */
#define MOST_SAID	16

/* Reads, and polls. */
#define ENTRIES		64

/* ---- the ring ---- */

/*
 * The ring is restricted to the operations that are needed, because a seccomp
 * filter doesn't see operations of an io_uring.
 */
static int open_ring(struct fetch *fetch)
{
	struct io_uring_restriction allowed[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_READ },
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_POLL_ADD },
	};
	int ret = io_uring_queue_init(ENTRIES, &fetch->ring,
				      IORING_SETUP_R_DISABLED);

	if (!ret) {
		fetch->has_ring = true;
		ret = io_uring_register_restrictions(&fetch->ring, allowed, 2);
	}
	if (!ret)
		ret = io_uring_enable_rings(&fetch->ring);
	errno = -ret;
	if (ret)
		return fail_errno("can't use io_uring (is sysctl kernel.io_uring_disabled set?)");
	return 0;
}

/* Never NULL: there is room for all that can be under way. */
static struct io_uring_sqe *entry(struct fetch *fetch, void *tag)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&fetch->ring);

	if (!sqe) {
		io_uring_submit(&fetch->ring);
		sqe = io_uring_get_sqe(&fetch->ring);
	}
	io_uring_sqe_set_data(sqe, tag);
	return sqe;
}

void fetch_poll(struct fetch *fetch, int fd, void *tag)
{
	struct io_uring_sqe *sqe = entry(fetch, tag);

	io_uring_prep_poll_add(sqe, fd, POLLIN);
	io_uring_sqe_set_data(sqe, tag);
}

static void read_more(struct fetch *fetch, struct fetch_slot *slot)
{
	struct io_uring_sqe *sqe = entry(fetch, slot);

	io_uring_prep_read(sqe, slot->tried ? fetch->source->plain
					    : fetch->source->fd,
			   (char *)slot->buffer + slot->got,
			   slot->size - slot->got,
			   slot->at + slot->got);
	io_uring_sqe_set_data(sqe, slot);
}

/* ---- answers ---- */

static uint64_t bytes_left(const struct fetch *fetch, uint64_t block)
{
	return fetch->size - block * BLOCK;
}

/*
 * Whole pages: O_DIRECT needs that, and a fill of a part of a page is allowed
 * only where the file ends, which may be elsewhere by now.
 */
static uint64_t block_size(const struct fetch *fetch, uint64_t block)
{
	uint64_t pages = (bytes_left(fetch, block) + PAGE - 1) / PAGE;

	return pages * PAGE < BLOCK ? pages * PAGE : BLOCK;
}

/*
 * Only fetch_again() ends this: another block that was filled says nothing of
 * those that wait for memory.
 */
static void starve(struct fetch *fetch, const char *why)
{
	if (!fetch->told)
		say("there is no memory for the file; those who wait for it wait until there is: %s",
		    why);
	fetch->told = true;
	fetch->starved = true;
}

/*
 * @ret: what the answer has returned. Return: 0; 1 if there was no memory; or
 * -1 after fail()
 */
static int answered(struct fetch *fetch, uint64_t block, int ret,
		    enum block_state state)
{
	/* The file was cut off meanwhile: there is nothing to bring. */
	if (!ret || ret == -ENXIO) {
		order_set(fetch->order, block, state);
		return 0;
	}
	if (ret != -ENOSPC && ret != -ENOMEM && ret != -EBUSY)
		return fail_gmem("can't fill the file");
	starve(fetch, gmem_last_error());
	return 1;
}

static int fill_zero(struct fetch *fetch, uint64_t block)
{
	uint64_t size = block_size(fetch, block);

	fetch->bytes_zero += size;
	return answered(fetch, block,
			gmem_channel_zero(fetch->channel, block * BLOCK, size),
			BLOCK_THERE);
}

static void release(struct fetch *fetch, struct fetch_slot *slot)
{
	slot->busy = false;
	slot->full = false;
	fetch->nr_busy--;
}

static int fill(struct fetch *fetch, struct fetch_slot *slot)
{
	int ret = gmem_channel_fill(fetch->channel, slot->block * BLOCK,
				    slot->size, slot->buffer);

	ret = answered(fetch, slot->block, ret, BLOCK_THERE);
	slot->full = ret > 0;
	if (!ret)
		release(fetch, slot);
	return ret < 0 ? ret : 0;
}

/* Nobody may read the messages: then a pipe is full at some time. */
static void say_lost(struct fetch *fetch, const struct fetch_slot *slot,
		     int error)
{
	if (fetch->nr_said == MOST_SAID)
		return;
	errno = error;
	fail_errno("%s: can't read %llu bytes at offset %llu, which whoever touches them in the guest hears of",
		   fetch->source->path, (unsigned long long)slot->size,
		   (unsigned long long)slot->at);
	if (++fetch->nr_said == MOST_SAID)
		say("blocks that can't be read from now on aren't named");
}

static int lose(struct fetch *fetch, struct fetch_slot *slot, int error)
{
	uint64_t offset = slot->block * BLOCK;
	int ret;

	say_lost(fetch, slot, error);
	ret = gmem_channel_poison(fetch->channel, offset, slot->size);
	ret = answered(fetch, slot->block, ret, BLOCK_LOST);
	if (ret > 0)
		order_return(fetch->order, slot->block);
	release(fetch, slot);
	return ret < 0 ? ret : 0;
}

/* ---- blocks ---- */

static struct fetch_slot *free_slot(struct fetch *fetch)
{
	for (unsigned int i = 0; i < FETCH_SLOTS; i++)
		if (!fetch->slots[i].busy)
			return &fetch->slots[i];
	return NULL;
}

static void begin(struct fetch *fetch, uint64_t block, uint64_t at)
{
	struct fetch_slot *slot = free_slot(fetch);

	slot->busy = true;
	slot->tried = false;
	slot->block = block;
	slot->at = at;
	slot->size = block_size(fetch, block);
	slot->got = 0;
	fetch->nr_busy++;
	read_more(fetch, slot);
}

int fetch_begin(struct fetch *fetch)
{
	uint64_t block, at;
	int ret;

	while (fetch->nr_busy < FETCH_SLOTS && !fetch->starved) {
		if (!order_next(fetch->order,
				fetch->nr_busy >= FETCH_BACKGROUND, &block))
			return 0;
		if (source_has(fetch->source, block * BLOCK,
			       block_size(fetch, block), &at)) {
			begin(fetch, block, at);
			continue;
		}
		ret = fill_zero(fetch, block);
		if (ret < 0)
			return -1;
		if (ret)
			order_return(fetch->order, block);
	}
	return 0;
}

/* The snapshot may end before the file: the rest is zeros, as behind both. */
static int finish(struct fetch *fetch, struct fetch_slot *slot)
{
	uint64_t left = bytes_left(fetch, slot->block);
	uint64_t got = slot->got < left ? slot->got : left;

	if (got < slot->size)
		memset((char *)slot->buffer + got, 0, slot->size - got);
	source_trim(fetch->source, slot->block * BLOCK, slot->buffer,
		    slot->size);
	return fill(fetch, slot);
}

/* The second time by the page cache. */
static int read_again(struct fetch *fetch, struct fetch_slot *slot, int error)
{
	if (slot->tried)
		return lose(fetch, slot, error);
	slot->tried = true;
	slot->got = 0;
	read_more(fetch, slot);
	return 0;
}

static bool is_end(const struct fetch *fetch, const struct fetch_slot *slot)
{
	return slot->got >= slot->size ||
	       slot->at + slot->got >= fetch->source->end;
}

int fetch_end(struct fetch *fetch, void *tag, int result)
{
	struct fetch_slot *slot = tag;

	if (result == -EINTR || result == -EAGAIN) {
		read_more(fetch, slot);
		return 0;
	}
	if (result == -ENOMEM) {
		slot->unread = true;
		starve(fetch, strerror(ENOMEM));
		return 0;
	}
	if (result < 0)
		return read_again(fetch, slot, -result);
	slot->got += result;
	fetch->bytes_read += result;
	if (is_end(fetch, slot))
		return finish(fetch, slot);
	/* O_DIRECT can't go on in the middle of a page. */
	if (!result || (slot->got % PAGE && !slot->tried))
		return read_again(fetch, slot, EIO);
	read_more(fetch, slot);
	return 0;
}

static int go_on(struct fetch *fetch, struct fetch_slot *slot)
{
	if (slot->full)
		return fill(fetch, slot);
	if (slot->unread)
		read_more(fetch, slot);
	slot->unread = false;
	return 0;
}

int fetch_again(struct fetch *fetch)
{
	fetch->starved = false;
	for (unsigned int i = 0; i < FETCH_SLOTS && !fetch->starved; i++)
		if (go_on(fetch, &fetch->slots[i]))
			return -1;
	fetch->told = fetch->starved;
	return fetch_begin(fetch);
}

/* ---- begin and end ---- */

int fetch_open(struct fetch *fetch)
{
	size_t size = FETCH_SLOTS * BLOCK;
	char *buffers;

	/* One huge page for each, if the host has them. */
	buffers = mmap(NULL, size + BLOCK, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buffers == MAP_FAILED)
		return fail_errno("no memory for buffers");
	buffers = (char *)(((uintptr_t)buffers + BLOCK - 1) & ~(BLOCK - 1));
	madvise(buffers, size, MADV_HUGEPAGE);
	madvise(buffers, size, MADV_DONTDUMP);
	for (unsigned int i = 0; i < FETCH_SLOTS; i++)
		fetch->slots[i].buffer = buffers + i * BLOCK;
	return open_ring(fetch);
}

void fetch_close(struct fetch *fetch)
{
	if (fetch->has_ring)
		io_uring_queue_exit(&fetch->ring);
	if (fetch->slots[0].buffer)
		explicit_bzero(fetch->slots[0].buffer, FETCH_SLOTS * BLOCK);
}
