// SPDX-License-Identifier: GPL-2.0
/* gmemctl save: a file's memory to a file on a disk. */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bulk.h"
#include "ctl.h"
#include "delta.h"
#include "files.h"
#include "interrupt.h"
#include "output.h"
#include "pack.h"
#include "progress.h"
#include "sum.h"
#include "text.h"

enum { OPT_BASE, OPT_ZSTD, OPT_CHECKSUM };

/* To write so many zeros takes less time than one write more. */
#define GAP	(4 * BULK_PAGE)

struct saving {
	const char *path, *base_path;
	const char *failed;	/* whose error it is; NULL: OUT's */
	int from;
	int base;		/* -1: none */
	int to;
	int level;		/* of compression; 0: none */
	bool has_sum;
	struct delta delta;
	struct pack pack;
	struct sum sum;
	struct progress progress;
	uint64_t written;
	char *bytes, *old, *zeros;	/* of a block */
};

/*
 * Pages that are as in the base become zeros, and so holes. The others are
 * counted.
 */
static void sift(struct saving *s, uint64_t offset, size_t size)
{
	for (size_t at = 0; at < size; at += BULK_PAGE) {
		size_t part = bulk_part(at, size, BULK_PAGE);
		char *page = s->bytes + at;

		if (s->base < 0 && bulk_is_zero(page, part))
			continue;
		if (s->base >= 0 && !memcmp(page, s->old + at, part)) {
			memset(page, 0, part);
			continue;
		}
		if (s->base >= 0)
			delta_add(&s->delta, (offset + at) / BULK_PAGE);
		s->written += part;
	}
}

/* There is data at @at. Return: where it ends, but for gaps that are short. */
static size_t end_of_data(const char *bytes, size_t at, size_t size)
{
	size_t end = at;

	for (; at < size && at - end < GAP; at += BULK_PAGE) {
		size_t part = bulk_part(at, size, BULK_PAGE);

		if (!bulk_is_zero(bytes + at, part))
			end = at + part;
	}
	return end;
}

static int write_data(const struct saving *s, uint64_t offset, size_t size)
{
	size_t end;
	int err = 0;

	for (size_t at = 0; !err && at < size; at = end) {
		end = at + bulk_part(at, size, BULK_PAGE);
		if (bulk_is_zero(s->bytes + at, end - at))
			continue;
		end = end_of_data(s->bytes, at, size);
		err = bulk_write(s->to, s->bytes + at, end - at, offset + at);
	}
	return err;
}

static int read_part(struct saving *s, int fd, const char *path, void *to,
		     size_t size, uint64_t offset)
{
	int err = bulk_read(fd, to, size, offset);

	if (err)
		s->failed = path;
	return err;
}

static int save_block(struct saving *s, uint64_t offset)
{
	size_t size = bulk_part(offset, s->delta.size, BULK_BLOCK);
	int err = read_part(s, s->from, s->path, s->bytes, size, offset);

	if (!err && s->base >= 0)
		err = read_part(s, s->base, s->base_path, s->old, size, offset);
	if (err)
		return err;
	if (s->has_sum)
		sum_add(&s->sum, s->bytes, size);
	sift(s, offset, size);
	return s->level ? pack_put(&s->pack, s->bytes, size) :
			  write_data(s, offset, size);
}

static int go_on(struct saving *s, uint64_t offset)
{
	progress_show(&s->progress, offset, s->delta.size);
	return interrupt_came() ? -EINTR : 0;
}

static int save_hole(struct saving *s, uint64_t offset, uint64_t end)
{
	int err = 0;

	if (!s->level && !s->has_sum)
		return 0;
	for (; !err && offset < end; offset += BULK_BLOCK) {
		size_t part = bulk_part(offset, end, BULK_BLOCK);

		if (s->has_sum)
			sum_add(&s->sum, s->zeros, part);
		if (s->level)
			err = pack_put(&s->pack, s->zeros, part);
		if (!err)
			err = go_on(s, offset);
	}
	return err;
}

/* Holes of the file aren't read. The base may have something there. */
static int save_blocks(struct saving *s)
{
	uint64_t offset = 0, data, size = s->delta.size;
	int err = 0;

	while (!err && offset < size) {
		data = s->base < 0 ? bulk_data(s->from, offset, size) : offset;
		if (data > offset) {
			err = save_hole(s, offset, data);
			offset = data;
			continue;
		}
		err = save_block(s, offset);
		offset += BULK_BLOCK;
		if (!err)
			err = go_on(s, offset < size ? offset : size);
	}
	return err;
}

static int begin(struct saving *s)
{
	uint64_t size = s->delta.size;

	bulk_direct(s->to);
	if (s->has_sum)
		sum_begin(&s->sum);
	if (s->level)
		return pack_begin(&s->pack, s->to, s->level, s->base < 0 ?
				  size : delta_file_size(size));
	return ftruncate(s->to, (off_t)size) ? -errno : 0;
}

static int write_tail(struct saving *s)
{
	uint64_t size = s->delta.size, at = delta_tail_at(size);
	int err;

	delta_seal(&s->delta);
	if (!s->level)
		return bulk_write(s->to, s->delta.tail, delta_tail_size(size),
				  at);
	err = pack_put(&s->pack, s->zeros, at - size);
	return err ? err : pack_put(&s->pack, s->delta.tail,
				    delta_tail_size(size));
}

static int save_all(struct saving *s)
{
	int err = begin(s);

	progress_begin(&s->progress, "saving");
	if (!err)
		err = save_blocks(s);
	if (!err && s->base >= 0)
		err = write_tail(s);
	if (!err && s->level)
		err = pack_end(&s->pack);
	progress_end(&s->progress);
	if (s->has_sum)
		sum_end(&s->sum);
	return err;
}

