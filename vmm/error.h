/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What went wrong, said once, where it is known best: a function that fails
 * calls fail() and returns what that returns; its callers only pass it on.
 */
#ifndef ERROR_H
#define ERROR_H

#include <stdint.h>

/* "gmemvm: ..." as a line on stderr. */
__attribute__((format(printf, 1, 2)))
void warn_of(const char *format, ...);

/* The same. Return: -1 */
__attribute__((format(printf, 1, 2)))
int fail(const char *format, ...);

/* With what errno says after it. Return: -1 */
__attribute__((format(printf, 1, 2)))
int fail_errno(const char *format, ...);

/* With what libgmem says after it. Return: -1 */
__attribute__((format(printf, 1, 2)))
int fail_gmem(const char *format, ...);

/* What a guest can have said as often as it likes; 0 at first. */
struct seldom {
	int64_t until_ms;	/* not before */
	uint64_t left_out;
};

#define SELDOM_MS	10000

/*
 * As warn_of(), but at most once in SELDOM_MS, with how many were left out before.
 */
__attribute__((format(printf, 2, 3)))
void warn_seldom(struct seldom *said, const char *format, ...);

#endif
