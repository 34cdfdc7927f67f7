// SPDX-License-Identifier: GPL-2.0
/* The way to what users control: walks paths, checks, and only then opens. */
#include <errno.h>
#include <fcntl.h>
#include <linux/gmemfs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ask.h"
#include "ctl.h"
#include "interrupt.h"
#include "reach.h"

#define MAX_LINKS	40

#define STAND_FOR	(O_PATH | O_CLOEXEC)

static int open_how(int dir, const char *name, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC, .resolve = resolve,
	};
	int fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* Open a file that is open already. */
static int reopen(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
	return fd < 0 ? -errno : fd;
}

/* ---- a look: statx() without asking a file server or automounting ---- */

static int look_at(int dir, const char *name, struct reach *r)
{
	int flags = AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
	struct statx sx;

	if (statx(dir, name, flags, STATX_BASIC_STATS | STATX_MNT_ID, &sx))
		return -errno;
	r->dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
	r->ino = sx.stx_ino;
	r->mount = sx.stx_mnt_id;
	r->mode = sx.stx_mode;
	r->uid = sx.stx_uid;
	r->links = sx.stx_nlink;
	r->changed.tv_sec = sx.stx_ctime.tv_sec;
	r->changed.tv_nsec = sx.stx_ctime.tv_nsec;
	return 0;
}

static void clear(struct reach *r)
{
	*r = (struct reach){ .fd = -1, .holder = -1 };
}

/* Fill @r from a descriptor, which @r then owns; or from a negative errno. */
static int stand_for(int fd, struct reach *r)
{
	int err;

	clear(r);
	if (fd < 0)
		return fd;
	err = look_at(fd, "", r);
	if (err)
		close(fd);
	else
		r->fd = fd;
	return err;
}

static int stand_at(int dir, const char *name, int flags, struct reach *r)
{
	int fd = openat(dir, name, STAND_FOR | flags);

	return stand_for(fd < 0 ? -errno : fd, r);
}

void reach_leave(struct reach *r)
{
	if (r->fd >= 0)
		close(r->fd);
	if (r->holder >= 0)
		close(r->holder);
	clear(r);
}

/* In a mount of gmemfs, fstatfs() needs no answer of a user's file server. */
static int type_of(const struct reach *r, uint64_t *type)
{
	struct statfs fs;

	if (!r->within)
		return ask_type(r->fd, type);
	if (fstatfs(r->fd, &fs))
		return -errno;
	*type = fs.f_type;
	return 0;
}

int reach_is_gmemfs(const struct reach *r)
{
	uint64_t type;
	int err;

	/* gmemfs has no block device, so its device's major number is 0. */
	if (r->fd < 0 || major(r->dev))
		return 0;
	err = type_of(r, &type);
	if (err)
		return err;
	/* With statfs=hugetlbfs, a gmemfs reports that type. */
	return type == GMEMFS_MAGIC || type == HUGETLBFS_MAGIC;
}

/* ---- a path that a user typed, step by step ---- */

struct walk {
	struct reach at;
	dev_t proc;		/* the device of /proc, or 0 */
	unsigned int links;
	char *rest;		/* the rest of the path */
	bool chosen;		/* by a process: see struct reach */
};

static bool is_ours(const struct reach *r)
{
	return !r->uid || r->uid == geteuid();
}

static bool is_trusted_link(const struct reach *dir, const struct reach *link)
{
	return is_ours(link) && is_ours(dir) &&
	       !(dir->mode & 0022);
}

static dev_t device_of_proc(void)
{
	dev_t dev = 0;
	struct statfs fs;
	struct reach r;

	if (stand_at(AT_FDCWD, "/proc", O_DIRECTORY, &r))
		return 0;
	if (!fstatfs(r.fd, &fs) && fs.f_type == PROC_SUPER_MAGIC)
		dev = r.dev;
	reach_leave(&r);
	return dev;
}

/* Let the walk go on from @to. */
static void go_to(struct walk *w, const struct reach *to)
{
	reach_leave(&w->at);
	w->at = *to;
}

static int begin_at(struct walk *w, const char *path)
{
	struct reach to;
	int err = stand_at(AT_FDCWD, *path == '/' ? "/" : ".", O_DIRECTORY,
			   &to);

	if (!err)
		go_to(w, &to);
	return err;
}

static bool is_self(const char *name)
{
	return !strcmp(name, "self") || !strcmp(name, "thread-self");
}

/* A link of another process? That process may mount and move files there. */
static bool is_of_process(const struct reach *r)
{
	return r->holder >= 0 && !is_self(r->how);
}

/*
 * A process can delay the answer for ever: in /proc, and where it may have
 * mounted a file server of its own. So a helper asks there. But for the helper,
 * /proc/self is another process.
 */
static bool may_be_silent(const struct walk *w, const char *name)
{
	if (!w->chosen && w->proc && w->at.dev == w->proc)
		return !is_self(name);
	return w->chosen || is_of_process(&w->at);
}

