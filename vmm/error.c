// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <gmem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

/* In one piece, as several threads may have something to say. */
static void print(const char *format, va_list ap, const char *why)
{
	char text[512];

	vsnprintf(text, sizeof(text), format, ap);
	fprintf(stderr, "gmemvm: %s%s%s\n", text, why ? ": " : "",
		why ? why : "");
}

void warn_of(const char *format, ...)
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
