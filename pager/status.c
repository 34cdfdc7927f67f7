// SPDX-License-Identifier: GPL-2.0
/* How far it is: on a terminal, and by a socket. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "say.h"
#include "status.h"

#define BAR_WIDTH	30
#define MIB		(1ULL << 20)

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

void status_begin(struct status *status)
{
	status->began = now();
}

/* ---- a terminal ---- */

void status_draw(const struct status *status)
{
	unsigned int full = status->size ? (double)status->there /
			    status->size * BAR_WIDTH : BAR_WIDTH;
	char bar[BAR_WIDTH + 1], line[256];
	int size;

	if (!say_on_terminal)
		return;
	memset(bar, '.', BAR_WIDTH);
	memset(bar, '#', full < BAR_WIDTH ? full : BAR_WIDTH);
	bar[BAR_WIDTH] = 0;
	size = snprintf(line, sizeof(line),
			"\r\033[K[%s] %llu of %llu MiB, %llu blocks were waited for%s",
			bar, (unsigned long long)(status->there / MIB),
			(unsigned long long)(status->size / MIB),
			(unsigned long long)status->faults,
			status->starved ? ", no memory" : "");
	say_raw(line, size);
}

void status_clear(void)
{
	if (say_on_terminal)
		say_raw("\r\033[K", 4);
}

/* ---- a socket ---- */

/* A socket that a pager of the same user has left behind is in the way. */
static void remove_stale(const char *path, const struct sockaddr_un *address)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) || !S_ISSOCK(st.st_mode) ||
	    st.st_uid != geteuid())
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
	    errno == ECONNREFUSED)
		unlink(path);
	close(fd);
}

int status_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, ret;

	/* Without a name, it would be in no folder, and for everybody. */
	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return fail("--status: a socket's path has 1 to %zu characters",
			    sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	remove_stale(path, &address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail_errno("--status: no socket");
	mask = umask(0177);
	ret = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (!ret && !listen(fd, 8))
		return fd;
	fail_errno("%s", path);
	close(fd);
	return -1;
}

/* What isn't plain ASCII is escaped, each byte by itself. */
static void put_text(FILE *to, const char *key, const char *text)
{
	fprintf(to, "\"%s\":\"", key);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			fprintf(to, "\\u%04x", c);
		else
			fputc(c, to);
	}
	fputs("\",", to);
}

static void put_number(FILE *to, const char *key, uint64_t value)
{
	fprintf(to, "\"%s\":%llu,", key, (unsigned long long)value);
}

static void put_all(FILE *to, const struct status *status)
{
	fputc('{', to);
	put_text(to, "file", status->file);
	put_text(to, "from", status->from);
	put_number(to, "size_bytes", status->size);
	put_number(to, "there_bytes", status->there);
	put_number(to, "missing_bytes", status->size - status->there);
	put_number(to, "lost_bytes", status->lost);
	put_number(to, "read_bytes", status->read);
	put_number(to, "zero_bytes", status->zero);
	put_number(to, "faults", status->faults);
	put_number(to, "punched", status->punched);
	fprintf(to, "\"no_memory\":%s,", status->starved ? "true" : "false");
	fprintf(to, "\"seconds\":%.3f}\n", now() - status->began);
}

/* Two paths, of which each byte becomes 6, and the rest. */
#define MOST	(2 * 6 * 4096 + 1024)

/* It fits into a socket's buffer, so nobody who doesn't read is waited for. */
void status_answer(int listener, const struct status *status)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char text[MOST];
	FILE *to;
	long size;

	if (fd < 0)
		return;
	to = fmemopen(text, sizeof(text), "w");
	if (to) {
		put_all(to, status);
		fflush(to);
		size = ftell(to);
		if (size > 0)
			send(fd, text, size, MSG_NOSIGNAL);
		fclose(to);
	}
	close(fd);
}
