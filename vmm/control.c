// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "error.h"

#define LINE_MAX_LENGTH	128
#define PATIENCE_MS	1000

/* ---- the socket ---- */

/* What a gmemvm that is gone has left: nobody answers. */
static void remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int fd;

	/* Files refuse connections, too. */
	if (lstat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
	    errno == ECONNREFUSED)
		unlink(address->sun_path);
	close(fd);
}

int control_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	mode_t mask;
	int fd, ret;

	if (length >= sizeof(address.sun_path))
		return fail("%s: a socket's path has %zu characters at most",
			    path, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, length + 1);
	remove_stale(&address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno("socket");
	mask = umask(0177);
	ret = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (!ret && !listen(fd, 8))
		return fd;
	fail_errno("%s", path);
	close(fd);
	return -1;
}

/* ---- a connection ---- */

static bool wait_for(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	int ret;

	do
		ret = poll(&poll_fd, 1, PATIENCE_MS);
	while (ret < 0 && errno == EINTR);
	return ret > 0;
}

/* A line without its end. Return: false if none came, or one that's too long */
static bool read_line(int fd, char *line)
{
	size_t size = 0;
	ssize_t got;

	while (size < LINE_MAX_LENGTH - 1 && wait_for(fd, POLLIN)) {
		got = read(fd, line + size, LINE_MAX_LENGTH - 1 - size);
		if (got < 0)
			return false;
		size += got;
		line[size] = '\0';
		if (!got || strchr(line, '\n')) {
			line[strcspn(line, "\r\n")] = '\0';
			return true;
		}
	}
	return false;
}

static void write_all(int fd, const char *data, size_t size)
{
	ssize_t done;

	while (size && wait_for(fd, POLLOUT)) {
		done = write(fd, data, size);
		if (done < 0)
			return;
		data += done;
		size -= done;
	}
}

static void serve(struct control *c, int fd)
{
	char line[LINE_MAX_LENGTH] = "";
	char *text = NULL;
	size_t size = 0;
	FILE *to;

	if (!read_line(fd, line))
		return;
	to = open_memstream(&text, &size);
	if (!to)
		return;
	c->answer(c->arg, line, to);
	fputc('\n', to);
	if (!fclose(to))
		write_all(fd, text, size);
	free(text);
}

/* ---- the thread ---- */

/* Nobody reads the event of the VM's end: it stays. */
static void *control_thread(void *arg)
{
	struct control *c = arg;
	struct pollfd fds[] = {
		{ .fd = c->vm->end_fd, .events = POLLIN },
		{ .fd = c->fd, .events = POLLIN },
	};

	while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
		int fd;

		if (fds[0].revents)
			break;
		fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			continue;
		serve(c, fd);
		close(fd);
	}
	return NULL;
}

int control_start(struct control *c)
{
	errno = pthread_create(&c->thread, NULL, control_thread, c);
	if (errno)
		return fail_errno("a thread for --control");
	c->started = true;
	return 0;
}

void control_stop(struct control *c)
{
	if (c->started)
		pthread_join(c->thread, NULL);
	c->started = false;
}
