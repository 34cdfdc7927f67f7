/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Error messages. Each error is reported once, in the function that knows most
 * about it: that calls fail() and returns its result, -1. The callers only pass
 * the -1 on. "-1 after fail()" in other files means any of the three below.
 */
#ifndef ERROR_H
#define ERROR_H

#include <stdint.h>

/* Print what is no error, as the functions below do. */
__attribute__((format(printf, 1, 2)))
void say(const char *format, ...);

/* Print "gmemvm: ..." as a line on stderr. Return: -1, always */
__attribute__((format(printf, 1, 2)))
int fail(const char *format, ...);

/* The same, with the text of errno at the end. Return: -1, always */
__attribute__((format(printf, 1, 2)))
int fail_errno(const char *format, ...);

/* The same, with gmem_last_error() at the end. Return: -1, always */
__attribute__((format(printf, 1, 2)))
int fail_gmem(const char *format, ...);

/* For a warning that a guest can cause as often as it likes. All 0 at first. */
struct seldom {
	int64_t until_ms;	/* no message before this time; atomic */
	uint64_t left_out;	/* messages since the last one; atomic */
};

#define SELDOM_MS	10000

/*
 * A warning is printed as a message is, but at most once in SELDOM_MS: a guest
 * must not be able to fill the log. The line tells how many messages were left
 * out before it. Any thread may call this.
 */
__attribute__((format(printf, 2, 3)))
void warn_seldom(struct seldom *said, const char *format, ...);

#endif
