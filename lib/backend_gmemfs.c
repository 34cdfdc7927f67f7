// SPDX-License-Identifier: MIT
/* Backend: files of gmemfs. */
#include <fcntl.h>

#include "internal.h"

/* Use the caller's file: it must be a file of gmemfs, and long enough. */
static int take_file(const struct gmem_region_options *options)
{
	struct gmem_info info;
	int ret = gmem_file_info(options->fd, &info), fd;

	if (ret)
		return ret;
	if (info.size < options->size)
		return gmem_fail(-EINVAL, "the file is only %llu bytes long; make it longer first, by gmem_file_resize()",
				 (unsigned long long)info.size);
	if (options->demand & GMEM_PROTECT_HUGE &&
	    !(info.flags & GMEM_FLAG_HUGE_ONLY))
		return gmem_fail(-EOPNOTSUPP, "the file may have single pages, not only 2 MiB blocks; make it with huge=always or GMEM_FLAG_HUGE_ONLY");
	fd = fcntl(options->fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? gmem_fail_errno("can't duplicate the descriptor") : fd;
}

static int gmemfs_open(const struct gmem_region_options *options)
{
	uint64_t flags = options->flags;

	if (options->fd > 0)
		return take_file(options);
	if (options->demand & GMEM_PROTECT_HUGE)
		flags |= GMEM_FLAG_HUGE_ONLY;
	return gmem_file_create(options->directory, options->size, flags);
}

/*
 * The kernel reads the totals one after the other, and another process may
 * populate the file meanwhile. If three times in a row there is memory that is
 * neither hidden, nor lent, nor shared, then private memory is exposed.
 */
static bool adds_up(int fd, struct gmem_info *info, int *ret)
{
	int tries;

	for (tries = 0; tries < 3; tries++) {
		*ret = gmem_file_info(fd, info);
		if (*ret)
			return false;
		if (info->hidden + info->lent + info->shared >= info->populated)
			return true;
	}
	return false;
}

static int gmemfs_ask(int fd, struct gmem_protection *p)
{
	struct gmem_info info;
	int ret;
	bool whole = adds_up(fd, &info, &ret);

	if (ret)
		return ret;
	*p = (struct gmem_protection){
		.populated = info.populated,
		.hidden = info.hidden,
		.lent = info.lent,
		.shared = info.shared,
		.huge = info.huge,
	};
	if (whole && !(info.flags & GMEM_FLAG_KEEP_DIRECT_MAP))
		p->holds |= GMEM_PROTECT_HIDDEN;
	if (info.flags & GMEM_FLAG_HUGE_ONLY ||
	    (info.populated && info.huge == info.populated))
		p->holds |= GMEM_PROTECT_HUGE;
	return 0;
}

const struct backend gmem_backend_gmemfs = {
	.name	= "gmemfs",
	.open	= gmemfs_open,
	.ask	= gmemfs_ask,
};
