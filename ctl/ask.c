// SPDX-License-Identifier: GPL-2.0
/* The helper processes that ask, and the time that they get. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "ask.h"
#include "ctl.h"
#include "message.h"

/*
 * Seconds. Each question has LEAST, and up to MOST more, of ALL for everything
 * above LEAST.
 */
#define LEAST	0.25
#define MOST	3.0
#define ALL	12.0

/* How long ask_end() waits for the helpers, in ms. */
#define END_MS	100

#define CHUNK	16384

#define PAGE	4096

/*
 * Helpers that were killed, and wait for a file server still. With so many of
 * them, no more are started.
 */
#define MOST_LEFT	(2 * ASK_TIMEOUTS)

enum what { OPEN, TYPE, TEXT, MEMORY, ATTRIBUTE };

struct question {
	enum what what;
	int flags;
	uint64_t resolve;
	pid_t pid;		/* for MEMORY, as are the next two */
	uint64_t address;
	size_t size;
	char value[32];		/* for ATTRIBUTE */
	char path[PATH_MAX];	/* or the attribute's name */
};

struct answer {
	int64_t value;		/* for TEXT: bytes, 0 at the end; or an error */
	char text[CHUNK];
};

#define HEAD	offsetof(struct answer, text)

struct asker {
	pid_t pid;		/* 0: there is no helper */
	bool dead;		/* @pid may be another process's by now */
	int sock;
	double waited;		/* for the answer to this question */
	struct answer answer;
	size_t taken;		/* how much of its text was read */
};

/* Two helpers, because other questions come up while a text is read. */
static struct asker reader, asker;
static double left_of_all = ALL;
static unsigned int timeouts;
static double waited_for_all;
static unsigned int left_behind;	/* helpers that were killed */

/* ---- the helper ---- */

static void reply(int sock, struct answer *a, int fd)
{
	size_t size = HEAD + (a->value > 0 && fd < 0 ? a->value : 0);

	if (message_send(sock, a, size, fd) < 0)
		_exit(0);
}

static int open_asked(const struct question *q, int dir)
{
	struct open_how how = {
		.flags = q->flags | O_CLOEXEC, .resolve = q->resolve,
	};
	int fd = syscall(SYS_openat2, dir, q->path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static void reply_text(int sock, struct answer *a, int fd)
{
	ssize_t n;

	do {
		n = fd < 0 ? fd : read(fd, a->text, CHUNK);
		a->value = n < 0 && fd >= 0 ? -errno : n;
		reply(sock, a, -1);
	} while (n > 0);
}

/* Is the error one of the question, rather than the file system's answer? */
static bool is_of_asking(int err)
{
	return err == EACCES || err == EPERM || err == EBADF || err == ENOMEM ||
	       err == EINTR;
}

/*
 * If the file system has no answer, because its server has ended, the type is
 * 0: it isn't a gmemfs.
 */
static void reply_type(int sock, struct answer *a, int fd)
{
	uint64_t type = 0;
	struct statfs fs;

	if (!fstatfs(fd, &fs))
		type = fs.f_type;
	else if (is_of_asking(errno))
		a->value = -errno;
	if (!a->value) {
		memcpy(a->text, &type, sizeof(type));
		a->value = sizeof(type);
	}
	reply(sock, a, -1);
}

/*
 * A read ends before a page that isn't there only if that page begins a piece.
 */
static void reply_memory(int sock, const struct question *q, struct answer *a)
{
	size_t first = PAGE - q->address % PAGE;
	struct iovec local = { a->text, q->size };
	struct iovec remote[2] = {
		{ (void *)(uintptr_t)q->address,
		  first < q->size ? first : q->size },
		{ (void *)(uintptr_t)(q->address + first),
		  first < q->size ? q->size - first : 0 },
	};
	ssize_t got = process_vm_readv(q->pid, &local, 1, remote, 2, 0);

	a->value = got < 0 ? -errno : got;
	reply(sock, a, -1);
}

/* The file is open with O_PATH only, which fsetxattr() doesn't take. */
static void reply_attribute(int sock, const struct question *q,
			    struct answer *a, int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (setxattr(path, q->path, q->value, strlen(q->value), 0))
		a->value = -errno;
	reply(sock, a, -1);
}

static void reply_file(int sock, const struct question *q, struct answer *a,
		       int dir)
{
	int fd = open_asked(q, dir < 0 ? AT_FDCWD : dir);

	if (q->what == TEXT) {
		reply_text(sock, a, fd);
	} else {
		a->value = fd < 0 ? fd : 0;
		reply(sock, a, fd);
	}
	if (fd >= 0)
		close(fd);
}

static void reply_to(int sock, const struct question *q, struct answer *a,
		     int dir)
{
	a->value = 0;
	switch (q->what) {
	case TYPE:
		reply_type(sock, a, dir);
		break;
	case MEMORY:
		reply_memory(sock, q, a);
		break;
	case ATTRIBUTE:
		reply_attribute(sock, q, a, dir);
		break;
	default:
		reply_file(sock, q, a, dir);
	}
}

/*
 * The helper closes all files of gmemctl, and all ends of pipes, because it may
 * outlive gmemctl.
 */
static _Noreturn void help(int sock)
{
	static struct answer a;
	struct question q;
	int dir;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	sock = dup2(sock, 3);
	syscall(SYS_close_range, 0, 2, 0);
	syscall(SYS_close_range, 4, ~0U, 0);
	while (message_receive(sock, &q, sizeof(q), &dir) == sizeof(q)) {
		reply_to(sock, &q, &a, dir);
		if (dir >= 0)
			close(dir);
	}
	_exit(0);
}

/* ---- asking it ---- */

/*
 * The helper has a copy of all memory of gmemctl. It must not keep that until a
 * file server answers.
 */
static void end_without_memory(pid_t pid)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	kill(pid, SIGKILL);
	if (fd < 0)
		return;
	syscall(SYS_process_mrelease, fd, 0);
	close(fd);
}

/* A helper that doesn't end after SIGKILL is left behind, without a wait. */
static void give_up(struct asker *by)
{
	if (!by->dead) {
		end_without_memory(by->pid);
		left_behind++;
	}
	close(by->sock);
	by->pid = 0;
}

static void reap(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
		if (pid == asker.pid)
			asker.dead = true;
		else if (pid == reader.pid)
			reader.dead = true;
		else if (left_behind)
			left_behind--;
	}
}

