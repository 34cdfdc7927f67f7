// SPDX-License-Identifier: GPL-2.0
/* The picture of a file as SVG, for a browser or a document. */
#include <inttypes.h>

#include "picture.h"

#define LEFT	70
#define TOP	64
#define STEP	18
#define SIDE	16
#define LEGEND_STEP	20

static void escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

static void heading(const struct picture *p, const struct gmem_info *info,
		    FILE *out)
{
	fputs("<text x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"bold\">",
	      out);
	escaped(out, text_safe(p->name));
	fprintf(out, "</text>\n<text x=\"16\" y=\"46\">%s, %s populated: %s hidden, %s shared, %s lent. ",
		text_size(info->size), text_size(info->populated),
		text_size(info->hidden), text_size(info->shared),
		text_size(info->lent));
	fprintf(out, "A cell is %s.</text>\n", text_size(p->cell_size));
}

static void one_cell(const struct picture *p, size_t i, FILE *out)
{
	const struct cell *c = &p->cells[i];
	const struct cell_look *look = &cell_looks[c->kind];

	fprintf(out, "<rect x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\" rx=\"2\" fill=\"%s\">",
		LEFT + i % p->columns * STEP, TOP + i / p->columns * STEP,
		SIDE, SIDE, look->fill);
	fprintf(out, "<title>at %s: %lu hidden, %lu shared, %lu lent, %lu holes",
		text_size(i * p->cell_size), c->hidden, c->shared, c->lent,
		c->holes);
	if (c->cloned)
		fprintf(out, ", %lu cloned", c->cloned);
	if (c->sharers)
		fprintf(out, ", at most %s have the same",
			picture_sharers(c->sharers));
	fputs("</title></rect>\n", out);
}

static void row_label(const struct picture *p, size_t row, FILE *out)
{
	fprintf(out, "<text x=\"%d\" y=\"%zu\" text-anchor=\"end\">%s</text>\n",
		LEFT - 8, TOP + row * STEP + 13,
		text_size(row * p->columns * p->cell_size));
}

static void legend(const struct picture *p, size_t y, FILE *out)
{
	for (int kind = 0; kind < CELL_KINDS; kind++) {
		if (!p->kinds[kind])
			continue;
		fprintf(out, "<rect x=\"%d\" y=\"%zu\" width=\"%d\" height=\"%d\" rx=\"2\" fill=\"%s\"/>",
			LEFT, y, SIDE, SIDE, cell_looks[kind].fill);
		fprintf(out, "<text x=\"%d\" y=\"%zu\">%s (%lu)</text>\n",
			LEFT + SIDE + 8, y + 13, cell_looks[kind].meaning,
			p->kinds[kind]);
		y += LEGEND_STEP;
	}
}

void picture_svg(const struct picture *p, const struct gmem_info *info,
		 FILE *out)
{
	size_t rows = (p->nr_cells + p->columns - 1) / p->columns;
	size_t legend_at = TOP + rows * STEP + 14;
	size_t height = legend_at + 10, width = LEFT + p->columns * STEP + 16;

	for (int kind = 0; kind < CELL_KINDS; kind++)
		height += p->kinds[kind] ? LEGEND_STEP : 0;
	if (width < 560)
		width = 560;
	fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %zu %zu\" width=\"%zu\" height=\"%zu\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n",
		width, height, width, height);
	fprintf(out, "<rect width=\"%zu\" height=\"%zu\" fill=\"#fff\"/>\n",
		width, height);
	heading(p, info, out);
	for (size_t row = 0; row < rows; row++)
		row_label(p, row, out);
	for (size_t i = 0; i < p->nr_cells; i++)
		one_cell(p, i, out);
	legend(p, legend_at, out);
	fputs("</svg>\n", out);
}
