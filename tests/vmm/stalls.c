// SPDX-License-Identifier: GPL-2.0
/*
 * Somebody that gmemvm waits for doesn't come: nobody reads the guest's
 * console, or a client of the control socket takes its time. Neither keeps it
 * from ending, nor others from being served. Without KVM.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "../../vmm/control.h"
#include "../../vmm/error.h"
#include "../../vmm/layout.h"
#include "../../vmm/serial.h"
#include "../../vmm/thread.h"
#include "../lib/tap.h"

#define TIME_LIMIT_S	120	/* less than STUCK times the patience */
#define KEYS		8

static struct vm vm;

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

static void begin_vm(void)
{
	vm = (struct vm){ .end_fd = eventfd(0, EFD_NONBLOCK) };
	must(vm.end_fd >= 0, "eventfd");
}

static void end_vm(void)
{
	uint64_t one = 1;

	__atomic_store_n(&vm.end, VM_QUIT, __ATOMIC_RELEASE);
	must(write(vm.end_fd, &one, sizeof(one)) == sizeof(one), "an event");
	close(vm.end_fd);
}

/* A pipe with no room, whose reader doesn't read. */
static void make_full_pipe(int *fds)
{
	static const char zeros[4096];
	ssize_t done;

	must(!pipe(fds) && !fcntl(fds[1], F_SETFL, O_NONBLOCK), "a pipe");
	do
		done = write(fds[1], zeros, sizeof(zeros));
	while (done > 0);
	must(!fcntl(fds[1], F_SETFL, 0), "a pipe that blocks");
}

static void close_pipe(const int *fds)
{
	close(fds[0]);
	close(fds[1]);
}

/* ---- the console ---- */

static bool has_written;

static void *write_console(void *arg)
{
	char byte = 'x';

	bus_write(&vm.ports, SERIAL_PORT, &byte, sizeof(byte));
	__atomic_store_n(&has_written, true, __ATOMIC_RELEASE);
	return arg;
}

static void test_console(void)
{
	static struct serial serial;
	struct thread vcpu = {};
	unsigned int keys = 0;
	int fds[2];

	begin_vm();
	make_full_pipe(fds);
	must(!serial_add(&serial, &vm, fds[1]), "a console");
	must(!thread_start(&vcpu, "a vCPU", write_console, NULL), "a thread");
	usleep(100000);
	while (keys < KEYS && serial_receive(&serial, 'a' + keys))
		keys++;
	is(keys, KEYS, "nobody reads the console: the keyboard works");
	ok(!__atomic_load_n(&has_written, __ATOMIC_ACQUIRE),
	   "and the vCPU waits");
	end_vm();
	is(thread_end(&vcpu, "a vCPU", THREAD_PATIENCE_MS), 0,
	   "but not when the machine ends");
	close_pipe(fds);
}

static void test_typing(void)
{
	static struct serial serial;
	unsigned int i;

	begin_vm();
	must(!serial_add(&serial, &vm, STDOUT_FILENO), "a console");
	for (i = 0; i < 2 * SERIAL_TYPED; i++)
		serial_type(&serial, 'a');
	is(serial.count, SERIAL_TYPED,
	   "the guest reads no key: who types doesn't wait, and some are lost");
	end_vm();
}

/* ---- threads ---- */

static int full_pipe[2];
static bool may_end;

/* In a call that nobody has asked first whether it would wait. */
static void *write_anyway(void *arg)
{
	while (!__atomic_load_n(&may_end, __ATOMIC_ACQUIRE))
		if (write(full_pipe[1], "x", 1) > 0)
			return arg;
	return NULL;
}

static void *never_end(void *arg)
{
	for (;;)
		poll(NULL, 0, -1);
	return arg;
}

static void test_threads(void)
{
	struct thread writer = {}, other = {}, none = {};

	make_full_pipe(full_pipe);
	must(!thread_start(&writer, "a writer", write_anyway, NULL) &&
	     !thread_start(&other, "the other", never_end, NULL), "threads");
	usleep(100000);
	__atomic_store_n(&may_end, true, __ATOMIC_RELEASE);
	is(thread_end(&writer, "a writer", THREAD_PATIENCE_MS), 0,
	   "a thread in a system call that waits for ever ends");
	is(thread_end(&other, "the other", 100), -1,
	   "one that doesn't want to is left to itself");
	is(thread_end(&none, "none", 0), 0, "one that was never there has ended");
	close_pipe(full_pipe);
}

