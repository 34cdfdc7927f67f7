// SPDX-License-Identifier: GPL-2.0
/*
 * A worker clones files, maps them privately, and goes on in a child, which
 * doesn't have what is mapped privately.
 */
#include <linux/fs.h>

#include "fuzz.h"

/* Pages of the guest view that a child will not have. */
static bool mine[PAGES];

void note_mapped(long offset, long size, bool privately)
{
	memset(mine + offset / PAGE, privately, size / PAGE);
}

/* ---- clones ---- */

static int source_fd(void)
{
	return model->files[order->source].fd;
}

long obey_clone(void)
{
	struct file_clone_range range = {
		.src_fd = source_fd(), .src_offset = order->source_offset,
		.src_length = order->size, .dest_offset = order->offset,
	};
	int ret = order->op == OP_CLONE
		? ioctl(file_fd(), FICLONE, source_fd())
		: ioctl(file_fd(), FICLONERANGE, &range);

	return ret ? -errno : 0;
}

/* It may do a part, as write() may. */
long obey_copy_range(void)
{
	loff_t from = order->source_offset, to = order->offset;
	long done = 0, n = 1;

	while (done < order->size && n > 0) {
		n = copy_file_range(source_fd(), &from, file_fd(), &to,
				    order->size - done, 0);
		if (n > 0)
			done += n;
	}
	return n < 0 ? -errno : done;
}

/* ---- private mappings ---- */

/* The other way: it is read first, and becomes writable then. */
long obey_map_private(void)
{
	char *at = worker_view() + order->offset;
	const int all = PROT_READ | PROT_WRITE;

	if (mmap(at, order->size, order->other_way ? PROT_READ : all,
		 MAP_PRIVATE | MAP_FIXED, file_fd(), order->offset) ==
	    MAP_FAILED)
		return -errno;
	note_mapped(order->offset, order->size, true);
	if (!order->other_way)
		return 0;
	worker_touch(at);
	return mprotect(at, order->size, all) ? -errno : 0;
}

long obey_do_fork(void)
{
	if (madvise(worker_view() + order->offset, order->size, MADV_DOFORK))
		return -errno;
	note_mapped(order->offset, order->size, false);
	return 0;
}

/* ---- children ---- */

static long reserve(long page)
{
	void *at = worker_view() + page * PAGE;

	return mmap(at, PAGE, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		    0) == at ? 0 : -errno;
}

/* Nothing is mapped there; and nothing else must be, by chance. */
static long reserve_mine(void)
{
	long page, ret = 0;

	for (page = 0; page < PAGES && !ret; page++)
		if (mine[page])
			ret = reserve(page);
	note_mapped(0, SIZE, false);
	return ret;
}

/* Who waits for the parent gets the child, and with it our answer. */
long obey_fork_on(void)
{
	if (must_do(fork()))
		_exit(0);
	order->pid = getpid();
	return reserve_mine();
}
