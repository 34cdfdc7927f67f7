/* SPDX-License-Identifier: GPL-2.0 */
/* A file of gmemfs: opened by what a user typed, and described. */
#ifndef FILES_H
#define FILES_H

#include "inventory.h"
#include "json.h"
#include "table.h"

/*
 * files_open - open a file and see that it is one of gmemfs. Return: a
 * descriptor, or -1 after it has told the user.
 */
int files_open(const char *path, int flags, struct gmem_info *info);

/*
 * files_find - the record of an open file; one that says that nobody has it, if
 * the inventory has none
 */
const struct file_entry *files_find(struct inventory *inv, int fd,
				    const char *path,
				    const struct gmem_info *info);

/* files_json - members of an object: all that is known of a file */
void files_json(struct json *j, const struct file_entry *f);

/* files_memory_cells - size, populated, hidden, exposed, lent */
void files_memory_cells(struct table *t, const struct file_entry *f);

/* files_flags - its flags in words of the mount options; to be freed */
char *files_flags(uint64_t flags);

#endif /* FILES_H */
