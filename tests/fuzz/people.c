// SPDX-License-Identifier: GPL-2.0
/*
 * Who does it: workers come and go. One that is killed may leave its VM, whose
 * descriptor is kept here: a VM without the address space that it was made in.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fuzz.h"

#define ANSWER_MS	60000

static int to_worker[WORKERS][2], from_worker[2];
static pid_t workers[WORKERS];
static int orphan_fd = -1;

int event_fds[MACHINES];

static void close_orphan(void)
{
	if (orphan_fd >= 0)
		close(orphan_fd);
	orphan_fd = -1;
}

/* A copy of an orphan's descriptor would keep it for longer. */
static void start_worker(int i)
{
	workers[i] = must_do(fork());
	if (!workers[i]) {
		close_orphan();
		work(i, to_worker[i][0], from_worker[1]);
	}
}

void start_workers(void)
{
	int i;

	/* So that a worker's child that goes on in its place becomes ours. */
	must_do(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	must_do(pipe(from_worker));
	for (i = 0; i < MACHINES; i++)
		event_fds[i] = must_do(eventfd(0, EFD_CLOEXEC));
	for (i = 0; i < WORKERS; i++)
		must_do(pipe(to_worker[i]));
	for (i = 0; i < WORKERS; i++)
		start_worker(i);
}

static void kill_worker(int i)
{
	kill(workers[i], SIGKILL);
	waitpid(workers[i], NULL, 0);
}

void stop_workers(void)
{
	int i;

	close_orphan();
	for (i = 0; i < WORKERS; i++) {
		kill_worker(i);
		close(to_worker[i][0]);
		close(to_worker[i][1]);
	}
	for (i = 0; i < MACHINES; i++)
		close(event_fds[i]);
	close(from_worker[0]);
	close(from_worker[1]);
}

/* Has the order's worker do it. False: it's dead, and maybe not alone. */
bool ask_worker(void)
{
	struct pollfd answer = { .fd = from_worker[0], .events = POLLIN };
	int i = order->worker, waited;
	char byte = 0;

	must_do(write(to_worker[i][1], &byte, 1));
	for (waited = 0; waited < ANSWER_MS; waited += 100) {
		if (poll(&answer, 1, 100) == 1)
			break;
		if (order->op != OP_FORK_ON &&
		    waitpid(workers[i], NULL, WNOHANG) == workers[i])
			return false;
	}
	if (waited >= ANSWER_MS || read(from_worker[0], &byte, 1) != 1)
		return false;
	if (order->op == OP_FORK_ON) {
		waitpid(workers[i], NULL, 0);
		workers[i] = order->pid;
	}
	return true;
}

long obey_kill(void)
{
	kill_worker(order->worker);
	start_worker(order->worker);
	return 0;
}

/* What the VM has besides its descriptor, it takes along: its eventfd. */
long obey_orphan(void)
{
	int pidfd = must_do(syscall(SYS_pidfd_open, workers[order->worker], 0));

	orphan_fd = must_do(syscall(SYS_pidfd_getfd, pidfd, order->vm_fd, 0));
	close(pidfd);
	close(event_fds[ORPHAN]);
	event_fds[ORPHAN] = event_fds[order->worker];
	event_fds[order->worker] = must_do(eventfd(0, EFD_CLOEXEC));
	return obey_kill();
}

static bool event_is_there(void)
{
	uint64_t word = 0;

	must_do(pread(file_fd(), &word, sizeof(word),
		      order->offset + EVENT_WORD));
	return word & 1UL << EVENT_PORT;
}

/* By a process of its own: if KVM dies of it, so does who asked. */
static long send_event(void)
{
	pid_t pid = must_do(fork());
	uint64_t one = 1;
	int status, tries;

	if (!pid)
		_exit(write(event_fds[ORPHAN], &one, sizeof(one)) < 0);
	for (tries = ANSWER_MS; tries; tries--) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status ? -EIO : 0;
		usleep(1000);
	}
	return -ETIME;
}

long obey_orphan_event(void)
{
	uint64_t none = 0;
	long ret;

	if (order->zero)
		must_do(pwrite(file_fd(), &none, sizeof(none),
			       order->offset + EVENT_WORD));
	ret = send_event();
	/* What KVM can't do at once, it tries later, and in vain. */
	usleep(5000);
	order->written = !ret && order->zero && event_is_there();
	return ret;
}

long obey_orphan_close(void)
{
	close_orphan();
	return 0;
}
