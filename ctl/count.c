// SPDX-License-Identifier: GPL-2.0
/*
 * Has gmemctl found each inode of a mount?
 *
 * A file without a name can be in a message of a socket, or only an io_uring
 * may have it. /proc shows neither. But a mount counts its inodes: each inode
 * is one, and each further name of it is one more.
 *
 * Users make and remove files meanwhile, so an inode that was found and then
 * removed could hide one that wasn't found. So each mount is asked for its
 * count after all inodes were found, and then each inode is looked for once
 * more. An inode that was there before and after was there when the mount was
 * asked. Only such inodes are counted, once each. Inode numbers aren't reused
 * within the time that this takes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctl.h"
#include "inventory.h"
#include "reach.h"
#include "text.h"

/* ---- inodes that are no regular files ---- */

void inventory_other(struct inventory *inv, dev_t dev, ino_t ino,
		     const struct other *found)
{
	struct index_key key = { .a = dev, .b = ino };
	struct other *o;
	size_t known;

	if (index_find(&inv->by_other, key, &known) ||
	    !inventory_room(inv, 3 * sizeof(*o) + INDEX_COST +
				 strlen(found->name) + 1))
		return;
	index_put(&inv->by_other, key, inv->nr_others);
	inv->others = ctl_grow(inv->others, inv->nr_others, sizeof(*o));
	o = &inv->others[inv->nr_others++];
	*o = *found;
	o->dev = dev;
	o->ino = ino;
	o->name = ctl_copy(found->name);
}

static int find_again(struct inventory *inv, const struct other *o,
		      struct reach *r)
{
	struct mount_point *m = inventory_mount(inv, o->dev);

	if (o->pid)
		return reach_link(o->pid, o->name, r);
	return reach_below(m->root, o->name, r);
}

static void ask_other(struct inventory *inv, const struct other *o)
{
	struct reach r;

	if (find_again(inv, o, &r))
		return;
	if (r.dev == o->dev && r.ino == o->ino)
		inventory_count(inv, r.dev, r.mode, r.links, &r.changed);
	reach_leave(&r);
}

void inventory_ask_others(struct inventory *inv)
{
	for (size_t i = 0; i < inv->nr_others; i++)
		ask_other(inv, &inv->others[i]);
}

/* ---- the count ---- */

void inventory_begin_count(struct inventory *inv)
{
	for (size_t i = 0; i < inv->nr_mounts; i++) {
		struct mount_point *m = &inv->mounts[i];

		if (m->root < 0)
			continue;
		inventory_ask_mount(m);
		clock_gettime(CLOCK_REALTIME, &m->asked);
		m->known = 1;	/* its root */
	}
}

/*
 * An inode counts with all its names only if it got or lost none since its
 * mount was asked. That would have changed its ctime, as other changes do.
 */
void inventory_count(struct inventory *inv, dev_t dev, mode_t mode,
		     unsigned int links, const struct timespec *changed)
{
	struct mount_point *m = inventory_mount(inv, dev);

	if (!m)
		return;
	if (S_ISDIR(mode) || links <= 1 ||
	    ctl_nanoseconds(changed) + CTL_TICK >
	    ctl_nanoseconds(&m->asked))
		m->known++;
	else
		m->known += links;
}

bool inventory_all_counted(struct inventory *inv, bool tell)
{
	bool all = true;

	for (size_t i = 0; i < inv->nr_mounts; i++) {
		const struct mount_point *m = &inv->mounts[i];

		if (m->root < 0 || !m->whole)
			continue;
		if (!m->counted || m->files == m->known)
			continue;
		all = false;
		if (tell)
			inventory_missed(inv, "%s has %llu inodes, but %llu were found: files came or went meanwhile, or are only in a message of a socket or in an io_uring",
					 text_safe(m->dir),
					 (unsigned long long)m->files,
					 (unsigned long long)m->known);
	}
	return all;
}
