/* SPDX-License-Identifier: GPL-2.0 */
/* Tables: cells are added from left to right, row by row, then printed. */
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
 * table_begin - a table without rows
 * @headers: of the columns, with NULL at the end; a '>' in front means that the
 *	     column is aligned to the right
 */
void table_begin(struct table *t, const char *const *headers);

__attribute__((format(printf, 2, 3)))
void table_cell(struct table *t, const char *fmt, ...);

/*
 * table_print - print it and forget its cells. What goes beyond @width, if that
 * isn't 0, is cut off.
 */
void table_print(struct table *t, FILE *out, size_t width);

#endif /* TABLE_H */
