// SPDX-License-Identifier: GPL-2.0
/*
 * The processes that have files of gmemfs open or mapped, by /proc/PID/fd and
 * maps. This includes files without a name, and mounts of other namespaces.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ask.h"
#include "ctl.h"
#include "inventory.h"
#include "lines.h"
#include "procfs.h"
#include "reach.h"

/* The text of a link to a shared view, in fd or maps, has this. */
#define SHARED_VIEW	"gmem_shared_view:["

/* In the kernel: the second task. Other PID namespaces have none of these. */
#define KTHREADD	2

struct scan {
	struct inventory *inv;
	pid_t pid;
	pid_t tid;		/* the thread that is looked at */
	bool counts;		/* false for gmemctl itself */
	bool silent;		/* it didn't answer when asked for a device */
	size_t unknown;		/* how many devices are DEVICE_UNKNOWN */
	struct index seen;	/* root directories, see is_new_root() */
	pid_t kernel;		/* a kernel thread that was visited; 0: none */
};

/* The values in inventory.devices. */
enum device { DEVICE_OTHER, DEVICE_OURS, DEVICE_UNKNOWN };

/*
 * The first errors mean that the process has ended, is ending, or has exchanged
 * the file: not missed. That too many don't answer is reported once.
 */
static void missed(struct scan *s, const char *what, int err)
{
	if (err == ENOENT || err == ESRCH || err == EINVAL || err == ESTALE ||
	    err == ECANCELED)
		return;
	if (err == ETIMEDOUT)
		inventory_missed(s->inv, "process %d doesn't answer a request for its %s: end the process, or the file server that it waits for",
				 s->tid, what);
	else if (err == EACCES || err == EPERM)
		inventory_missed(s->inv, "the files of other users' processes: only root sees these");
	else if (err == EREMOTE)
		inventory_missed(s->inv, "%s of process %d: the file server doesn't let gmemctl look",
				 what, s->tid);
	else
		inventory_missed(s->inv, "%s of process %d: %s", what, s->tid,
				 strerror(err));
}

/* ---- is it a gmemfs? ---- */

/*
 * For a device that is in no mountinfo, such as that of a detached mount.
 *
 * Return: 1 if it is a gmemfs; 0 if not; -ESTALE if the process has another
 * file there by now; or another negative errno.
 */
static int ask_device(struct scan *s, dev_t dev, const char *how)
{
	struct reach r;
	int ours;

	if (ask_has_given_up())
		return -ECANCELED;
	ours = reach_link(s->tid, how, &r);
	if ((!ours || ours == -EREMOTE) && r.dev != dev)
		ours = -ESTALE;
	if (!ours)
		ours = reach_is_gmemfs(&r);
	reach_leave(&r);
	/* A gmemfs doesn't refuse root. */
	return ours == -EREMOTE ? 0 : ours;
}

static void keep_device(struct scan *s, struct index_key key, bool asked_before,
			enum device what)
{
	if (!asked_before && !inventory_room(s->inv, INDEX_COST))
		return;
	if (asked_before && what != DEVICE_UNKNOWN)
		s->unknown--;
	if (!asked_before && what == DEVICE_UNKNOWN)
		s->unknown++;
	if (asked_before && what == DEVICE_OURS)
		inventory_missed(s->inv, "a process moved a file or directory while gmemctl looked at it, in a gmemfs that no process sees mounted: try again");
	index_put(&s->inv->devices, key, what);
}

/*
 * An answer is recorded. Without one, the device is DEVICE_UNKNOWN, and the
 * next process that has a file there is asked, too.
 */
static bool is_ours(struct scan *s, dev_t dev, const char *how)
{
	struct index_key key = { .a = dev };
	size_t known;
	bool asked;
	int ours;

	/* gmemfs has no block device, so its device's major number is 0. */
	if (major(dev))
		return false;
	asked = index_find(&s->inv->devices, key, &known);
	if (asked && known != DEVICE_UNKNOWN)
		return known == DEVICE_OURS;
	ours = s->silent ? -ENOENT : ask_device(s, dev, how);
	if (ours < 0)
		missed(s, how, -ours);
	s->silent |= ours == -ETIMEDOUT;
	keep_device(s, key, asked, ours < 0 ? DEVICE_UNKNOWN :
				   ours ? DEVICE_OURS : DEVICE_OTHER);
	return ours > 0;
}

/* ---- what a process has ---- */

/* Processes are looked at one after the other, so this one's record is last. */
static struct user *user_of(struct inventory *inv, struct file_entry *file,
			    pid_t pid)
{
	struct user *u;

	if (file->nr_users && file->users[file->nr_users - 1].pid == pid)
		return &file->users[file->nr_users - 1];
	if (!inventory_room(inv, 3 * sizeof(*u)))
		return NULL;
	file->users = ctl_grow(file->users, file->nr_users, sizeof(*u));
	u = &file->users[file->nr_users++];
	memset(u, 0, sizeof(*u));
	u->pid = pid;
	reach_process_name(pid, u->comm, sizeof(u->comm));
	return u;
}

