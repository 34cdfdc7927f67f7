// SPDX-License-Identifier: GPL-2.0
/*
 * The snapshot: a file that is the memory, whose holes are zeros; or one of
 * QEMU's (mapped_ram.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"
#include "source.h"

#define PAGE	4096

/* What gmemctl compresses begins so, and hasn't the file's size: ctl/pack.h. */
#define ZSTD_MAGIC	"\x28\xb5\x2f\xfd"

/* Not all file systems have O_DIRECT. A pipe would wait for its other end. */
static int open_both(struct source *source)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

	source->plain = open(source->path, flags);
	if (source->plain < 0)
		return fail_errno("%s", source->path);
	source->fd = open(source->path, flags | O_DIRECT);
	if (source->fd < 0 && errno == EINVAL)
		source->fd = open(source->path, flags);
	return source->fd < 0 ? fail_errno("%s", source->path) : 0;
}

/* Headers aren't aligned as O_DIRECT needs it. */
static int find_qemu(struct source *source, const char *block)
{
	int ret = mapped_ram_is(source->plain, source->path);

	if (ret > 0)
		ret = mapped_ram_find(source->plain, source->path, block,
				      source->size, &source->ram);
	source->start = source->ram.pages;
	return ret;
}

static bool is_compressed(const struct source *source)
{
	char magic[sizeof(ZSTD_MAGIC) - 1];

	return pread(source->plain, magic, sizeof(magic), 0) == sizeof(magic) &&
	       !memcmp(magic, ZSTD_MAGIC, sizeof(magic));
}

/*
 * A guest could begin its memory like one of these. So what is as long as the
 * memory is the memory.
 */
static int look_inside(struct source *source, const struct stat *st,
		       const char *block)
{
	if (!S_ISREG(st->st_mode) || source->end == source->size)
		return 0;
	if (is_compressed(source))
		return fail("%s is compressed, and so can't be read in any order: fill the file with it by 'gmemctl load' before the guest starts, or decompress it first ('zstd -d')",
			    source->path);
	return find_qemu(source, block);
}

static uint64_t length(const struct source *source)
{
	off_t end = lseek(source->plain, 0, SEEK_END);

	return end < 0 ? 0 : end;
}

/* The name may have got another file between the two open(). */
static int is_same(const struct source *source, struct stat *st)
{
	struct stat plain;

	if (fstat(source->fd, st) || fstat(source->plain, &plain))
		return fail_errno("%s", source->path);
	if (st->st_ino != plain.st_ino || st->st_dev != plain.st_dev)
		return fail("%s has become another file: try again",
			    source->path);
	return 0;
}

/* gmemvm locks its guest's memory, and empties it before that. */
static int lock(const struct source *source)
{
	if (!flock(source->plain, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK)
		return 0;
	return fail("%s is the memory of a guest that runs: wait for its end, or give another file",
		    source->path);
}

static int check(struct source *source, const char *block)
{
	struct stat st;

	if (is_same(source, &st))
		return -1;
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return fail("%s is neither a file nor a block device",
			    source->path);
	if (S_ISREG(st.st_mode) && lock(source))
		return -1;
	source->end = length(source);
	if (look_inside(source, &st, block) < 0)
		return -1;
	if (source->ram.bitmap)
		return 0;
	if (block)
		return fail("%s isn't a migration of QEMU's, so it has no blocks",
			    source->path);
	if (S_ISREG(st.st_mode) && source->end > source->size)
		return fail("%s has %llu bytes, which is more than the %llu of the file: it isn't its memory",
			    source->path, (unsigned long long)source->end,
			    (unsigned long long)source->size);
	return 0;
}

/* With O_NONBLOCK, io_uring would return -EAGAIN instead of waiting. */
static void wait_for_reads(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

int source_open(struct source *source, const char *path, const char *block,
		uint64_t size)
{
	*source = (struct source){
		.path = path, .size = size, .fd = -1, .plain = -1,
	};
	if (open_both(source) || check(source, block)) {
		source_close(source);
		return -1;
	}
	wait_for_reads(source->fd);
	wait_for_reads(source->plain);
	return 0;
}

void source_close(struct source *source)
{
	free(source->ram.bitmap);
	source->ram.bitmap = NULL;
	if (source->fd >= 0)
		close(source->fd);
	if (source->plain >= 0)
		close(source->plain);
}

static bool bitmap_has(const struct mapped_ram *ram, uint64_t offset,
		       uint64_t size)
{
	uint64_t page = offset / PAGE, end = (offset + size) / PAGE;

	for (; page < end; page++)
		if (mapped_ram_has(ram, page))
			return true;
	return false;
}

bool source_has(const struct source *source, uint64_t offset, uint64_t size,
		uint64_t *at)
{
	off_t data;

	*at = source->start + offset;
	if (source->ram.bitmap)
		return bitmap_has(&source->ram, offset, size);
	data = lseek(source->fd, (off_t)offset, SEEK_DATA);
	/* ENXIO: nothing but a hole, or the end. Others can't tell. */
	if (data < 0)
		return errno != ENXIO || length(source) < source->end;
	return (uint64_t)data < offset + size;
}

void source_trim(const struct source *source, uint64_t offset, void *bytes,
		 size_t size)
{
	for (size_t i = 0; source->ram.bitmap && i < size; i += PAGE)
		if (!mapped_ram_has(&source->ram, (offset + i) / PAGE))
			memset((char *)bytes + i, 0, PAGE);
}
