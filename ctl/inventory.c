// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <gmem.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "inventory.h"
#include "text.h"

struct file_entry *inventory_file(struct inventory *inv, dev_t dev, ino_t ino)
{
	struct file_entry *f = inv->files;

	for (size_t i = 0; i < inv->nr_files; i++)
		if (f[i].dev == dev && f[i].ino == ino)
			return &f[i];
	inv->files = ctl_grow(inv->files, inv->nr_files, sizeof(*f));
	f = &inv->files[inv->nr_files++];
	memset(f, 0, sizeof(*f));
	f->dev = dev;
	f->ino = ino;
	return f;
}

/* ---- files that have a name ---- */

/* By another of its names a file may be there already. */
static void add_named(struct inventory *inv, const FTSENT *e)
{
	struct file_entry *f = inventory_file(inv, e->fts_statp->st_dev,
					      e->fts_statp->st_ino);

	if (f->path)
		return;
	f->path = ctl_copy(e->fts_path);
	f->linked = true;
}

/* @dir is copied, as fts wants one that it could change. */
static void walk_mount(struct inventory *inv, dev_t dev, const char *dir)
{
	char *root = ctl_copy(dir);
	char *const paths[] = { root, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, NULL);
	FTSENT *e;

	while (fts && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DNR)
			inv->complete = false;
		if (e->fts_info == FTS_F && S_ISREG(e->fts_statp->st_mode) &&
		    e->fts_statp->st_dev == dev)
			add_named(inv, e);
	}
	if (fts)
		fts_close(fts);
	free(root);
}

/* ---- what they hold ---- */

static void ask_file(struct inventory *inv, struct file_entry *f)
{
	int follow = f->linked ? O_NOFOLLOW : 0;
	struct stat st;
	int fd;

	if (!stat(f->path, &st)) {
		f->uid = st.st_uid;
		f->mode = st.st_mode & 07777;
	}
	fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | follow);
	f->err = fd < 0 ? -errno : gmem_file_info(fd, &f->info);
	if (f->err == -EACCES || f->err == -EPERM)
		inv->complete = false;
	if (fd >= 0)
		close(fd);
}

static int by_path(const void *a, const void *b)
{
	const struct file_entry *x = a, *y = b;

	if (x->linked != y->linked)
		return x->linked ? -1 : 1;
	return strcmp(x->path, y->path);
}

/* Files may have gone since they were met. */
static void drop_gone(struct inventory *inv)
{
	size_t kept = 0;

	for (size_t i = 0; i < inv->nr_files; i++) {
		struct file_entry *f = &inv->files[i];

		if (f->err == -ENOENT) {
			free(f->path);
			free(f->users);
			continue;
		}
		inv->files[kept++] = *f;
	}
	inv->nr_files = kept;
}

void inventory_read(struct inventory *inv)
{
	memset(inv, 0, sizeof(*inv));
	inv->complete = true;
	inventory_add_mounts(inv, "/proc/self/mountinfo", "");
	inventory_add_namespaces(inv);
	for (size_t i = 0; i < inv->nr_mounts; i++)
		walk_mount(inv, inv->mounts[i].dev, inv->mounts[i].dir);
	inventory_add_users(inv);
	for (size_t i = 0; i < inv->nr_files; i++)
		ask_file(inv, &inv->files[i]);
	drop_gone(inv);
	if (inv->nr_files)
		qsort(inv->files, inv->nr_files, sizeof(*inv->files), by_path);
}

void inventory_free(struct inventory *inv)
{
	for (size_t i = 0; i < inv->nr_mounts; i++) {
		free(inv->mounts[i].dir);
		free(inv->mounts[i].options);
	}
	for (size_t i = 0; i < inv->nr_files; i++) {
		free(inv->files[i].path);
		free(inv->files[i].users);
	}
	free(inv->mounts);
	free(inv->files);
	memset(inv, 0, sizeof(*inv));
}

/* ---- for people ---- */

char *inventory_user_names(const struct file_entry *file)
{
	char *names = ctl_copy("");

	for (size_t i = 0; i < file->nr_users; i++) {
		const struct user *u = &file->users[i];
		char *more = ctl_format("%s%s%s(%d)", names, i ? ", " : "",
					text_safe(u->comm), u->pid);

		free(names);
		names = more;
	}
	return names;
}

const char *inventory_owner(uid_t uid)
{
	static char number[16];
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		return pw->pw_name;
	snprintf(number, sizeof(number), "%u", uid);
	return number;
}

uint64_t file_exposed(const struct gmem_info *info)
{
	uint64_t hidden = info->hidden + info->lent;

	/* The totals may not agree while they change. */
	return info->populated > hidden ? info->populated - hidden : 0;
}
