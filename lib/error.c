// SPDX-License-Identifier: MIT
/*
 * Errors: a sentence for the last one, per thread. Signal handlers may get
 * here: so nothing of locales, and no format for which vsnprintf() allocates.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

/* Of the little room that the C library keeps for libraries loaded late. */
static _Thread_local char last_error[512];

int gmem_fail(int error, const char *fmt, ...)
{
	const char *reason = strerrordesc_np(-error) ?: "unknown error";
	char text[sizeof(last_error)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* The arguments may point to the sentence before, so not in place. */
	snprintf(last_error, sizeof(last_error), "%.*s (%s)",
		 (int)(sizeof(last_error) - strlen(reason) - 4), text, reason);
	return error;
}

EXPORT const char *gmem_last_error(void)
{
	return last_error;
}
