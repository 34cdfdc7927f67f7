// SPDX-License-Identifier: GPL-2.0
/* virtio-blk: the guest's requests, and their transfers from and to a disk. */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blk.h"
#include "error.h"

#define SECTOR_SIZE	512U
#define BUFFER_ALIGN	4096

/* Two segments of a chain aren't data: the header and the status. */
#define SEGMENTS_MAX	(CHAIN_SEGMENTS - 2)
#define SEGMENT_MAX	(32U << 10)
#define REQUEST_MAX	(SEGMENTS_MAX * SEGMENT_MAX)

/* The limit of data under way, and so of buffers, whatever the guest asks. */
#define BYTES_MAX	(16ULL << 20)

#define ZERO_SECTORS_MAX	(1U << 22)

/* Zeroing may take minutes. When the device stops, later parts are left out. */
#define ZERO_PART	(16U << 20)

/* How many requests are taken from the queue in a piece of work. */
#define BATCH		32

static const char serial_number[VIRTIO_BLK_ID_BYTES] = "gmemvm";

/* ---- the list of free requests ---- */

static struct blk_request *get_request(struct blk *b)
{
	struct blk_request *r = b->free;

	if (r) {
		b->free = r->next;
		r->buffer = NULL;
		r->size = 0;
		r->done = 0;
		r->to_zero = 0;
		r->first_part = 0;
		r->nr_parts = 0;
		r->pinned = false;
	}
	return r;
}

static void put_request(struct blk *b, struct blk_request *r)
{
	free(r->buffer);
	r->buffer = NULL;
	r->next = b->free;
	b->free = r;
}

/* ---- where the data is ---- */

static int get_buffer(struct blk_request *r, uint64_t size)
{
	r->buffer = aligned_alloc(BUFFER_ALIGN,
				  (size + BUFFER_ALIGN - 1) & -BUFFER_ALIGN);
	r->size = size;
	return r->buffer ? 0 : -ENOMEM;
}

static bool is_read(const struct blk_request *r)
{
	return r->type == VIRTIO_BLK_T_IN;
}

/* The offset of a request's data in its chain. */
static uint64_t data_start(const struct blk_request *r)
{
	return is_read(r) ? 0 : sizeof(struct virtio_blk_outhdr);
}

/* Transfer by a copy. Return: 0, -ENOMEM or an error of chain_read() */
static int use_buffer(struct blk_request *r)
{
	int ret = get_buffer(r, r->size);

	if (!ret && !is_read(r))
		ret = chain_read(&r->chain, data_start(r), r->buffer, r->size);
	r->parts[0] = (struct iovec){ r->buffer, r->size };
	r->nr_parts = 1;
	r->first_part = 0;
	r->done = 0;
	return ret;
}

/* O_DIRECT wants memory aligned to the disk's blocks. */
static bool is_aligned(const struct blk *b, const struct segment *s)
{
	return !((s->address | s->size) & (b->disk.block_size - 1));
}

/*
 * Transfer from or to the guest's own memory, if all of it is shared. The
 * addresses also show where the I/O pool is, if the guest uses one.
 */
static bool use_memory(struct blk *b, struct blk_request *r)
{
	struct vm *vm = b->virtio.vm;
	struct segment found[CHAIN_SEGMENTS];
	unsigned int nr = chain_find(&r->chain, is_read(r), data_start(r),
				     r->size, found);
	uint64_t room = IO_POOL_STEP;

	for (unsigned int i = 0; i < nr; i++) {
		const struct segment *s = &found[i];
		void *at;

		if (virtio_has(&b->virtio, VIRTIO_F_ACCESS_PLATFORM))
			io_pool_saw(&vm->io_pool, s->address, s->size, &room);
		at = guest_shared_at(&vm->guest, s->address, s->size);
		if (!at || !is_aligned(b, s))
			return false;
		r->parts[i] = (struct iovec){ at, s->size };
	}
	r->nr_parts = nr;
	r->pinned = nr;
	b->pinned += r->pinned;
	return nr;
}

/* ---- the end of a request ---- */

static bool is_transfer(const struct blk_request *r)
{
	return r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_OUT;
}

