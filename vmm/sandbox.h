/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What remains to a guest that has taken over the VMM: the descriptors that are
 * open, and the system calls that running a guest takes (filter.c). No files,
 * no networks, no capabilities.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

#include "user.h"

struct sandbox_options {
	int memory_fd;		/* of the guest's memory; negative: none */
	bool namespaces;	/* or the host's files and networks, unopened */
	struct user user;
};

/*
 * From now on, for this thread and those it creates. All that is to be opened
 * has been. Return: 0, or -1 said why: then part of it may be in force, and the
 * process must end.
 */
int sandbox_enter(const struct sandbox_options *options);

#endif
