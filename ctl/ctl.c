// SPDX-License-Identifier: GPL-2.0
/* Messages, memory and time, for all commands. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl.h"

static void say(const char *command, const char *fmt, va_list ap)
{
	/* Output comes before the error, also if both go to the same file. */
	fflush(stdout);
	fprintf(stderr, "gmemctl%s%s: ", command ? " " : "",
		command ? command : "");
	vfprintf(stderr, fmt, ap);
}

int ctl_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CTL_FAILED;
}

int ctl_usage(const struct ctl_call *call, const char *fmt, ...)
{
	const char *name = call && call->command ? call->command->name : NULL;
	va_list ap;

	va_start(ap, fmt);
	say(name, fmt, ap);
	va_end(ap);
	fprintf(stderr, " (try 'gmemctl %s%s--help')\n", name ? name : "",
		name ? " " : "");
	return CTL_USAGE;
}

int ctl_not_loaded(void)
{
	ctl_error("gmemfs is not loaded; run 'modprobe gmemfs', or 'gmemctl check' for advice");
	return CTL_NOT_LOADED;
}

void ctl_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(CTL_FAILED);
}

void *ctl_alloc(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (!memory)
		ctl_die("out of memory");
	return memory;
}

char *ctl_copy(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		ctl_die("out of memory");
	return copy;
}

char *ctl_format(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		ctl_die("out of memory");
	va_end(ap);
	return text;
}

void *ctl_grow(void *array, size_t count, size_t size)
{
	void *more;

	if (count & (count - 1))
		return array;
	more = reallocarray(array, count ? 2 * count : 1, size);
	if (!more)
		ctl_die("out of memory");
	return more;
}

double ctl_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

int64_t ctl_nanoseconds(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

void ctl_sleep(double seconds)
{
	struct timespec ts = {
		.tv_sec = seconds,
		.tv_nsec = (seconds - (time_t)seconds) * 1e9,
	};

	nanosleep(&ts, NULL);
}
