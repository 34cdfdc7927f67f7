// SPDX-License-Identifier: MIT
/*
 * Private and shared: conversion of a range, with patience for pages that
 * somebody has pinned.
 */
#include <stdint.h>
#include <sys/ioctl.h>
#include <time.h>

#include "internal.h"

#define FIRST_PAUSE_NS	50000L
#define LAST_PAUSE_NS	20000000L

/**
 * struct conversion - what is asked for
 * @region: the region it's in, or NULL
 * @fd: the file
 * @offset: where it begins, and then where it stopped
 * @end: where it ends
 * @attributes: GMEM_ATTRIBUTE_*
 * @flags: GMEM_CONVERT_*
 */
struct conversion {
	struct region *region;
	int fd;
	uint64_t offset;
	uint64_t end;
	uint64_t attributes;
	uint64_t flags;
};

/* ---- patience ---- */

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Sleeps, not beyond the deadline. Return: 0, -EAGAIN it's over, -EINTR. */
static int wait_until(int64_t deadline, long pause_ns)
{
	int64_t left = deadline - now_ns();
	struct timespec ts = { .tv_nsec = pause_ns };

	if (left <= 0)
		return -EAGAIN;
	if (left < pause_ns)
		ts.tv_nsec = left;
	return nanosleep(&ts, NULL) ? -EINTR : 0;
}

int gmem_convert_once(int fd, uint64_t *offset, uint64_t end,
		      uint64_t attributes, uint64_t flags)
{
	struct gmem_attributes set = {
		.offset = *offset, .size = end - *offset,
		.attributes = attributes, .flags = flags,
	};

	if (!ioctl(fd, GMEM_SET_ATTRIBUTES, &set)) {
		*offset = end;
		return 0;
	}
	if (errno == EAGAIN || errno == EINTR || errno == ENOMEM)
		*offset = set.error_offset;
	return -errno;
}

static int convert_step(struct conversion *c)
{
	if (c->region)
		return gmem_convert_around_exposed(c->region, &c->offset,
						   c->end, c->attributes,
						   c->flags);
	return gmem_convert_once(c->fd, &c->offset, c->end, c->attributes,
				 c->flags);
}

/* Each page that is let go starts again with short pauses. */
static int convert_patiently(struct conversion *c, int64_t deadline)
{
	long pause = FIRST_PAUSE_NS;
	int ret;

	for (;;) {
		uint64_t before = c->offset;

		ret = convert_step(c);
		if (ret != -EAGAIN)
			return ret;
		if (c->offset != before)
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
	unsigned long long at = c->offset;

	switch (error) {
	case -EAGAIN:
		return gmem_fail(error, "the page at %llu is pinned by somebody (O_DIRECT, io_uring, vhost...) and can't be made private; have them let go, and try again from there",
				 at);
	case -EINTR:
		return gmem_fail(error, "interrupted by a signal at %llu; try again from there",
				 at);
	case -EINVAL:
		return gmem_bad_range(c->fd, offset, c->end - offset);
	case -EBADF:
		return gmem_fail(error, "descriptor %d is not open for writing",
				 c->fd);
	default:
		return gmem_fail(error, "descriptor %d: can't convert at %llu",
				 c->fd, at);
	}
}

static int convert(struct conversion *c, int timeout_ms,
		   uint64_t *error_offset)
{
	int64_t deadline = timeout_ms < 0 ? INT64_MAX :
			   now_ns() + timeout_ms * 1000000LL;
	uint64_t offset = c->offset;
	int ret = convert_patiently(c, deadline);

	if (error_offset)
		*error_offset = c->offset;
	return ret ? convert_failed(ret, c, offset) : 0;
}

EXPORT int gmem_file_convert(int fd, uint64_t offset, uint64_t size,
			     uint64_t attributes, uint64_t flags,
			     int timeout_ms, uint64_t *error_offset)
{
	struct conversion c = {
		.fd = fd, .offset = offset, .end = offset + size,
		.attributes = attributes, .flags = flags,
	};

	return convert(&c, timeout_ms, error_offset);
}

/* Ordinary memory is shared, and stays so. */
static int convert_ordinary(struct conversion *c, uint64_t region_size,
			    uint64_t *error_offset)
{
	uint64_t size = c->end - c->offset;

	if (error_offset)
		*error_offset = c->offset;
	if (c->attributes & GMEM_ATTRIBUTE_PRIVATE)
		return gmem_fail(-EOPNOTSUPP, "this kind of memory can't be made private; gmemfs's can");
	if (!size || (c->offset | size) % GMEM_PAGE_SIZE ||
	    c->offset > region_size || size > region_size - c->offset)
		return gmem_bad_range(c->fd, c->offset, size);
	if (error_offset)
		*error_offset = c->end;
	return 0;
}

EXPORT int gmem_region_convert(struct gmem_region *region, uint64_t offset,
			       uint64_t size, uint64_t attributes,
			       uint64_t flags, int timeout_ms,
			       uint64_t *error_offset)
{
	struct conversion c = {
		.region = region_of(region), .fd = region->fd,
		.offset = offset, .end = offset + size,
		.attributes = attributes, .flags = flags,
	};

	if (region->backend != GMEM_BACKEND_GMEMFS)
		return convert_ordinary(&c, region->size, error_offset);
	return convert(&c, timeout_ms, error_offset);
}
