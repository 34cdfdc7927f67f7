/* SPDX-License-Identifier: GPL-2.0 */
/* A file of gmemfs: opened by a path that a user typed, and described. */
#ifndef FILES_H
#define FILES_H

#include "inventory.h"
#include "json.h"
#include "table.h"

/*
 * files_open - open a file, and check that it is one of gmemfs. Return: a
 * descriptor, or -1 after a message.
 */
int files_open(const char *path, int flags, struct gmem_info *info);

/*
 * files_lock - as gmemvm locks its guest's memory; until it is closed
 * @how: LOCK_SH, which gmemvm does for a template; or LOCK_EX
 *
 * Return: CTL_OK; or CTL_FAILED after a message, if a guest has it.
 */
int files_lock(int fd, const char *path, int how);

/*
 * files_find - find the record of an open file. If the inventory has none, make
 * one without users.
 */
const struct file_entry *files_find(struct inventory *inv, int fd,
				    const char *path,
				    const struct gmem_info *info);

/* files_json - write all that is known of a file, as members of an object */
void files_json(struct json *j, const struct file_entry *f);

/* files_memory_cells - add cells: size, populated, hidden, exposed, lent */
void files_memory_cells(struct table *t, const struct file_entry *f);

/* files_clone_cells - add cells: cloned, sharers */
void files_clone_cells(struct table *t, const struct file_entry *f);

/* files_flags - the flags as mount options; the caller frees the string */
char *files_flags(uint64_t flags);

#endif /* FILES_H */
