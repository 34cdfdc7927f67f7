// SPDX-License-Identifier: GPL-2.0
/* The inventory: finds files by name, opens them, and asks what they hold. */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ask.h"
#include "ctl.h"
#include "inventory.h"
#include "reach.h"
#include "text.h"

/* The inventory is read again if files came and went while it was read. */
#define TRIES		4
#define PAUSE_SECONDS	0.05

static struct index_key key_of(dev_t dev, ino_t ino)
{
	return (struct index_key){ .a = dev, .b = ino };
}

struct file_entry *inventory_find(const struct inventory *inv, dev_t dev,
				  ino_t ino)
{
	size_t i;

	if (!index_find(&inv->by_inode, key_of(dev, ino), &i))
		return NULL;
	return &inv->files[i];
}

struct file_entry *inventory_file(struct inventory *inv, dev_t dev, ino_t ino)
{
	struct file_entry *f = inventory_find(inv, dev, ino);

	if (f)
		return f;
	if (!inventory_room(inv, INVENTORY_FILE_COST))
		return NULL;
	index_put(&inv->by_inode, key_of(dev, ino), inv->nr_files);
	inv->files = ctl_grow(inv->files, inv->nr_files, sizeof(*f));
	f = &inv->files[inv->nr_files++];
	memset(f, 0, sizeof(*f));
	f->dev = dev;
	f->ino = ino;
	return f;
}

void inventory_sort(struct inventory *inv,
		    int (*order)(const void *a, const void *b))
{
	index_free(&inv->by_inode);
	if (inv->nr_files)
		qsort(inv->files, inv->nr_files, sizeof(*inv->files), order);
	for (size_t i = 0; i < inv->nr_files; i++)
		index_put(&inv->by_inode,
			  key_of(inv->files[i].dev, inv->files[i].ino), i);
}

/* ---- what could not be looked at ---- */

static bool is_known_reason(const struct inventory *inv, const char *text)
{
	for (size_t i = 0; i < inv->nr_reasons; i++)
		if (!strcmp(inv->reasons[i], text))
			return true;
	return false;
}

void inventory_missed(struct inventory *inv, const char *fmt, ...)
{
	char *text;
	va_list ap;

	inv->complete = false;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		ctl_die("out of memory");
	va_end(ap);
	if (is_known_reason(inv, text)) {
		free(text);
	} else if (inv->nr_reasons == INVENTORY_REASONS) {
		inv->more_reasons++;
		free(text);
	} else {
		inv->reasons[inv->nr_reasons++] = text;
	}
}

/* This is listed in any case, in the place of another reason. */
static void say_given_up(struct inventory *inv)
{
	if (!ask_has_given_up())
		return;
	if (inv->nr_reasons == INVENTORY_REASONS) {
		free(inv->reasons[--inv->nr_reasons]);
		inv->more_reasons++;
	}
	inventory_missed(inv, "%d questions to processes got no answer, or all of them took %d s, so no more processes were asked for their mappings and mounts: end those that don't answer, or the file servers that they wait for",
			 ASK_TIMEOUTS, ASK_SECONDS);
}

char *inventory_reasons(const struct inventory *inv)
{
	char *all = ctl_format("%zu more", inv->more_reasons), *longer;

	for (size_t i = 0; i < inv->nr_reasons; i++) {
		longer = ctl_format("%s; %s", inv->reasons[i], all);
		free(all);
		all = longer;
	}
	return all;
}

/* ---- files that have a name ---- */

bool inventory_room(struct inventory *inv, size_t bytes)
{
	if (bytes > inv->left) {
		inventory_missed(inv, "more files and processes than gmemctl can list in 256 MiB of memory: the others are left out");
		inv->full = true;
		return false;
	}
	inv->left -= bytes;
	return true;
}

static char *name_below(const char *dir, const char *name)
{
	return *dir ? ctl_format("%s/%s", dir, name) : ctl_copy(name);
}

