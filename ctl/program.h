/* SPDX-License-Identifier: GPL-2.0 */
/* Other programs that gmemctl runs. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>

/*
 * program_run - run a program, and wait for its end
 * @argv: its arguments, with NULL at the end; @argv[0] is its name, which is
 *	  looked for in /usr/bin, /bin, /usr/sbin and /sbin
 * @said: set to what it has printed on stdout and stderr, without line breaks
 *	  at the end; what doesn't fit is left out
 *
 * There is no shell, and nothing of the caller's environment but what has a
 * fixed value.
 *
 * Return: its exit status; 128 and more if a signal has ended it; or a negative
 * errno.
 */
int program_run(const char *const *argv, char *said, size_t size);

#endif /* PROGRAM_H */
