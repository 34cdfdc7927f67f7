/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshot files: a header with a checksum, then sections in a fixed order,
 * each with its kind, its index and its size. This is only the format. What a
 * section means is the matter of who reads it.
 *
 * A file may be damaged, or made to do harm. The reader copies all of it into
 * memory first, and checks each size against what is left. It gives out a
 * section only if its kind, its index and its size are those that are expected
 * next. What is in the sections must be checked by who reads them.
 */
#ifndef SNAPFILE_H
#define SNAPFILE_H

#include <stddef.h>
#include <stdint.h>

/* Changes with each change of what a snapshot has in it. */
#define SNAPFILE_VERSION	1

/* No snapshot is larger. */
#define SNAPFILE_MAX		(16UL << 20)

enum snap_kind {
	SNAP_MACHINE = 1,
	SNAP_SHARED,		/* ranges of shared memory */
	SNAP_IO_POOL,
	SNAP_DISK,
	SNAP_RNG,
	SNAP_BALLOON,
	SNAP_NET,
	SNAP_SERIAL,
	SNAP_CLOCK,
	SNAP_CHIPS,		/* interrupt controllers, and the timer */
	/* Of a vCPU, whose number is the index. */
	SNAP_CPUID,
	SNAP_TSC_KHZ,
	SNAP_SREGS,
	SNAP_REGS,
	SNAP_XCRS,
	SNAP_XSAVE,
	SNAP_DEBUGREGS,
	SNAP_LAPIC,
	SNAP_MSRS,
	SNAP_MP_STATE,
	SNAP_EVENTS,
};

struct snap_header {
	char magic[8];
	uint32_t version;
	uint32_t checksum;	/* CRC-32 of all, with this field 0 */
	uint64_t size;		/* of the file, in bytes */
	uint64_t reserved;
};

/* A section's contents follow, and zeros up to a multiple of 8 bytes. */
struct snap_section {
	uint32_t kind;
	uint32_t index;
	uint64_t size;		/* of the contents, in bytes */
};

/* ---- writing ---- */

struct snap_writer {
	char *bytes;
	size_t size, room;
	const char *error;	/* NULL: none so far */
};

/* Any number of snap_put(), then snap_finish(), and at the end snap_free(). */
void snap_begin(struct snap_writer *writer);
void snap_put(struct snap_writer *writer, enum snap_kind kind,
	      uint32_t index, const void *data, size_t size);

/* Complete the header. Return: 0, or -1 after fail() */
int snap_finish(struct snap_writer *writer);

/* The same for bytes of another origin, which begin with room for a header. */
void snap_seal(char *bytes, size_t size);
void snap_free(struct snap_writer *writer);

/*
 * Open and lock the file that a snapshot is to be in. Return: it, or -1 after
 * fail()
 */
int snap_create(const char *path);

/* Replace the file's contents. Return: 0, or -1 after fail() */
int snap_store(const struct snap_writer *writer, int fd);

/* ---- reading ---- */

struct snap_reader {
	const char *path;	/* for messages */
	char *bytes;
	size_t size, at;
};

/*
 * Read a file, and check its header. Return: 0, or -1 after fail().
 * snap_close() may be called after either.
 */
int snap_open(struct snap_reader *reader, const char *path);
void snap_close(struct snap_reader *reader);

/* The same check for bytes in memory: the caller has set all fields. */
int snap_check(struct snap_reader *reader);

/*
 * Get the next section, which must be this one, with @size bytes at least and
 * @most at most. Return: its contents, aligned to 8 bytes, with @size set; or
 * NULL after fail()
 */
const void *snap_next(struct snap_reader *reader, enum snap_kind kind,
		      uint32_t index, size_t *size, size_t most);

/* The same with a size that is known. Return: 0, or -1 after fail() */
int snap_get(struct snap_reader *reader, enum snap_kind kind, uint32_t index,
	     void *to, size_t size);

/* There is no further section. Return: 0, or -1 after fail() */
int snap_end(struct snap_reader *reader);

/* A section can't be what gmemvm has written. Return: -1, always */
int snap_bad(const struct snap_reader *reader, const char *what);

#endif
