/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The process that answers the system calls of a VMM, for gmemctl run. It is
 * not the one that waits for the VMM: a question that takes long delays no
 * signal, and those who outlive the VMM are served when gmemctl has ended. It
 * ends with the last process that has the filter.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include <sys/types.h>

struct supervisor {
	pid_t pid;
	int sock;		/* of gmemctl and the VMM to be; O_CLOEXEC */
};

/*
 * supervisor_start - start it, and wait until it has looked at the mount
 * @mount: a directory of gmemfs
 * @pattern: of the names of the memfds that it hides; NULL: all
 *
 * Return: CTL_OK; or another status, after a message.
 */
int supervisor_start(const char *mount, const char *pattern,
		     struct supervisor *s);

/*
 * supervisor_take - let it answer a listener, and wait until it does. Return: 0
 * or a negative errno.
 */
int supervisor_take(const struct supervisor *s, int listener);

/*
 * supervisor_leave - the VMM has ended: wait until the supervisor has, too, or
 * goes on in the background because others have the filter still
 */
void supervisor_leave(const struct supervisor *s);

#endif /* SUPERVISOR_H */
