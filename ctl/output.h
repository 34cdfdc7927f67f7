/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files that a user names for output. Which files that may be, reach.h says. If
 * it goes wrong, there is a message.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stdio.h>

#include "reach.h"

/* output_open - open a file, which is emptied. Return: NULL after a message. */
FILE *output_open(const char *path);

/* output_close - close such a file. Return: CTL_OK or CTL_FAILED. */
int output_close(FILE *out, const char *path);

/*
 * A file that takes another one's place at once: who opens it gets all of the
 * old contents, or all of the new. The old one's mode is kept.
 */
struct output_new {
	FILE *out;
	const char *path;
	struct reach_new file;
};

/* output_begin - begin one. Return: CTL_OK; or CTL_FAILED after a message. */
int output_begin(const char *path, struct output_new *new);

/* output_end - put it there, if all could be written. Return: the same. */
int output_end(struct output_new *new);

#endif /* OUTPUT_H */
