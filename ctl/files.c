// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "files.h"
#include "text.h"

static const struct {
	uint64_t flag;
	const char *name;
} flag_names[] = {
	{ GMEM_FLAG_KEEP_DIRECT_MAP, "direct_map=kept" },
	{ GMEM_FLAG_INIT_SHARED, "init=shared" },
	{ GMEM_FLAG_ZERO_ON_CONVERT, "zero_on_convert=yes" },
	{ GMEM_FLAG_NO_HUGE, "huge=never" },
	{ GMEM_FLAG_HUGE_ONLY, "huge=always" },
};

#define NR_FLAGS	(sizeof(flag_names) / sizeof(*flag_names))

/* What can't be a file of gmemfs isn't opened, as that may do something. */
int files_open(const char *path, int flags, struct gmem_info *info)
{
	struct stat st;
	int fd, err;

	if (stat(path, &st)) {
		ctl_error("%s: %s", text_safe(path), strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode)) {
		ctl_error("%s: not a file; 'gmemctl ls' lists what there is",
			  text_safe(path));
		return -1;
	}
	fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		ctl_error("%s: %s", text_safe(path), strerror(errno));
		return -1;
	}
	err = gmem_file_info(fd, info);
	if (!err)
		return fd;
	close(fd);
	if (err == -ENOTTY)
		ctl_error("%s: not in a gmemfs mount; 'gmemctl ls' lists what there is",
			  text_safe(path));
	else
		ctl_error("%s: %s", text_safe(path), gmem_last_error());
	return -1;
}

uint8_t *files_states(int fd, const char *path, uint64_t size, size_t *pages)
{
	uint8_t *states;
	int err;

	*pages = (size + GMEM_PAGE_SIZE - 1) / GMEM_PAGE_SIZE;
	states = ctl_alloc(*pages, 1);
	err = *pages ? gmem_file_state(fd, 0, *pages * GMEM_PAGE_SIZE, states) :
		       0;
	if (!err)
		return states;
	ctl_error("%s: %s", text_safe(path), gmem_last_error());
	free(states);
	return NULL;
}

const struct file_entry *files_find(const struct inventory *inv, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return NULL;
	for (size_t i = 0; i < inv->nr_files; i++)
		if (inv->files[i].dev == st.st_dev &&
		    inv->files[i].ino == st.st_ino)
			return &inv->files[i];
	return NULL;
}

char *files_flags(uint64_t flags)
{
	char *text = ctl_copy("");

	for (size_t i = 0; i < NR_FLAGS; i++) {
		char *more;

		if (!(flags & flag_names[i].flag))
			continue;
		more = ctl_format("%s%s%s", text, *text ? "," : "",
				  flag_names[i].name);
		free(text);
		text = more;
	}
	return text;
}

static void json_info(struct json *j, const struct gmem_info *info)
{
	json_number(j, "size", info->size);
	json_number(j, "populated", info->populated);
	json_number(j, "hidden", info->hidden);
	json_number(j, "exposed", file_exposed(info));
	json_number(j, "lent", info->lent);
	json_number(j, "shared", info->shared);
	json_number(j, "huge", info->huge);
	json_number(j, "map_faults_2m", info->map_faults_2m);
	json_number(j, "map_faults_4k", info->map_faults_4k);
	json_array(j, "flags");
	for (size_t i = 0; i < NR_FLAGS; i++)
		if (info->flags & flag_names[i].flag)
			json_string(j, NULL, flag_names[i].name);
	json_end(j);
}

void files_json(struct json *j, const struct file_entry *f)
{
	json_string(j, "path", f->path);
	json_bool(j, "linked", f->linked);
	json_number(j, "inode", f->ino);
	json_string(j, "owner", inventory_owner(f->uid));
	json_number(j, "uid", f->uid);
	if (f->err)
		json_string(j, "error", strerror(-f->err));
	else
		json_info(j, &f->info);
	json_array(j, "users");
	for (size_t i = 0; i < f->nr_users; i++) {
		json_object(j, NULL);
		json_number(j, "pid", f->users[i].pid);
		json_string(j, "comm", f->users[i].comm);
		json_bool(j, "open", f->users[i].has_open);
		json_bool(j, "mapped", f->users[i].has_mapped);
		json_end(j);
	}
	json_end(j);
}

void files_memory_cells(struct table *t, const struct file_entry *f)
{
	uint64_t values[] = {
		f->info.size, f->info.populated, f->info.hidden,
		file_exposed(&f->info), f->info.lent,
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		table_cell(t, "%s", f->err ? "?" : text_size(values[i]));
}