static int start(struct asker *by)
{
	int socks[2];

	if (by->pid)
		return 0;
	reap();
	if (left_behind >= MOST_LEFT)
		return -EAGAIN;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return -errno;
	by->sock = socks[0];
	by->dead = false;
	by->pid = fork();
	if (!by->pid)
		help(socks[1]);
	close(socks[1]);
	if (by->pid > 0)
		return 0;
	by->pid = 0;
	close(socks[0]);
	return -EAGAIN;
}

/* Subtract the time above LEAST from the time for all. */
static void finish(struct asker *by)
{
	double more = by->waited - LEAST;

	if (more > 0)
		left_of_all = left_of_all > more ? left_of_all - more : 0;
	waited_for_all += by->waited;
	by->waited = 0;
}

/* A signal that interrupts poll() doesn't end the wait. */
static bool wait_for_answer(struct asker *by)
{
	double room = LEAST + (left_of_all < MOST ? left_of_all : MOST);
	struct pollfd in = { .fd = by->sock, .events = POLLIN };
	double before = ctl_now() - by->waited;
	int n = 0;

	while (n <= 0 && by->waited < room) {
		n = poll(&in, 1, (room - by->waited) * 1000 + 1);
		by->waited = ctl_now() - before;
	}
	return n > 0;
}

/* Return: 0 if there was an answer, also if it is an error. */
static int take_answer(struct asker *by, int *fd)
{
	int err = 0;

	*fd = -1;
	if (!wait_for_answer(by)) {
		err = -ETIMEDOUT;
		timeouts++;
	} else if (message_receive(by->sock, &by->answer, sizeof(by->answer),
				   fd) < (ssize_t)HEAD) {
		err = -EIO;
	}
	if (err) {
		finish(by);
		give_up(by);
	}
	return err;
}

/* Return: 0, or the answer's error, or why there was no answer. */
static int ask(struct asker *by, const struct question *q, int dir, int *fd)
{
	int err = start(by);

	if (err)
		return err;
	if (message_send(by->sock, q, sizeof(*q), dir) != sizeof(*q)) {
		give_up(by);
		return -EIO;
	}
	err = take_answer(by, fd);
	return err || by->answer.value >= 0 ? err : by->answer.value;
}

