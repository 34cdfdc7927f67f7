/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What went wrong, said once, where it is known best: a function that fails
 * calls fail() and returns what that returns; its callers only pass it on.
 */
#ifndef ERROR_H
#define ERROR_H

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

#endif
