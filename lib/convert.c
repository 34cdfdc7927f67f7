// SPDX-License-Identifier: MIT
/*
 * Private and shared: conversion of a range, with patience for pages that
 * somebody has pinned.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <time.h>

#include "internal.h"

#define FIRST_PAUSE_NS	50000L
#define LAST_PAUSE_NS	20000000L

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

/* One call, which moves @offset to where it stopped. */
static int convert_once(int fd, uint64_t *offset, uint64_t end,
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

/* Each page that is let go starts again with short pauses. */
static int convert_patiently(int fd, uint64_t *offset, uint64_t end,
			     uint64_t attributes, uint64_t flags,
			     int64_t deadline)
{
	long pause = FIRST_PAUSE_NS;
	int ret;

	for (;;) {
		uint64_t before = *offset;

		ret = convert_once(fd, offset, end, attributes, flags);
		if (ret != -EAGAIN)
			return ret;
		if (*offset != before)
			pause = FIRST_PAUSE_NS;
		ret = wait_until(deadline, pause);
		if (ret)
			return ret;
		pause = pause * 2 < LAST_PAUSE_NS ? pause * 2 : LAST_PAUSE_NS;
	}
}

static int convert_failed(int error, int fd, uint64_t offset, uint64_t size,
			  uint64_t at)
{
	switch (error) {
	case -EAGAIN:
		return gmem_fail(error, "the page at %llu is pinned by somebody (O_DIRECT, io_uring, vhost...) and can't be made private; have them let go, and try again from there",
				 (unsigned long long)at);
	case -EINTR:
		return gmem_fail(error, "interrupted by a signal at %llu; try again from there",
				 (unsigned long long)at);
	case -EINVAL:
		return gmem_bad_range(fd, offset, size);
	case -EBADF:
		return gmem_fail(error, "descriptor %d is not open for writing",
				 fd);
	default:
		return gmem_fail(error, "descriptor %d: can't convert at %llu",
				 fd, (unsigned long long)at);
	}
}

EXPORT int gmem_file_convert(int fd, uint64_t offset, uint64_t size,
			     uint64_t attributes, uint64_t flags,
			     int timeout_ms, uint64_t *error_offset)
{
	int64_t deadline = timeout_ms < 0 ? INT64_MAX :
			   now_ns() + timeout_ms * 1000000LL;
	uint64_t at = offset;
	int ret = convert_patiently(fd, &at, offset + size, attributes, flags,
				    deadline);

	if (error_offset)
		*error_offset = at;
	if (ret)
		convert_failed(ret, fd, offset, size, at);
	return ret;
}
