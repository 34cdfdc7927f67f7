// SPDX-License-Identifier: GPL-2.0
/* Tables of text: measures the columns, and prints them. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "table.h"
#include "text.h"

#define GAP	2

void table_begin(struct table *t, const char *const *headers)
{
	memset(t, 0, sizeof(*t));
	t->headers = headers;
	while (headers[t->columns])
		t->columns++;
}

void table_cell(struct table *t, const char *fmt, ...)
{
	va_list ap;

	t->cells = ctl_grow(t->cells, t->nr_cells, sizeof(*t->cells));
	va_start(ap, fmt);
	if (vasprintf(&t->cells[t->nr_cells++], fmt, ap) < 0)
		ctl_die("out of memory");
	va_end(ap);
}

static bool to_the_right(const struct table *t, size_t column)
{
	return *t->headers[column] == '>';
}

static const char *header(const struct table *t, size_t column)
{
	return t->headers[column] + to_the_right(t, column);
}

static size_t column_width(const struct table *t, size_t column)
{
	size_t widest = text_width(header(t, column));

	for (size_t i = column; i < t->nr_cells; i += t->columns) {
		size_t width = text_width(t->cells[i]);

		if (width > widest)
			widest = width;
	}
	return widest;
}

static void print_row(const struct table *t, FILE *out, const size_t *widths,
		      size_t width, const char *const *cells)
{
	enum colour colour = cells ? COLOUR_NONE : COLOUR_BOLD;
	size_t size = 0, end;
	char *line;
	FILE *f;

	f = open_memstream(&line, &size);
	if (!f)
		ctl_die("out of memory");
	for (size_t c = 0; c < t->columns; c++) {
		const char *text = cells ? cells[c] : header(t, c);
		size_t used = text_width(text);
		int fill = widths[c] > used ? widths[c] - used : 0;

		fprintf(f, "%*s%s%*s%*s", to_the_right(t, c) ? fill : 0, "",
			text, to_the_right(t, c) ? 0 : fill, "",
			c + 1 < t->columns ? GAP : 0, "");
	}
	fclose(f);
	end = strlen(line);
	while (end && line[end - 1] == ' ')
		line[--end] = '\0';
	if (width)
		text_cut(line, width);
	text_paint(out, colour, line);
	fputc('\n', out);
	free(line);
}

void table_print(struct table *t, FILE *out, size_t width)
{
	size_t *widths = ctl_alloc(t->columns, sizeof(*widths));

	for (size_t c = 0; c < t->columns; c++)
		widths[c] = column_width(t, c);
	print_row(t, out, widths, width, NULL);
	for (size_t i = 0; i + t->columns <= t->nr_cells; i += t->columns)
		print_row(t, out, widths, width,
			  (const char *const *)t->cells + i);
	for (size_t i = 0; i < t->nr_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(widths);
	t->cells = NULL;
	t->nr_cells = 0;
}
