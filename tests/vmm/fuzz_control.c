// SPDX-License-Identifier: GPL-2.0
/*
 * What a client of the control socket can say, in which pieces. Whatever that
 * is, it gets a line of JSON or none, and the thread is free again.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../vmm/control.h"
#include "../../vmm/json.h"
#include "../../vmm/options.h"
#include "fuzz.h"

#define PIECES		4
#define ANSWER_MAX	4096

static struct vm vm;

/* As report_answer(), but with what was said in all of it. */
static void answer(void *arg, const char *command, FILE *to)
{
	struct json json = { .file = to };
	uint64_t bytes = 0;

	(void)arg;
	fuzz_must(strlen(command) < 128 && !strpbrk(command, "\r\n"));
	json_open(&json, NULL, '{');
	json_text(&json, "said", command);
	json_open(&json, command, '[');
	json_number(&json, NULL, parse_size(command, &bytes));
	json_number(&json, NULL, bytes);
	json_close(&json, ']');
	json_close(&json, '}');
}

/* The first byte says where it is cut in pieces. */
static void talk(int fd, const uint8_t *data, size_t size)
{
	size_t piece = size / PIECES + 1;

	for (size_t at = 0; at < size; at += piece) {
		size_t now = size - at < piece ? size - at : piece;

		if (send(fd, data + at, now, MSG_NOSIGNAL) < 0)
			return;
	}
	shutdown(fd, SHUT_WR);
}

/* A string of JSON has no byte below a space. */
static void check_answer(const char *text, ssize_t size)
{
	if (size <= 0)
		return;
	fuzz_must(text[0] == '{' && size >= 3 && text[size - 1] == '\n' &&
		  text[size - 2] == '}');
	for (ssize_t i = 0; i < size - 1; i++)
		fuzz_must((unsigned char)text[i] >= ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control control = { .vm = &vm, .answer = answer };
	static char text[ANSWER_MAX];
	int fds[2];

	if (!vm.end_fd)
		vm.end_fd = eventfd(0, EFD_NONBLOCK);
	fuzz_must(!socketpair(AF_UNIX, SOCK_STREAM, 0, fds));
	fuzz_must(!fcntl(fds[0], F_SETFL, O_NONBLOCK));
	talk(fds[1], data, size);
	control_serve(&control, fds[0]);
	close(fds[0]);
	check_answer(text, read(fds[1], text, sizeof(text)));
	close(fds[1]);
	return 0;
}

size_t fuzz_seed(uint8_t *data, size_t room)
{
	static const char *const lines[] = {
		"status\n", "balloon 64M\r\n", "balloon \"\\\n", "\n",
	};
	static unsigned int turn;
	const char *line = lines[turn++ % 4];

	fuzz_must(room >= strlen(line));
	memcpy(data, line, strlen(line));
	return strlen(line);
}
