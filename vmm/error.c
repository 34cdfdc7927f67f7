// SPDX-License-Identifier: GPL-2.0
/* Messages on stderr: a line in one write, which doesn't wait for ever. */
#include <errno.h>
#include <gmem.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "error.h"

#define PATIENCE_MS	1000

/* Room for a path from the user, and the message about it. */
#define TEXT_MAX	(PATH_MAX + 256)

/* If no process reads stderr, gmemvm must still be able to end. */
static bool can_print(void)
{
	struct pollfd to = { .fd = STDERR_FILENO, .events = POLLOUT };
	int n = poll(&to, 1, PATIENCE_MS);

	/* A signal ended poll(), which says nothing of stderr. */
	if (n < 0 && errno == EINTR)
		n = poll(&to, 1, 0);
	return n > 0;
}

/* One write() for a line, because several threads may print. */
static void print(const char *format, va_list ap, const char *why)
{
	char text[TEXT_MAX], line[TEXT_MAX + 512];
	int size;

	vsnprintf(text, sizeof(text), format, ap);
	size = snprintf(line, sizeof(line), "gmemvm: %s%s%s\n", text,
			why ? ": " : "", why ? why : "");
	if (size >= (int)sizeof(line))
		size = sizeof(line) - 1;
	/* If the message can't be written, it is lost. */
	if (can_print() && write(STDERR_FILENO, line, size) < 0)
		return;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Return: may this thread print the warning now, and no other thread? */
static bool take_turn(struct seldom *said)
{
	int64_t until = __atomic_load_n(&said->until_ms, __ATOMIC_RELAXED);
	int64_t now = now_ms();

	return now >= until &&
	       __atomic_compare_exchange_n(&said->until_ms, &until,
					   now + SELDOM_MS, false,
					   __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

void warn_seldom(struct seldom *said, const char *format, ...)
{
	char more[64] = "";
	uint64_t left_out;
	va_list ap;

	if (!take_turn(said)) {
		__atomic_fetch_add(&said->left_out, 1, __ATOMIC_RELAXED);
		return;
	}
	left_out = __atomic_exchange_n(&said->left_out, 0, __ATOMIC_RELAXED);
	if (left_out)
		snprintf(more, sizeof(more), "%" PRIu64 " more like it were left out",
			 left_out);
	va_start(ap, format);
	print(format, ap, left_out ? more : NULL);
	va_end(ap);
}

void say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print(format, ap, NULL);
	va_end(ap);
}

int fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print(format, ap, NULL);
	va_end(ap);
	return -1;
}

int fail_errno(const char *format, ...)
{
	const char *why = strerror(errno);
	va_list ap;

	va_start(ap, format);
	print(format, ap, why);
	va_end(ap);
	return -1;
}

int fail_gmem(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	print(format, ap, gmem_last_error());
	va_end(ap);
	return -1;
}
