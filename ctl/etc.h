/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files of the host's configuration and state, in /etc, /var/lib and /run.
 * Their names are fixed, and only root can change them. So they may be opened
 * by name, unlike those in reach.h.
 */
#ifndef ETC_H
#define ETC_H

#include <stdbool.h>

/* etc_exists - is something there? Links are followed. */
bool etc_exists(const char *path);

/* etc_matches - does some path match the pattern, as for glob(3)? */
bool etc_matches(const char *pattern);

/*
 * etc_read - read all of a file that may be replaced: a regular file of the
 * caller's own, with a single name, and no link
 * @text: set to its text, which the caller frees; NULL if there is no file
 *
 * Return: CTL_OK; or CTL_FAILED after a message.
 */
int etc_read(const char *path, char **text);

/*
 * etc_replace - put a file with this text there, at once; see output.h. If its
 * folder isn't there, it is made. The group and the mode stay.
 *
 * Return: CTL_OK; or CTL_FAILED after a message.
 */
int etc_replace(const char *path, const char *text);

/*
 * etc_remove - the same: remove it, and new files in its folder that a
 * gmemctl that was killed has left; and the folder, if that is empty then
 */
int etc_remove(const char *path);

/*
 * etc_is_newer - was @path changed, or put there, after @other? False if one
 * isn't there.
 */
bool etc_is_newer(const char *path, const char *other);

/*
 * etc_lock - lock a file, which is made; until the end of this process
 *
 * Return: a descriptor; -EAGAIN if another process has the lock; or another
 * negative errno.
 */
int etc_lock(const char *path);

#endif /* ETC_H */
