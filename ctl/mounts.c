// SPDX-License-Identifier: GPL-2.0
/* Mounts of gmemfs, by the mountinfo of processes. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "ctl.h"
#include "inventory.h"

struct mount_point *inventory_mount(struct inventory *inv, dev_t dev)
{
	for (size_t i = 0; i < inv->nr_mounts; i++)
		if (inv->mounts[i].dev == dev)
			return &inv->mounts[i];
	return NULL;
}

/* Blanks and the like are \ooo there. */
static void unescape(char *text)
{
	char *to = text;

	while (*text) {
		if (*text == '\\' && isdigit((unsigned char)text[1]) &&
		    isdigit((unsigned char)text[2]) &&
		    isdigit((unsigned char)text[3])) {
			*to++ = (text[1] - '0') << 6 | (text[2] - '0') << 3 |
				(text[3] - '0');
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

static void ask_size(struct mount_point *m)
{
	struct statfs fs;

	if (statfs(m->dir, &fs))
		return;
	m->limit = (uint64_t)fs.f_blocks * fs.f_bsize;
	m->used = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_bsize;
	m->files = fs.f_files - fs.f_ffree;
}

/*
 * "ID PARENT MAJOR:MINOR ROOT DIR OPTIONS [TAG...] - TYPE SOURCE SUPER_OPTIONS"
 * A bind mount of a part is no place to look for all files.
 */
static void add_line(struct inventory *inv, char *line, const char *prefix)
{
	char root[4096], dir[4096], type[64], options[1024], *tail;
	unsigned int major, minor;
	struct mount_point *m;

	tail = strstr(line, " - ");
	if (!tail ||
	    sscanf(tail, " - %63s %*s %1023s", type, options) != 2 ||
	    strcmp(type, "gmemfs") ||
	    sscanf(line, "%*d %*d %u:%u %4095s %4095s", &major, &minor, root,
		   dir) != 4)
		return;
	if (strcmp(root, "/") || inventory_mount(inv, makedev(major, minor)))
		return;
	unescape(dir);
	inv->mounts = ctl_grow(inv->mounts, inv->nr_mounts, sizeof(*m));
	m = &inv->mounts[inv->nr_mounts++];
	memset(m, 0, sizeof(*m));
	m->dev = makedev(major, minor);
	m->dir = ctl_format("%s%s", prefix, dir);
	m->options = ctl_copy(options);
	ask_size(m);
}

void inventory_add_mounts(struct inventory *inv, const char *mountinfo,
			  const char *prefix)
{
	FILE *f = fopen(mountinfo, "re");
	char *line = NULL;
	size_t room = 0;

	if (!f)
		return;
	while (getline(&line, &room, f) > 0)
		add_line(inv, line, prefix);
	free(line);
	fclose(f);
}
