// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl load: a file gets memory that gmemctl save has saved. It becomes
 * longer as its memory comes, and empty if that fails: a part of it never looks
 * like the whole.
 */
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
#include "input.h"
#include "interrupt.h"
#include "pack.h"
#include "progress.h"
#include "sum.h"
#include "text.h"

enum { OPT_BASE, OPT_CHECKSUM };

struct loading {
	const char *in, *path;
	int from, to;
	int base;		/* -1: none */
	uint64_t size;		/* of the base; or else of the file */
	uint64_t in_size;
	struct timespec in_written;
	bool is_packed;
	struct unpack unpack;
	struct delta delta;
	struct sum sum;
	char *bytes;		/* of a block */
};

/* ---- messages ---- */

static int in_failed(const struct loading *l, int err)
{
	return ctl_error("%s: %s", text_safe(l->in), err == -EBADMSG ?
			 l->unpack.why : strerror(-err));
}

static int write_failed(const struct loading *l, int err)
{
	return ctl_error("%s: %s", text_safe(l->path), strerror(-err));
}

static int gmem_failed(const struct loading *l)
{
	return ctl_error("%s: %s", text_safe(l->path), gmem_last_error());
}

/* All that follows returns a status, after a message. */

/* ---- what is saved ---- */

/* Compressed, it comes in order. */
static int fetch(struct loading *l, void *to, size_t size, uint64_t offset)
{
	int err = l->is_packed ? unpack_next(&l->unpack, to, size) :
				 bulk_read(l->from, to, size, offset);

	return err ? in_failed(l, err) : CTL_OK;
}

static int begin_unpack(struct loading *l)
{
	int err = unpack_begin(&l->unpack, l->from, l->in_size);

	return err ? in_failed(l, err) : CTL_OK;
}

static int end_unpack(struct loading *l)
{
	int err = unpack_end(&l->unpack);

	return err ? in_failed(l, err) : CTL_OK;
}

static int skip_to_tail(struct loading *l)
{
	uint64_t end = delta_tail_at(l->delta.size);
	struct progress p;
	int status = CTL_OK;

	progress_begin(&p, "checking");
	for (uint64_t at = 0; !status && at < end; at += BULK_BLOCK) {
		status = fetch(l, l->bytes, bulk_part(at, end, BULK_BLOCK),
			       at);
		progress_show(&p, at, end);
	}
	progress_end(&p);
	return status;
}

/* If it is compressed, all of it is read for that, and so checked. */
static int read_tail(struct loading *l)
{
	uint64_t size = l->delta.size;
	int status = l->is_packed ? skip_to_tail(l) : CTL_OK;

	if (!status)
		status = fetch(l, l->delta.tail, delta_tail_size(size),
			       delta_tail_at(size));
	if (!status && l->is_packed)
		status = end_unpack(l);
	if (!status && l->is_packed)
		status = begin_unpack(l);
	if (!status && !delta_is_sealed(&l->delta))
		status = ctl_error("%s isn't what gmemctl save --base has written, or it is damaged",
				   text_safe(l->in));
	return status;
}

static int wrong_size(const struct loading *l, uint64_t saved)
{
	if (l->base >= 0)
		return ctl_error("%s isn't what gmemctl save has written with a --base of this size, or it is damaged",
				 text_safe(l->in));
	return ctl_error("%s has %llu bytes%s, and %s has %llu: it isn't its memory, or not all of it; if it is, give the file that size first (truncate --size=%llu)",
			 text_safe(l->in), (unsigned long long)saved,
			 l->is_packed ? " when it is decompressed" : "",
			 text_safe(l->path), (unsigned long long)l->size,
			 (unsigned long long)saved);
}

/*
 * How long it has to be, the caller's files say: a few compressed bytes may say
 * that they are very many. Whether it is a delta is for the caller to know: a
 * guest could make the end of its memory look like a footer.
 */
