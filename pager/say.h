/* SPDX-License-Identifier: GPL-2.0 */
/* Messages on stderr. Each error is reported once, where most is known of it. */
#ifndef SAY_H
#define SAY_H

#include <stdbool.h>
#include <stddef.h>

/* Is stderr a terminal? Set by say_begin(), which is called first. */
extern bool say_on_terminal;
void say_begin(void);

/* Nobody waits until this is written: it may be lost. */
void say_raw(const char *text, size_t size);

/* Print a line. */
__attribute__((format(printf, 1, 2)))
void say(const char *format, ...);

/* The same for an error. Return: -1, always */
__attribute__((format(printf, 1, 2)))
int fail(const char *format, ...);

/* The same, with the text of errno at the end. */
__attribute__((format(printf, 1, 2)))
int fail_errno(const char *format, ...);

/* The same, with gmem_last_error() at the end. */
__attribute__((format(printf, 1, 2)))
int fail_gmem(const char *format, ...);

#endif
