// SPDX-License-Identifier: GPL-2.0
/* The process that answers the system calls of a VMM. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "callfilter.h"
#include "complain.h"
#include "ctl.h"
#include "memfd.h"
#include "message.h"
#include "seals.h"
#include "slots.h"
#include "supervisor.h"
#include "supply.h"

/* How long gmemctl waits for the supervisor at the end, in ms. */
#define PATIENCE	5000

/* What is said on the socket: a byte, with the listener for TAKE. */
enum word {
	READY = 'r',		/* the supervisor: start the VMM */
	TAKE = 't',		/* the VMM to be */
	TAKEN = 'k',		/* the supervisor: it may become the VMM */
	ENDED = 'e',		/* gmemctl: the VMM has ended */
	STAYING = 's',		/* the supervisor: don't wait for me */
};

/* ---- the socket ---- */

static int send_word(int sock, char word, int fd)
{
	return message_send(sock, &word, 1, fd) < 0 ? -errno : 0;
}

/* Return: the word; or 0 if there is nobody at the other end. */
static char receive_word(int sock, int *fd)
{
	char word = 0;

	return message_receive(sock, &word, 1, fd) > 0 ? word : 0;
}

/* ---- the supervisor ---- */

struct duty {
	struct supply supply;
	const char *pattern;
	struct notify notify;
	int sock;		/* -1: gmemctl has ended */
};

/* In seconds. */
#define ROUND	60

/*
 * The time that ask.c has for slow answers is that of a round, rather than of a
 * call. So a process that doesn't answer costs the others no more than that.
 */
static void renew_time(void)
{
	static double renewed = -ROUND;
	double now = ctl_now();

	if (now - renewed < ROUND)
		return;
	renewed = now;
	ask_renew();
}

static void answer_call(struct duty *d)
{
	struct notify *n = &d->notify;

	if (notify_next(n))
		return;
	renew_time();
	switch (callfilter_call(&n->call->data)) {
	case CALL_MEMFD_CREATE:
		memfd_answer(&d->supply, d->pattern, n);
		break;
	case CALL_SEALS:
		seals_answer_fcntl(&d->supply, n);
		break;
	case CALL_FTRUNCATE:
		seals_answer_ftruncate(&d->supply, n);
		break;
	case CALL_SLOT:
		slots_answer(&d->supply, n);
		break;
	default:
		notify_pass(n);
	}
}

static bool nobody_is_left(const struct notify *n)
{
	struct pollfd in = { .fd = n->fd };

	return poll(&in, 1, 0) > 0;
}

/*
 * Whoever reads what the VMM has written waits for the end of that. The end of
 * a pipe takes the place, which can't be written to, and has nothing to read.
 * It needs no /dev/null.
 */
static void let_go_of(int from, int to)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return;
	for (int fd = from; fd <= to; fd++)
		dup2(ends[0], fd);
	close(ends[0]);
	close(ends[1]);
}

static void stay(struct duty *d)
{
	complain_to_log();
	let_go_of(STDERR_FILENO, STDERR_FILENO);
	send_word(d->sock, STAYING, -1);
	close(d->sock);
	d->sock = -1;
}

/*
 * Anything on the socket means that the VMM, or gmemctl, has ended. The word is
 * taken: if it were there at close(), gmemctl would get an error, and not ours.
 *
 * Return: a status, which is CTL_OK if nobody has the filter any more.
 */
static int serve(struct duty *d)
{
	struct pollfd in[2] = {
		{ .fd = d->notify.fd, .events = POLLIN },
		{ .fd = d->sock, .events = POLLIN },
	};
	int none;

	for (;;) {
		if (poll(in, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			complain("poll: %s", strerror(errno));
			return CTL_FAILED;
		}
		if (in[0].revents & POLLIN)
			answer_call(d);
		else if (in[0].revents)
			return CTL_OK;
		if (!in[1].revents)
			continue;
		receive_word(d->sock, &none);
		if (nobody_is_left(&d->notify))
			return CTL_OK;
		stay(d);
		in[1] = (struct pollfd){ .fd = -1 };
	}
}

/*
 * What a terminal or a service manager sends to all of a group's processes is
 * for the VMM. A VMM without a supervisor couldn't even end in good order.
 */
static void ignore_signals(void)
{
	static const int ignored[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2,
	};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
}

static void raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

/*
 * It keeps nothing that it has inherited but the socket and stderr: others may
 * wait for the end of a pipe, or want to unmount.
 */
static void keep_only(int sock)
{
	setsid();
	ignore_signals();
	if (sock != 3)
		dup2(sock, 3);
	syscall(SYS_close_range, 4, ~0U, 0);
	let_go_of(STDIN_FILENO, STDOUT_FILENO);
	umask(0077);
	raise_limit();
}

/* Return: 0; -ECANCELED if there is no VMM; or another negative errno. */
static int take(struct duty *d)
{
	int listener;
	char word = receive_word(d->sock, &listener);
	int err;

	if (word != TAKE)
		return -ECANCELED;
	err = listener < 0 ? -EBADF : notify_begin(&d->notify, listener);
	return err ? err : send_word(d->sock, TAKEN, -1);
}

/*
 * A VMM that can do less than its user, such as one in a sandbox of its own,
 * must not be able to trace it.
 */
static _Noreturn void supervise(int sock, const char *mount,
				const char *pattern)
{
	struct duty d = { .pattern = pattern, .sock = 3 };
	int status, err;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	keep_only(sock);
	status = supply_open(mount, &d.supply);
	if (status) {
		ask_end();
		_exit(status);
	}
	if (chdir("/"))
		_exit(CTL_FAILED);
	send_word(d.sock, READY, -1);
	err = take(&d);
	if (err && err != -ECANCELED)
		complain("can't answer the VMM's calls: %s", strerror(-err));
	if (err)
		status = err == -ECANCELED ? CTL_OK : CTL_FAILED;
	else
		status = serve(&d);
	ask_end();
	_exit(status);
}

/* ---- gmemctl ---- */

static int status_of(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status))
		return WEXITSTATUS(status);
	return ctl_error("the supervisor has ended too early");
}

int supervisor_start(const char *mount, const char *pattern,
		     struct supervisor *s)
{
	int socks[2], none;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks))
		return ctl_error("can't start: %s", strerror(errno));
	s->pid = fork();
	if (!s->pid)
		supervise(socks[1], mount, pattern);
	close(socks[1]);
	s->sock = socks[0];
	if (s->pid < 0)
		return ctl_error("can't start: %s", strerror(errno));
	return receive_word(s->sock, &none) == READY ? CTL_OK :
						       status_of(s->pid);
}

int supervisor_take(const struct supervisor *s, int listener)
{
	int none, err = send_word(s->sock, TAKE, listener);

	if (err)
		return err;
	return receive_word(s->sock, &none) == TAKEN ? 0 : -EPIPE;
}

void supervisor_leave(const struct supervisor *s)
{
	struct pollfd in = { .fd = s->sock, .events = POLLIN };
	int none;

	send_word(s->sock, ENDED, -1);
	if (poll(&in, 1, PATIENCE) > 0 && !receive_word(s->sock, &none))
		waitpid(s->pid, NULL, 0);
}
