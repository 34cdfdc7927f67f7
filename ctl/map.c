// SPDX-License-Identifier: GPL-2.0
/* gmemctl map: a picture of the state of every block of a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blocks.h"
#include "ctl.h"
#include "files.h"
#include "json.h"
#include "output.h"
#include "picture.h"

#define LABEL_WIDTH	9
#define MAX_COLUMNS	128
#define MAX_ROWS	32

/* An SVG file has room for more cells than a terminal. */
#define SVG_COLUMNS	32
#define SVG_MAX_ROWS	64

/* JSON: the most cells with --cell, which take about 64 MiB; and without it. */
#define MAX_CELLS	(1UL << 20)
#define JSON_CELLS	(1UL << 16)

enum { OPT_CELL, OPT_SVG };

/* A power of two, so that a row stands for a round size. */
static size_t columns_in(size_t width)
{
	size_t columns = 1;

	while (columns * 2 <= width - LABEL_WIDTH && columns < MAX_COLUMNS)
		columns *= 2;
	return columns;
}

/* ---- on the terminal ---- */

static const char *glyph(enum cell_kind kind)
{
	return text_is_utf8() ? cell_looks[kind].glyph : cell_looks[kind].ascii;
}

/* Adjacent cells of one kind are painted together. */
static void print_row(const struct picture *p, size_t from)
{
	size_t end = from + p->columns, i = from;

	if (end > p->nr_cells)
		end = p->nr_cells;
	printf("%*s ", LABEL_WIDTH - 1, text_size(from * p->cell_size));
	while (i < end) {
		enum cell_kind kind = p->cells[i].kind;
		char run[4 * MAX_COLUMNS + 1] = "";
		size_t n = 0;

		for (; i < end && p->cells[i].kind == kind; i++)
			n += snprintf(run + n, sizeof(run) - n, "%s",
				      glyph(kind));
		text_paint(stdout, cell_looks[kind].colour, run);
	}
	putchar('\n');
}

static void print_legend(const struct picture *p)
{
	for (int kind = 0; kind < CELL_KINDS; kind++) {
		if (!p->kinds[kind])
			continue;
		printf("%*s ", LABEL_WIDTH - 1, "");
		text_paint(stdout, cell_looks[kind].colour, glyph(kind));
		printf(" %s: %lu", cell_looks[kind].meaning, p->kinds[kind]);
		if (kind == CELL_CLONED && p->sharers)
			printf(" (at most %s have the same)",
			       picture_sharers(p->sharers));
		putchar('\n');
	}
}

static void print_text(const struct picture *p, const struct gmem_info *info)
{
	printf("%s: %s, %s populated, %s hidden, %s shared, %s lent\n",
	       text_safe(p->name), text_size(info->size),
	       text_size(info->populated), text_size(info->hidden),
	       text_size(info->shared), text_size(info->lent));
	printf("A cell is %s.\n\n", text_size(p->cell_size));
	for (size_t i = 0; i < p->nr_cells; i += p->columns)
		print_row(p, i);
	putchar('\n');
	print_legend(p);
}

/* ---- JSON, SVG ---- */

static void json_cell(struct json *j, const struct picture *p, size_t i)
{
	const struct cell *c = &p->cells[i];

	json_object(j, NULL);
	json_number(j, "offset", i * p->cell_size);
	json_string(j, "kind", cell_looks[c->kind].name);
	json_number(j, "pages", c->pages);
	json_number(j, "holes", c->holes);
	json_number(j, "hidden", c->hidden);
	json_number(j, "shared", c->shared);
	json_number(j, "lent", c->lent);
	json_number(j, "pinned", c->pinned + c->device);
	json_number(j, "pinned_private", c->device);
	json_number(j, "unprotected", c->unprotected);
	json_number(j, "cloned", c->cloned);
	json_number(j, "sharers", c->sharers);
	json_end(j);
}

