// SPDX-License-Identifier: GPL-2.0
/* Files of gmemfs for a VMM: makes them, and knows them again. */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ctl.h"
#include "kernel.h"
#include "lines.h"
#include "procfs.h"
#include "supply.h"
#include "text.h"

/* ---- the directory ---- */

static const struct {
	int err;
	const char *text;
} reasons[] = {
	{
		-ENOENT,
		"there is no such directory; mount gmemfs there (mkdir -p DIR && mount -t gmemfs none DIR), or give the mount by --mount",
	},
	{
		-ELOOP,
		"the path has a symbolic link that another user made or can replace; give the directory's own path",
	},
	{
		-EACCES,
		"you may not make files there; let root make a directory of yours in the mount (install -d -o USER /dev/gmem/USER), and give that by --mount",
	},
	{
		-EROFS,
		"it is mounted read-only; mount -o remount,rw",
	},
	{
		-ENOSPC,
		"the mount has reached its limit of files; remount it with a larger nr_inodes=",
	},
	{
		-ENOTTY,
		"this is not in a mount of gmemfs ('gmemctl status' lists them); mount one (mount -t gmemfs none DIR), or give another by --mount",
	},
};

static int refuse(const struct supply *s, int err)
{
	const char *why = strerror(-err);

	if ((err == -ENOTTY || err == -ENOENT) && !kernel_gmemfs_loaded())
		return ctl_not_loaded();
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].err == err)
			why = reasons[i].text;
	return ctl_error("%s: %s", text_safe(s->path), why);
}

/* With statfs=hugetlbfs, a gmemfs reports that type. */
static int check_type(const struct reach *dir)
{
	struct statfs fs;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (fstatfs(dir->fd, &fs))
		return -errno;
	return fs.f_type == GMEMFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC ?
	       0 : -ENOTTY;
}

/* Whoever asks for hidden memory is told where there is none to be had. */
static void warn_of(const struct supply *s, uint64_t flags)
{
	if (flags & GMEM_FLAG_KEEP_DIRECT_MAP)
		ctl_error("%s: mounted with direct_map=kept, which protects nothing: THE MEMORY IS NOT HIDDEN; give a mount with direct_map=hidden by --mount",
			  text_safe(s->path));
	else if (flags & GMEM_FLAG_INIT_SHARED)
		ctl_error("%s: mounted with init=shared: THE MEMORY IS NOT HIDDEN unless the VMM makes it private; give a mount with init=private by --mount",
			  text_safe(s->path));
}

static int try_file(const struct supply *s)
{
	struct gmem_info info;
	int fd = supply_file(s);
	int err;

	if (fd < 0)
		return fd;
	err = gmem_file_info(fd, &info);
	close(fd);
	if (!err)
		warn_of(s, info.flags);
	return err;
}

int supply_open(const char *path, struct supply *s)
{
	int err = reach_path(path, &s->dir);

	s->path = path;
	if (!err)
		err = check_type(&s->dir);
	if (!err)
		err = try_file(s);
	return err ? refuse(s, err) : CTL_OK;
}

int supply_file(const struct supply *s)
{
	return reach_unnamed(&s->dir);
}

/* ---- a thread's descriptor ---- */

static int read_fdinfo(pid_t tid, int fd, struct proc_fdinfo *info)
{
	struct lines lines;
	char what[32];
	char *line;
	FILE *f;
	int err;

	snprintf(what, sizeof(what), "fdinfo/%d", fd);
	f = reach_process_text(tid, what);
	if (!f)
		return -errno;
	lines_begin(&lines, f);
	while ((line = lines_next(&lines)))
		proc_fdinfo_line(line, info);
	err = lines_end(&lines);
	fclose(f);
	return err;
}

/* The process may have put another file there meanwhile. */
static int see_mode(pid_t tid, int fd, const struct reach *r, bool *write)
{
	struct proc_fdinfo info = { 0 };
	int err = read_fdinfo(tid, fd, &info);

	if (err)
		return err;
	*write = (info.flags & O_ACCMODE) != O_RDONLY;
	return info.mount == r->mount && info.ino == r->ino ? 0 : -ENOENT;
}

/*
 * The link comes first: to follow it waits for nobody. What fdinfo has of a
 * file may wait for that file's server, so it is read only of files of gmemfs,
 * and by a helper, because the process can exchange the file.
 */
int supply_reach(const struct supply *s, pid_t tid, int fd, bool *write,
		 struct reach *r)
{
	char how[32];
	int err;

	snprintf(how, sizeof(how), "fd/%d", fd);
	err = reach_link(tid, how, r);
	/* A file server doesn't let gmemctl look: gmemfs would. */
	if (err == -EREMOTE)
		return -ENOENT;
	if (err)
		return err;
	if (r->mount == s->dir.mount && S_ISREG(r->mode))
		err = see_mode(tid, fd, r, write);
	else
		err = -ENOENT;
	if (err)
		reach_leave(r);
	return err;
}