static int step_to(const struct walk *w, const char *name, int flags,
		   struct reach *to)
{
	if (!may_be_silent(w, name))
		return stand_at(w->at.fd, name, flags, to);
	return stand_for(ask_open(w->at.fd, name, flags, 0), to);
}

/* Follow a link that the kernel makes: its text doesn't say where it leads. */
static int follow_proc(struct walk *w, const char *name)
{
	struct reach to;
	int err = step_to(w, name, 0, &to);

	if (err)
		return err;
	to.holder = w->at.fd;
	snprintf(to.how, sizeof(to.how), "%s", name);
	w->at.fd = -1;
	go_to(w, &to);
	return 0;
}

/* Put a link's text in its place, at the beginning of the rest of the path. */
static int follow_text(struct walk *w, const struct reach *link)
{
	char text[4096], *more;
	ssize_t n = readlinkat(link->fd, "", text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (++w->links > MAX_LINKS)
		return -ELOOP;
	more = ctl_format("%s/%s", text, w->rest);
	free(w->rest);
	w->rest = more;
	return *text == '/' ? begin_at(w, text) : 0;
}

static int one_step(struct walk *w, const char *name)
{
	struct reach to;
	int err = step_to(w, name, O_NOFOLLOW, &to);

	if (err)
		return err;
	if (is_of_process(&w->at))
		w->chosen = true;
	if (!S_ISLNK(to.mode)) {
		go_to(w, &to);
		return 0;
	}
	/*
	 * Below a process's root, nothing says whose link it is, its text may
	 * come from a file server, and "/" is another place. That holds for a
	 * procfs there, too: the process may have put its own links into it.
	 */
	if (w->chosen)
		err = -ELOOP;
	else if (w->proc && w->at.dev == w->proc)
		err = follow_proc(w, name);
	else if (!is_trusted_link(&w->at, &to))
		err = -ELOOP;
	else
		err = follow_text(w, &to);
	reach_leave(&to);
	return err;
}

/* Return: the next name, which the caller frees, or NULL at the end. */
static char *next_name(struct walk *w)
{
	size_t skip = strspn(w->rest, "/");
	size_t n = strcspn(w->rest + skip, "/");
	char *name;

	if (!n)
		return NULL;
	name = ctl_format("%.*s", (int)n, w->rest + skip);
	memmove(w->rest, w->rest + skip + n, strlen(w->rest + skip + n) + 1);
	return name;
}

static int walk_all(struct walk *w, const char *path)
{
	int err = begin_at(w, path);
	char *name;

	while (!err && (name = next_name(w))) {
		err = one_step(w, name);
		free(name);
	}
	return err;
}

int reach_path(const char *path, struct reach *r)
{
	struct walk w = { .proc = device_of_proc() };
	int err;

	clear(r);
	if (!*path)
		return -ENOENT;
	clear(&w.at);
	w.rest = ctl_copy(path);
	err = walk_all(&w, path);
	free(w.rest);
	if (err) {
		reach_leave(&w.at);
		return err;
	}
	*r = w.at;
	r->chosen = w.chosen;
	return 0;
}

/* ---- what users have ---- */

/*
 * A statx() that asks for no fields is answered by all file systems, also by
 * those that refuse other questions; the answer has the device.
 */
static dev_t device_of(int fd)
{
	struct statx sx;

	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &sx))
		return 0;
	return makedev(sx.stx_dev_major, sx.stx_dev_minor);
}

/* Only these links wait for a process. */
static bool is_of_map(const char *how)
{
	return !strncmp(how, "map_files/", 10);
}

int reach_link(pid_t pid, const char *how, struct reach *r)
{
	char path[96];
	dev_t dev;
	int fd, err;

	clear(r);
	if (is_of_map(how) && ask_has_given_up())
		return -ECANCELED;
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, how);
	fd = ask_open(AT_FDCWD, path, 0, 0);
	dev = device_of(fd);
	err = stand_for(fd, r);
	if (fd < 0 || !err)
		return err;
	/* /proc permits it, so the refusal is the file system's. */
	r->dev = dev;
	return -EREMOTE;
}

/* On the way there may be a file server of the process's own. */
int reach_mount(pid_t pid, const char *dir, struct reach *r)
{
	struct reach root;
	int err = reach_link(pid ? pid : getpid(), "root", &root);
	int fd = -ECANCELED;

	clear(r);
	if (err)
		return err;
	if (!pid || !ask_has_given_up())
		fd = ask_open(root.fd, dir, O_DIRECTORY,
			      RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	err = stand_for(fd, r);
	reach_leave(&root);
	return err;
}

#define WITHIN	(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)

int reach_below(int root, const char *name, struct reach *r)
{
	int err = stand_for(open_how(root, name, O_PATH | O_NOFOLLOW, WITHIN),
			    r);

	r->within = !err;
	return err;
}

/* WITHIN keeps this in the mount of gmemfs, so it is a directory of that. */
DIR *reach_list(int root, const char *name, int *err)
{
	int fd = open_how(root, name, O_RDONLY | O_DIRECTORY, WITHIN);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);

	*err = fd < 0 ? fd : list ? 0 : -errno;
	if (fd >= 0 && !list)
		close(fd);
	return list;
}