#define STUCK		8
#define TOGETHER_MS	200

/* With a patience for each thread, this would take longer than the test may. */
static void test_together(void)
{
	struct thread stuck[STUCK] = {};
	unsigned int left = 0;

	for (unsigned int i = 0; i < STUCK; i++)
		must(!thread_start(&stuck[i], "a disk", never_end, NULL),
		     "threads");
	threads_end_within(TOGETHER_MS);
	for (unsigned int i = 0; i < STUCK; i++)
		left += thread_end(&stuck[i], "a disk",
				   THREAD_PATIENCE_MS) < 0;
	is(left, STUCK, "many that don't end: they have one patience together");
}

/* ---- what gmemvm has to say ---- */

static void test_messages(void)
{
	int fds[2], stderr_fd = dup(STDERR_FILENO);

	make_full_pipe(fds);
	dup2(fds[1], STDERR_FILENO);
	fail_errno("nobody reads this");
	dup2(stderr_fd, STDERR_FILENO);
	pass("nobody reads stderr: then a message is lost, and no more");
	close_pipe(fds);
}

/* ---- the control socket ---- */

#define LINE_LENGTH	127
#define PIECE_MS	50

static void answer(void *arg, const char *command, FILE *to)
{
	(void)arg;
	fprintf(to, "%zu", strlen(command));
}

/* A byte at a time, never a line. Return: how many before it's thrown out */
static void *talk_slowly(void *arg)
{
	int fd = *(int *)arg;
	intptr_t sent = 0;

	while (sent < LINE_LENGTH && send(fd, "x", 1, MSG_NOSIGNAL) == 1) {
		sent++;
		usleep(PIECE_MS * 1000);
	}
	return (void *)sent;
}

static void make_connection(int *fds)
{
	must(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds) &&
	     !fcntl(fds[0], F_SETFL, O_NONBLOCK), "a connection");
}

static void test_slow_client(struct control *control)
{
	pthread_t client;
	void *sent;
	int fds[2];

	make_connection(fds);
	must(!pthread_create(&client, NULL, talk_slowly, &fds[1]), "a client");
	control_serve(control, fds[0]);
	close(fds[0]);
	pthread_join(client, &sent);
	diag("it said %d bytes", (int)(intptr_t)sent);
	ok((intptr_t)sent <= 2 * CONTROL_PATIENCE_MS / PIECE_MS,
	   "a client that talks slowly is heard for a second");
	close(fds[1]);
}

static void test_client(struct control *control, const char *line,
			const char *want)
{
	char text[64] = "";
	int fds[2];

	make_connection(fds);
	must(send(fds[1], line, strlen(line), 0) == (ssize_t)strlen(line) &&
	     !shutdown(fds[1], SHUT_WR), "a line");
	control_serve(control, fds[0]);
	close(fds[0]);
	/* Reset, where part of what was said wasn't heard. */
	must(read(fds[1], text, sizeof(text) - 1) >= 0 || errno == ECONNRESET,
	     "an answer");
	ok(!strcmp(text, want), "a line of %zu bytes: the answer is '%.*s'",
	   strlen(line), (int)strcspn(want, "\n"), want);
	close(fds[1]);
}

/* In the middle of a connection that would go on for a second. */
static void test_end(struct control *control)
{
	int fds[2];

	make_connection(fds);
	end_vm();
	control_serve(control, fds[0]);
	pass("when the machine ends, nobody waits for a client");
	close(fds[0]);
	close(fds[1]);
}

static void test_control(void)
{
	struct control control = { .vm = &vm, .answer = answer };
	char line[LINE_LENGTH + 2] = "";

	begin_vm();
	test_client(&control, "", "0\n");
	test_client(&control, "status\r\n", "6\n");
	memset(line, 'x', LINE_LENGTH + 1);
	test_client(&control, line, "");
	line[LINE_LENGTH - 1] = '\n';
	test_client(&control, line, "126\n");
	test_slow_client(&control);
	test_end(&control);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	/* Where somebody waits for ever, this is the end. */
	alarm(TIME_LIMIT_S);
	test_console();
	test_typing();
	test_threads();
	test_messages();
	test_control();
	test_together();
	return done_testing();
}
