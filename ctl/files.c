// SPDX-License-Identifier: GPL-2.0
/* A file that a user names: opens it, finds its record, describes it. */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "files.h"
#include "reach.h"
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

static const struct {
	int err;
	const char *text;
} reasons[] = {
	{
		-ELOOP,
		"the path has a symbolic link that another user made or can replace, and so chooses the file; see where the link leads ('readlink -f'), and give the file's own path",
	},
	{
		-EMEDIUMTYPE,
		"not a regular file; 'gmemctl ls' lists the files of gmemfs",
	},
	{
		-ENOTTY,
		"not in a gmemfs mount; 'gmemctl ls' lists the files of gmemfs",
	},
	{
		-ETIMEDOUT,
		"the process doesn't answer, perhaps because it waits for a file server; end the process, or give another path of the file",
	},
	{
		-EAGAIN,
		"a process has a lease on the file (fcntl(F_SETLEASE)), and the kernel has told it to give up the lease; try again",
	},
};

static const char *why(int err)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].err == err)
			return reasons[i].text;
	return strerror(-err);
}

/*
 * Root could open a file for writing by a process's descriptor that is only
 * open for reading. This refuses it, because the process chooses which file
 * that is.
 */
static int open_reached(const struct reach *r, const char *path, int flags,
			struct gmem_info *info)
{
	int fd, err;

	if ((flags & O_ACCMODE) != O_RDONLY && r->chosen) {
		ctl_error("%s: a process chooses where this path leads, because it goes through the root or a directory of that process; give the file's own path, or /proc/PID/fd/N of a process that may write to the file",
			  text_safe(path));
		return -1;
	}
	if ((flags & O_ACCMODE) != O_RDONLY && !reach_may_write(r)) {
		ctl_error("%s: the process that has this file open can't write to it; to convert the file nevertheless, give the file's own path",
			  text_safe(path));
		return -1;
	}
	fd = reach_open(r, flags);
	err = fd < 0 ? fd : gmem_file_info(fd, info);
	if (!err)
		return fd;
	if (fd >= 0)
		close(fd);
	ctl_error("%s: %s", text_safe(path), why(err));
	return -1;
}

int files_open(const char *path, int flags, struct gmem_info *info)
{
	struct reach r;
	int fd, err = reach_path(path, &r);

	if (err) {
		ctl_error("%s: %s", text_safe(path), why(err));
		return -1;
	}
	fd = open_reached(&r, path, flags, info);
	reach_leave(&r);
	return fd;
}

int files_lock(int fd, const char *path, int how)
{
	if (!flock(fd, how | LOCK_NB) || errno != EWOULDBLOCK)
		return CTL_OK;
	return ctl_error("%s is the memory of a guest of gmemvm that runs, or is being cloned, saved or loaded: wait for its end",
			 text_safe(path));
}

const struct file_entry *files_find(struct inventory *inv, int fd,
				    const char *path,
				    const struct gmem_info *info)
{
	struct file_entry *f;
	struct stat st;

	if (fstat(fd, &st))
		ctl_die("%s: %s", text_safe(path), strerror(errno));
	f = inventory_find(inv, st.st_dev, st.st_ino);
	if (f)
		return f;
	/* The file that the user asked for always gets room. */
	inv->left += INVENTORY_FILE_COST;
	f = inventory_file(inv, st.st_dev, st.st_ino);
	f->path = ctl_copy(path);
	f->linked = st.st_nlink;
	f->uid = st.st_uid;
	f->mode = st.st_mode & 07777;
	f->info = *info;
	return f;
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
	json_number(j, "cloned", info->cloned);
	json_number(j, "sharers", info->sharers);
	json_number(j, "device", info->device);
	json_number(j, "missing", info->missing);
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

/* A module that is older than gmemctl doesn't know the second. */
void files_clone_cells(struct table *t, const struct file_entry *f)
{
	table_cell(t, "%s", f->err ? "?" : text_size(f->info.cloned));
	if (f->err || (f->info.cloned && !f->info.sharers))
		table_cell(t, "?");
	else
		table_cell(t, "%llu", (unsigned long long)f->info.sharers);
}