int reach_open(const struct reach *r, int flags)
{
	int ours;

	if (!S_ISREG(r->mode))
		return -EMEDIUMTYPE;
	ours = reach_is_gmemfs(r);
	if (ours <= 0)
		return ours ? ours : -ENOTTY;
	return reopen(r->fd, flags | O_NONBLOCK);
}

int reach_read(const struct reach *r)
{
	return S_ISREG(r->mode) ? reopen(r->fd, O_RDONLY | O_NONBLOCK) :
				  -EMEDIUMTYPE;
}

int reach_make(int root)
{
	int fd = openat(root, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

/* ---- output ---- */

/* Reach the directory of a file for output. @name is the rest of @path. */
static int stand_above(const char *path, const char **name, struct reach *dir)
{
	const char *slash = strrchr(path, '/');
	char *above = slash ? ctl_format("%.*s/", (int)(slash - path), path) :
			      ctl_copy(".");
	int err = reach_path(above, dir);

	free(above);
	*name = slash ? slash + 1 : path;
	if (!err && !**name)
		err = -EISDIR;
	else if (!err && (dir->chosen || is_of_process(dir)))
		err = -EXDEV;
	if (err)
		reach_leave(dir);
	return err;
}

/* If a user gave this name to another file of the caller's, that has two. */
static int stand_at_own(int dir, const char *name, struct reach *r)
{
	int err = stand_at(dir, name, O_NOFOLLOW, r);

	if (err || (S_ISREG(r->mode) && r->uid == geteuid() && r->links == 1))
		return err;
	reach_leave(r);
	return -EEXIST;
}

static int reopen_own(int dir, const char *name)
{
	struct reach r;
	int fd, err = stand_at_own(dir, name, &r);

	if (err)
		return err;
	fd = reopen(r.fd, O_WRONLY | O_TRUNC | O_NONBLOCK);
	reach_leave(&r);
	return fd;
}

static int create_new(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			0666);

	return fd < 0 ? -errno : fd;
}

int reach_create(const char *path)
{
	const char *name;
	struct reach dir;
	int fd, err = stand_above(path, &name, &dir);

	if (err)
		return err;
	fd = create_new(dir.fd, name);
	if (fd == -EEXIST)
		fd = reopen_own(dir.fd, name);
	reach_leave(&dir);
	return fd;
}

/* F_GETFL would show O_TMPFILE, and does not after another open(). */
int reach_unnamed(const struct reach *dir)
{
	int made = openat(dir->fd, ".", O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC,
			  0600);
	int fd;

	if (made < 0)
		return -errno;
	fd = reopen(made, O_RDWR);
	close(made);
	return fd;
}

/* No other user can know the name beforehand, and put something there. */
static int create_unknown(struct reach_new *new)
{
	unsigned long number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(new->own, sizeof(new->own), ".gmemctl-%016lx", number);
	return create_new(new->dir.fd, new->own);
}

/* Return: 0, with the mode of the old file, or 0; or a negative errno. */
static int look_at_old(const struct reach_new *new, mode_t *mode)
{
	struct reach old;
	int err = stand_at_own(new->dir.fd, new->name, &old);

	*mode = err ? 0 : old.mode & 07777;
	if (!err)
		reach_leave(&old);
	return err == -ENOENT ? 0 : err;
}

int reach_begin(const char *path, struct reach_new *new)
{
	int fd, err = stand_above(path, &new->name, &new->dir);
	mode_t mode;

	if (err)
		return err;
	err = look_at_old(new, &mode);
	if (err) {
		reach_leave(&new->dir);
		return err;
	}
	/* Nobody would remove the file under its own name. */
	interrupt_hold(&new->signals);
	fd = create_unknown(new);
	if (fd < 0) {
		*new->own = '\0';
		return reach_end(new, fd);
	}
	if (!mode || !fchmod(fd, mode))
		return fd;
	err = -errno;
	close(fd);
	return reach_end(new, err);
}

bool reach_replaces(const struct reach_new *new, int fd)
{
	struct reach old, other;

	return fd >= 0 && !look_at(new->dir.fd, new->name, &old) &&
	       !look_at(fd, "", &other) && old.dev == other.dev &&
	       old.ino == other.ino;
}

int reach_end(struct reach_new *new, int err)
{
	int dir = new->dir.fd;

	if (!err && renameat(dir, new->own, dir, new->name))
		err = -errno;
	if (err && *new->own)
		unlinkat(dir, new->own, 0);
	interrupt_release(&new->signals);
	reach_leave(&new->dir);
	return err;
}

/* ---- files of a process in /proc ---- */

int reach_process(pid_t pid, const char *what)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	return open_how(AT_FDCWD, path, O_RDONLY | O_NONBLOCK,
			RESOLVE_NO_SYMLINKS);
}

int reach_at(DIR *list, const char *name, struct reach *r)
{
	clear(r);
	return look_at(dirfd(list), name, r);
}