static int prepare(struct loading *l)
{
	uint64_t want = l->base >= 0 ? delta_file_size(l->size) : l->size;
	uint64_t saved = l->in_size;
	int status;

	l->is_packed = l->in_size != want && unpack_is(l->from);
	if (l->is_packed) {
		status = begin_unpack(l);
		if (status)
			return status;
		saved = l->unpack.size;
	}
	if (saved != want)
		return wrong_size(l, saved);
	bulk_direct(l->from);
	l->delta.size = l->size;
	if (l->base < 0)
		return CTL_OK;
	delta_make(&l->delta, l->size);
	return read_tail(l);
}

/* ---- the file that is loaded ---- */

static int resize(const struct loading *l, uint64_t size)
{
	return gmem_file_resize(l->to, size) ? gmem_failed(l) : CTL_OK;
}

static int put(const struct loading *l, uint64_t offset, size_t size)
{
	int err = 0;

	if (!bulk_is_zero(l->bytes, size))
		err = bulk_write(l->to, l->bytes, size, offset);
	return err ? write_failed(l, err) : CTL_OK;
}

/* What isn't in the delta is the base's. */
static int put_pages(const struct loading *l, uint64_t offset, size_t size)
{
	int err = 0;

	if (gmem_file_clone(l->to, offset, l->base, offset, size))
		return gmem_failed(l);
	for (size_t at = 0; !err && at < size; at += BULK_PAGE)
		if (delta_has(&l->delta, (offset + at) / BULK_PAGE))
			err = bulk_write(l->to, l->bytes + at,
					 bulk_part(at, size, BULK_PAGE),
					 offset + at);
	return err ? write_failed(l, err) : CTL_OK;
}

static int load_block(struct loading *l, uint64_t offset)
{
	size_t size = bulk_part(offset, l->delta.size, BULK_BLOCK);
	int status = fetch(l, l->bytes, size, offset);

	if (status)
		return status;
	return l->base >= 0 ? put_pages(l, offset, size) :
			      put(l, offset, size);
}

static int load_blocks(struct loading *l)
{
	uint64_t offset = 0, size = l->delta.size;
	bool has_holes = !l->is_packed && l->base < 0;
	struct progress p;
	int status = CTL_OK;

	progress_begin(&p, "loading");
	while (!status && !interrupt_came()) {
		if (has_holes)
			offset = bulk_data(l->from, offset, size);
		if (offset >= size)
			break;
		status = load_block(l, offset);
		offset += BULK_BLOCK;
		progress_show(&p, offset < size ? offset : size, size);
	}
	progress_end(&p);
	return status;
}

/* What was cut off meanwhile looked like holes. What is packed is checked. */
static int check_unchanged(const struct loading *l)
{
	struct stat st;

	if (fstat(l->from, &st))
		return in_failed(l, -errno);
	if ((uint64_t)st.st_size == l->in_size &&
	    st.st_mtim.tv_sec == l->in_written.tv_sec &&
	    st.st_mtim.tv_nsec == l->in_written.tv_nsec)
		return CTL_OK;
	return ctl_error("%s has changed while it was loaded",
			 text_safe(l->in));
}

static int load_all(struct loading *l)
{
	int status = resize(l, 0);

	if (!status)
		status = load_blocks(l);
	if (!status && !interrupt_came())
		status = l->is_packed ? end_unpack(l) : check_unchanged(l);
	/* What it ends with may be zeros. */
	if (!status && !interrupt_came())
		status = resize(l, l->delta.size);
	return status;
}

/* Whatever ends it early, half of the memory doesn't stay. */
static int load_or_empty(struct loading *l)
{
	sigset_t before;
	int status;

	interrupt_hold(&before);
	status = load_all(l);
	/* It may have been blocked before, and so not end the program. */
	if (interrupt_came())
		status = CTL_FAILED;
	if (status && !resize(l, 0))
		ctl_error("%s is empty now: not all of its memory could be loaded",
			  text_safe(l->path));
	interrupt_release(&before);
	return status;
}

/* ---- the command ---- */

