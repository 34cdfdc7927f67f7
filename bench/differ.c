// SPDX-License-Identifier: GPL-2.0
/*
 * bench-differ TEMPLATE CLONE...: what clones have of their own. Prints
 *	template=BYTES shared=BYTES own=BYTES wrote=BYTES
 * what the template holds; what is wanted shared in all files together; and of
 * all clones together, pages that they don't have in common with another file,
 * and those of them with other contents than the template's, which somebody
 * must have written to. A page that was written to but has the same
 * contents counts as not written to. Pages in common have not been written to,
 * as the tests of clones show, and aren't read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/gmemfs.h>

#include "text.h"

#define CHUNK_PAGES	512

static unsigned long shared, own, wrote;	/* shared: in bytes */

static int open_file(const char *path, struct gmem_info *info)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, GMEM_GET_INFO, info))
		die("%s", path);
	shared += info->shared;
	return fd;
}

static void read_page(int fd, char *page, off_t at)
{
	if (pread(fd, page, GMEM_PAGE_SIZE, at) != (ssize_t)GMEM_PAGE_SIZE)
		die("reading a page");
}

static void compare_page(int template, int clone, off_t at)
{
	static char is[GMEM_PAGE_SIZE], was[GMEM_PAGE_SIZE];

	read_page(clone, is, at);
	read_page(template, was, at);
	own++;
	wrote += memcmp(is, was, GMEM_PAGE_SIZE) != 0;
}

static void compare_chunk(int template, int clone, off_t at, size_t pages)
{
	static unsigned char states[CHUNK_PAGES];
	struct gmem_state get = {
		.offset = at, .size = pages * GMEM_PAGE_SIZE,
		.states = (uintptr_t)states,
	};
	size_t i;

	if (ioctl(clone, GMEM_GET_STATE, &get))
		die("GMEM_GET_STATE");
	for (i = 0; i < pages; i++)
		if (states[i] & GMEM_STATE_POPULATED &&
		    !(states[i] & GMEM_STATE_CLONED))
			compare_page(template, clone, at + i * GMEM_PAGE_SIZE);
}

/* A guest's memory is whole blocks, and as long as the template's. */
static void compare(int template, const char *path, size_t size)
{
	struct gmem_info info = { 0 };
	int clone = open_file(path, &info);
	off_t at;

	errno = EINVAL;
	if (info.size != size)
		die("%s isn't as long as the template", path);
	for (at = 0; at < (off_t)size; at += GMEM_BLOCK_SIZE)
		compare_chunk(template, clone, at, CHUNK_PAGES);
	close(clone);
}

int main(int argc, char **argv)
{
	struct gmem_info info = { 0 };
	int template, i;

	errno = EINVAL;
	if (argc < 3)
		die("usage: bench-differ TEMPLATE CLONE...");
	template = open_file(argv[1], &info);
	errno = EINVAL;
	if (info.size % GMEM_BLOCK_SIZE)
		die("%s isn't whole blocks of 2 MiB", argv[1]);
	for (i = 2; i < argc; i++)
		compare(template, argv[i], info.size);
	printf("template=%llu shared=%lu own=%lu wrote=%lu\n", info.populated,
	       shared, own * GMEM_PAGE_SIZE, wrote * GMEM_PAGE_SIZE);
	return 0;
}
