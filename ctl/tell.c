// SPDX-License-Identifier: GPL-2.0
/* Parts of the inventory as text and as JSON, and the sums of its files. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "inventory.h"
#include "json.h"
#include "text.h"

void inventory_print_reasons(const struct inventory *inv)
{
	if (inv->complete)
		return;
	puts("\ngmemctl could not look at all files:");
	for (size_t i = 0; i < inv->nr_reasons; i++)
		printf("  %s\n", inv->reasons[i]);
	if (inv->more_reasons)
		printf("  and %zu more\n", inv->more_reasons);
}

void inventory_json_reasons(const struct inventory *inv, struct json *j)
{
	json_bool(j, "complete", inv->complete);
	json_array(j, "missed");
	for (size_t i = 0; i < inv->nr_reasons; i++)
		json_string(j, NULL, inv->reasons[i]);
	json_end(j);
}

char *inventory_user_names(const struct file_entry *file)
{
	char *names;
	size_t size;
	FILE *f = open_memstream(&names, &size);

	if (!f)
		ctl_die("out of memory");
	for (size_t i = 0; i < file->nr_users; i++) {
		const struct user *u = &file->users[i];

		fprintf(f, "%s%s(%d)", i ? ", " : "", text_safe(u->comm),
			u->pid);
	}
	if (fclose(f))
		ctl_die("out of memory");
	return names;
}

const char *inventory_owner(uid_t uid)
{
	static char number[16];
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		return text_safe(pw->pw_name);
	snprintf(number, sizeof(number), "%u", uid);
	return number;
}

uint64_t file_exposed(const struct gmem_info *info)
{
	uint64_t hidden = info->hidden + info->lent;

	/* While the totals change, they may be inconsistent. */
	return info->populated > hidden ? info->populated - hidden : 0;
}

void inventory_add_up(const struct inventory *inv, struct gmem_info *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (size_t i = 0; i < inv->nr_files; i++) {
		const struct gmem_info *info = &inv->files[i].info;

		sum->size += info->size;
		sum->populated += info->populated;
		sum->hidden += info->hidden;
		sum->lent += info->lent;
		sum->shared += info->shared;
		sum->huge += info->huge;
		sum->cloned += info->cloned;
		sum->device += info->device;
		sum->missing += info->missing;
	}
}
