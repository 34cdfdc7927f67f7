// SPDX-License-Identifier: GPL-2.0
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

/* Two descriptors of a chain aren't data. Segments are at most this long, so
 * that a request is at most REQUEST_MAX.
 */
#define SEGMENTS_MAX	(CHAIN_SEGMENTS - 2)
#define SEGMENT_MAX	(32U << 10)
#define REQUEST_MAX	(SEGMENTS_MAX * SEGMENT_MAX)

/* Of buffers, whatever the guest asks for. */
#define BYTES_MAX	(16ULL << 20)

#define ZERO_SECTORS_MAX	(1U << 22)

static const char serial_number[VIRTIO_BLK_ID_BYTES] = "gmemvm";

/* ---- requests: from a list of those that are free ---- */

static struct blk_request *get_request(struct blk *b)
{
	struct blk_request *r = b->free;

	if (r) {
		b->free = r->next;
		r->buffer = NULL;
		r->size = 0;
		r->done = 0;
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

/* ---- the end of a request ---- */

/* Data first and then the status, which is the last byte. */
static int answer(struct blk *b, struct blk_request *r, uint8_t status)
{
	const struct chain *c = &r->chain;
	uint32_t written = 1;
	int ret = 0;

	if (status == VIRTIO_BLK_S_OK &&
	    (r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_GET_ID)) {
		ret = chain_write(c, 0, r->buffer, r->size);
		written += r->size;
	}
	if (!ret)
		ret = chain_write(c, c->in_size - 1, &status, sizeof(status));
	return ret ? ret : virtqueue_push(&b->virtio.queue, c, written);
}

/* The guest may have reset the device since: then it's nobody's. */
static void finish(struct blk *b, struct blk_request *r, uint8_t status)
{
	int ret;

	if (r->generation == b->virtio.generation &&
	    virtio_is_running(&b->virtio)) {
		ret = answer(b, r, status);
		if (ret)
			virtio_break(&b->virtio, ret);
	}
	put_request(b, r);
}

static void submit(struct blk *b, struct blk_request *r)
{
	char *data = r->buffer + r->done;
	uint32_t size = r->size - r->done;

	if (r->type == VIRTIO_BLK_T_IN)
		disk_read(&b->disk, data, size, r->offset + r->done, r);
	else
		disk_write(&b->disk, data, size, r->offset + r->done, r);
}

static void completed(struct blk *b, struct blk_request *r, int result)
{
	bool transfer = r->type == VIRTIO_BLK_T_IN ||
			r->type == VIRTIO_BLK_T_OUT;

	if (result > 0 && transfer)
		r->done += result;
	if (result > 0 && r->done < r->size && transfer) {
		submit(b, r);
		return;
	}
	b->under_way--;
	b->bytes_under_way -= r->size;
	if (result == -EOPNOTSUPP)
		finish(b, r, VIRTIO_BLK_S_UNSUPP);
	else if (result < 0 || (transfer && r->done < r->size))
		finish(b, r, VIRTIO_BLK_S_IOERR);
	else
		finish(b, r, VIRTIO_BLK_S_OK);
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

static int get_buffer(struct blk_request *r, uint64_t size)
{
	r->buffer = aligned_alloc(BUFFER_ALIGN,
				  (size + BUFFER_ALIGN - 1) & -BUFFER_ALIGN);
	r->size = size;
	return r->buffer ? 0 : -ENOMEM;
}

static void begin_transfer(struct blk *b, struct blk_request *r,
			   uint64_t sector)
{
	bool read = r->type == VIRTIO_BLK_T_IN;
	uint64_t size = read ? r->chain.in_size - 1 :
			       r->chain.out_size -
			       sizeof(struct virtio_blk_outhdr);

	if (!size || size > REQUEST_MAX || size % b->disk.block_size ||
	    !is_on_disk(b, sector, size) || (!read && b->readonly) ||
	    get_buffer(r, size)) {
		finish(b, r, VIRTIO_BLK_S_IOERR);
		return;
	}
	r->offset = sector * SECTOR_SIZE;
	if (!read && chain_read(&r->chain, sizeof(struct virtio_blk_outhdr),
				r->buffer, size)) {
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
	began(b, r);
	disk_zero(&b->disk, range.sector * SECTOR_SIZE, size,
		  discard || range.flags, r);
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

/* Return: 0, or what is wrong with the chain */
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

/* Return: 1 if one was taken, 0 there is none or no room for it, or an error */
static int take_one(struct blk *b)
{
	struct blk_request *r;
	int ret;

	b->starved = b->bytes_under_way >= BYTES_MAX || !b->free;
	if (b->starved)
		return 0;
	r = get_request(b);
	ret = virtqueue_pop(&b->virtio.queue, &r->chain);
	if (ret <= 0) {
		put_request(b, r);
		return ret;
	}
	ret = begin(b, r);
	return ret ? ret : 1;
}

static void take_all(struct blk *b)
{
	int ret;

	do {
		if (!virtio_is_running(&b->virtio))
			return;
		ret = take_one(b);
		if (!ret && !b->starved)
			ret = virtqueue_wait(&b->virtio.queue);
	} while (ret > 0);
	if (ret < 0)
		virtio_break(&b->virtio, ret);
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

static void handle_events(struct blk *b)
{
	pthread_mutex_lock(&b->virtio.lock);
	handle_completions(b);
	if (!virtio_is_stopping(&b->virtio))
		take_all(b);
	if (virtio_is_running(&b->virtio))
		virtio_tell(&b->virtio);
	pthread_mutex_unlock(&b->virtio.lock);
}

/* What is under way is ended, so that nothing that was written is lost. */
static void *blk_thread(void *arg)
{
	struct blk *b = arg;

	while (!virtio_is_stopping(&b->virtio) || b->under_way) {
		wait_for_kick(b);
		if (disk_submit(&b->disk)) {
			vm_end(b->virtio.vm, VM_FAILED);
			return NULL;
		}
		handle_events(b);
	}
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
		.features = features(b, options->platform),
		.config = &b->config, .config_size = sizeof(b->config),
	};
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
