// SPDX-License-Identifier: MIT
/*
 * Errors: a sentence for the last error of each thread. Signal handlers may run
 * this code. So it uses no function that depends on the locale, and no format
 * for which vsnprintf() allocates memory.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* Small: a library loaded by dlopen() gets little thread-local storage. */
static _Thread_local char last_error[512];

int gmem_fail(int error, const char *fmt, ...)
{
	const char *reason = strerrordesc_np(-error) ?: "unknown error";
	char text[sizeof(last_error)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* An argument may point into last_error, so @text is separate. */
	snprintf(last_error, sizeof(last_error), "%.*s (%s)",
		 (int)(sizeof(last_error) - strlen(reason) - 4), text, reason);
	return error;
}

EXPORT const char *gmem_last_error(void)
{
	return last_error;
}