static void tell(const struct ctl_call *call, const struct loading *l)
{
	bool has_sum = call->values[OPT_CHECKSUM];
	struct json j;

	if (!call->json) {
		printf("%s: %s\n", text_safe(l->path),
		       text_size(l->delta.size));
		if (has_sum)
			printf("sha256: %s\n", l->sum.text);
		return;
	}
	json_begin(&j, stdout, false);
	json_string(&j, "path", l->path);
	json_number(&j, "size", l->delta.size);
	if (has_sum)
		json_string(&j, "sha256", l->sum.text);
	json_finish(&j);
}

static int load(const struct ctl_call *call, struct loading *l)
{
	int err, status = prepare(l);

	if (!status)
		status = load_or_empty(l);
	if (status)
		return status;
	if (call->values[OPT_CHECKSUM]) {
		err = sum_file(&l->sum, l->to, l->delta.size);
		if (err)
			return write_failed(l, err);
	}
	tell(call, l);
	return CTL_OK;
}

/* Emptied first, it would have nothing that could be loaded. */
static int check_apart(struct loading *l)
{
	struct stat to, from, base;

	if (fstat(l->to, &to) || fstat(l->from, &from))
		return in_failed(l, -errno);
	if (to.st_dev == from.st_dev && to.st_ino == from.st_ino)
		return ctl_error("%s can't be loaded into itself",
				 text_safe(l->path));
	if (l->base >= 0 && !fstat(l->base, &base) &&
	    to.st_dev == base.st_dev && to.st_ino == base.st_ino)
		return ctl_error("%s is the template: load into another file",
				 text_safe(l->path));
	l->in_written = from.st_mtim;
	return CTL_OK;
}

static int open_all(const struct ctl_call *call, struct loading *l)
{
	const char *base = call->values[OPT_BASE];
	struct gmem_info info;

	l->to = files_open(l->path, O_RDWR, &info);
	if (l->to < 0)
		return CTL_FAILED;
	l->size = info.size;
	l->from = input_open(l->in, &l->in_size);
	if (l->from < 0)
		return CTL_FAILED;
	if (!base)
		return CTL_OK;
	l->base = files_open(base, O_RDONLY, &info);
	if (l->base < 0)
		return CTL_FAILED;
	l->size = info.size;
	return CTL_OK;
}

static void tidy_up(struct loading *l)
{
	int fds[] = { l->to, l->from, l->base };

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	unpack_free(&l->unpack);
	delta_free(&l->delta);
	free(l->bytes);
}

/* No guest runs in it meanwhile, nor begins to. */
static int lock(const struct ctl_call *call, const struct loading *l)
{
	int status = files_lock(l->to, l->path, LOCK_EX);

	if (!status && l->base >= 0)
		status = files_lock(l->base, call->values[OPT_BASE], LOCK_SH);
	return status;
}

static int run(const struct ctl_call *call)
{
	struct loading l = {
		.in = call->args[0], .path = call->args[1],
		.from = -1, .to = -1, .base = -1,
	};
	int status = open_all(call, &l);

	if (!status)
		status = check_apart(&l);
	if (!status)
		status = lock(call, &l);
	l.bytes = bulk_buffer(BULK_BLOCK);
	if (!status)
		status = load(call, &l);
	tidy_up(&l);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_BASE] = { "base", "TEMPLATE",
		       "what was given when it was saved" },
	[OPT_CHECKSUM] = { "checksum", NULL,
			   "print the SHA-256 of what FILE has then" },
	{ NULL, NULL, NULL }
};

const struct ctl_command load_command = {
	.name = "load",
	.arguments = "IN FILE",
	.summary = "load memory that was saved",
	.details = "Replaces all of FILE, which must be there, by the memory that gmemctl save has\n"
		   "written to IN, compressed or not. FILE must be as long as what was saved, except\n"
		   "with --base: then it shares with TEMPLATE what is the same. If it fails, FILE is\n"
		   "as it was, or empty. To have a guest run meanwhile, use gmem-pager.",
	.min_args = 2,
	.max_args = 2,
	.options = options,
	.run = run,
};
