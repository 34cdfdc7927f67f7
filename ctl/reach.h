/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only way to files and directories that users control: their names, their
 * descriptors, what their processes have mapped, their mount namespaces.
 *
 * Opening a file can have effects: a watchdog device begins to count, a FIFO
 * waits for its other end, a user's own file server answers or doesn't. Between
 * a check of a path and an open() of the path, its owner can make it lead
 * elsewhere. So a path is never opened here for reading or writing. It is
 * opened with O_PATH, which has no such effects. Then the descriptor is
 * checked; the owner can't replace the file behind it any more. Only if it is a
 * regular file of a gmemfs, or what is to be loaded, it is opened, through the
 * descriptor.
 *
 * All functions return a negative errno for an error. These come from the
 * checks:
 *	-ELOOP		a symbolic link that another user may have put there
 *	-EMEDIUMTYPE	not a regular file
 *	-ENOTTY		not in a gmemfs
 *	-ESTALE		not the file that the caller asked for
 *	-ETIMEDOUT	a process, or its file server, doesn't answer: see ask.h
 *	-ECANCELED	not asked, because too many others don't answer
 */
#ifndef REACH_H
#define REACH_H

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>
#include <time.h>

struct reach {
	int fd;			/* O_PATH; -1: none */
	dev_t dev;
	ino_t ino;
	uint64_t mount;		/* the mount's id, as in fdinfo */
	mode_t mode;
	uid_t uid;
	unsigned int links;
	struct timespec changed;
	/* If the last step was a link of /proc to a process's file: */
	int holder;		/* the directory of that link, or -1 */
	char how[48];		/* the link's name in that directory */
	bool chosen;		/* such a link was followed by more steps */
	bool within;		/* in a mount whose root was checked */
};

/*
 * reach_path - reach the file at a path that a user typed
 *
 * A symbolic link is followed only if no other user can have made it: the link
 * and its directory are root's or the caller's, and no other user may write to
 * the directory. Links in /proc are followed, because the kernel makes them,
 * but not below a process's root or directory.
 */
int reach_path(const char *path, struct reach *r);

/*
 * reach_link - reach what a process has open or mapped: @how is a link in
 * /proc/PID, such as "fd/N", "map_files/FROM-TO", "root" or "cwd"
 *
 * Return: 0; -EREMOTE if the file's server doesn't let gmemctl look at the
 * file, but @r->dev is set then; or another negative errno.
 */
int reach_link(pid_t pid, const char *how, struct reach *r);

/*
 * reach_mount - reach a directory of a process's mount namespace
 * @pid: the process; 0 for gmemctl itself
 * @dir: as in that process's mountinfo, without symbolic links
 */
int reach_mount(pid_t pid, const char *dir, struct reach *r);

/*
 * reach_below - reach a file in a mount of gmemfs, by a name below its root. It
 * follows no symbolic links, and enters no other mounts.
 */
int reach_below(int root, const char *name, struct reach *r);
void reach_leave(struct reach *r);

/*
 * reach_is_gmemfs - is it in a gmemfs?
 *
 * Return: 1 if it is, 0 if not, or a negative errno.
 */
int reach_is_gmemfs(const struct reach *r);

/*
 * reach_may_write - may the caller write to it?
 *
 * If it was reached by a process's link, the process itself must be able to
 * write to it. If it was reached below a process's directory
 * (/proc/PID/root/...), the answer is false, because the process chooses what
 * the name leads to. If it was reached by a name, the answer is true.
 */
bool reach_may_write(const struct reach *r);

/* reach_open - open it, if it is a regular file of gmemfs */
int reach_open(const struct reach *r, int flags);

/*
 * reach_read - open it for reading, if it is a regular file, in whichever file
 * system: so the caller must know who has chosen it
 */
int reach_read(const struct reach *r);

/*
 * reach_make - make a file without a name in a mount of gmemfs
 * @root: the mount's root directory
 *
 * Return: a descriptor of a file with the mount's flags; or a negative errno.
 */
int reach_make(int root);

/* reach_list - open a directory below a mount's root; NULL with @err set */
DIR *reach_list(int root, const char *name, int *err);

/*
 * reach_create - open a file for output: a new one, or one of the caller's own,
 * which is truncated. Return: a descriptor; -EXDEV if a process chooses what
 * the path leads to; or another negative errno.
 */
int reach_create(const char *path);

/*
 * reach_unnamed - make a file in a directory, open for reading and writing. It
 * has no name, and can't get one. Return: a descriptor or a negative errno.
 */
int reach_unnamed(const struct reach *dir);

/* A file that will take the place of another one, or of none. */
struct reach_new {
	struct reach dir;
	const char *name;	/* points into the path */
	char own[32];		/* its name until then */
	sigset_t signals;	/* blocked until then */
};

/*
 * reach_begin - begin a file for such a path: it has a name of its own first.
 * Until reach_end(), signals that would end the process wait.
 *
 * Return: a descriptor, with the old file's mode; or a negative errno.
 */
int reach_begin(const char *path, struct reach_new *new);

/* reach_replaces - is it to take the place of what is open as @fd? */
bool reach_replaces(const struct reach_new *new, int fd);

/*
 * reach_end - give it the name, or remove it, if @err says that it isn't whole
 *
 * Return: @err, or the negative errno of giving it the name.
 */
int reach_end(struct reach_new *new, int err);

/* ---- files of a process in /proc; @what is a name in /proc/PID ---- */

int reach_process(pid_t pid, const char *what);
FILE *reach_process_file(pid_t pid, const char *what);

/* reach_process_name - get its name; "?" if it can't be read */
void reach_process_name(pid_t pid, char *name, size_t size);

/*
 * reach_process_text - the same for what has to do with the process's memory
 *
 * The process may hold the lock of it, or end at that moment: then who reads
 * this frees the memory, and may wait for a file server of the process. So a
 * helper reads it. The caller reads all of it, and closes it before it opens
 * another one.
 */
FILE *reach_process_text(pid_t pid, const char *what);
DIR *reach_process_list(pid_t pid, const char *what);

/*
 * reach_next - get the next entry of a list. After NULL, @err is 0 at the end
 * of the list, or a negative errno if the rest can't be read.
 */
struct dirent *reach_next(DIR *list, int *err);

/*
 * reach_at - look at an entry of such a list: fills @r, but opens nothing, so
 * that @r->fd is -1
 */
int reach_at(DIR *list, const char *name, struct reach *r);

#endif /* REACH_H */
