/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All mounts of gmemfs, their files, and who uses these; and what of that could
 * not be looked at.
 */
#ifndef INVENTORY_H
#define INVENTORY_H

#include <linux/gmemfs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "index.h"

/* Where a mount is to be found, in some process's mount namespace. */
struct mount_place {
	pid_t pid;		/* 0: in ours */
	char *dir;
	uint64_t mount;		/* its number */
	bool whole;		/* all of it, not a part (a bind mount) */
};

struct mount_point {
	dev_t dev;
	char *dir;		/* may begin with /proc/PID/root */
	char *options;
	struct mount_place *places;
	size_t nr_places;
	int root;		/* of the place that could be reached, or -1 */
	bool whole;
	uint64_t limit;		/* 0: none */
	uint64_t used;
	uint64_t files;
	bool counted;		/* @files is known: there is a limit */
	struct timespec asked;	/* when it had as many */
	uint64_t known;		/* of these, how many were there: see count.c */
};

/* A name in /proc/PID of something that a process has; "": none. */
struct way {
	pid_t pid;
	char how[40];
	bool shared;		/* by way of the shared view */
};

struct user {
	pid_t pid;
	char comm[32];
	bool has_open;
	bool has_mapped;
	struct way open;
	struct way map;
};

struct file_entry {
	dev_t dev;
	ino_t ino;
	char *path;		/* as a user may type it */
	const char *name;	/* the part of @path below its mount, or NULL */
	bool linked;		/* it has a name that @path is */
	uid_t uid;
	mode_t mode;
	struct gmem_info info;
	int err;		/* of getting @info */
	struct user *users;
	size_t nr_users;
};

/* An inode that is no regular file. */
struct other {
	dev_t dev;
	ino_t ino;
	char *name;		/* below its mount; or in /proc/PID of: */
	pid_t pid;		/* 0: it has a name */
	bool is_directory;	/* with a name */
};

/* Reasons that are told; the rest is counted. */
#define INVENTORY_REASONS	16

/* Names of users, which may be many and long, take no more memory than this. */
#define INVENTORY_ROOM	(256UL << 20)

struct inventory {
	struct mount_point *mounts;
	size_t nr_mounts;
	struct file_entry *files;
	size_t nr_files;
	struct index by_inode;	/* of @files */
	struct other *others;
	size_t nr_others;
	struct index by_other;
	struct index devices;	/* 1: a gmemfs, 0: not, 2: can't be known */
	size_t left;		/* room, in bytes */
	bool full;		/* there was more than that */
	bool complete;		/* false: some could not be looked at */
	char *reasons[INVENTORY_REASONS];
	size_t nr_reasons;
	size_t more_reasons;
};

/*
 * inventory_read - look at all mounts that some process sees, the files in
 * them, and those without a name that processes have open or mapped
 */
void inventory_read(struct inventory *inv);
void inventory_free(struct inventory *inv);

/* inventory_sort - put the files in another order */
void inventory_sort(struct inventory *inv,
		    int (*order)(const void *a, const void *b));

/* inventory_missed - this could not be looked at */
__attribute__((format(printf, 2, 3)))
void inventory_missed(struct inventory *inv, const char *fmt, ...);

/* inventory_room - return: whether there is room for so many bytes more */
bool inventory_room(struct inventory *inv, size_t bytes);

/* Mounts in the namespace of a process, 0 is ours; and the way into them. */
void inventory_add_mounts(struct inventory *inv, pid_t pid);
void inventory_reach_mounts(struct inventory *inv);
/* inventory_ask_mount - how much it has of what, now */
void inventory_ask_mount(struct mount_point *m);
struct mount_point *inventory_mount(struct inventory *inv, dev_t dev);

/* What the record of a file takes, also while there is made more room. */
#define INVENTORY_FILE_COST	(3 * sizeof(struct file_entry) + INDEX_COST)

/*
 * inventory_file - the record of a file, a new one if there is none; NULL if
 * there is no room
 */
struct file_entry *inventory_file(struct inventory *inv, dev_t dev, ino_t ino);
struct file_entry *inventory_find(const struct inventory *inv, dev_t dev,
				  ino_t ino);

/*
 * inventory_open - open a file by its name, or by one of those who have it
 *
 * Return: a descriptor; -ENOENT if it is in none of these places any more;
 * another negative errno.
 */
int inventory_open(struct inventory *inv, struct file_entry *f, int flags);

/* inventory_why - in words, why a file could not be looked at */
const char *inventory_why(int err);

/* inventory_other - this one was met: @found->name is copied */
void inventory_other(struct inventory *inv, dev_t dev, ino_t ino,
		     const struct other *found);

/*
 * Whether all inodes were met. After all was: inventory_begin_count(). Then
 * each is looked for again, and inventory_count() told of what is there still.
 */
void inventory_begin_count(struct inventory *inv);
void inventory_count(struct inventory *inv, dev_t dev, mode_t mode,
		     unsigned int links, const struct timespec *changed);
void inventory_ask_others(struct inventory *inv);
bool inventory_all_counted(struct inventory *inv, bool tell);

/* Of all processes; for inventory.c. */
void inventory_add_namespaces(struct inventory *inv);
void inventory_add_users(struct inventory *inv);

/* For people, and for programs: what could not be looked at. */
void inventory_print_reasons(const struct inventory *inv);
struct json;
void inventory_json_reasons(const struct inventory *inv, struct json *j);

/* inventory_user_names - as "qemu(812), cat(90)"; to be freed */
char *inventory_user_names(const struct file_entry *file);
const char *inventory_owner(uid_t uid);

/* Memory that is in the direct map and not lent. */
uint64_t file_exposed(const struct gmem_info *info);

#endif /* INVENTORY_H */
