// SPDX-License-Identifier: GPL-2.0
/* gmemctl save: a file's memory to a file on a disk. */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "delta.h"
#include "files.h"
#include "output.h"
#include "progress.h"
#include "text.h"

enum { OPT_BASE };

struct saving {
	const char *path;
	int from;
	int base;		/* -1: none */
	int to;
	struct delta delta;
	uint64_t written;
	char *bytes, *old;	/* of a block */
};

/* Write a page if it isn't zero, or if it differs from the base's. */
static int save_page(struct saving *s, uint64_t offset, size_t at, size_t size)
{
	const char *page = s->bytes + at;
	bool differs = s->base >= 0 ? memcmp(page, s->old + at, size)
				    : !delta_is_zero(page, size);

	if (!differs)
		return 0;
	if (s->base >= 0)
		delta_add(&s->delta, (offset + at) / DELTA_PAGE);
	s->written += size;
	/* A page of zeros is a hole, also where the base has something. */
	if (delta_is_zero(page, size))
		return 0;
	return delta_pwrite(s->to, page, size, offset + at);
}

static int save_block(struct saving *s, uint64_t offset, size_t size)
{
	int err = delta_pread(s->from, s->bytes, size, offset);

	if (!err && s->base >= 0)
		err = delta_pread(s->base, s->old, size, offset);
	for (size_t at = 0; !err && at < size; at += DELTA_PAGE)
		err = save_page(s, offset, at, size - at < DELTA_PAGE ?
						       size - at : DELTA_PAGE);
	return err;
}

/* Without a base, holes are skipped. */
static uint64_t skip_holes(const struct saving *s, uint64_t offset)
{
	off_t data;

	if (s->base >= 0)
		return offset;
	data = lseek(s->from, (off_t)offset, SEEK_DATA);
	if (data < 0)
		return errno == ENXIO ? s->delta.size : offset;
	return (uint64_t)data / DELTA_BLOCK * DELTA_BLOCK > offset ?
	       (uint64_t)data / DELTA_BLOCK * DELTA_BLOCK : offset;
}

static int save_all(struct saving *s)
{
	struct progress p;
	uint64_t offset, size = s->delta.size;
	int err = ftruncate(s->to, (off_t)size) ? -errno : 0;

	progress_begin(&p, "saving");
	for (offset = skip_holes(s, 0); !err && offset < size;
	     offset = skip_holes(s, offset + DELTA_BLOCK)) {
		uint64_t left = size - offset;

		err = save_block(s, offset, left < DELTA_BLOCK ? left
							       : DELTA_BLOCK);
		progress_show(&p, offset, size);
	}
	progress_end(&p);
	return !err && s->base >= 0 ? delta_write(&s->delta, s->to) : err;
}

static void tell(const struct ctl_call *call, const struct saving *s)
{
	struct json j;

	if (!call->json) {
		printf("%s: %s of %s\n", text_safe(s->path),
		       text_size(s->written), text_size(s->delta.size));
		return;
	}
	json_begin(&j, stdout, false);
	json_string(&j, "path", s->path);
	json_number(&j, "size", s->delta.size);
	json_number(&j, "written", s->written);
	json_finish(&j);
}

static int save_to(const struct ctl_call *call, struct saving *s)
{
	struct output_new new;
	int err, status = output_begin(call->args[1], &new);

	if (status)
		return status;
	s->to = fileno(new.out);
	err = save_all(s);
	if (err) {
		fclose(new.out);
		reach_end(&new.file, err);
		return ctl_error("%s: %s", text_safe(call->args[1]),
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

	s->base = -1;
	if (!path)
		return CTL_OK;
	s->base = files_open(path, O_RDONLY, &info);
	if (s->base < 0)
		return CTL_FAILED;
	if (info.size != s->delta.size)
		return ctl_error("%s has another size: it isn't the base of %s",
				 text_safe(path), text_safe(s->path));
	s->delta.pages = ctl_alloc(delta_bitmap_size(s->delta.size), 1);
	return CTL_OK;
}

static int run(const struct ctl_call *call)
{
	struct saving s = { .path = call->args[0], .base = -1 };
	struct gmem_info info;
	int status;

	s.from = files_open(s.path, O_RDONLY, &info);
	if (s.from < 0)
		return CTL_FAILED;
	s.delta.size = info.size;
	s.bytes = ctl_alloc(DELTA_BLOCK, 1);
	s.old = ctl_alloc(DELTA_BLOCK, 1);
	status = open_base(call, &s);
	if (!status)
		status = save_to(call, &s);
	if (s.base >= 0)
		close(s.base);
	close(s.from);
	delta_free(&s.delta);
	free(s.bytes);
	free(s.old);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_BASE] = { "base", "TEMPLATE",
		       "save only what differs from this file" },
	{ NULL, NULL, NULL }
};

const struct ctl_command save_command = {
	.name = "save",
	.arguments = "FILE OUT",
	.summary = "save the memory of a guest that is stopped",
	.details = "Writes the file's memory to OUT, which has holes where it is zero, so that\n"
		   "gmem-pager can bring it back. With --base only the pages that differ from\n"
		   "TEMPLATE are in OUT, and gmemctl load needs the same --base. The guest must not\n"
		   "run meanwhile. OUT gets its name when all of it is there. It isn't protected.",
	.min_args = 2,
	.max_args = 2,
	.options = options,
	.run = run,
};
