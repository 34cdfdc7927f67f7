// SPDX-License-Identifier: GPL-2.0
/* The format of snapshot files: header, checksum, sections. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "snapfile.h"

static const char magic[8] = "GMEMSNAP";

#define ALIGN		8
#define ROOM_AT_FIRST	(64 << 10)

static size_t aligned(size_t size)
{
	return (size + ALIGN - 1) & -(size_t)ALIGN;
}

/* ---- the checksum ---- */

#define CRC32_POLYNOMIAL	0xedb88320

static uint32_t crc32(uint32_t crc, const void *data, size_t size)
{
	const uint8_t *at = data;

	for (crc = ~crc; size--; at++) {
		crc ^= *at;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32_POLYNOMIAL : 0);
	}
	return ~crc;
}

static uint32_t checksum(const char *bytes, size_t size)
{
	struct snap_header header;
	uint32_t crc;

	memcpy(&header, bytes, sizeof(header));
	header.checksum = 0;
	crc = crc32(0, &header, sizeof(header));
	return crc32(crc, bytes + sizeof(header), size - sizeof(header));
}

/* ---- writing ---- */

static void refuse(struct snap_writer *w, const char *error)
{
	if (!w->error)
		w->error = error;
}

static bool make_room(struct snap_writer *w, size_t size)
{
	size_t room = w->room ? w->room : ROOM_AT_FIRST;
	char *bytes;

	if (size > SNAPFILE_MAX - w->size) {
		refuse(w, "it would be too large");
		return false;
	}
	while (room - w->size < size)
		room *= 2;
	if (room == w->room)
		return true;
	bytes = realloc(w->bytes, room);
	if (!bytes) {
		refuse(w, "there is no memory for it");
		return false;
	}
	w->bytes = bytes;
	w->room = room;
	return true;
}

/* Up to @size bytes from @data, and then zeros. */
static void append(struct snap_writer *w, const void *data, size_t size)
{
	size_t whole = aligned(size);

	if (w->error || !make_room(w, whole))
		return;
	memcpy(w->bytes + w->size, data, size);
	memset(w->bytes + w->size + size, 0, whole - size);
	w->size += whole;
}

void snap_begin(struct snap_writer *w)
{
	const struct snap_header header = {};

	*w = (struct snap_writer){};
	append(w, &header, sizeof(header));
}

void snap_put(struct snap_writer *w, enum snap_kind kind, uint32_t index,
	      const void *data, size_t size)
{
	const struct snap_section section = {
		.kind = kind, .index = index, .size = size,
	};

	append(w, &section, sizeof(section));
	append(w, data, size);
}

void snap_seal(char *bytes, size_t size)
{
	struct snap_header header = {
		.version = SNAPFILE_VERSION, .size = size,
	};

	memcpy(header.magic, magic, sizeof(header.magic));
	memcpy(bytes, &header, sizeof(header));
	header.checksum = checksum(bytes, size);
	memcpy(bytes, &header, sizeof(header));
}

int snap_finish(struct snap_writer *w)
{
	if (w->error)
		return fail("the snapshot can't be made: %s", w->error);
	snap_seal(w->bytes, w->size);
	return 0;
}

void snap_free(struct snap_writer *w)
{
	free(w->bytes);
	*w = (struct snap_writer){};
}

/* ---- the file to write to ---- */

/* A slip of the user's must not replace a disk: it isn't a snapshot. */
static int check_replaced(int fd, const char *path)
{
	char start[sizeof(magic)];
	struct stat st;

	if (fstat(fd, &st))
		return fail_errno("%s", path);
	if (!S_ISREG(st.st_mode))
		return fail("--snapshot: %s is not a file", path);
	if (!st.st_size)
		return 0;
	if (pread(fd, start, sizeof(start), 0) != sizeof(start) ||
	    memcmp(start, magic, sizeof(start)))
		return fail("--snapshot: %s has something else in it than a snapshot, and would be replaced: give the name of a new file",
			    path);
	return 0;
}

/*
 * Two guests would replace each other's snapshot. And a file that is a guest's
 * memory is locked, too. Some file servers have no locks: no error.
 */
static int lock(int fd, const char *path)
{
	if (!flock(fd, LOCK_EX | LOCK_NB) || errno != EWOULDBLOCK)
		return 0;
	return fail("--snapshot: %s is that of another guest, which runs: give another file",
		    path);
}

int snap_create(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd < 0)
		return fail_errno("--snapshot: %s", path);
	if (!check_replaced(fd, path) && !lock(fd, path))
		return fd;
	close(fd);
	return -1;
}

