// SPDX-License-Identifier: GPL-2.0
/* Lines of /proc, of a bounded length. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "lines.h"

void lines_begin(struct lines *l, FILE *f)
{
	*l = (struct lines){ .f = f, .text = ctl_alloc(LINES_MOST, 1) };
}

/* A line break, or the end of the file. */
static bool is_whole(const struct lines *l)
{
	return strchr(l->text, '\n') || feof(l->f);
}

static void skip_rest(FILE *f)
{
	int c;

	do
		c = getc(f);
	while (c != '\n' && c != EOF);
}

char *lines_next(struct lines *l)
{
	while (fgets(l->text, LINES_MOST, l->f)) {
		if (is_whole(l))
			return l->text;
		l->left_out = true;
		skip_rest(l->f);
	}
	if (ferror(l->f))
		l->err = -errno;
	return NULL;
}

int lines_end(struct lines *l)
{
	int err = l->err ? l->err : l->left_out ? -EOVERFLOW : 0;

	free(l->text);
	*l = (struct lines){ 0 };
	return err;
}
