// SPDX-License-Identifier: GPL-2.0
/* Other programs that gmemctl runs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "program.h"

/* What a shell answers if there is no such program. */
#define NOT_FOUND	127

/* In the child. Descriptors of gmemctl's are closed by O_CLOEXEC. */
static _Noreturn void become(const char *const *argv, int out)
{
	static const char *const folders[] = {
		"/usr/bin", "/bin", "/usr/sbin", "/sbin"
	};
	static char *const environment[] = {
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
		"SYSTEMD_COLORS=0", "SYSTEMD_PAGER=", NULL
	};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	signal(SIGPIPE, SIG_DFL);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(NOT_FOUND);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/%s", folders[i], argv[0]);
		execve(path, (char *const *)argv, environment);
	}
	dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
	_exit(NOT_FOUND);
}

/* Until the end, also if there is more than fits: or the program would wait. */
static void read_all(int from, char *said, size_t size)
{
	char rest[256];
	size_t used = 0;
	ssize_t n;

	do {
		if (used + 1 < size)
			n = read(from, said + used, size - 1 - used);
		else
			n = read(from, rest, sizeof(rest));
		if (n > 0 && used + 1 < size)
			used += n;
	} while (n > 0 || (n < 0 && errno == EINTR));
	while (used && said[used - 1] == '\n')
		used--;
	said[used] = '\0';
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   128 + WTERMSIG(status);
}

int program_run(const char *const *argv, char *said, size_t size)
{
	int ends[2];
	pid_t pid;

	*said = '\0';
	fflush(stdout);
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		become(argv, ends[1]);
	close(ends[1]);
	if (pid > 0)
		read_all(ends[0], said, size);
	close(ends[0]);
	return pid < 0 ? -errno : wait_for(pid);
}
