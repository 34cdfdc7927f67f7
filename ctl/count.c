// SPDX-License-Identifier: GPL-2.0
/*
 * Was each inode of a mount met?
 *
 * A file without a name can be on its way through a socket, or be known to
 * io_uring only. /proc shows neither. But a mount counts its inodes: each of
 * them, and each further name, is one.
 *
 * Users make and remove files meanwhile, so that what was met might make up for
 * what wasn't. So each mount is asked after all was met, and then it is looked
 * for once more: what is there before and after was there when the mount was
 * asked, and counts, once. Nothing else does. Numbers of inodes aren't used
 * again within the time that this takes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ctl.h"
#include "inventory.h"
#include "reach.h"
#include "text.h"

/* The kernel's clock for files goes by ticks, of 10 ms at most. */
#define TICKS	20000000

static int64_t nanoseconds(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

/* ---- what is no regular file ---- */

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
 * To have had as many names when its mount was asked, it must not have got or
 * lost any since. That, as much else, would have changed its time.
 */
void inventory_count(struct inventory *inv, dev_t dev, mode_t mode,
		     unsigned int links, const struct timespec *changed)
{
	struct mount_point *m = inventory_mount(inv, dev);

	if (!m)
		return;
	if (S_ISDIR(mode) || links <= 1 ||
	    nanoseconds(changed) + TICKS > nanoseconds(&m->asked))
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
			inventory_missed(inv, "%s has %llu inodes, but %llu were found: files come and go, or are on their way through a socket or in an io_uring",
					 text_safe(m->dir),
					 (unsigned long long)m->files,
					 (unsigned long long)m->known);
	}
	return all;
}
