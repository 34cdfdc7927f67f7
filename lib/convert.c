// SPDX-License-Identifier: MIT
/*
 * Private and shared: conversion of a range, with retries while a page is
 * pinned.
 */
#include <stdint.h>
#include <sys/ioctl.h>
#include <time.h>

#include "internal.h"
#include "range.h"

#define FIRST_PAUSE_NS	50000L
#define LAST_PAUSE_NS	20000000L

/**
 * struct conversion - one call of a caller
 * @region: the region that the range is in, or NULL
 * @fd: the file
 * @left: the part of the range that isn't converted yet
 * @attributes: GMEM_ATTRIBUTE_*
 * @flags: GMEM_CONVERT_*
 */
struct conversion {
	struct region *region;
	int fd;
	struct range left;
	uint64_t attributes;
	uint64_t flags;
};

/* ---- patience ---- */

int64_t gmem_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/*
 * Sleep for @pause_ns, but not beyond the deadline. Return: 0; -EAGAIN if the
 * deadline has passed; -EINTR.
 */
static int wait_until(int64_t deadline, long pause_ns)
{
	int64_t left = deadline - gmem_now_ns();
	struct timespec ts = { .tv_nsec = pause_ns };

	if (left <= 0)
		return -EAGAIN;
	if (left < pause_ns)
		ts.tv_nsec = left;
	return nanosleep(&ts, NULL) ? -EINTR : 0;
}

int gmem_convert_once(int fd, struct range *left, uint64_t attributes,
		      uint64_t flags)
{
	struct gmem_attributes set = {
		.offset = left->offset, .size = left->end - left->offset,
		.attributes = attributes, .flags = flags,
	};

	if (!ioctl(fd, GMEM_SET_ATTRIBUTES, &set)) {
		left->offset = left->end;
		return 0;
	}
	/* After other errors it has not begun, and leaves the field alone. */
	if (set.error_offset)
		left->offset = set.error_offset;
	return -errno;
}

static int convert_step(struct conversion *c)
{
	if (c->region)
		return gmem_convert_around_exposed(c->region, &c->left,
						   c->attributes, c->flags);
	return gmem_convert_once(c->fd, &c->left, c->attributes, c->flags);
}

/* After progress, the pauses are short again. */
static int convert_patiently(struct conversion *c, int64_t deadline)
{
	long pause = FIRST_PAUSE_NS;
	int ret;

	for (;;) {
		uint64_t before = c->left.offset;

		ret = convert_step(c);
		if (ret != -EAGAIN)
			return ret;
		if (c->left.offset != before)
			pause = FIRST_PAUSE_NS;
		ret = wait_until(deadline, pause);
		if (ret)
			return ret;
		pause = pause * 2 < LAST_PAUSE_NS ? pause * 2 : LAST_PAUSE_NS;
	}
}

/* ---- the calls ---- */

static int convert_failed(int error, const struct conversion *c,
			  uint64_t offset)
{
	unsigned long long at = c->left.offset;

	switch (error) {
	case -EAGAIN:
		return gmem_fail(error, "the page at offset %llu is pinned (by O_DIRECT, io_uring, vhost...) and can't be made private; end that use, and convert again from this offset",
				 at);
	case -EINTR:
		return gmem_fail(error, "a signal interrupted the conversion at offset %llu; convert again from this offset",
				 at);
	case -EINVAL:
		return gmem_bad_range(c->fd, offset, c->left.end - offset);
	case -EBADF:
		return gmem_fail(error, "descriptor %d is not open for writing",
				 c->fd);
	default:
		return gmem_fail(error, "descriptor %d: can't convert at offset %llu",
				 c->fd, at);
	}
}

static int check(struct conversion *c, uint64_t offset, uint64_t size,
		 uint64_t limit)
{
	int ret = gmem_check_bits("attributes", c->attributes,
				  GMEM_ATTRIBUTE_PRIVATE) ?:
		  gmem_check_bits("flags", c->flags, GMEM_CONVERT_ZERO);

	if (ret)
		return ret;
	if (!gmem_range_of_pages(&c->left, offset, size, limit))
		return gmem_bad_range(c->fd, offset, size);
	return 0;
}

static int convert(struct conversion *c, int timeout_ms)
{
	int64_t deadline = timeout_ms < 0 ? INT64_MAX :
			   gmem_now_ns() + timeout_ms * 1000000LL;
	uint64_t offset = c->left.offset;
	int ret = convert_patiently(c, deadline);

	return ret ? convert_failed(ret, c, offset) : 0;
}

/* Memory of other backends is always shared. */
static int convert_ordinary(struct conversion *c)
{
	if (c->attributes & GMEM_ATTRIBUTE_PRIVATE)
		return gmem_fail(-EOPNOTSUPP, "only memory of gmemfs can be made private, and this region has another backend");
	c->left.offset = c->left.end;
	return 0;
}

EXPORT int gmem_file_convert(int fd, uint64_t offset, uint64_t size,
			     uint64_t attributes, uint64_t flags,
			     int timeout_ms, uint64_t *error_offset)
{
	struct conversion c = {
		.fd = fd, .left.offset = offset,
		.attributes = attributes, .flags = flags,
	};
	int ret;
	int cancel NOT_CANCELLED = gmem_cancel_off();

	ret = check(&c, offset, size, GMEM_FILE_LIMIT) ?:
	      convert(&c, timeout_ms);

	if (error_offset)
		*error_offset = c.left.offset;
	return ret;
}

EXPORT int gmem_region_convert(struct gmem_region *region, uint64_t offset,
			       uint64_t size, uint64_t attributes,
			       uint64_t flags, int timeout_ms,
			       uint64_t *error_offset)
{
	struct conversion c = {
		.region = region_of(region), .fd = region->fd,
		.left.offset = offset,
		.attributes = attributes, .flags = flags,
	};
	int ret = gmem_check_generation(c.region->generation, "region");
	int cancel NOT_CANCELLED = gmem_cancel_off();

	if (!ret)
		ret = check(&c, offset, size, region->size);
	if (!ret)
		ret = region->backend == GMEM_BACKEND_GMEMFS ?
		      convert(&c, timeout_ms) : convert_ordinary(&c);
	if (error_offset)
		*error_offset = c.left.offset;
	return ret;
}
