/* SPDX-License-Identifier: GPL-2.0 */
/* Where gmemctl run takes files for a VMM from: a directory of a gmemfs. */
#ifndef SUPPLY_H
#define SUPPLY_H

#include <stdbool.h>
#include <sys/types.h>

#include "reach.h"

struct supply {
	const char *path;	/* as the user gave it */
	struct reach dir;
};

/*
 * supply_open - reach the directory, and make a file to see that it works
 *
 * Return: CTL_OK; or another status, after a message.
 */
int supply_open(const char *path, struct supply *s);

/* supply_file - a new empty file without a name. Return: it, or -errno. */
int supply_file(const struct supply *s);

/*
 * supply_reach - reach the file behind a thread's descriptor, if it is one of
 * this mount
 * @write: set to whether the descriptor is open for writing
 *
 * Return: 0; -ENOENT if it is another file; or another negative errno.
 */
int supply_reach(const struct supply *s, pid_t tid, int fd, bool *write,
		 struct reach *r);

#endif /* SUPPLY_H */
