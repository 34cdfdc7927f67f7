// SPDX-License-Identifier: GPL-2.0
/* The control socket: its file, its connections, its thread. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "error.h"

#define LINE_MAX_LENGTH	128

/* ---- the socket ---- */

/* Not a regular file: that refuses connections, too, and must stay. */
static bool find_socket(const char *path, struct control_file *file)
{
	struct stat st;

	if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	*file = (struct control_file){ st.st_dev, st.st_ino };
	return true;
}

void control_remove(const char *path, const struct control_file *file)
{
	struct control_file now;

	if (find_socket(path, &now) && now.device == file->device &&
	    now.inode == file->inode)
		unlink(path);
}

/* Remove the socket of a gmemvm that has ended: no process listens there. */
static void remove_stale(const struct sockaddr_un *address)
{
	struct control_file file;
	int fd;

	if (!find_socket(address->sun_path, &file))
		return;
	/* O_NONBLOCK: a gmemvm that runs may be too busy to accept. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
	    errno == ECONNREFUSED)
		control_remove(address->sun_path, &file);
	close(fd);
}

int control_listen(const char *path, struct control_file *file)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(path);
	mode_t mask;
	int fd, ret;

	if (length >= sizeof(address.sun_path))
		return fail("--control: a socket's path has %zu characters at most, not %zu: %s",
			    sizeof(address.sun_path) - 1, length, path);
	memcpy(address.sun_path, path, length + 1);
	remove_stale(&address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail_errno("socket");
	mask = umask(0177);
	ret = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (!ret && !listen(fd, 8) && find_socket(path, file))
		return fd;
	fail_errno("%s", path);
	close(fd);
	return -1;
}

/* ---- a connection ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/*
 * The deadline is for the whole line, however many pieces it comes in. When the
 * VM ends, this stops waiting.
 */
static bool wait_for(const struct control *c, int fd, short events,
		     int64_t deadline)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = events },
		{ .fd = c->vm->end_fd, .events = POLLIN },
	};
	int64_t left;
	int ret;

	do {
		left = deadline - now_ms();
		ret = left > 0 ? poll(fds, 2, left) : 0;
	} while (ret < 0 && errno == EINTR);
	return ret > 0 && fds[0].revents;
}

/* Read a line, without its end. Return: false if none came or it is too long */
static bool read_line(const struct control *c, int fd, char *line)
{
	int64_t deadline = now_ms() + CONTROL_PATIENCE_MS;
	size_t size = 0;
	ssize_t got;

	while (size < LINE_MAX_LENGTH - 1 &&
	       wait_for(c, fd, POLLIN, deadline)) {
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

static void write_all(const struct control *c, int fd, const char *data,
		      size_t size)
{
	int64_t deadline = now_ms() + CONTROL_PATIENCE_MS;
	ssize_t done;

	while (size && wait_for(c, fd, POLLOUT, deadline)) {
		done = write(fd, data, size);
		if (done < 0)
			return;
		data += done;
		size -= done;
	}
}

void control_serve(struct control *c, int fd)
{
	char line[LINE_MAX_LENGTH] = "";
	char *text = NULL;
	size_t size = 0;
	FILE *to;

	if (!read_line(c, fd, line))
		return;
	to = open_memstream(&text, &size);
	if (!to)
		return;
	c->answer(c->arg, line, to);
	fputc('\n', to);
	if (!fclose(to))
		write_all(c, fd, text, size);
	free(text);
}

/* ---- the thread ---- */

/*
 * accept4() may have failed because there was no descriptor free. The client
 * still waits, so trying again at once would take all of a CPU. The end of the
 * VM ends the pause.
 */
static void pause_for(struct pollfd *end)
{
	poll(end, 1, CONTROL_PAUSE_MS);
}

/* No thread reads end_fd, so it stays readable for all. */
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
		if (fd < 0) {
			pause_for(&fds[0]);
			continue;
		}
		control_serve(c, fd);
		close(fd);
	}
	return NULL;
}

int control_start(struct control *c)
{
	return thread_start(&c->thread, "--control", control_thread, c);
}

int control_stop(struct control *c)
{
	return thread_end(&c->thread, "--control", THREAD_PATIENCE_MS);
}