/* The file may be recorded already, by another of its names. */
static void add_named(struct inventory *inv, const struct mount_point *m,
		      const char *dir, const struct dirent *d)
{
	struct file_entry *f = inventory_file(inv, m->dev, d->d_ino);
	const char *top = strcmp(m->dir, "/") ? m->dir : "";

	if (!f || f->path || !inventory_room(inv, strlen(top) + strlen(dir) +
						  strlen(d->d_name) + 3))
		return;
	f->path = ctl_format("%s/%s%s%s", top, dir, *dir ? "/" : "", d->d_name);
	f->name = f->path + strlen(top) + 1;
	f->linked = true;
}

static void add_other(struct inventory *inv, const struct mount_point *m,
		      const char *dir, const struct dirent *d)
{
	struct other other = {
		.name = name_below(dir, d->d_name),
		.is_directory = d->d_type == DT_DIR,
	};

	inventory_other(inv, m->dev, d->d_ino, &other);
	free(other.name);
}

static void read_directory(struct inventory *inv, const struct mount_point *m,
			   const char *dir)
{
	struct dirent *d;
	int err;
	DIR *list = reach_list(m->root, *dir ? dir : ".", &err);

	if (!list && err == -ENOENT)
		return;
	if (!list) {
		inventory_missed(inv, "%s/%s: %s", text_safe(m->dir),
				 text_safe(dir), err == -EXDEV ?
				 "another mount covers it" : strerror(-err));
		return;
	}
	while (!inv->full && (d = reach_next(list, &err))) {
		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		if (d->d_type == DT_REG)
			add_named(inv, m, dir, d);
		else
			add_other(inv, m, dir, d);
	}
	if (err && err != -ENOENT)
		inventory_missed(inv, "%s/%s: %s", text_safe(m->dir),
				 text_safe(dir), strerror(-err));
	closedir(list);
}

/* The directories that were found in the mount are read one after the other. */
static void walk_mount(struct inventory *inv, const struct mount_point *m)
{
	size_t i = inv->nr_others;

	if (m->root < 0)
		return;
	read_directory(inv, m, "");
	for (; i < inv->nr_others && !inv->full; i++)
		if (inv->others[i].is_directory)
			read_directory(inv, m, inv->others[i].name);
}

/* ---- opening them ---- */

/* The function releases @r. */
static int open_if_same(const struct file_entry *f, struct reach *r, int flags)
{
	int fd = r->dev == f->dev && r->ino == f->ino ? reach_open(r, flags) :
							-ESTALE;

	reach_leave(r);
	return fd;
}

static int open_by_name(struct inventory *inv, const struct file_entry *f,
			int flags)
{
	struct mount_point *m = f->name ? inventory_mount(inv, f->dev) : NULL;
	struct reach r;
	int err;

	if (!m || m->root < 0)
		return -ENOENT;
	err = reach_below(m->root, f->name, &r);
	return err ? err : open_if_same(f, &r, flags);
}

static int open_by_way(const struct file_entry *f, const struct way *way,
		       int flags)
{
	struct reach r;
	int err;

	if (!*way->how)
		return -ENOENT;
	err = reach_link(way->pid, way->how, &r);
	return err ? err : open_if_same(f, &r, flags);
}

/* Does the error mean that the file has moved, or its process has ended? */
static bool has_gone(int err)
{
	return err == -ENOENT || err == -ESRCH || err == -ESTALE ||
	       err == -ENOTDIR;
}

static int open_by_user(const struct file_entry *f, bool shared, int flags)
{
	int fd = -ENOENT, worst = -ENOENT;

	for (size_t i = 0; i < f->nr_users && fd < 0; i++) {
		const struct user *u = &f->users[i];

		if (u->open.shared == shared)
			fd = open_by_way(f, &u->open, flags);
		if (fd < 0 && !has_gone(fd))
			worst = fd;
		if (fd < 0 && u->map.shared == shared)
			fd = open_by_way(f, &u->map, flags);
		if (fd < 0 && !has_gone(fd))
			worst = fd;
	}
	return fd < 0 ? worst : fd;
}

/* The shared view shows less, so it is tried last. */
int inventory_open(struct inventory *inv, struct file_entry *f, int flags)
{
	int fd = open_by_name(inv, f, flags);
	int err = has_gone(fd) ? -ENOENT : fd;

	if (fd < 0) {
		fd = open_by_user(f, false, flags);
		err = has_gone(fd) ? err : fd;
	}
	if (fd < 0) {
		fd = open_by_user(f, true, flags);
		err = has_gone(fd) ? err : fd;
	}
	return fd < 0 ? err : fd;
}

