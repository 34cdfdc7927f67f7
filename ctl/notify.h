/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A system call that waits for the supervisor's answer: seccomp_unotify(2).
 *
 * The thread that waits may be killed at any moment, and then its number may
 * become that of another one. So what was read of /proc/PID or of the thread's
 * memory counts only if notify_waits() says afterwards that it still waits.
 */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct notify {
	int fd;				/* the listener */
	struct seccomp_notif *call;	/* that waits */
	size_t call_size;
	struct seccomp_notif_resp *answer;
	size_t answer_size;
};

/* notify_begin - take over a listener. Return: 0 or a negative errno. */
int notify_begin(struct notify *n, int listener);

/*
 * notify_next - get the next call. Return: 0; -ENOENT if the thread has ended;
 * or another negative errno.
 */
int notify_next(struct notify *n);

/* notify_waits - does the thread wait for the answer still? */
bool notify_waits(const struct notify *n);

/* notify_pass - let the kernel do the call, as if nobody had been asked */
void notify_pass(struct notify *n);

/* notify_value - the call returns this; notify_error - or this errno */
void notify_value(struct notify *n, int64_t value);
void notify_error(struct notify *n, int err);

/*
 * notify_file - give the process a copy of a descriptor, which the call returns
 *
 * If that can't be done, the call returns why not, as with RLIMIT_NOFILE.
 *
 * Return: 0; that negative errno; or -ESRCH if the thread has been killed.
 */
int notify_file(struct notify *n, int fd, bool cloexec);

/*
 * notify_read - read the memory of the thread that waits
 *
 * The memory may be that of a file server that doesn't answer, so a helper
 * reads it: ask_memory().
 *
 * Return: how many bytes could be read, if not all; or a negative errno.
 */
ssize_t notify_read(const struct notify *n, uint64_t address, void *to,
		    size_t size);

#endif /* NOTIFY_H */