/* Write the data first, and then the status, which is the last byte. */
static int answer(struct virtqueue *queue, struct blk_request *r,
		  uint8_t status)
{
	const struct chain *c = &r->chain;
	uint32_t written = 1;
	int ret = 0;

	if (status == VIRTIO_BLK_S_OK &&
	    (r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_GET_ID)) {
		if (r->buffer)
			ret = chain_write(c, 0, r->buffer, r->size);
		written += r->size;
	}
	if (!ret)
		ret = chain_write(c, c->in_size - 1, &status, sizeof(status));
	return ret ? ret : virtqueue_push(queue, c, written);
}

/* If the guest has reset the device since, nobody waits for the request. */
static void finish(struct blk *b, struct blk_request *r, uint8_t status)
{
	struct virtqueue *queue = virtio_queue(&b->virtio, 0);
	int ret;

	b->counters.failed += status != VIRTIO_BLK_S_OK;
	if (r->generation == b->virtio.generation && queue) {
		ret = answer(queue, r, status);
		if (ret)
			virtio_break(&b->virtio, ret);
	}
	put_request(b, r);
}

static void submit(struct blk *b, struct blk_request *r)
{
	disk_transfer(&b->disk, r->type == VIRTIO_BLK_T_OUT,
		      r->parts + r->first_part, r->nr_parts - r->first_part,
		      r->offset + r->done, r);
}

/* @size more bytes are transferred: leave them out of @parts. */
static void skip(struct blk_request *r, size_t size)
{
	r->done += size;
	while (size && r->first_part < r->nr_parts) {
		struct iovec *part = &r->parts[r->first_part];
		size_t now = size < part->iov_len ? size : part->iov_len;

		part->iov_base = (char *)part->iov_base + now;
		part->iov_len -= now;
		size -= now;
		if (!part->iov_len)
			r->first_part++;
	}
}

static void count_end(struct blk *b, struct blk_request *r)
{
	struct blk_counters *n = &b->counters;

	switch (r->type) {
	case VIRTIO_BLK_T_IN:
		n->reads++;
		n->bytes_read += r->done;
		break;
	case VIRTIO_BLK_T_OUT:
		n->writes++;
		n->bytes_written += r->done;
		break;
	case VIRTIO_BLK_T_FLUSH:
		n->flushes++;
		break;
	default:
		n->zeroes++;
	}
	if (!is_transfer(r))
		return;
	if (r->pinned)
		n->zero_copy++;
	else
		n->copied++;
}

/* The request doesn't access the guest's memory any more. */
static void unpin(struct blk *b, struct blk_request *r)
{
	if (!r->pinned)
		return;
	r->pinned = false;
	b->pinned--;
	if (!b->pinned)
		pthread_cond_broadcast(&b->calm);
}

static void ended(struct blk *b, struct blk_request *r, uint8_t status)
{
	count_end(b, r);
	unpin(b, r);
	b->under_way--;
	b->bytes_under_way -= r->size;
	finish(b, r, status);
}

/* The memory became private: transfer by a copy instead. Return: 0, or -1 */
static int fall_back(struct blk *b, struct blk_request *r)
{
	if (r->generation != b->virtio.generation ||
	    !virtio_queue(&b->virtio, 0) || use_buffer(r))
		return -1;
	b->counters.fell_back++;
	unpin(b, r);
	submit(b, r);
	return 0;
}

static void zero_part(struct blk *b, struct blk_request *r)
{
	uint64_t size = r->to_zero < ZERO_PART ? r->to_zero : ZERO_PART;
	uint64_t offset = r->offset;

	r->offset += size;
	r->to_zero -= size;
	disk_zero(&b->disk, offset, size, r->punch, r);
}

/* Does the guest still wait for the request, and does the device still run? */
static bool goes_on(const struct blk *b, const struct blk_request *r)
{
	return r->generation == b->virtio.generation &&
	       !virtio_is_stopping(&b->virtio);
}

static void completed(struct blk *b, struct blk_request *r, int result)
{
	bool transfer = is_transfer(r);

	if (result == -EFAULT && r->pinned && !fall_back(b, r))
		return;
	if (!result && r->to_zero && !goes_on(b, r))
		result = -ECANCELED;
	if (!result && r->to_zero) {
		zero_part(b, r);
		return;
	}
	if (result > 0 && transfer)
		skip(r, result);
	if (result > 0 && transfer && r->done < r->size) {
		submit(b, r);
		return;
	}
	if (result == -EOPNOTSUPP)
		ended(b, r, VIRTIO_BLK_S_UNSUPP);
	else if (result < 0 || (transfer && r->done < r->size))
		ended(b, r, VIRTIO_BLK_S_IOERR);
	else
		ended(b, r, VIRTIO_BLK_S_OK);
}

