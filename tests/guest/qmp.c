// SPDX-License-Identifier: GPL-2.0
/*
 * qmp SOCKET JSON: one command for QEMU's control socket; prints its answer
 *
 * Exit status: 0 QEMU did it, 1 it refused, 2 wrong usage, 3 there is no QEMU.
 * Events are read over. QEMU makes its socket before anything that takes long,
 * and answers when it is done with that: so this waits.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TRIES		300
#define BETWEEN_NS	100000000L

static int connect_to(const char *path)
{
	const struct timespec between = { .tv_nsec = BETWEEN_NS };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(to.sun_path))
		return -1;
	memcpy(to.sun_path, path, strlen(path));
	for (int i = 0; i < TRIES; i++) {
		if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
			return fd;
		nanosleep(&between, NULL);
	}
	return -1;
}

/* Return: 0 for "return", 1 for "error", 3 at the end of what QEMU says. */
static int answer(FILE *from, int print)
{
	static char line[1 << 16];

	while (fgets(line, sizeof(line), from)) {
		int error = !strncmp(line, "{\"error\"", 8);

		if (!error && strncmp(line, "{\"return\"", 9))
			continue;
		if (print || error)
			fputs(line, stdout);
		return error;
	}
	return 3;
}

static int ask(FILE *from, FILE *to, const char *command, int print)
{
	fprintf(to, "%s\n", command);
	if (fflush(to))
		return 3;
	return answer(from, print);
}

int main(int argc, char **argv)
{
	FILE *from, *to;
	int fd, ret;

	if (argc != 3) {
		fputs("usage: qmp SOCKET JSON\n", stderr);
		return 2;
	}
	fd = connect_to(argv[1]);
	from = fd < 0 ? NULL : fdopen(fd, "r");
	to = fd < 0 ? NULL : fdopen(dup(fd), "w");
	if (!from || !to) {
		fprintf(stderr, "qmp: %s: %s\n", argv[1], strerror(errno));
		return 3;
	}
	ret = ask(from, to, "{\"execute\":\"qmp_capabilities\"}", 0);
	if (!ret)
		ret = ask(from, to, argv[2], 1);
	fclose(to);
	fclose(from);
	return ret;
}
