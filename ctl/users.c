// SPDX-License-Identifier: GPL-2.0
/*
 * Who has files of gmemfs open or mapped, by /proc/PID/fd and maps: also files
 * without a name, and in mounts of other mount namespaces.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctl.h"
#include "inventory.h"
#include "kernel.h"

/* What is known of devices that aren't a mount in sight: detached mounts. */
struct device {
	dev_t dev;
	bool ours;
};

struct scan {
	struct inventory *inv;
	pid_t pid;
	bool counts;		/* gmemctl itself is no user */
	char (*namespaces)[64];
	size_t nr_namespaces;
	struct device *devices;
	size_t nr_devices;
};

/* ---- is it ours? ---- */

/* What is open says it itself; what is only mapped can't be asked. */
static bool says_so(pid_t pid, const char *fd)
{
	char path[64];
	uint64_t size;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", pid, fd);
	return !kernel_field(path, "gmem-size", &size);
}

static bool is_ours(struct scan *s, dev_t dev, const char *fd)
{
	struct device *d;

	/* No file system of this kind has a block device. */
	if (major(dev))
		return false;
	if (inventory_mount(s->inv, dev))
		return true;
	for (size_t i = 0; i < s->nr_devices; i++)
		if (s->devices[i].dev == dev)
			return s->devices[i].ours;
	if (!fd)
		return false;
	s->devices = ctl_grow(s->devices, s->nr_devices, sizeof(*d));
	d = &s->devices[s->nr_devices++];
	d->dev = dev;
	d->ours = says_so(s->pid, fd);
	return d->ours;
}

/* ---- what a process has ---- */

static struct user *user_of(struct file_entry *file, pid_t pid)
{
	struct user *u = file->users;
	char path[64];

	for (size_t i = 0; i < file->nr_users; i++)
		if (u[i].pid == pid)
			return &u[i];
	file->users = ctl_grow(file->users, file->nr_users, sizeof(*u));
	u = &file->users[file->nr_users++];
	memset(u, 0, sizeof(*u));
	u->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (kernel_line(path, u->comm, sizeof(u->comm)))
		snprintf(u->comm, sizeof(u->comm), "?");
	return u;
}

/* @how: the path under /proc/PID by which the file can be opened. */
static void add_use(struct scan *s, dev_t dev, ino_t ino, const char *how,
		    bool mapped)
{
	struct file_entry *file = inventory_file(s->inv, dev, ino);
	struct user *u;

	if (!file->path)
		file->path = ctl_format("/proc/%d/%s", s->pid, how);
	if (!s->counts)
		return;
	u = user_of(file, s->pid);
	if (mapped)
		u->has_mapped = true;
	else
		u->has_open = true;
}

static void look_at_fds(struct scan *s)
{
	struct dirent *d;
	struct stat st;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", s->pid);
	dir = opendir(path);
	if (!dir) {
		if (errno == EACCES || errno == EPERM)
			s->inv->complete = false;
		return;
	}
	while ((d = readdir(dir))) {
		char how[32];

		if (!isdigit((unsigned char)*d->d_name) ||
		    fstatat(dirfd(dir), d->d_name, &st, 0) ||
		    !S_ISREG(st.st_mode) || !is_ours(s, st.st_dev, d->d_name))
			continue;
		snprintf(how, sizeof(how), "fd/%.16s", d->d_name);
		add_use(s, st.st_dev, st.st_ino, how, false);
	}
	closedir(dir);
}

static void look_at_maps(struct scan *s)
{
	char path[64], *line = NULL;
	size_t room = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", s->pid);
	f = fopen(path, "re");
	if (!f)
		return;
	while (getline(&line, &room, f) > 0) {
		unsigned int major, minor;
		uint64_t from, to, ino;
		char how[64];

		if (sscanf(line, "%" SCNx64 "-%" SCNx64
			   " %*s %*s %x:%x %" SCNu64, &from, &to, &major,
			   &minor, &ino) != 5 ||
		    !ino || !is_ours(s, makedev(major, minor), NULL))
			continue;
		snprintf(how, sizeof(how), "map_files/%" PRIx64 "-%" PRIx64,
			 from, to);
		add_use(s, makedev(major, minor), ino, how, true);
	}
	free(line);
	fclose(f);
}

/* ---- all processes ---- */

/* A namespace that wasn't met before may have mounts of its own. */
static void look_at_namespace(struct scan *s)
{
	char path[64], root[64], name[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", s->pid);
	n = readlink(path, name, sizeof(name) - 1);
	if (n < 0)
		return;
	name[n] = '\0';
	for (size_t i = 0; i < s->nr_namespaces; i++)
		if (!strcmp(s->namespaces[i], name))
			return;
	s->namespaces = ctl_grow(s->namespaces, s->nr_namespaces,
				 sizeof(*s->namespaces));
	memcpy(s->namespaces[s->nr_namespaces++], name, sizeof(name));
	snprintf(path, sizeof(path), "/proc/%d/mountinfo", s->pid);
	snprintf(root, sizeof(root), "/proc/%d/root", s->pid);
	inventory_add_mounts(s->inv, path, root);
}

typedef void (*process_fn)(struct scan *s);

static void visit_processes(struct scan *s, process_fn fn)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	if (!dir)
		return;
	while ((d = readdir(dir))) {
		if (!isdigit((unsigned char)*d->d_name))
			continue;
		s->pid = atoi(d->d_name);
		s->counts = s->pid != getpid();
		fn(s);
	}
	closedir(dir);
}

static void look_at_process(struct scan *s)
{
	look_at_fds(s);
	look_at_maps(s);
}

void inventory_add_namespaces(struct inventory *inv)
{
	struct scan s = { .inv = inv };

	visit_processes(&s, look_at_namespace);
	free(s.namespaces);
}

void inventory_add_users(struct inventory *inv)
{
	struct scan s = { .inv = inv };

	visit_processes(&s, look_at_process);
	free(s.devices);
}