static void tell_json(const struct saving *s)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_string(&j, "path", s->path);
	json_number(&j, "size", s->delta.size);
	json_number(&j, "written", s->written);
	if (s->level)
		json_number(&j, "compressed", s->pack.at);
	if (s->has_sum)
		json_string(&j, "sha256", s->sum.text);
	json_finish(&j);
}

static void tell(const struct ctl_call *call, const struct saving *s)
{
	if (call->json) {
		tell_json(s);
		return;
	}
	printf("%s: %s of %s", text_safe(s->path), text_size(s->written),
	       text_size(s->delta.size));
	if (s->level)
		printf(", compressed to %s", text_size(s->pack.at));
	putchar('\n');
	if (s->has_sum)
		printf("sha256: %s\n", s->sum.text);
}

/* A guest's memory is for nobody else to read, unless OUT says so already. */
static int begin_output(const char *path, struct output_new *new)
{
	mode_t before = umask(077);
	int status = output_begin(path, new);

	umask(before);
	return status;
}

/* OUT's name is another file's afterwards: the guest's memory would be lost. */
static int check_apart(const struct saving *s, const struct reach_new *new)
{
	return reach_replaces(new, s->from) || reach_replaces(new, s->base) ?
	       -EEXIST : 0;
}

static int save_to(const struct ctl_call *call, struct saving *s)
{
	struct output_new new;
	int err, status = begin_output(call->args[1], &new);

	if (status)
		return status;
	s->to = fileno(new.out);
	err = check_apart(s, &new.file);
	if (!err)
		err = save_all(s);
	if (err) {
		fclose(new.out);
		/* After a signal, the program ends in here. */
		reach_end(&new.file, err);
		return ctl_error("%s: %s", text_safe(s->failed ? s->failed :
						     call->args[1]),
				 err == -EEXIST ?
				 "this is what is to be saved, or its template" :
				 strerror(-err));
	}
	status = output_end(&new);
	if (!status)
		tell(call, s);
	return status;
}

/* The base must be as long: what is beyond it would differ from nothing. */
static int open_base(const struct ctl_call *call, struct saving *s)
{
	const char *path = call->values[OPT_BASE];
	struct gmem_info info;

	if (!path)
		return CTL_OK;
	s->base_path = path;
	s->base = files_open(path, O_RDONLY, &info);
	if (s->base < 0)
		return CTL_FAILED;
	if (info.size != s->delta.size)
		return ctl_error("%s has another size: it isn't the base of %s",
				 text_safe(path), text_safe(s->path));
	delta_make(&s->delta, s->delta.size);
	return CTL_OK;
}

/* No guest runs in it meanwhile, nor begins to. */
static int lock(const struct saving *s)
{
	int status = files_lock(s->from, s->path, LOCK_SH);

	if (!status && s->base >= 0)
		status = files_lock(s->base, s->base_path, LOCK_SH);
	return status;
}

static int parse_level(const struct ctl_call *call, int *level)
{
	const char *text = call->values[OPT_ZSTD];
	unsigned long count;

	if (!text)
		return CTL_OK;
	if (text_parse_count(text, &count) ||
	    count > (unsigned long)pack_most())
		return ctl_usage(call, "--zstd: must be a level from 1, which is fast, to %d, not '%s'",
				 pack_most(), text_safe(text));
	*level = count;
	return CTL_OK;
}

static void tidy_up(struct saving *s)
{
	if (s->base >= 0)
		close(s->base);
	close(s->from);
	delta_free(&s->delta);
	pack_free(&s->pack);
	free(s->bytes);
	free(s->old);
	free(s->zeros);
}

static int run(const struct ctl_call *call)
{
	struct saving s = { .path = call->args[0], .base = -1 };
	struct gmem_info info;
	int status = parse_level(call, &s.level);

	if (status)
		return status;
	s.from = files_open(s.path, O_RDONLY, &info);
	if (s.from < 0)
		return CTL_FAILED;
	s.delta.size = info.size;
	s.has_sum = call->values[OPT_CHECKSUM];
	s.bytes = bulk_buffer(BULK_BLOCK);
	s.old = bulk_buffer(BULK_BLOCK);
	s.zeros = bulk_buffer(BULK_BLOCK);
	status = open_base(call, &s);
	if (!status)
		status = lock(&s);
	if (!status)
		status = save_to(call, &s);
	tidy_up(&s);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_BASE] = { "base", "TEMPLATE",
		       "save only what differs from this file" },
	[OPT_ZSTD] = { "zstd", "LEVEL",
		       "compress it: 3 is fast, 19 is small" },
	[OPT_CHECKSUM] = { "checksum", NULL,
			   "print the SHA-256 of all of the memory" },
	{ NULL, NULL, NULL }
};

const struct ctl_command save_command = {
	.name = "save",
	.arguments = "FILE OUT",
	.summary = "save the memory of a guest that is stopped",
	.details = "Writes the file's memory to OUT, which has holes where it is zero, so that\n"
		   "gmem-pager can bring it back. With --base only the pages that differ from\n"
		   "TEMPLATE are in OUT, and gmemctl load needs the same --base. With --zstd, OUT is\n"
		   "what zstd makes of that: gmemctl load takes it as it is, and gmem-pager needs it\n"
		   "decompressed (zstd -d). The guest must not run meanwhile. OUT gets its name when\n"
		   "all of it is there. It isn't protected.",
	.min_args = 2,
	.max_args = 2,
	.options = options,
	.run = run,
};
