/* SPDX-License-Identifier: GPL-2.0 */
/* Tables: the caller adds cells from left to right, row by row, and prints. */
#ifndef TABLE_H
#define TABLE_H

#include <stdio.h>

struct table {
	const char *const *headers;
	size_t columns;
	char **cells;
	size_t nr_cells;
};

/**
 * table_begin - begin a table without rows
 * @headers: the columns' headers, ending with NULL; a '>' in front means that
 *	     the column is aligned to the right
 */
void table_begin(struct table *t, const char *const *headers);

__attribute__((format(printf, 2, 3)))
void table_cell(struct table *t, const char *fmt, ...);

/*
 * table_print - print the table and free its cells. If @width isn't 0, lines
 * are cut off there.
 */
void table_print(struct table *t, FILE *out, size_t width);

#endif /* TABLE_H */
