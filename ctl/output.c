// SPDX-License-Identifier: GPL-2.0
/* Files for output: has reach.c open them, and says what went wrong. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "output.h"
#include "reach.h"
#include "text.h"

static int complain(const char *path, int err)
{
	if (err == -EEXIST)
		return ctl_error("%s exists, and is not a regular file of yours with a single name; remove it, or give another name",
				 text_safe(path));
	if (err == -EISDIR)
		return ctl_error("%s: the name of a file is missing at the end",
				 text_safe(path));
	if (err == -EXDEV)
		return ctl_error("%s: a process chooses where this path leads, because it goes through the root or a directory of that process; give another path",
				 text_safe(path));
	if (err == -ELOOP)
		return ctl_error("%s: the path has a symbolic link that another user made or can replace; see where the link leads ('readlink -f'), and give the folder's own path",
				 text_safe(path));
	return ctl_error("%s: %s", text_safe(path), strerror(-err));
}

FILE *output_open(const char *path)
{
	int fd = reach_create(path);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out)
		complain(path, fd < 0 ? fd : -errno);
	if (fd >= 0 && !out)
		close(fd);
	return out;
}

int output_close(FILE *out, const char *path)
{
	int failed = ferror(out);

	if (fclose(out) || failed)
		return complain(path, -errno);
	return CTL_OK;
}

int output_begin(const char *path, struct output_new *new)
{
	int fd = reach_begin(path, &new->file);

	if (fd < 0)
		return complain(path, fd);
	new->path = path;
	new->out = fdopen(fd, "w");
	if (new->out)
		return CTL_OK;
	close(fd);
	return complain(path, reach_end(&new->file, -errno));
}

/* On the disk before it gets the name: or a crash could leave it empty. */
static int write_out(FILE *out)
{
	if (fflush(out) || ferror(out) || fsync(fileno(out)))
		return errno ? -errno : -EIO;
	return 0;
}

int output_end(struct output_new *new)
{
	int err = write_out(new->out);

	if (fclose(new->out) && !err)
		err = -errno;
	err = reach_end(&new->file, err);
	return err ? complain(new->path, err) : CTL_OK;
}
