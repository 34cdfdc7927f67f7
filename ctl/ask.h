/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Questions that may never be answered. To read /proc/PID/maps, or to follow a
 * link in map_files, takes the lock on a process's memory map, which its owner
 * can have held for ever, by a page of a file server of their own that doesn't
 * come. Such a server needn't say what kind of file system it is either.
 *
 * Only a fatal signal ends that. So a helper process asks, and if it doesn't
 * answer in time, it is killed and the next question goes to a new one.
 *
 * There is a time for each question, and one for all, of which what takes long
 * is taken: many processes that don't answer don't take long together.
 */
#ifndef ASK_H
#define ASK_H

#include <stdint.h>
#include <stdio.h>

/* ask_renew - all of the time again, for a new round of questions */
void ask_renew(void);

/*
 * ask_open - open something that only stands for what is there (O_PATH)
 * @dir: an open directory, or AT_FDCWD
 * @flags: besides O_PATH
 *
 * Return: a descriptor or a negative errno: -ETIMEDOUT without an answer.
 */
int ask_open(int dir, const char *path, int flags);

/* ask_type - the type of the file system that a descriptor is in */
int ask_type(int fd, uint64_t *type);

/*
 * ask_text - read a file; what takes too long is an error of reading
 * @resolve: as of openat2(2)
 *
 * Return: to be closed before the next text is asked for; NULL with errno set.
 */
FILE *ask_text(int dir, const char *path, uint64_t resolve);

#endif /* ASK_H */
