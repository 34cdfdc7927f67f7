// SPDX-License-Identifier: GPL-2.0
/*
 * Mounts of gmemfs: finds them in the mountinfo of processes, and opens the
 * root of each. At one place a mount may be covered by another mount, and at
 * another place not. So all places are recorded and tried.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ctl.h"
#include "inventory.h"
#include "lines.h"
#include "procfs.h"
#include "reach.h"
#include "text.h"

struct mount_point *inventory_mount(struct inventory *inv, dev_t dev)
{
	for (size_t i = 0; i < inv->nr_mounts; i++)
		if (inv->mounts[i].dev == dev)
			return &inv->mounts[i];
	return NULL;
}

/* ---- mountinfo ---- */

static char *path_of(pid_t pid, const char *dir)
{
	return pid ? ctl_format("/proc/%d/root%s", pid, dir) : ctl_copy(dir);
}

static struct mount_point *new_mount(struct inventory *inv,
				     const struct proc_mount *found)
{
	struct mount_point *m;

	inv->mounts = ctl_grow(inv->mounts, inv->nr_mounts, sizeof(*m));
	m = &inv->mounts[inv->nr_mounts++];
	memset(m, 0, sizeof(*m));
	m->dev = found->dev;
	m->options = ctl_copy(found->options);
	m->root = -1;
	return m;
}

static void add_place(struct mount_point *m, pid_t pid,
		      const struct proc_mount *found)
{
	struct mount_place *place;

	m->places = ctl_grow(m->places, m->nr_places, sizeof(*place));
	place = &m->places[m->nr_places++];
	place->pid = pid;
	place->dir = ctl_copy(found->dir);
	place->mount = found->id;
	place->whole = !strcmp(found->root, "/");
}

static void add_line(struct inventory *inv, char *line, pid_t pid)
{
	struct index_key key = { 0 };
	struct proc_mount found;
	struct mount_point *m;
	size_t ours;

	if (proc_mount_line(line, &found)) {
		inventory_missed(inv, "a line of mountinfo has an unknown format");
		return;
	}
	key.a = found.dev;
	if (!index_find(&inv->devices, key, &ours)) {
		if (!inventory_room(inv, INDEX_COST))
			return;
		ours = !strcmp(found.type, "gmemfs");
		index_put(&inv->devices, key, ours);
		if (ours)
			new_mount(inv, &found);
	}
	m = ours ? inventory_mount(inv, found.dev) : NULL;
	if (m && (!m->nr_places ||
		  inventory_room(inv, 3 * sizeof(*m->places) +
				      strlen(found.dir) + 1)))
		add_place(m, pid, &found);
}

/* @pid: 0 for those that this process sees */
void inventory_add_mounts(struct inventory *inv, pid_t pid)
{
	pid_t asked = pid ? pid : getpid();
	FILE *f = reach_process_file(asked, "mountinfo");
	struct lines lines;
	char *line;
	int err;

	if (!f) {
		/* The process has ended, or is ending and has no mounts. */
		if (errno != ENOENT && errno != ESRCH && errno != EINVAL)
			inventory_missed(inv, "the mounts of process %d: %s",
					 asked, strerror(errno));
		return;
	}
	lines_begin(&lines, f);
	while ((line = lines_next(&lines)))
		add_line(inv, line, pid);
	err = lines_end(&lines);
	if (err == -EOVERFLOW)
		inventory_missed(inv, "the mounts of process %d: %s", asked,
				 "the path of one is too long");
	else if (err)
		inventory_missed(inv, "the mounts of process %d: %s", asked,
				 strerror(-err));
	fclose(f);
}

/* ---- the way into a mount ---- */

void inventory_ask_mount(struct mount_point *m)
{
	struct statfs fs;

	if (fstatfs(m->root, &fs))
		return;
	m->limit = (uint64_t)fs.f_blocks * fs.f_bsize;
	m->used = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_bsize;
	m->files = fs.f_files - fs.f_ffree;
	m->counted = fs.f_files;
}

/*
 * Return: 0; -ESTALE if another mount is there than the listed one, which may
 * be of the same file system; or another negative errno.
 */
static int reach_place(struct mount_point *m, const struct mount_place *place)
{
	struct reach r;
	int err = reach_mount(place->pid, place->dir, &r);

	if (err)
		return err;
	if (r.mount != place->mount || r.dev != m->dev || !S_ISDIR(r.mode))
		err = -ESTALE;
	if (!err)
		err = reach_is_gmemfs(&r);
	if (err <= 0) {
		reach_leave(&r);
		return err ? err : -ESTALE;
	}
	m->root = r.fd;
	m->whole = place->whole;
	m->ours = !place->pid;
	m->dir = path_of(place->pid, place->dir);
	return 0;
}

/* The mount that covers the path may have nothing there, or a link. */
static bool is_covered(int err)
{
	return err == -ESTALE || err == -ENOENT || err == -ENOTDIR ||
	       err == -ELOOP;
}

/*
 * Try the places of the whole mount, or those of its parts. Return: 0, or an
 * error, preferably one that says more than that another mount covers it. In a
 * namespace with a file server that doesn't answer, no more places are tried: a
 * user can make thousands.
 */
static int reach_any(struct mount_point *m, bool whole)
{
	int err, worst = -ESTALE;
	pid_t silent = -1;

	for (size_t i = 0; i < m->nr_places; i++) {
		if (m->places[i].whole != whole || m->places[i].pid == silent)
			continue;
		err = reach_place(m, &m->places[i]);
		if (!err)
			return 0;
		if (err == -ETIMEDOUT)
			silent = m->places[i].pid;
		if (!is_covered(err))
			worst = err;
	}
	return worst;
}

static const char *why_not(int err)
{
	if (is_covered(err))
		return "another mount covers it";
	if (err == -ETIMEDOUT)
		return "a file server on the way to it doesn't answer";
	if (err == -ECANCELED)
		return "too many file servers don't answer";
	return strerror(-err);
}

static void reach_root(struct inventory *inv, struct mount_point *m)
{
	int err = reach_any(m, true);

	if (is_covered(err))
		err = reach_any(m, false);
	else if (err && !reach_any(m, false))
		err = 0;
	if (!err) {
		inventory_ask_mount(m);
		if (!m->whole)
			inventory_missed(inv, "%s is only a part of a mount, and no process sees the rest",
					 text_safe(m->dir));
		return;
	}
	m->ours = !m->places[0].pid;
	m->dir = path_of(m->places[0].pid, m->places[0].dir);
	inventory_missed(inv, "the mount at %s can't be reached: %s",
			 text_safe(m->dir), why_not(err));
}

void inventory_reach_mounts(struct inventory *inv)
{
	for (size_t i = 0; i < inv->nr_mounts; i++)
		reach_root(inv, &inv->mounts[i]);
}