static void set_way(struct way *way, const struct way *found)
{
	if (!*way->how || (way->shared && !found->shared))
		*way = *found;
}

static void add_use(struct scan *s, dev_t dev, ino_t ino,
		    const struct way *found, bool mapped)
{
	struct file_entry *file = inventory_file(s->inv, dev, ino);
	struct user *u;

	if (!file)
		return;
	if (!file->path)
		file->path = ctl_format("/proc/%d/%s", found->pid, found->how);
	if (!s->counts)
		return;
	u = user_of(s->inv, file, s->pid);
	if (!u)
		return;
	if (mapped)
		u->has_mapped = true;
	else
		u->has_open = true;
	set_way(mapped ? &u->map : &u->open, found);
}

/* An inode that is no regular file and has no name any more counts, too. */
static void add_nameless(struct scan *s, const struct reach *r, const char *how)
{
	struct other other = { .name = (char *)how, .pid = s->tid };

	if (!inventory_mount(s->inv, r->dev))
		inventory_missed(s->inv, "process %d has a directory or a special file of a gmemfs that no process sees mounted, so its files can't be listed: end the process",
				 s->tid);
	else if (!r->links)
		inventory_other(s->inv, r->dev, r->ino, &other);
}

static bool is_shared_view(DIR *list, const char *name)
{
	char text[4096];
	ssize_t n = readlinkat(dirfd(list), name, text, sizeof(text) - 1);

	text[n > 0 ? n : 0] = '\0';
	return strstr(text, SHARED_VIEW);
}

/* A file system that refuses even root (-EREMOTE) isn't a gmemfs. */
static void not_seen(struct scan *s, const char *how, int err)
{
	struct reach r;

	if (err == -EACCES) {
		err = reach_link(s->tid, how, &r);
		reach_leave(&r);
	}
	if (err && err != -EREMOTE)
		missed(s, how, -err);
}

static void look_at_fd(struct scan *s, DIR *list, const char *name)
{
	struct way way = { .pid = s->tid };
	struct reach r;
	int err = reach_at(list, name, &r);

	snprintf(way.how, sizeof(way.how), "fd/%.16s", name);
	if (err) {
		not_seen(s, way.how, err);
		return;
	}
	if (!is_ours(s, r.dev, way.how))
		return;
	if (!S_ISREG(r.mode)) {
		add_nameless(s, &r, way.how);
		return;
	}
	way.shared = is_shared_view(list, name);
	add_use(s, r.dev, r.ino, &way, false);
}

static void look_at_fds(struct scan *s)
{
	DIR *list = reach_process_list(s->tid, "fd");
	struct dirent *d;
	int err;

	if (!list) {
		missed(s, "descriptors", errno);
		return;
	}
	while ((d = reach_next(list, &err)))
		if (isdigit((unsigned char)*d->d_name))
			look_at_fd(s, list, d->d_name);
	if (err)
		missed(s, "descriptors", -err);
	closedir(list);
}

static void look_at_directory(struct scan *s, const char *how)
{
	struct reach r;
	int err = reach_link(s->tid, how, &r);

	if (err) {
		not_seen(s, how, err);
		return;
	}
	if (is_ours(s, r.dev, how))
		add_nameless(s, &r, how);
	reach_leave(&r);
}

static void look_at_map(struct scan *s, const char *line)
{
	struct way way = { .pid = s->tid };
	struct proc_map map;

	if (proc_map_line(line, &map)) {
		inventory_missed(s->inv, "a line of maps has an unknown format");
		return;
	}
	if (!map.ino)
		return;
	snprintf(way.how, sizeof(way.how), "map_files/%" PRIx64 "-%" PRIx64,
		 map.from, map.to);
	if (!is_ours(s, map.dev, way.how))
		return;
	way.shared = strstr(map.name, SHARED_VIEW);
	add_use(s, map.dev, map.ino, &way, true);
}

static void look_at_maps(struct scan *s)
{
	FILE *f = reach_process_text(s->tid, "maps");
	struct lines lines;
	const char *line;
	int err;

	if (!f) {
		missed(s, "mappings", errno);
		return;
	}
	lines_begin(&lines, f);
	while ((line = lines_next(&lines)))
		look_at_map(s, line);
	err = lines_end(&lines);
	if (err)
		missed(s, "mappings", -err);
	fclose(f);
}

/* ---- threads, which may have their own descriptors and directories ---- */

/* Return: true if both are known to share this. */
static bool have_same(pid_t a, pid_t b, int what)
{
	return !syscall(SYS_kcmp, a, b, what, 0, 0);
}

typedef void (*thread_fn)(struct scan *s);

