// SPDX-License-Identifier: GPL-2.0
/* gmemctl ls: the files of all mounts, and the processes that use them. */
#include <stdio.h>
#include <stdlib.h>

#include "ctl.h"
#include "files.h"
#include "inventory.h"
#include "kernel.h"
#include "table.h"
#include "text.h"

static void print_json(const struct inventory *inv)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_array(&j, "files");
	for (size_t i = 0; i < inv->nr_files; i++) {
		json_object(&j, NULL);
		files_json(&j, &inv->files[i]);
		json_end(&j);
	}
	json_end(&j);
	inventory_json_reasons(inv, &j);
	json_finish(&j);
}

static void print_text(const struct inventory *inv)
{
	static const char *const headers[] = {
		"FILE", "OWNER", ">SIZE", ">POPULATED", ">HIDDEN", ">EXPOSED",
		">LENT", ">CLONED", ">SHARERS", "USERS", NULL
	};
	struct table t;

	table_begin(&t, headers);
	for (size_t i = 0; i < inv->nr_files; i++) {
		const struct file_entry *f = &inv->files[i];
		char *users = inventory_user_names(f);

		table_cell(&t, "%s", text_safe(f->path));
		table_cell(&t, "%s", inventory_owner(f->uid));
		files_memory_cells(&t, f);
		files_clone_cells(&t, f);
		table_cell(&t, "%s", users);
		free(users);
	}
	table_print(&t, stdout, 0);
	inventory_print_reasons(inv);
}

static int run(const struct ctl_call *call)
{
	struct inventory inv;

	if (!kernel_gmemfs_loaded())
		return ctl_not_loaded();
	inventory_read(&inv);
	if (call->json)
		print_json(&inv);
	else
		print_text(&inv);
	inventory_free(&inv);
	return CTL_OK;
}

static const struct ctl_option options[] = { { NULL, NULL, NULL } };

const struct ctl_command ls_command = {
	.name = "ls",
	.arguments = "",
	.summary = "list the files of all mounts, and the processes that use them",
	.details = "Lists all files of gmemfs. A file without a name is listed by a path under /proc,\n"
		   "which the other commands take, too. CLONED is in common with other files, or\n"
		   "other places of this one: with SHARERS of them at most, this one included.\n"
		   "USERS are the processes that have the file open or mapped.",
	.options = options,
	.run = run,
};
