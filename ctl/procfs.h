/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What lines of /proc/PID/maps, mountinfo and fdinfo say. Users choose a part
 * of what is in them: names of files and of mounts.
 */
#ifndef PROCFS_H
#define PROCFS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_map {
	uint64_t from;
	uint64_t to;
	dev_t dev;
	ino_t ino;		/* 0: no file */
	bool write;
	bool shared;
	const char *name;	/* in the line; "" if there is none */
};

/* proc_map_line - return: 0, or -1 if it is no such line */
int proc_map_line(const char *line, struct proc_map *map);

struct proc_mount {
	uint64_t id;
	dev_t dev;
	const char *root;	/* what of the file system is mounted */
	const char *dir;	/* where */
	const char *type;
	const char *options;	/* of the file system */
};

/* proc_mount_line - the same; it cuts the line into pieces */
int proc_mount_line(char *line, struct proc_mount *mount);

struct proc_fdinfo {
	uint64_t flags;		/* of open(2) */
	uint64_t mount;
	uint64_t ino;
};

/* proc_fdinfo_line - what this line says, if anything, is noted */
void proc_fdinfo_line(const char *line, struct proc_fdinfo *info);

#endif /* PROCFS_H */
