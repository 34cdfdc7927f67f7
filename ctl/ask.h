/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Questions that may never be answered. Reading /proc/PID/maps, or following a
 * link in map_files, takes the process's mmap lock. The process's owner can
 * make another thread hold that lock for ever: in a page fault on a file server
 * of the owner's own that doesn't answer. Such a server can also leave a
 * question for its filesystem type unanswered, or one for the permissions of a
 * directory on the way to a file. Reading the process's memory may wait for it,
 * and so may fdinfo (epoll) and an attribute, by way of a lock that a thread of
 * the process has in a page fault.
 *
 * Only a fatal signal ends such a wait. So a helper process asks. If it doesn't
 * answer in time, gmemctl kills it, and starts a new one for the next question.
 *
 * Each question has a time limit, and all together have one, too: a question
 * that takes long uses up some of it. And a user can have thousands of
 * processes that don't answer, or that answer just in time. So after
 * ASK_TIMEOUTS questions without an answer, or ASK_SECONDS of waiting in all,
 * no more of those that may get none are asked. An answer takes less than a
 * millisecond as a rule.
 */
#ifndef ASK_H
#define ASK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define ASK_TIMEOUTS	50
#define ASK_SECONDS	120

/* ask_renew - begin a new round of questions, with the whole time for all */
void ask_renew(void);

/* ask_end - end the helpers, for a process that leaves no zombies to others */
void ask_end(void);

/* ask_has_given_up - did too many questions get no answer, or too late ones? */
bool ask_has_given_up(void);

/*
 * ask_open - open a path with O_PATH
 * @dir: an open directory, or AT_FDCWD
 * @flags: further flags
 * @resolve: as of openat2(2)
 *
 * Return: a descriptor or a negative errno: -ETIMEDOUT if there is no answer.
 */
int ask_open(int dir, const char *path, int flags, uint64_t resolve);

/* ask_type - get the filesystem type of a descriptor. Return: 0 or -errno. */
int ask_type(int fd, uint64_t *type);

/*
 * ask_memory - read the memory of a process, up to 16 KiB
 *
 * Return: how many bytes could be read, if not all; or a negative errno, which
 * is -ECANCELED if ask_has_given_up().
 */
ssize_t ask_memory(pid_t pid, uint64_t address, void *to, size_t size);

/*
 * ask_set_attribute - set an extended attribute of a file, to a text of up to
 * 31 characters. Return: 0 or a negative errno, as ask_memory().
 */
int ask_set_attribute(int fd, const char *name, const char *value);

/*
 * ask_text - open a file for reading; a read that takes too long is an error
 * @resolve: as of openat2(2)
 *
 * Return: a stream, which the caller closes before it asks for the next text;
 * or NULL with errno set.
 */
FILE *ask_text(int dir, const char *path, uint64_t resolve);

#endif /* ASK_H */
