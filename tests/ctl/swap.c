// SPDX-License-Identifier: GPL-2.0
/*
 * Makes what gmemctl has just looked at something else, again and again:
 *
 *	swap names DIRECTORY OTHER	a and l in it exchange their names
 *	swap descriptors FILE OTHER	descriptor 10 is one or the other
 *	swap mappings FILE OTHER	what is mapped at 0x10000000 is
 *
 * until SIGTERM. Then it prints how often somebody else has opened OTHER. There
 * is a file READY once it counts that.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FD	10
#define ADDRESS	((void *)0x10000000)
#define SIZE	4096
#define READY	"/tmp/swap.ready"

static volatile sig_atomic_t told_to_end;

static void on_term(int sig)
{
	(void)sig;
	told_to_end = 1;
}

static int must(int ret, const char *what)
{
	if (ret >= 0)
		return ret;
	fprintf(stderr, "swap: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void exchange_names(void)
{
	/* RENAME_EXCHANGE */
	must(syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "l", 2), "rename");
}

static void put_descriptor(int fd)
{
	must(dup2(fd, FD), "dup2");
}

static void put_mapping(int fd)
{
	void *p = mmap(ADDRESS, SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);

	must(p == MAP_FAILED ? -1 : 0, "mmap");
}

static unsigned int count_opens(int watch)
{
	char events[4096];
	unsigned int n = 0;
	ssize_t size;

	while ((size = read(watch, events, sizeof(events))) > 0)
		n += size / sizeof(struct inotify_event);
	return n;
}

static void swap(const char *what, const int *fds)
{
	for (unsigned int i = 0; !told_to_end; i++) {
		if (*what == 'n')
			exchange_names();
		else if (*what == 'd')
			put_descriptor(fds[i % 2]);
		else
			put_mapping(fds[i % 2]);
		usleep(i % 7 * 500);
	}
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term };
	int fds[2] = { -1, -1 }, watch;

	if (argc != 4)
		must(-1, "usage: swap names|descriptors|mappings WHAT OTHER");
	sigaction(SIGTERM, &act, NULL);
	if (*argv[1] == 'n') {
		must(chdir(argv[2]), argv[2]);
	} else {
		fds[0] = must(open(argv[2], O_RDONLY), argv[2]);
		fds[1] = must(open(argv[3], O_RDONLY), argv[3]);
	}
	/* A watch of the file itself: an event has no name then. */
	watch = must(inotify_init1(IN_NONBLOCK), "inotify");
	must(inotify_add_watch(watch, argv[3], IN_OPEN), argv[3]);
	close(must(open(READY, O_CREAT | O_WRONLY, 0600), READY));
	swap(argv[1], fds);
	printf("%u\n", count_opens(watch));
	return 0;
}
