// SPDX-License-Identifier: GPL-2.0
/* The terminal: its settings, and the thread that reads keys. */
#include <errno.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include "terminal.h"

#define ESCAPE	('a' & 0x1f)

static struct termios before;
static bool is_raw;

static void make_raw(void)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before))
		return;
	raw = before;
	cfmakeraw(&raw);
	/* gmemvm's own messages end with \n alone. */
	raw.c_oflag |= OPOST;
	is_raw = !tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void restore(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	is_raw = false;
}

/* Return: false if the thread has to end */
static bool pass_on(struct terminal *t, uint8_t key)
{
	if (!t->escaped && key == ESCAPE && is_raw) {
		t->escaped = true;
		return true;
	}
	if (t->escaped && key == 'x') {
		vm_end(t->vm, VM_QUIT);
		return false;
	}
	t->escaped = false;
	/*
	 * No byte from a pipe is lost. But keys of a terminal don't wait for
	 * the guest, so that Ctrl-A x always ends it.
	 */
	if (!is_raw)
		return serial_receive(t->serial, key);
	serial_type(t->serial, key);
	return true;
}

static bool read_keys(struct terminal *t)
{
	uint8_t keys[64];
	ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	for (ssize_t i = 0; i < got; i++)
		if (!pass_on(t, keys[i]))
			return false;
	return got > 0;
}

static void *read_thread(void *arg)
{
	struct terminal *t = arg;
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = t->vm->end_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents && !read_keys(t))
			return NULL;
	}
}

int terminal_start(struct terminal *terminal, struct vm *vm,
		   struct serial *serial)
{
	*terminal = (struct terminal){ .vm = vm, .serial = serial };
	make_raw();
	if (!thread_start(&terminal->thread, "the terminal", read_thread,
			  terminal))
		return 0;
	restore();
	return -1;
}

int terminal_stop(struct terminal *terminal)
{
	int ret;

	if (!terminal->thread.started)
		return 0;
	serial_close(terminal->serial);
	ret = thread_end(&terminal->thread, "the terminal", THREAD_PATIENCE_MS);
	restore();
	return ret;
}
