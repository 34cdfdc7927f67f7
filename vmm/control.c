// SPDX-License-Identifier: GPL-2.0
/* The control socket: its file, its connections, its thread. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "control.h"
#include "error.h"

#define LINE_MAX_LENGTH	128

/* Other processes may put files at the socket's path, again and again. */
#define TRIES		8

/* How long to wait for others that are about to have a socket there. */
#define LOCK_TRIES	500
#define LOCK_PAUSE_MS	10

/* ---- the socket ---- */

/* Not a regular file: that refuses connections, too, and must stay. */
static bool find_socket(int dir, const char *name, struct control_file *file)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ||
	    !S_ISSOCK(st.st_mode))
		return false;
	*file = (struct control_file){ st.st_dev, st.st_ino };
	return true;
}

static bool is_same(const struct control_file *a, const struct control_file *b)
{
	return a->device == b->device && a->inode == b->inode;
}

void control_remove(const char *path, const struct control_file *file)
{
	struct control_file now;

	if (find_socket(AT_FDCWD, path, &now) && is_same(&now, file))
		unlink(path);
}

/* By descriptors, a path of any length fits, and leads to the same file. */
__attribute__((format(printf, 2, 3)))
static void set_address(struct sockaddr_un *address, const char *format, ...)
{
	va_list ap;

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	va_start(ap, format);
	vsnprintf(address->sun_path, sizeof(address->sun_path), format, ap);
	va_end(ap);
}

#define NAME_SIZE	24

static void make_name(char *name)
{
	static unsigned int names;
	unsigned int number;

	/* Early at boot it would wait, with signals blocked. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = getpid() + (++names << 24);
	snprintf(name, NAME_SIZE, ".gmemvm-%08x", number);
}

/* ---- the socket of a gmemvm that has ended ---- */

/* @file is opened with O_PATH. A gmemvm that runs may be too busy to accept. */
static bool is_dead(int file)
{
	struct sockaddr_un address;
	bool dead;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return false;
	set_address(&address, "/proc/self/fd/%d", file);
	dead = connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
	       errno == ECONNREFUSED;
	close(fd);
	return dead;
}

/* Not all file systems can rename without replacing. */
static int rename_to(int dir, const char *from, const char *name)
{
	if (!renameat2(dir, from, dir, name, RENAME_NOREPLACE))
		return 0;
	if (errno != EINVAL || linkat(dir, from, dir, name, 0))
		return -1;
	unlinkat(dir, from, 0);
	return 0;
}

/*
 * If another file has the name by now, @away stays as it is. Not all file
 * systems have links, and not everyone may link to another user's socket.
 */
static void give_back(int dir, const char *away, const char *name)
{
	if (rename_to(dir, away, name) && errno != EEXIST)
		renameat(dir, away, dir, name);
}

/*
 * Another gmemvm may have done the same, and its socket may be there by now. So
 * the file is renamed first, and gets its name back if it is not @file.
 */
static bool take_away(int dir, const char *name,
		      const struct control_file *file)
{
	struct control_file taken;
	char away[NAME_SIZE];

	make_name(away);
	if (renameat2(dir, name, dir, away, RENAME_NOREPLACE) &&
	    (errno != EINVAL || renameat(dir, name, dir, away)))
		return errno == ENOENT;
	if (find_socket(dir, away, &taken) && is_same(&taken, file))
		unlinkat(dir, away, 0);
	else
		give_back(dir, away, name);
	return true;
}

/* Return: is it worth another try to have the name? */
static bool remove_stale(int dir, const char *name)
{
	/* While this is open, no other file gets the inode's number. */
	int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct control_file file;
	bool removed;

	if (fd < 0)
		return errno == ENOENT;
	removed = find_socket(fd, "", &file) && is_dead(fd) &&
		  take_away(dir, name, &file);
	close(fd);
	return removed;
}

/* ---- one gmemvm at a time ---- */

/*
 * What has the name may change until it is renamed. If it was the socket of
 * another gmemvm by then, and a third one takes the name before it is given
 * back, that gmemvm can't be reached any more. So gmemvms lock the directory.
 *
 * Any user who may read the directory can hold the lock for ever, and not
 * everyone may read it. So without it, this goes on after a while.
 *
 * Return: a descriptor that has the lock, or -1
 */
static int lock_directory(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return fd;
		if (errno != EWOULDBLOCK)
			break;
		poll(NULL, 0, LOCK_PAUSE_MS);
	}
	close(fd);
	return -1;
}

/* ---- a socket that listens before others see it ---- */

/* Return: a descriptor, or -1 with errno set. @name is what the socket got. */
static int listen_unseen(int dir, char *name)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ret;
	mode_t mask;

	if (fd < 0)
		return -1;
	make_name(name);
	set_address(&address, "/proc/self/fd/%d/%s", dir, name);
	mask = umask(0177);
	ret = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (!ret && !listen(fd, 8))
		return fd;
	if (!ret)
		unlinkat(dir, name, 0);
	close(fd);
	return -1;
}

static int try_to_put(int dir, const char *from, const char *name)
{
	for (int i = 0; i < TRIES; i++) {
		if (!rename_to(dir, from, name))
			return 0;
		if (errno != EEXIST)
			return -1;
		if (!remove_stale(dir, name))
			break;
	}
	errno = EADDRINUSE;
	return -1;
}

/* Return: 0 or an errno */
static int put_in_place(int dir, const char *from, const char *name)
{
	int lock = lock_directory(dir);
	int err = try_to_put(dir, from, name) ? errno : 0;

	if (lock >= 0)
		close(lock);
	return err;
}

/* Return: a descriptor, or -1 with errno set */
static int listen_at(int dir, const char *name, struct control_file *file)
{
	char unseen[NAME_SIZE];
	int fd = listen_unseen(dir, unseen), err;

	if (fd < 0)
		return -1;
	if (find_socket(dir, unseen, file))
		err = put_in_place(dir, unseen, name);
	else
		err = ESTALE;
	unlinkat(dir, unseen, 0);
	if (!err)
		return fd;
	close(fd);
	errno = err;
	return -1;
}

static int open_directory(const char *path, size_t length)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];

	snprintf(dir, sizeof(dir), "%.*s", (int)length, path);
	return open(length ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/*
 * Between bind() and listen() a socket looks like that of a gmemvm that has
 * ended, and another gmemvm would remove it. So it listens under another name
 * first.
 */
int control_listen(const char *path, struct control_file *file)
{
	const size_t room = sizeof(((struct sockaddr_un *)0)->sun_path);
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	int dir, fd = -1;

	if (access("/proc/self/fd", F_OK))
		return fail("--control: /proc must be mounted");
	if (strlen(path) >= room)
		return fail("--control: a socket's path has %zu characters at most, not %zu: %s",
			    room - 1, strlen(path), path);
	dir = open_directory(path, name - path);
	if (dir >= 0)
		fd = listen_at(dir, name, file);
	if (fd < 0)
		fail_errno("%s", path);
	if (dir >= 0)
		close(dir);
	return fd;
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
