/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of fault channels have in common. */
#ifndef GMEM_TEST_CHANNELS_H
#define GMEM_TEST_CHANNELS_H

#include "gmem_test.h"

#include <poll.h>

static inline int open_channel_in(int fd, long offset, long size,
				  uint64_t flags)
{
	struct gmem_userfault userfault = {
		.offset = offset, .size = size, .flags = flags,
	};

	return ioctl(fd, GMEM_USERFAULT, &userfault);
}

static inline int open_channel(int fd, long size, uint64_t flags)
{
	return must(open_channel_in(fd, 0, size, flags));
}

/* All that GMEM_FILL, or another answer, has to say. */
static inline int answer(int channel, unsigned long how, struct gmem_fill *fill)
{
	fill->done = fill->filled = 0;
	return ioctl(channel, how, fill);
}

static inline int fill_from(int channel, long offset, long size,
			    const void *from)
{
	struct gmem_fill fill = {
		.offset = offset, .size = size, .address = (uintptr_t)from,
	};

	return answer(channel, GMEM_FILL, &fill);
}

/* Each page of it begins with its number, and is this letter then. */
static inline void make_contents(char *p, long offset, long size, char letter)
{
	long at;

	memset(p, letter, size);
	for (at = 0; at < size; at += PAGE)
		*(long *)(p + at) = (offset + at) / PAGE;
}

static inline bool has_contents(const char *p, long page, char letter)
{
	return *(const long *)p == page &&
	       all_bytes(p + sizeof(long), PAGE - sizeof(long), letter);
}

static inline int fill_with(int channel, long offset, long size, char letter)
{
	char *p = must(mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int ret, err;

	make_contents(p, offset, size, letter);
	ret = fill_from(channel, offset, size, p);
	err = errno;
	munmap(p, size);
	errno = err;
	return ret;
}

static inline int fill_zero(int channel, long offset, long size)
{
	struct gmem_fill fill = { .offset = offset, .size = size };

	return answer(channel, GMEM_FILL_ZERO, &fill);
}

static inline int fill_punched(int channel, long offset, long size)
{
	struct gmem_fill fill = {
		.offset = offset, .size = size, .flags = GMEM_FILL_PUNCHED,
	};

	return answer(channel, GMEM_FILL_ZERO, &fill);
}

static inline int fill_poison(int channel, long offset, long size)
{
	struct gmem_fill fill = {
		.offset = offset, .size = size, .flags = GMEM_FILL_POISON,
	};

	return answer(channel, GMEM_FILL, &fill);
}

static inline struct gmem_fault next_fault(int channel)
{
	struct gmem_fault fault;
	ssize_t n = must(read(channel, &fault, sizeof(fault)));

	if (n != sizeof(fault))
		bail_out("read() of a channel: %zd bytes", n);
	return fault;
}

static inline bool has_fault(int channel)
{
	struct pollfd p = { .fd = channel, .events = POLLIN };

	return must(poll(&p, 1, 0));
}

static inline void no_wait(int channel)
{
	must(fcntl(channel, F_SETFL, O_RDWR | O_NONBLOCK));
}

static inline long missing(int fd)
{
	return get_info(fd).missing;
}

/* ---- processes that wait ---- */

struct toucher {
	pid_t pid;
	int tells;	/* the end of a pipe: it is about to touch the page */
};

/* Otherwise a process that waits would hold the channel that it waits for. */
static inline void close_channels(void)
{
	char path[64], what[64];
	ssize_t length;
	int fd;

	for (fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		length = readlink(path, what, sizeof(what) - 1);
		if (length < 0)
			continue;
		what[length] = 0;
		if (!strcmp(what, "anon_inode:[gmem-channel]"))
			close(fd);
	}
}

static inline struct toucher start_process(int (*run)(void *arg), void *arg,
					   bool keeps_channels)
{
	struct toucher t;
	int ends[2];

	must(pipe2(ends, O_CLOEXEC));
	t.pid = must(fork());
	if (!t.pid) {
		if (!keeps_channels)
			close_channels();
		must(write(ends[1], "", 1));
		_exit(run(arg));
	}
	close(ends[1]);
	t.tells = ends[0];
	return t;
}

/* @touch_it answers the exit status. It has none of the channels. */
static inline struct toucher start_toucher(int (*touch_it)(void *arg), void *arg)
{
	return start_process(touch_it, arg, false);
}

static inline char state_of_process(pid_t pid)
{
	char path[64], line[512] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = must(open(path, O_RDONLY | O_CLOEXEC));
	must(read(fd, line, sizeof(line) - 1));
	close(fd);
	end = strrchr(line, ')');
	return end && end[1] ? end[2] : '?';
}

/* It has come to the access, and sleeps in it. */
static inline void await_sleep(struct toucher *t)
{
	char byte, state;

	must(read(t->tells, &byte, 1));
	for (;;) {
		state = state_of_process(t->pid);
		if (state == 'S' || state == 'D')
			return;
		if (state == 'Z')
			bail_out("it has not waited");
		usleep(1000);
	}
}

/* Return: the exit status; 256 and the number of a signal that has ended it. */
static inline int end_of(struct toucher *t)
{
	int status;

	must(waitpid(t->pid, &status, 0));
	close(t->tells);
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 256 + WTERMSIG(status);
}

#endif /* GMEM_TEST_CHANNELS_H */