/* The queues end: wait for transfers from and to the guest's own memory. */
static void quiesce(struct virtio *v)
{
	struct blk *b = (struct blk *)((char *)v - offsetof(struct blk,
							     virtio));

	while (b->pinned && !b->ended)
		pthread_cond_wait(&b->calm, &v->lock);
}

/* ---- the beginning ---- */

static bool is_on_disk(const struct blk *b, uint64_t sector, uint64_t size)
{
	uint64_t sectors = b->disk.size / SECTOR_SIZE;

	return sector <= sectors && size <= (sectors - sector) * SECTOR_SIZE;
}

static void began(struct blk *b, struct blk_request *r)
{
	b->under_way++;
	b->bytes_under_way += r->size;
}

static void begin_transfer(struct blk *b, struct blk_request *r,
			   uint64_t sector)
{
	uint64_t size = is_read(r) ? r->chain.in_size - 1 :
				     r->chain.out_size - data_start(r);

	if (!size || size > REQUEST_MAX || size % b->disk.block_size ||
	    !is_on_disk(b, sector, size) || (!is_read(r) && b->readonly)) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	r->offset = sector * SECTOR_SIZE;
	r->size = size;
	if (!use_memory(b, r) && use_buffer(r)) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	began(b, r);
	submit(b, r);
}

static void begin_zero(struct blk *b, struct blk_request *r)
{
	bool discard = r->type == VIRTIO_BLK_T_DISCARD;
	struct virtio_blk_discard_write_zeroes range;
	uint64_t size;

	if (r->chain.out_size != sizeof(struct virtio_blk_outhdr) +
				 sizeof(range) ||
	    chain_read(&r->chain, sizeof(struct virtio_blk_outhdr), &range,
		       sizeof(range)) || b->readonly) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	size = (uint64_t)range.num_sectors * SECTOR_SIZE;
	if (!size || range.num_sectors > ZERO_SECTORS_MAX ||
	    !is_on_disk(b, range.sector, size)) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	if (range.flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP ||
	    (discard && range.flags)) {
		finish(b, r, VIRTIO_BLK_S_UNSUPP);
		return;
	}
	r->offset = range.sector * SECTOR_SIZE;
	r->to_zero = size;
	r->punch = discard || range.flags;
	began(b, r);
	zero_part(b, r);
}

static void begin_flush(struct blk *b, struct blk_request *r)
{
	began(b, r);
	disk_flush(&b->disk, r);
}

static void begin_id(struct blk *b, struct blk_request *r)
{
	if (r->chain.in_size != sizeof(serial_number) + 1 ||
	    get_buffer(r, sizeof(serial_number))) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	memcpy(r->buffer, serial_number, sizeof(serial_number));
	finish(b, r, VIRTIO_BLK_S_OK);
}

/* Return: 0, or an error if the chain is wrong */
static int begin(struct blk *b, struct blk_request *r)
{
	struct virtio_blk_outhdr header;
	int ret;

	r->generation = b->virtio.generation;
	r->type = UINT32_MAX;
	ret = chain_read(&r->chain, 0, &header, sizeof(header));
	if (!ret && !r->chain.in_size)
		ret = -EINVAL;
	if (ret) {
		put_request(b, r);
		return ret;
	}
	r->type = header.type;
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
	case VIRTIO_BLK_T_OUT:
		begin_transfer(b, r, header.sector);
		break;
	case VIRTIO_BLK_T_FLUSH:
		begin_flush(b, r);
		break;
	case VIRTIO_BLK_T_GET_ID:
		begin_id(b, r);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		begin_zero(b, r);
		break;
	default:
		finish(b, r, VIRTIO_BLK_S_UNSUPP);
	}
	return 0;
}

/* ---- the queue ---- */

/* Return: 1 if one was taken; 0 if there is none, or no room; or an error */
static int take_one(struct blk *b, struct virtqueue *queue)
{
	struct blk_request *r;
	int ret;

	b->starved = b->bytes_under_way >= BYTES_MAX || !b->free;
	if (b->starved)
		return 0;
	r = get_request(b);
	ret = virtqueue_pop(queue, &r->chain);
	if (ret <= 0) {
		put_request(b, r);
		return ret;
	}
	ret = begin(b, r);
	return ret ? ret : 1;
}

