/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parsers for lines of /proc/PID/maps, mountinfo, fdinfo and status. Users
 * choose some of the text in them: the names of files, mounts and processes.
 */
#ifndef PROCFS_H
#define PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_map {
	uint64_t from;
	uint64_t to;
	uint64_t offset;	/* in the file */
	dev_t dev;
	ino_t ino;		/* 0: no file */
	bool write;
	bool shared;
	const char *name;	/* points into the line; "" if there is none */
};

/* proc_map_line - parse a line of maps. Return: 0, or -1 if it isn't one. */
int proc_map_line(const char *line, struct proc_map *map);

/*
 * proc_map_is_of_device - is it a part of a device that VFIO has given away?
 *
 * That is no memory of the host's: registers, or the device's own memory.
 */
bool proc_map_is_of_device(const struct proc_map *map);

struct proc_mount {
	uint64_t id;
	dev_t dev;
	const char *root;	/* the directory that is mounted */
	const char *dir;	/* where it is mounted */
	const char *type;
	const char *options;	/* of the filesystem */
};

/* proc_mount_line - the same for mountinfo; it cuts the line into pieces */
int proc_mount_line(char *line, struct proc_mount *mount);

struct proc_fdinfo {
	uint64_t flags;		/* of open(2) */
	uint64_t mount;
	uint64_t ino;
};

/* proc_is_kthread_line - is it the line of status that kernel threads have? */
bool proc_is_kthread_line(const char *line);

/* proc_fdinfo_line - set the field of @info that this line has, if any */
void proc_fdinfo_line(const char *line, struct proc_fdinfo *info);

#endif /* PROCFS_H */
