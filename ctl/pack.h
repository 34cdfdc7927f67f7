/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Saved memory that is compressed: one frame of zstd, which has its contents'
 * length in its header, and a checksum of them at its end. So `zstd -d` makes
 * of it what was compressed.
 *
 * A guest could begin its memory like such a frame. So the length tells which of
 * the two a file is: as long as what is compressed, it never is itself. Where
 * the frame would be, an empty skippable frame is put behind it.
 *
 * What is read may be damaged, or made to do harm.
 */
#ifndef PACK_H
#define PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

/* ---- write ---- */

struct pack {
	int fd;
	ZSTD_CCtx *context;
	char *bytes;		/* that aren't in the file yet */
	size_t used;
	uint64_t at;		/* where they belong */
	uint64_t size;		/* of what is compressed */
};

/* The highest level; the lowest is 1. */
int pack_most(void);

/*
 * pack_begin - begin a file, which is empty
 * @size: how much will be put there
 */
int pack_begin(struct pack *p, int fd, int level, uint64_t size);

/* All of these return 0 or a negative errno. */
int pack_put(struct pack *p, const void *bytes, size_t size);
int pack_end(struct pack *p);
void pack_free(struct pack *p);

/* ---- read ---- */

struct unpack {
	int fd;
	uint64_t file_size;
	uint64_t size;		/* of what was compressed, as the file says */
	uint64_t done;		/* bytes of that */
	uint64_t at;		/* bytes of the file */
	ZSTD_DCtx *context;
	char *bytes;		/* of the file */
	ZSTD_inBuffer in;	/* those that are still to be looked at */
	bool ended;		/* the frame has */
	char why[160];		/* if it was -EBADMSG */
};

/* unpack_is - is a file compressed, unless its length says that it isn't? */
bool unpack_is(int fd);

/*
 * unpack_begin - read a file from its start; also once more
 * @u: zeros, or one that was begun
 *
 * These return 0 or a negative errno. -EBADMSG: the file isn't what it should
 * be, and @u->why is the reason.
 */
int unpack_begin(struct unpack *u, int fd, uint64_t file_size);
int unpack_next(struct unpack *u, void *to, size_t size);

/* unpack_end - look at the rest: is all of it there, and nothing else? */
int unpack_end(struct unpack *u);
void unpack_free(struct unpack *u);

#endif /* PACK_H */
