/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only way to files and directories that users control: their names, their
 * descriptors, what their processes have mapped, their mount namespaces.
 *
 * To open a file is to do something to it: a watchdog's device begins to count,
 * a FIFO waits for its other end, a file server of the user's answers or
 * doesn't. Between a look at what a path leads to and an open() of the path,
 * its owner can make it lead elsewhere. So a path is never opened here. It is
 * turned into a descriptor that only stands for what is there (O_PATH), which
 * has no side effect on that. What the descriptor stands for is looked at, and
 * can't be exchanged any more. Only what proves to be a regular file of a
 * gmemfs is opened, through the descriptor.
 *
 * All functions answer a negative errno for an error. Of these
 *	-ELOOP		a symbolic link that somebody else may have put there
 *	-EMEDIUMTYPE	not a regular file
 *	-ENOTTY		not in a gmemfs
 *	-ESTALE		not the file that was asked for
 *	-ETIMEDOUT	a process, or its file server, doesn't answer: see ask.h
 * are what a look at it came to.
 */
#ifndef REACH_H
#define REACH_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

struct reach {
	int fd;			/* O_PATH; -1: none */
	dev_t dev;
	ino_t ino;
	uint64_t mount;		/* its number, as in fdinfo */
	mode_t mode;
	uid_t uid;
	unsigned int links;
	struct timespec changed;
	/* If the last step was a link of /proc to what a process has: */
	int holder;		/* the directory of that link, or -1 */
	char how[48];		/* the link's name in there */
	bool chosen;		/* a process's link came before more */
	bool within;		/* a mount of which the root was looked at */
};

/*
 * reach_path - what a path leads to that somebody typed
 *
 * A symbolic link is followed only if nobody else can have put it there: it,
 * and the directory that it is in, are root's or the caller's, and no others
 * may write there. /proc may have any: the kernel makes them.
 */
int reach_path(const char *path, struct reach *r);

/*
 * reach_link - what a process has open or mapped: @how is "fd/N",
 * "map_files/FROM-TO", "root" or "cwd"
 *
 * Return: -EREMOTE if its file server doesn't let us look at it; the device is
 * known then.
 */
int reach_link(pid_t pid, const char *how, struct reach *r);

/*
 * reach_mount - a directory of a process's mount namespace
 * @pid: 0 for ours
 * @dir: as in that process's mountinfo: without symbolic links
 */
int reach_mount(pid_t pid, const char *dir, struct reach *r);

/*
 * reach_below - a file in a mount of gmemfs, by a name below its root; no
 * symbolic links, no other mounts
 */
int reach_below(int root, const char *name, struct reach *r);
void reach_leave(struct reach *r);

/*
 * reach_is_gmemfs - is the file system that it is in one of ours?
 *
 * Return: 1 if so, 0 if not, or a negative errno.
 */
int reach_is_gmemfs(const struct reach *r);

/*
 * reach_may_write - could the process by whose link it was found write to it
 * itself? True also for what was found by a name; false for one in a directory
 * of a process (/proc/PID/root/...), which chooses what the name leads to.
 */
bool reach_may_write(const struct reach *r);

/* reach_open - open it, if it is a regular file of gmemfs */
int reach_open(const struct reach *r, int flags);

/* reach_list - read a directory below a mount's root; @err: why not */
DIR *reach_list(int root, const char *name, int *err);

/*
 * reach_create - a file for output: a new one, or one of the caller's own that
 * loses what it had. Return: a descriptor; -EXDEV where a process chooses what
 * the path leads to; another negative errno.
 */
int reach_create(const char *path);

/* ---- what /proc says of a process; @what is a name in /proc/PID ---- */

int reach_process(pid_t pid, const char *what);
FILE *reach_process_file(pid_t pid, const char *what);
/* reach_process_maps - its maps; to be closed before others are asked for */
FILE *reach_process_maps(pid_t pid);
DIR *reach_process_list(pid_t pid, const char *what);

/* reach_at - the same as reach_path(), but of an entry of such a list */
int reach_at(DIR *list, const char *name, struct reach *r);

#endif /* REACH_H */
