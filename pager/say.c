// SPDX-License-Identifier: GPL-2.0
/* Messages on stderr: a line in one write. */
#include <errno.h>
#include <gmem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

bool say_on_terminal;

void say_begin(void)
{
	say_on_terminal = isatty(STDERR_FILENO);
}

/* Names of files may have what moves a terminal's cursor, also C1 in UTF-8. */
static void make_plain(char *text)
{
	unsigned char *p = (unsigned char *)text;

	for (; *p; p++) {
		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			*p++ = '?';
		else if (*p >= ' ' && *p != 0x7f)
			continue;
		*p = '?';
	}
}

/* A progress bar may be on the line: it is cleared. */
static void print(const char *format, va_list ap, const char *why)
{
	char text[4096], line[5120];
	int size;

	vsnprintf(text, sizeof(text), format, ap);
	make_plain(text);
	size = snprintf(line, sizeof(line), "%sgmem-pager: %s%s%s\n",
			say_on_terminal ? "\r\033[K" : "", text,
			why ? ": " : "", why ? why : "");
	if (size >= (int)sizeof(line))
		size = sizeof(line) - 1;
	/* If the message can't be written, it is lost. */
	if (write(STDERR_FILENO, line, size) < 0)
		return;
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
