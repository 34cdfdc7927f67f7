/* SPDX-License-Identifier: GPL-2.0 */
/* All mounts of gmemfs, their files, and who uses these. */
#ifndef INVENTORY_H
#define INVENTORY_H

#include <linux/gmemfs.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct mount_point {
	dev_t dev;
	char *dir;		/* openable: may begin with /proc/PID/root */
	char *options;
	uint64_t limit;		/* 0: none */
	uint64_t used;
	uint64_t files;
};

struct user {
	pid_t pid;
	char comm[32];
	bool has_open;
	bool has_mapped;
};

struct file_entry {
	dev_t dev;
	ino_t ino;
	char *path;		/* openable */
	bool linked;		/* it has a name that @path is */
	uid_t uid;
	mode_t mode;
	struct gmem_info info;
	int err;		/* of getting @info */
	struct user *users;
	size_t nr_users;
};

struct inventory {
	struct mount_point *mounts;
	size_t nr_mounts;
	struct file_entry *files;
	size_t nr_files;
	bool complete;		/* false: some could not be looked at */
};

/*
 * inventory_read - look at all mounts that some process sees, the files in
 * them, and those without a name that processes have open or mapped
 */
void inventory_read(struct inventory *inv);
void inventory_free(struct inventory *inv);

/* Mounts that are not known yet. */
void inventory_add_mounts(struct inventory *inv, const char *mountinfo,
			  const char *prefix);
struct mount_point *inventory_mount(struct inventory *inv, dev_t dev);

/* inventory_file - the record of a file, a new one if there is none */
struct file_entry *inventory_file(struct inventory *inv, dev_t dev, ino_t ino);

/* Of all processes; for inventory.c. */
void inventory_add_namespaces(struct inventory *inv);
void inventory_add_users(struct inventory *inv);

/* inventory_user_names - as "qemu(812), cat(90)"; to be freed */
char *inventory_user_names(const struct file_entry *file);
const char *inventory_owner(uid_t uid);

/* Memory that is in the direct map and not lent. */
uint64_t file_exposed(const struct gmem_info *info);

#endif /* INVENTORY_H */
