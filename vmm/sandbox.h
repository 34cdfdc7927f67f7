/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sandbox: it limits what a guest can do after it has taken over the VMM.
 * Only the open descriptors remain, and the system calls that are needed to run
 * a guest (filter.c). There are no files, no networks, no capabilities.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

#include "user.h"

struct sandbox_options {
	int memory_fd;		/* the guest's memory; negative: none */
	int snapshot_fd;	/* for a snapshot; 0 or less: none */
	bool namespaces;	/* false: only the filter keeps it from files */
	struct user user;
};

/*
 * Enter the sandbox, for this thread and those that it creates. The caller has
 * opened all files before. Return: 0; or -1 after fail(): then a part of the
 * sandbox may be in force, and the process must end.
 */
int sandbox_enter(const struct sandbox_options *options);

#endif
