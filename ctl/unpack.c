// SPDX-License-Identifier: GPL-2.0
/* Saved memory that is compressed: reads it. */
#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "ctl.h"
#include "pack.h"

#define BUFFER	(1UL << 20)

/* Of a frame's header: the byte behind the magic, and a bit in it. */
#define DESCRIPTOR	4
#define HAS_CHECKSUM	4

#define EMPTY_SIZE	8

__attribute__((format(printf, 2, 3)))
static int bad(struct unpack *u, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(u->why, sizeof(u->why), fmt, ap);
	va_end(ap);
	return -EBADMSG;
}

bool unpack_is(int fd)
{
	uint32_t magic;

	return !bulk_read(fd, &magic, sizeof(magic), 0) &&
	       le32toh(magic) == ZSTD_MAGICNUMBER;
}

static int read_more(struct unpack *u)
{
	size_t size = bulk_part(u->at, u->file_size, BUFFER);
	int err = bulk_read(u->fd, u->bytes, size, u->at);

	u->at += size;
	u->in = (ZSTD_inBuffer) { u->bytes, size, 0 };
	return err;
}

static int read_header(struct unpack *u)
{
	unsigned long long size;
	int err = read_more(u);

	if (err)
		return err;
	size = ZSTD_getFrameContentSize(u->bytes, u->in.size);
	if (size == ZSTD_CONTENTSIZE_ERROR)
		return bad(u, "damaged: its header is wrong");
	if (size == ZSTD_CONTENTSIZE_UNKNOWN)
		return bad(u, "compressed, but doesn't say how long its contents are; decompress it ('zstd -d'), and load that");
	if (!(u->bytes[DESCRIPTOR] & HAS_CHECKSUM))
		return bad(u, "compressed, but without a checksum; decompress it ('zstd -d'), and load that");
	u->size = size;
	return 0;
}

int unpack_begin(struct unpack *u, int fd, uint64_t file_size)
{
	if (!u->context) {
		u->context = ZSTD_createDCtx();
		u->bytes = bulk_buffer(BUFFER);
	}
	if (!u->context)
		ctl_die("out of memory");
	ZSTD_DCtx_reset(u->context, ZSTD_reset_session_only);
	u->fd = fd;
	u->file_size = file_size;
	u->at = 0;
	u->done = 0;
	u->ended = false;
	bulk_direct(fd);
	return read_header(u);
}

/* Decompress some more. What it holds back comes before more is read. */
static int step(struct unpack *u, ZSTD_outBuffer *out)
{
	size_t before = out->pos, left;
	bool was_all = u->in.pos == u->in.size;

	left = ZSTD_decompressStream(u->context, out, &u->in);
	if (ZSTD_isError(left))
		return bad(u, "damaged: %s", ZSTD_getErrorName(left));
	u->done += out->pos - before;
	u->ended = !left;
	if (u->ended || !was_all || out->pos > before)
		return 0;
	if (u->at == u->file_size)
		return bad(u, "damaged: it ends early");
	return read_more(u);
}

int unpack_next(struct unpack *u, void *to, size_t size)
{
	ZSTD_outBuffer out = { to, size, 0 };
	int err = 0;

	while (!err && out.pos < size)
		err = u->ended ? bad(u, "damaged: it has less than it says") :
				 step(u, &out);
	return err;
}

/* Behind the frame may be nothing, or what pack_end() puts there. */
static bool is_at_end(struct unpack *u)
{
	uint64_t at = u->at - (u->in.size - u->in.pos);
	uint32_t empty[2];

	if (u->file_size == at)
		return true;
	return u->file_size - at == EMPTY_SIZE &&
	       !bulk_read(u->fd, empty, sizeof(empty), at) &&
	       le32toh(empty[0]) == ZSTD_MAGIC_SKIPPABLE_START && !empty[1];
}

int unpack_end(struct unpack *u)
{
	char rest[4096];

	while (!u->ended) {
		ZSTD_outBuffer out = { rest, sizeof(rest), 0 };
		int err = step(u, &out);

		if (err)
			return err;
		if (u->done > u->size)
			return bad(u, "damaged: it has more than it says");
	}
	if (u->done != u->size)
		return bad(u, "damaged: it has less than it says");
	return is_at_end(u) ? 0 :
	       bad(u, "damaged: something comes behind its end");
}

void unpack_free(struct unpack *u)
{
	ZSTD_freeDCtx(u->context);
	free(u->bytes);
	*u = (struct unpack){ 0 };
}
