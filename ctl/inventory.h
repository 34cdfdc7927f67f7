/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The inventory: all mounts of gmemfs, their files, and the processes that use
 * these. It also records what could not be looked at.
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

/* A place where a mount is, in a process's mount namespace. */
struct mount_place {
	pid_t pid;		/* 0: gmemctl's own namespace */
	char *dir;
	uint64_t mount;		/* the mount's id, as in mountinfo */
	bool whole;		/* false: a bind mount of a part */
};

struct mount_point {
	dev_t dev;
	char *dir;		/* may begin with /proc/PID/root */
	bool ours;		/* @dir is in gmemctl's own namespace */
	char *options;
	struct mount_place *places;
	size_t nr_places;
	int root;		/* descriptor of the root directory, or -1 */
	bool whole;
	uint64_t limit;		/* 0: none */
	uint64_t used;
	uint64_t files;
	bool counted;		/* @files is known: the mount has a limit */
	struct timespec asked;	/* when it had @files inodes */
	uint64_t known;		/* how many of them were found: see count.c */
};

/* How a process has a file: a name in /proc/PID, or "" for none. */
struct way {
	pid_t pid;
	char how[40];
	bool shared;		/* by the shared view */
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
	bool linked;		/* the file has a name, and @path is it */
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
	char *name;		/* below its mount, or in /proc/@pid */
	pid_t pid;		/* 0: it has a name */
	bool is_directory;	/* with a name */
};

/* How many reasons are shown; the others are only counted. */
#define INVENTORY_REASONS	16

/*
 * Users may have many files, with long names. All records together take no more
 * memory than this.
 */
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
	struct index devices;	/* 1: a gmemfs, 0: not, 2: not known */
	size_t left;		/* of INVENTORY_ROOM, in bytes */
	bool full;		/* the room was too small */
	bool complete;		/* false: something could not be looked at */
	char *reasons[INVENTORY_REASONS];
	size_t nr_reasons;
	size_t more_reasons;
};

/*
 * inventory_read - look at all mounts that any process sees, at the files in
 * them, and at files without a name that processes have open or mapped
 */
void inventory_read(struct inventory *inv);
void inventory_free(struct inventory *inv);

/* inventory_sort - sort the files */
void inventory_sort(struct inventory *inv,
		    int (*order)(const void *a, const void *b));

/* inventory_missed - record something that could not be looked at */
__attribute__((format(printf, 2, 3)))
void inventory_missed(struct inventory *inv, const char *fmt, ...);

/* inventory_reasons - all of it in one text, which the caller frees */
char *inventory_reasons(const struct inventory *inv);

/* inventory_room - take so much of the room. Return: false if it isn't left. */
bool inventory_room(struct inventory *inv, size_t bytes);

/*
 * Add the mounts in the namespace of a process, 0 for gmemctl's own; then open
 * the root of each mount.
 */
void inventory_add_mounts(struct inventory *inv, pid_t pid);
void inventory_reach_mounts(struct inventory *inv);
/* inventory_ask_mount - get the mount's limits, memory and inodes, by statfs */
void inventory_ask_mount(struct mount_point *m);
struct mount_point *inventory_mount(struct inventory *inv, dev_t dev);

/* What the record of a file takes at most, while the arrays grow. */
#define INVENTORY_FILE_COST	(3 * sizeof(struct file_entry) + INDEX_COST)

/*
 * inventory_file - get the record of a file, or a new one. Return: NULL if
 * there is no room.
 */
struct file_entry *inventory_file(struct inventory *inv, dev_t dev, ino_t ino);
struct file_entry *inventory_find(const struct inventory *inv, dev_t dev,
				  ino_t ino);

/*
 * inventory_open - open a file by its name, or by a process that has it
 *
 * Return: a descriptor; -ENOENT if the file is at none of these places any
 * more; or another negative errno.
 */
int inventory_open(struct inventory *inv, struct file_entry *f, int flags);

/* inventory_why - the reason, in words, why a file could not be looked at */
const char *inventory_why(int err);

/* inventory_other - record an inode that was found; copies @found->name */
void inventory_other(struct inventory *inv, dev_t dev, ino_t ino,
		     const struct other *found);

/*
 * Were all inodes found? After the search, call inventory_begin_count(). Then
 * look for each inode again, and call inventory_count() for each that is still
 * there. See count.c.
 */
void inventory_begin_count(struct inventory *inv);
void inventory_count(struct inventory *inv, dev_t dev, mode_t mode,
		     unsigned int links, const struct timespec *changed);
void inventory_ask_others(struct inventory *inv);
bool inventory_all_counted(struct inventory *inv, bool tell);

/* Add what all processes have; inventory.c calls these. */
void inventory_add_namespaces(struct inventory *inv);
void inventory_add_users(struct inventory *inv);

/* Print what could not be looked at, as text and as JSON. */
void inventory_print_reasons(const struct inventory *inv);
struct json;
void inventory_json_reasons(const struct inventory *inv, struct json *j);

/* inventory_user_names - like "qemu(812), cat(90)"; the caller frees it */
char *inventory_user_names(const struct file_entry *file);
const char *inventory_owner(uid_t uid);

/* Memory that is in the direct map, and isn't lent. */
uint64_t file_exposed(const struct gmem_info *info);

/* inventory_add_up - add up the size and the memory of all files */
void inventory_add_up(const struct inventory *inv, struct gmem_info *sum);

#endif /* INVENTORY_H */