/* Visit all threads, except those that share this with the thread before. */
static void visit_threads(struct scan *s, int what, thread_fn fn)
{
	DIR *list = reach_process_list(s->pid, "task");
	pid_t before = 0;
	struct dirent *d;
	int err;

	if (!list) {
		missed(s, "threads", errno);
		return;
	}
	while ((d = reach_next(list, &err))) {
		if (!isdigit((unsigned char)*d->d_name))
			continue;
		s->tid = atoi(d->d_name);
		if (before && have_same(before, s->tid, what))
			continue;
		before = s->tid;
		fn(s);
	}
	if (err) {
		s->tid = s->pid;
		missed(s, "threads", -err);
	}
	closedir(list);
}

/* ---- all processes ---- */

static int key_of_view(pid_t tid, struct index_key *key)
{
	struct reach root, ns;
	int err = reach_link(tid, "root", &root);

	if (err)
		return err;
	err = reach_link(tid, "ns/mnt", &ns);
	*key = (struct index_key){ root.mount, root.dev, root.ino, ns.ino };
	reach_leave(&root);
	reach_leave(&ns);
	return err;
}

/*
 * A process sees the mounts of its namespace that are below its root directory.
 * So both together tell whether it can see anything new. If its root is in
 * another namespace, it sees nothing.
 */
static bool is_new_root(struct scan *s)
{
	struct index_key key;
	size_t seen;
	int err = key_of_view(s->tid, &key);

	if (err) {
		missed(s, "mounts", -err);
		return false;
	}
	if (index_find(&s->seen, key, &seen) ||
	    !inventory_room(s->inv, INDEX_COST))
		return false;
	index_put(&s->seen, key, 0);
	return true;
}

static void look_at_namespace(struct scan *s)
{
	if (is_new_root(s))
		inventory_add_mounts(s->inv, s->tid);
}

static void look_at_root_and_cwd(struct scan *s)
{
	look_at_directory(s, "cwd");
	look_at_directory(s, "root");
}

static void look_at_process(struct scan *s)
{
	visit_threads(s, KCMP_FILES, look_at_fds);
	visit_threads(s, KCMP_VM, look_at_maps);
	visit_threads(s, KCMP_FS, look_at_root_and_cwd);
}

static void look_at_namespaces(struct scan *s)
{
	visit_threads(s, KCMP_FS, look_at_namespace);
}

typedef void (*process_fn)(struct scan *s);

/* The name, which the process chooses, has no line break in status. */
static bool is_kernel_thread(pid_t pid)
{
	FILE *f = reach_process_text(pid, "status");
	struct lines lines;
	const char *line;
	bool is = false;

	if (!f)
		return false;
	lines_begin(&lines, f);
	while ((line = lines_next(&lines)))
		is |= proc_is_kthread_line(line);
	lines_end(&lines);
	fclose(f);
	return is;
}

static bool is_like_kernel(const struct scan *s)
{
	return s->kernel && have_same(s->kernel, s->pid, KCMP_FS) &&
	       have_same(s->kernel, s->pid, KCMP_FILES);
}

/*
 * Most processes are kernel threads, which share their directories and the list
 * of descriptors, and have no mappings. So one stands for all that do. Should
 * the thread end and its number be used again, the new process shares neither.
 *
 * kthreadd never ends, and shares its descriptors with kernel threads only. So
 * no status has to be read to tell what is like it.
 */
static bool is_like_another(struct scan *s)
{
	if (s->kernel == KTHREADD && is_like_kernel(s))
		return true;
	if (!is_kernel_thread(s->pid))
		return false;
	if (is_like_kernel(s))
		return true;
	s->kernel = s->pid;
	return false;
}

static void visit_processes(struct scan *s, process_fn fn)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;
	int err;

	if (!dir) {
		inventory_missed(s->inv, "/proc: %s", strerror(errno));
		return;
	}
	while ((d = reach_next(dir, &err))) {
		if (!isdigit((unsigned char)*d->d_name))
			continue;
		s->pid = atoi(d->d_name);
		s->tid = s->pid;
		s->counts = s->pid != getpid();
		s->silent = false;
		if (!is_like_another(s))
			fn(s);
	}
	if (err)
		inventory_missed(s->inv, "/proc: %s", strerror(-err));
	closedir(dir);
}

void inventory_add_namespaces(struct inventory *inv)
{
	struct scan s = { .inv = inv, .tid = getpid() };

	/* gmemctl's own namespace comes first: its paths are the shortest. */
	is_new_root(&s);
	inventory_add_mounts(inv, 0);
	visit_processes(&s, look_at_namespaces);
	index_free(&s.seen);
}

void inventory_add_users(struct inventory *inv)
{
	struct scan s = { .inv = inv };

	visit_processes(&s, look_at_process);
	if (s.unknown && !ask_has_given_up())
		inventory_missed(inv, "a process moved an open file each time that gmemctl looked at it: the file may be in a gmemfs that no process sees mounted");
}
