// SPDX-License-Identifier: GPL-2.0
/* Messages on stderr: a line in one write. */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

bool say_on_terminal;

static int out = STDERR_FILENO;
static bool out_is_socket;

/*
 * A guest may wait for the pager. So that doesn't wait for a terminal that was
 * stopped, or for whoever reads a pipe: stderr is opened once more, as
 * O_NONBLOCK would be for all that have it open.
 */
void say_begin(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st))
		return;
	say_on_terminal = isatty(STDERR_FILENO);
	out_is_socket = S_ISSOCK(st.st_mode);
	if (!say_on_terminal && !S_ISFIFO(st.st_mode))
		return;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY |
		  O_CLOEXEC);
	if (fd >= 0)
		out = fd;
	else
		say_on_terminal = false;
}

void say_raw(const char *text, size_t size)
{
	ssize_t n = out_is_socket ?
		    send(out, text, size, MSG_DONTWAIT | MSG_NOSIGNAL) :
		    write(out, text, size);

	/* What can't be written is lost. */
	(void)n;
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
	say_raw(line, size);
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
