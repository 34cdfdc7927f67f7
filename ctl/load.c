// SPDX-License-Identifier: GPL-2.0
/* gmemctl load: a file gets memory that gmemctl save has saved. */
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
#include "input.h"
#include "progress.h"
#include "reach.h"
#include "text.h"

enum { OPT_BASE };

struct loading {
	const char *path;
	int from;
	int to;
	struct delta delta;
	char *bytes;		/* of a block */
};

/* Pages that are in the delta; else all of the block. */
static int load_pages(struct loading *l, uint64_t offset, size_t size)
{
	int err = 0;

	if (!l->delta.pages)
		return delta_is_zero(l->bytes, size) ?
		       0 : delta_pwrite(l->to, l->bytes, size, offset);
	for (size_t at = 0; !err && at < size; at += DELTA_PAGE) {
		size_t part = size - at < DELTA_PAGE ? size - at : DELTA_PAGE;

		if (delta_has(&l->delta, (offset + at) / DELTA_PAGE))
			err = delta_pwrite(l->to, l->bytes + at, part,
					   offset + at);
	}
	return err;
}

static int load_all(struct loading *l)
{
	uint64_t size = l->delta.size;
	struct progress p;
	int err = 0;

	progress_begin(&p, "loading");
	for (uint64_t offset = 0; !err && offset < size;
	     offset += DELTA_BLOCK) {
		size_t part = size - offset < DELTA_BLOCK ? size - offset
							  : DELTA_BLOCK;

		err = delta_pread(l->from, l->bytes, part, offset);
		if (!err)
			err = load_pages(l, offset, part);
		progress_show(&p, offset, size);
	}
	progress_end(&p);
	return err ? ctl_error("%s: %s", text_safe(l->path), strerror(-err))
		   : CTL_OK;
}

/* The file begins empty, or as a clone of the base. */
static int begin(struct loading *l, int base)
{
	if (gmem_file_resize(l->to, 0) ||
	    gmem_file_resize(l->to, l->delta.size) ||
	    (base >= 0 && gmem_file_clone(l->to, 0, base, 0, 0)))
		return ctl_error("%s: %s", text_safe(l->path),
				 gmem_last_error());
	return CTL_OK;
}

static int load_on(const struct ctl_call *call, struct loading *l)
{
	const char *path = call->values[OPT_BASE];
	struct gmem_info info;
	int base = -1, status;

	if (path) {
		base = files_open(path, O_RDONLY, &info);
		if (base < 0)
			return CTL_FAILED;
	}
	if (path && info.size != l->delta.size)
		status = ctl_error("%s has another size: it isn't the base of %s",
				   text_safe(path), text_safe(call->args[0]));
	else
		status = begin(l, base);
	if (base >= 0)
		close(base);
	return status ? status : load_all(l);
}

/*
 * Whether it is a delta is for the caller to know: a guest could make the end
 * of its memory look like a footer.
 */
static int load_from(const struct ctl_call *call, struct loading *l,
		     uint64_t file_size)
{
	int err = 0;

	l->delta.size = file_size;
	if (call->values[OPT_BASE])
		err = delta_read(&l->delta, l->from, file_size);
	if (err == -EBADMSG)
		return ctl_error("%s is not what gmemctl save --base has written, or damaged",
				 text_safe(call->args[0]));
	if (err)
		return ctl_error("%s: %s", text_safe(call->args[0]),
				 strerror(-err));
	return load_on(call, l);
}

static void tell(const struct ctl_call *call, const struct loading *l)
{
	struct json j;

	if (!call->json) {
		printf("%s: %s\n", text_safe(l->path),
		       text_size(l->delta.size));
		return;
	}
	json_begin(&j, stdout, false);
	json_string(&j, "path", l->path);
	json_number(&j, "size", l->delta.size);
	json_finish(&j);
}

static int run(const struct ctl_call *call)
{
	struct loading l = { .path = call->args[1] };
	struct gmem_info info;
	uint64_t file_size;
	int status;

	l.to = files_open(l.path, O_RDWR, &info);
	if (l.to < 0)
		return CTL_FAILED;
	l.from = input_open(call->args[0], &file_size);
	if (l.from < 0) {
		close(l.to);
		return CTL_FAILED;
	}
	l.bytes = ctl_alloc(DELTA_BLOCK, 1);
	status = load_from(call, &l, file_size);
	if (!status)
		tell(call, &l);
	close(l.from);
	close(l.to);
	delta_free(&l.delta);
	free(l.bytes);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_BASE] = { "base", "TEMPLATE",
		       "what was given when it was saved" },
	{ NULL, NULL, NULL }
};

const struct ctl_command load_command = {
	.name = "load",
	.arguments = "IN FILE",
	.summary = "load memory that was saved",
	.details = "Replaces all of FILE, which must be there, by the memory that gmemctl save has\n"
		   "written to IN. With --base, FILE shares with TEMPLATE what is the same. To have\n"
		   "a guest run meanwhile, use gmem-pager.",
	.min_args = 2,
	.max_args = 2,
	.options = options,
	.run = run,
};
