// SPDX-License-Identifier: GPL-2.0
/* Saved memory that is compressed: writes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bulk.h"
#include "ctl.h"
#include "pack.h"

#define BUFFER	(1UL << 20)

/* A skippable frame: its magic, and its length; both little-endian. */
static const char empty[8] = "\x50\x2a\x4d\x18";

int pack_most(void)
{
	return ZSTD_maxCLevel();
}

static bool set_up(struct pack *p, int level, uint64_t size)
{
	ZSTD_CCtx *c = p->context;

	return !ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel,
						    level)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag,
						    1)) &&
	       !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(c, size));
}

int pack_begin(struct pack *p, int fd, int level, uint64_t size)
{
	*p = (struct pack){
		.fd = fd, .size = size, .context = ZSTD_createCCtx(),
	};
	if (!p->context)
		ctl_die("out of memory");
	p->bytes = bulk_buffer(BUFFER);
	return set_up(p, level, size) ? 0 : -EINVAL;
}

static int write_out(struct pack *p)
{
	int err = bulk_write(p->fd, p->bytes, p->used, p->at);

	p->at += p->used;
	p->used = 0;
	return err;
}

static int put(struct pack *p, const void *bytes, size_t size,
	       ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = { bytes, size, 0 };
	size_t left;
	int err = 0;

	do {
		ZSTD_outBuffer out = { p->bytes, BUFFER, p->used };

		left = ZSTD_compressStream2(p->context, &out, &in, how);
		/* It has been given all that it can find fault with. */
		if (ZSTD_isError(left))
			return -ENOMEM;
		p->used = out.pos;
		if (p->used == BUFFER)
			err = write_out(p);
	} while (!err && (in.pos < in.size || (how == ZSTD_e_end && left)));
	return err;
}

int pack_put(struct pack *p, const void *bytes, size_t size)
{
	return put(p, bytes, size, ZSTD_e_continue);
}

int pack_end(struct pack *p)
{
	int err = put(p, NULL, 0, ZSTD_e_end);

	if (err)
		return err;
	err = write_out(p);
	if (err || p->at != p->size)
		return err;
	memcpy(p->bytes, empty, sizeof(empty));
	p->used = sizeof(empty);
	return write_out(p);
}

void pack_free(struct pack *p)
{
	ZSTD_freeCCtx(p->context);
	free(p->bytes);
	*p = (struct pack){ 0 };
}
