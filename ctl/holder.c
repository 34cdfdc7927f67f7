// SPDX-License-Identifier: GPL-2.0
/* May the process that has a file open or mapped write to it? */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "ask.h"
#include "ctl.h"
#include "lines.h"
#include "procfs.h"
#include "reach.h"

static FILE *beside(const struct reach *r, const char *fmt)
{
	char *name = ctl_format(fmt, r->how);
	FILE *f = ask_text(r->holder, name, 0);

	free(name);
	return f;
}

static bool is_open_for_writing(const struct reach *r)
{
	struct proc_fdinfo info = { 0 };
	FILE *f = beside(r, "../fdinfo/%s");
	struct lines lines;
	const char *line;

	if (!f)
		return false;
	lines_begin(&lines, f);
	while ((line = lines_next(&lines)))
		proc_fdinfo_line(line, &info);
	lines_end(&lines);
	fclose(f);
	return info.ino == r->ino && info.mount == r->mount &&
	       (info.flags & O_ACCMODE) == O_RDWR;
}

static bool is_mapped_for_writing(const struct reach *r)
{
	FILE *f = beside(r, "../maps");
	struct proc_map map;
	struct lines lines;
	const char *line;
	bool is = false;

	if (!f)
		return false;
	lines_begin(&lines, f);
	while (!is && (line = lines_next(&lines)))
		is = !proc_map_line(line, &map) && map.dev == r->dev &&
		     map.ino == r->ino && map.write && map.shared;
	lines_end(&lines);
	fclose(f);
	return is;
}

bool reach_may_write(const struct reach *r)
{
	if (r->chosen)
		return false;
	if (r->holder < 0)
		return true;
	return is_open_for_writing(r) || is_mapped_for_writing(r);
}