/* By pwrite(), because the sandbox permits no lseek(). */
static int write_all(int fd, const char *from, size_t size)
{
	off_t at = 0;

	while (size) {
		ssize_t done = pwrite(fd, from + at, size, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		at += done;
		size -= done;
	}
	return 0;
}

/* Either all of it is in the file afterwards, or the file is no snapshot. */
int snap_store(const struct snap_writer *w, int fd)
{
	int ret;

	if (!ftruncate(fd, 0) && !write_all(fd, w->bytes, w->size))
		return 0;
	ret = fail_errno("can't write the snapshot");
	/* Without room on the disk, the rest takes up what is left of it. */
	if (ftruncate(fd, 0))
		fail_errno("can't remove what is written of the snapshot");
	return ret;
}

/* ---- reading ---- */

int snap_bad(const struct snap_reader *r, const char *what)
{
	return fail("--restore: %s: %s can't be what gmemvm has written: make the snapshot again",
		    r->path, what);
}

int snap_check(struct snap_reader *r)
{
	struct snap_header header;

	if (r->size < sizeof(header))
		return fail("--restore: %s is not a snapshot of gmemvm's, or it is cut off",
			    r->path);
	memcpy(&header, r->bytes, sizeof(header));
	if (memcmp(header.magic, magic, sizeof(magic)))
		return fail("--restore: %s is not a snapshot of gmemvm's",
			    r->path);
	if (header.version != SNAPFILE_VERSION)
		return fail("--restore: %s has version %u, and this gmemvm reads version %u: make the snapshot again, or restore it by the gmemvm that made it",
			    r->path, header.version, SNAPFILE_VERSION);
	if (header.size != r->size)
		return fail("--restore: %s has %zu bytes and not %llu: copy it again from where it was made",
			    r->path, r->size, (unsigned long long)header.size);
	if (header.reserved || header.checksum != checksum(r->bytes, r->size))
		return fail("--restore: %s is damaged: copy it again from where it was made",
			    r->path);
	r->at = sizeof(header);
	return 0;
}

static int read_all(int fd, char *to, size_t size)
{
	while (size) {
		ssize_t done = read(fd, to, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (!done)
			return -ENODATA;
		to += done;
		size -= done;
	}
	return 0;
}

static int load(struct snap_reader *r, int fd)
{
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return fail_errno("--restore: %s", r->path);
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)SNAPFILE_MAX)
		return fail("--restore: %s is not a snapshot of gmemvm's",
			    r->path);
	r->size = st.st_size;
	r->bytes = malloc(r->size + ALIGN);
	if (!r->bytes)
		return fail("no memory for a snapshot");
	ret = read_all(fd, r->bytes, r->size);
	if (ret)
		return fail("--restore: can't read %s: %s", r->path,
			    strerror(-ret));
	return snap_check(r);
}

int snap_open(struct snap_reader *r, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret;

	*r = (struct snap_reader){ .path = path };
	if (fd < 0)
		return fail_errno("--restore: %s", path);
	ret = load(r, fd);
	close(fd);
	return ret;
}

void snap_close(struct snap_reader *r)
{
	free(r->bytes);
	*r = (struct snap_reader){};
}

/* All sizes are at most that of the file, so that no sum overflows. */
static bool find(const struct snap_reader *r, struct snap_section *section)
{
	size_t left = r->size - r->at;

	if (left < sizeof(*section))
		return false;
	memcpy(section, r->bytes + r->at, sizeof(*section));
	left -= sizeof(*section);
	return section->size <= left && aligned(section->size) <= left;
}

const void *snap_next(struct snap_reader *r, enum snap_kind kind,
		      uint32_t index, size_t *size, size_t most)
{
	struct snap_section section;
	const char *contents;

	if (!find(r, &section) || section.kind != kind ||
	    section.index != index || section.size < *size ||
	    section.size > most) {
		fail("--restore: %s: section %u.%u isn't there, or not as this gmemvm writes it: make the snapshot again",
		     r->path, kind, index);
		return NULL;
	}
	contents = r->bytes + r->at + sizeof(section);
	r->at += sizeof(section) + aligned(section.size);
	*size = section.size;
	return contents;
}

int snap_get(struct snap_reader *r, enum snap_kind kind, uint32_t index,
	     void *to, size_t size)
{
	const void *contents = snap_next(r, kind, index, &size, size);

	if (!contents)
		return -1;
	memcpy(to, contents, size);
	return 0;
}

int snap_end(struct snap_reader *r)
{
	if (r->at == r->size)
		return 0;
	return snap_bad(r, "what follows the last section");
}
