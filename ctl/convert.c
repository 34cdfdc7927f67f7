// SPDX-License-Identifier: GPL-2.0
/* gmemctl convert: makes pages private or shared, in place. */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "files.h"
#include "progress.h"
#include "text.h"

#define DEFAULT_TIMEOUT	10.0

/* Bytes converted in one call; progress is shown after each. */
#define PIECE	(64ULL << 20)

enum { OPT_TIMEOUT, OPT_ZERO };

struct conversion {
	const char *path;
	uint64_t offset;
	uint64_t size;
	uint64_t attributes;
	uint64_t flags;
	double timeout;
	uint64_t stopped;	/* all before this offset is converted */
};

static const char *wanted(const struct conversion *c)
{
	return c->attributes & GMEM_ATTRIBUTE_PRIVATE ? "private" : "shared";
}

/* ---- what was asked for ---- */

static int parse_what(const struct ctl_call *call, struct conversion *c)
{
	const char *what = call->args[3];

	if (!strcmp(what, "private"))
		c->attributes = GMEM_ATTRIBUTE_PRIVATE;
	else if (strcmp(what, "shared"))
		return ctl_usage(call, "give private or shared, not '%s'",
				 text_safe(what));
	return 0;
}

static int parse_call(const struct ctl_call *call, struct conversion *c)
{
	c->path = call->args[0];
	c->timeout = DEFAULT_TIMEOUT;
	if (text_parse_size(call->args[1], &c->offset) ||
	    c->offset % GMEM_PAGE_SIZE)
		return ctl_usage(call, "OFFSET must be a multiple of 4K, not '%s'",
				 text_safe(call->args[1]));
	if (text_parse_size(call->args[2], &c->size) || !c->size ||
	    c->size % GMEM_PAGE_SIZE)
		return ctl_usage(call, "SIZE must be a multiple of 4K and not 0, not '%s'",
				 text_safe(call->args[2]));
	if (call->values[OPT_TIMEOUT] &&
	    text_parse_seconds(call->values[OPT_TIMEOUT], &c->timeout))
		return ctl_usage(call, "--timeout: must be 0 to 2000000 seconds, not '%s'",
				 text_safe(call->values[OPT_TIMEOUT]));
	if (call->values[OPT_ZERO])
		c->flags = GMEM_CONVERT_ZERO;
	return parse_what(call, c);
}

/* ---- doing it ---- */

static int convert_piece(struct conversion *c, int fd, double deadline)
{
	uint64_t left = c->offset + c->size - c->stopped;
	double wait = deadline - ctl_now();

	return gmem_file_convert(fd, c->stopped, left < PIECE ? left : PIECE,
				 c->attributes, c->flags,
				 wait > 0 ? wait * 1000 : 0, &c->stopped);
}

static int convert_all(struct conversion *c, int fd)
{
	double deadline = ctl_now() + c->timeout;
	struct progress p;
	int err = 0;

	c->stopped = c->offset;
	progress_begin(&p, "converting");
	while (!err && c->stopped < c->offset + c->size) {
		uint64_t before = c->stopped;

		err = convert_piece(c, fd, deadline);
		/* The timeout begins again after each progress. */
		if (c->stopped != before)
			deadline = ctl_now() + c->timeout;
		progress_show(&p, c->stopped - c->offset, c->size);
	}
	progress_end(&p);
	return err;
}

static void print_json(const struct conversion *c, int err)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_string(&j, "path", c->path);
	json_number(&j, "offset", c->offset);
	json_number(&j, "size", c->size);
	json_string(&j, "wanted", wanted(c));
	json_number(&j, "converted", c->stopped - c->offset);
	json_string(&j, "error", err ? strerror(-err) : NULL);
	json_finish(&j);
}

static int report(const struct conversion *c, int err)
{
	if (!err)
		return CTL_OK;
	if (err == -EAGAIN) {
		ctl_error("%s: the page at %s (%llu) is pinned and can't be made private; %s before it are converted; end the use of the page, or wait longer (--timeout)",
			  text_safe(c->path), text_size(c->stopped),
			  (unsigned long long)c->stopped,
			  text_size(c->stopped - c->offset));
		return CTL_TIMEOUT;
	}
	return ctl_error("%s: %s", text_safe(c->path), gmem_last_error());
}

/* The kernel only returns EINVAL for a wrong range. This says what is wrong. */
static int check_range(const struct conversion *c, const struct gmem_info *info)
{
	uint64_t end = (info->size + GMEM_PAGE_SIZE - 1) & -GMEM_PAGE_SIZE;

	if (c->offset < end && c->size <= end - c->offset)
		return CTL_OK;
	return ctl_error("%s: the range of %s at %s is not inside of the file, which has %s",
			 text_safe(c->path), text_size(c->size),
			 text_size(c->offset), text_size(info->size));
}

static int convert_file(const struct ctl_call *call, struct conversion *c,
			int fd, const struct gmem_info *info)
{
	int err;

	if (check_range(c, info))
		return CTL_FAILED;
	err = convert_all(c, fd);
	if (call->json)
		print_json(c, err);
	else if (!err)
		printf("%s: %s at %s: %s\n", text_safe(c->path),
		       text_size(c->size), text_size(c->offset), wanted(c));
	return report(c, err);
}

static int run(const struct ctl_call *call)
{
	struct conversion c = { 0 };
	struct gmem_info info;
	int fd, status;

	status = parse_call(call, &c);
	if (status)
		return status;
	fd = files_open(c.path, O_RDWR, &info);
	if (fd < 0)
		return CTL_FAILED;
	status = convert_file(call, &c, fd, &info);
	close(fd);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_TIMEOUT] = { "timeout", "SECONDS",
			  "how long to wait for a pinned page (10)" },
	[OPT_ZERO] = { "zero", NULL, "zero the pages that are converted" },
	{ NULL, NULL, NULL }
};

const struct ctl_command convert_command = {
	.name = "convert",
	.arguments = "FILE OFFSET SIZE private|shared",
	.summary = "make pages private or shared, in place",
	.details = "Makes a range of whole pages private or shared. The contents stay, unless --zero\n"
		   "or the file's flags ask for zeros. A pinned page (O_DIRECT, io_uring, vhost) can't\n"
		   "be made private: convert tries again until --timeout, and then the exit status\n"
		   "is 4. All pages before that page are converted. The same command continues there.",
	.min_args = 4,
	.max_args = 4,
	.options = options,
	.run = run,
};