void ask_renew(void)
{
	left_of_all = ALL;
	timeouts = 0;
	waited_for_all = 0;
}

/* One that waits for a file server stays: there is nothing to be done. */
void ask_end(void)
{
	if (asker.pid)
		give_up(&asker);
	if (reader.pid)
		give_up(&reader);
	for (int i = 0; i < END_MS && !waitpid(-1, NULL, WNOHANG); i++)
		ctl_sleep(0.001);
	reap();
}

bool ask_has_given_up(void)
{
	return timeouts >= ASK_TIMEOUTS || waited_for_all >= ASK_SECONDS;
}

static int set_path(struct question *q, const char *path)
{
	size_t n = strlen(path);

	if (n >= sizeof(q->path))
		return -ENAMETOOLONG;
	memcpy(q->path, path, n + 1);
	return 0;
}

int ask_open(int dir, const char *path, int flags, uint64_t resolve)
{
	struct question q = {
		.what = OPEN, .flags = O_PATH | flags, .resolve = resolve,
	};
	int fd, err = set_path(&q, path);

	if (!err)
		err = ask(&asker, &q, dir, &fd);
	finish(&asker);
	if (err)
		return err;
	return fd < 0 ? -EMFILE : fd;
}

int ask_type(int fd, uint64_t *type)
{
	struct question q = { .what = TYPE };
	int none, err = ask(&asker, &q, fd, &none);

	finish(&asker);
	if (!err)
		memcpy(type, asker.answer.text, sizeof(*type));
	return err;
}

ssize_t ask_memory(pid_t pid, uint64_t address, void *to, size_t size)
{
	struct question q = {
		.what = MEMORY, .pid = pid, .address = address,
		.size = size < CHUNK ? size : CHUNK,
	};
	int none, err = ask_has_given_up() ? -ECANCELED : 0;

	if (!err)
		err = ask(&asker, &q, -1, &none);
	finish(&asker);
	if (err)
		return err;
	memcpy(to, asker.answer.text, asker.answer.value);
	return asker.answer.value;
}

int ask_set_attribute(int fd, const char *name, const char *value)
{
	struct question q = { .what = ATTRIBUTE };
	int none, err = ask_has_given_up() ? -ECANCELED : set_path(&q, name);

	snprintf(q.value, sizeof(q.value), "%s", value);
	if (!err)
		err = ask(&asker, &q, fd, &none);
	finish(&asker);
	return err;
}

/* ---- texts ---- */

static int take_more(struct asker *by)
{
	int none, err;

	if (by->answer.value <= 0 || by->taken < (size_t)by->answer.value)
		return 0;
	by->taken = 0;
	err = take_answer(by, &none);
	if (err)
		by->answer.value = err;
	return err;
}

static ssize_t read_text(void *cookie, char *to, size_t size)
{
	struct asker *by = cookie;
	const struct answer *a = &by->answer;
	size_t n;

	take_more(by);
	if (a->value < 0) {
		errno = -a->value;
		return -1;
	}
	n = a->value - by->taken;
	if (n > size)
		n = size;
	memcpy(to, a->text + by->taken, n);
	by->taken += n;
	return n;
}

/* The helper still sends the rest of the text, so it is killed then. */
static int close_text(void *cookie)
{
	struct asker *by = cookie;

	finish(by);
	if (by->answer.value > 0)
		give_up(by);
	return 0;
}

FILE *ask_text(int dir, const char *path, uint64_t resolve)
{
	const cookie_io_functions_t io = {
		.read = read_text, .close = close_text,
	};
	struct question q = {
		.what = TEXT, .flags = O_RDONLY | O_NONBLOCK,
		.resolve = resolve,
	};
	int none, err = set_path(&q, path);
	FILE *f = NULL;

	if (!err)
		err = ask(&reader, &q, dir, &none);
	reader.taken = 0;
	if (!err)
		f = fopencookie(&reader, "r", io);
	else
		finish(&reader);
	if (!f)
		errno = err ? -err : ENOMEM;
	return f;
}
