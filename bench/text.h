/* SPDX-License-Identifier: GPL-2.0 */
/* Readers of the kernel's small text files, and the end of a program. */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stdint.h>

/* End the program with status 1: a bug, or the host lacks something basic. */
__attribute__((format(printf, 1, 2)))
_Noreturn void die(const char *fmt, ...);

/* The number at the start of a file; -1 if there is no such file. */
int64_t file_number(const char *path);

/* The number after a word at the start of a line; -1 if there is none. */
int64_t file_field(const char *path, const char *word);

/* 0 or -errno. */
int file_write(const char *path, const char *text);

#endif /* BENCH_TEXT_H */
