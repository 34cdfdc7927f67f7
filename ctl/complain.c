// SPDX-License-Identifier: GPL-2.0
/* Messages of gmemctl run while the VMM runs. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <unistd.h>

#include "complain.h"

#define HEAD	"gmemctl: run: "

static bool in_log;

static bool may_fill_up(int fd)
{
	struct stat st;

	return !fstat(fd, &st) &&
	       (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/*
 * O_NONBLOCK would be set for all who have the same stderr. So there are a
 * look, and RWF_NOWAIT, in case that somebody fills a pipe in between.
 */
static bool write_now(const char *text, size_t size)
{
	struct iovec iov = { (void *)text, size };
	struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };
	int flags = may_fill_up(out.fd) ? RWF_NOWAIT : 0;
	ssize_t n;

	if (poll(&out, 1, 0) <= 0 || !(out.revents & POLLOUT))
		return false;
	n = pwritev2(out.fd, &iov, 1, -1, flags);
	if (n < 0 && errno == EOPNOTSUPP)
		n = write(out.fd, text, size);
	return n >= 0;
}

/* A pipe takes PIPE_BUF at once, or nothing. */
static void say(const char *fmt, va_list ap)
{
	char line[PIPE_BUF] = HEAD;
	size_t n = strlen(HEAD);

	vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	n = strlen(line);
	line[n] = '\n';
	if (in_log || !write_now(line, n + 1))
		syslog(LOG_DAEMON | LOG_WARNING, "%.*s",
		       (int)n - (int)strlen("gmemctl: "),
		       line + strlen("gmemctl: "));
}

static void say_text(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void complain_of(unsigned int *said, const char *fmt, ...)
{
	va_list ap;

	if (*said > COMPLAIN_MOST)
		return;
	if ((*said)++ == COMPLAIN_MOST) {
		say_text("there is more like that, which is not reported");
		return;
	}
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void complain_to_log(void)
{
	openlog("gmemctl", LOG_PID, LOG_DAEMON);
	in_log = true;
}
