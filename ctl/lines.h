/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reads files of /proc line by line. Users choose the text of some lines, and
 * so their length: the path of a mount may have megabytes. A line is cut off
 * at a limit and left out, and memory that can't be had is not the end of the
 * file.
 */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stdio.h>

/* Longer than any line with paths that a system call takes, escaped. */
#define LINES_MOST	(64 * 1024)

struct lines {
	FILE *f;
	char *text;
	bool left_out;		/* a line was too long */
	int err;		/* of a read */
};

/* lines_begin - read @f, which stays the caller's */
void lines_begin(struct lines *l, FILE *f);

/* lines_next - the next line, valid until the next call; NULL: no more */
char *lines_next(struct lines *l);

/*
 * lines_end - free what was needed
 *
 * Return: 0 if all lines were read; -EOVERFLOW if one was left out; or the
 * negative errno of a read.
 */
int lines_end(struct lines *l);

#endif /* LINES_H */