static void print_json(const struct picture *p)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_string(&j, "path", p->name);
	json_number(&j, "size", p->size);
	json_number(&j, "cell_size", p->cell_size);
	json_array(&j, "cells");
	for (size_t i = 0; i < p->nr_cells; i++)
		json_cell(&j, p, i);
	json_end(&j);
	json_finish(&j);
}

static int write_svg(const struct picture *p, const struct gmem_info *info,
		     const char *path)
{
	FILE *out = output_open(path);

	if (!out)
		return CTL_FAILED;
	picture_svg(p, info, out);
	return output_close(out, path);
}

/* ---- the command ---- */

static int draw(const struct ctl_call *call, struct picture *p,
		const struct gmem_info *info)
{
	if (call->values[OPT_SVG] && write_svg(p, info, call->values[OPT_SVG]))
		return CTL_FAILED;
	if (call->json)
		print_json(p);
	else if (!call->values[OPT_SVG])
		print_text(p, info);
	return CTL_OK;
}

static bool is_cell_size(uint64_t size)
{
	return size >= GMEM_PAGE_SIZE && size <= 1ULL << 62 &&
	       !(size & (size - 1));
}

static int set_layout(const struct ctl_call *call, struct picture *p)
{
	bool svg = call->values[OPT_SVG];
	size_t rows = svg ? SVG_MAX_ROWS : MAX_ROWS;

	p->columns = svg ? SVG_COLUMNS : columns_in(text_columns());
	p->cell_size = picture_cell_size(p->size, call->json ? JSON_CELLS :
					 rows * p->columns);
	if (call->values[OPT_CELL] &&
	    (text_parse_size(call->values[OPT_CELL], &p->cell_size) ||
	     !is_cell_size(p->cell_size)))
		return ctl_usage(call, "--cell: must be a power of two, 4K or more, not %s",
				 text_safe(call->values[OPT_CELL]));
	if (picture_cells(p->size, p->cell_size) <= MAX_CELLS)
		return CTL_OK;
	return ctl_usage(call, "--cell: the file has %s, so a cell must be at least %s, not %s",
			 text_size(p->size),
			 text_size(picture_cell_size(p->size, MAX_CELLS)),
			 text_safe(call->values[OPT_CELL]));
}

static int paint(struct picture *p, int fd, const struct gmem_info *info)
{
	struct blocks b;
	int err;

	picture_begin(p);
	blocks_begin(&b, fd, info);
	blocks_ask_sharers(&b, info);
	while ((err = blocks_next(&b)) > 0)
		picture_add(p, b.offset, b.states, b.sharers, b.pages);
	picture_end(p);
	if (err)
		ctl_error("%s: can't read the states of its pages: %s",
			  text_safe(p->name), strerror(-err));
	return err;
}

static int map_file(const struct ctl_call *call, int fd,
		    const struct gmem_info *info)
{
	struct picture p = { .name = call->args[0], .size = info->size };
	int status = set_layout(call, &p);

	if (status)
		return status;
	status = paint(&p, fd, info) ? CTL_FAILED : draw(call, &p, info);
	picture_free(&p);
	return status;
}

static int run(const struct ctl_call *call)
{
	struct gmem_info info;
	int fd = files_open(call->args[0], O_RDONLY, &info);
	int status;

	if (fd < 0)
		return CTL_FAILED;
	status = map_file(call, fd, &info);
	close(fd);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_CELL] = { "cell", "SIZE",
		       "a cell's size (2M, or more so that the picture fits)" },
	[OPT_SVG] = { "svg", "FILE", "write the picture to this file, as SVG" },
	{ NULL, NULL, NULL }
};

const struct ctl_command map_command = {
	.name = "map",
	.arguments = "FILE",
	.summary = "draw the state of every block of a file",
	.details = "Draws a cell for each 2 MiB of the file. A cell shows one state: the first one in\n"
		   "the legend that fits its pages.",
	.min_args = 1,
	.max_args = 1,
	.options = options,
	.run = run,
};