/* Return: is there more? */
static bool take_some(struct blk *b)
{
	struct virtqueue *queue;
	int ret = 1;

	for (unsigned int i = 0; i < BATCH && ret > 0; i++) {
		queue = virtio_queue(&b->virtio, 0);
		if (!queue || b->virtio.held)
			return false;
		ret = take_one(b, queue);
		if (!ret && !b->starved)
			ret = virtqueue_wait(queue);
	}
	if (ret < 0)
		virtio_break(&b->virtio, ret);
	return ret > 0;
}

/* ---- the thread ---- */

static void wait_for_kick(struct blk *b)
{
	if (b->waits_for_kick)
		return;
	b->waits_for_kick = true;
	disk_read_other(&b->disk, b->virtio.kick_fd, &b->kicks,
			sizeof(b->kicks), &b->kicks);
}

static void handle_completions(struct blk *b)
{
	void *tag;
	int result;

	while (disk_next(&b->disk, &tag, &result)) {
		if (tag == &b->kicks)
			b->waits_for_kick = false;
		else
			completed(b, tag, result);
	}
}

/* Return: is there more to take? */
static bool handle_events(struct blk *b)
{
	struct virtqueue *queue;
	bool more = false;

	virtio_begin_piece(&b->virtio);
	handle_completions(b);
	if (!virtio_is_stopping(&b->virtio))
		more = take_some(b);
	queue = virtio_queue(&b->virtio, 0);
	if (queue)
		virtio_tell(&b->virtio, queue);
	virtio_end_piece(&b->virtio);
	return more;
}

/* Requests under way are completed, so that no write of the guest is lost. */
static void work(struct blk *b)
{
	bool more = false;

	while (!virtio_is_stopping(&b->virtio) || b->under_way) {
		wait_for_kick(b);
		if (disk_submit(&b->disk, !more)) {
			vm_end(b->virtio.vm, VM_FAILED);
			return;
		}
		more = handle_events(b);
	}
}

static void *blk_thread(void *arg)
{
	struct blk *b = arg;

	work(b);
	pthread_mutex_lock(&b->virtio.lock);
	b->ended = true;
	pthread_cond_broadcast(&b->calm);
	pthread_mutex_unlock(&b->virtio.lock);
	return NULL;
}

/* ---- all ---- */

static void set_config(struct blk *b)
{
	b->config = (struct virtio_blk_config){
		.capacity = b->disk.size / SECTOR_SIZE,
		.size_max = SEGMENT_MAX,
		.seg_max = SEGMENTS_MAX,
		.blk_size = b->disk.block_size,
		.max_discard_sectors = ZERO_SECTORS_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = b->disk.block_size / SECTOR_SIZE,
		.max_write_zeroes_sectors = ZERO_SECTORS_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};
}

static uint64_t features(const struct blk *b, bool platform)
{
	uint64_t all = 1ULL << VIRTIO_BLK_F_SIZE_MAX |
		       1ULL << VIRTIO_BLK_F_SEG_MAX |
		       1ULL << VIRTIO_BLK_F_BLK_SIZE |
		       1ULL << VIRTIO_BLK_F_FLUSH;

	/* Offered only if it is needed, because it makes guests slower. */
	if (platform)
		all |= 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	if (b->readonly)
		return all | 1ULL << VIRTIO_BLK_F_RO;
	return all | 1ULL << VIRTIO_BLK_F_DISCARD |
	       1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
}

int blk_add(struct blk *b, struct vm *vm, unsigned int slot,
	    const struct disk_options *options)
{
	if (disk_open(&b->disk, options, VIRTQUEUE_SIZE))
		return -1;
	b->readonly = options->readonly;
	set_config(b);
	for (unsigned int i = 0; i < VIRTQUEUE_SIZE; i++)
		put_request(b, &b->requests[i]);
	b->virtio = (struct virtio){
		.name = "disk", .id = VIRTIO_ID_BLOCK,
		.nr_queues = 1,
		.features = features(b, options->platform || vm->io_pool.size),
		.config = &b->config, .config_size = sizeof(b->config),
		.quiesce = quiesce,
	};
	pthread_cond_init(&b->calm, NULL);
	return virtio_add(&b->virtio, vm, slot);
}

int blk_start(struct blk *b)
{
	return virtio_start(&b->virtio, blk_thread, b);
}

void blk_remove(struct blk *b)
{
	disk_close(&b->disk);
	virtio_remove(&b->virtio);
}