/* ---- what they hold ---- */

const char *inventory_why(int err)
{
	if (err == -ENOENT)
		return "the file is no longer where it was found";
	if (err == -ETIMEDOUT)
		return "the process that has this file doesn't answer";
	if (err == -ECANCELED)
		return "not asked for, because too many processes don't answer";
	return strerror(-err);
}

static void ask_file(struct inventory *inv, struct file_entry *f)
{
	int fd = inventory_open(inv, f, O_RDONLY);
	struct stat st;

	f->err = fd < 0 ? fd : gmem_file_info(fd, &f->info);
	if (fd >= 0 && !fstat(fd, &st)) {
		f->uid = st.st_uid;
		f->mode = st.st_mode & 07777;
		inventory_count(inv, f->dev, st.st_mode, st.st_nlink,
				&st.st_ctim);
	}
	if (fd >= 0)
		close(fd);
	if (!f->err && !inventory_mount(inv, f->dev))
		inventory_missed(inv, "%s is in a gmemfs that no process sees mounted",
				 text_safe(f->path));
	if (f->err && f->err != -ENOENT && f->err != -ENOTTY)
		inventory_missed(inv, "%s: %s", text_safe(f->path),
				 inventory_why(f->err));
}

static void free_file(struct file_entry *f)
{
	free(f->path);
	free(f->users);
}

/* Remove files that have gone since they were found, or aren't of gmemfs. */
static void drop_gone(struct inventory *inv)
{
	size_t kept = 0;

	for (size_t i = 0; i < inv->nr_files; i++) {
		struct file_entry *f = &inv->files[i];

		if (f->err == -ENOENT || f->err == -ENOTTY || !f->path)
			free_file(f);
		else
			inv->files[kept++] = *f;
	}
	inv->nr_files = kept;
}

static int by_path(const void *a, const void *b)
{
	const struct file_entry *x = a, *y = b;

	if (x->linked != y->linked)
		return x->linked ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* ---- all of it ---- */

static void read_once(struct inventory *inv)
{
	ask_renew();
	memset(inv, 0, sizeof(*inv));
	inv->complete = true;
	inv->left = INVENTORY_ROOM;
	inventory_add_namespaces(inv);
	inventory_reach_mounts(inv);
	for (size_t i = 0; i < inv->nr_mounts; i++)
		walk_mount(inv, &inv->mounts[i]);
	inventory_add_users(inv);
	inventory_begin_count(inv);
	for (size_t i = 0; i < inv->nr_files; i++)
		if (inv->files[i].path)
			ask_file(inv, &inv->files[i]);
	inventory_ask_others(inv);
	say_given_up(inv);
	drop_gone(inv);
	inventory_sort(inv, by_path);
}

/* If something could not be looked at, a count of inodes shows nothing new. */
void inventory_read(struct inventory *inv)
{
	read_once(inv);
	for (int i = 1; i < TRIES && inv->complete &&
	     !inventory_all_counted(inv, false); i++) {
		inventory_free(inv);
		ctl_sleep(PAUSE_SECONDS);
		read_once(inv);
	}
	if (inv->complete)
		inventory_all_counted(inv, true);
}

static void free_mount(struct mount_point *m)
{
	for (size_t i = 0; i < m->nr_places; i++)
		free(m->places[i].dir);
	free(m->places);
	free(m->dir);
	free(m->options);
	if (m->root >= 0)
		close(m->root);
}

void inventory_free(struct inventory *inv)
{
	for (size_t i = 0; i < inv->nr_mounts; i++)
		free_mount(&inv->mounts[i]);
	for (size_t i = 0; i < inv->nr_files; i++)
		free_file(&inv->files[i]);
	for (size_t i = 0; i < inv->nr_others; i++)
		free(inv->others[i].name);
	for (size_t i = 0; i < inv->nr_reasons; i++)
		free(inv->reasons[i]);
	index_free(&inv->by_inode);
	index_free(&inv->by_other);
	index_free(&inv->devices);
	free(inv->others);
	free(inv->mounts);
	free(inv->files);
	memset(inv, 0, sizeof(*inv));
}
