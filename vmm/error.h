/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Error messages. Each error is reported once, in the function that knows most
 * about it: that calls fail() and returns its result, -1. The callers only pass
 * the -1 on. "-1 after fail()" in other files means any of the three below.
 */
#ifndef ERROR_H
#define ERROR_H

/* Print "gmemvm: ..." as a line on stderr. */
__attribute__((format(printf, 1, 2)))
void warn_of(const char *format, ...);

/* The same. Return: -1, always */
__attribute__((format(printf, 1, 2)))
int fail(const char *format, ...);

/* The same, with the text of errno at the end. Return: -1, always */
__attribute__((format(printf, 1, 2)))
int fail_errno(const char *format, ...);

/* The same, with gmem_last_error() at the end. Return: -1, always */
__attribute__((format(printf, 1, 2)))
int fail_gmem(const char *format, ...);

#endif
