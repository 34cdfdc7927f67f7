/* SPDX-License-Identifier: GPL-2.0 */
/* A file that guests' memory is cloned from: code, and letters after it. */
#ifndef GUARD_TEMPLATE_H
#define GUARD_TEMPLATE_H

#include "small_vm.h"

#define TEMPLATE_SIZE	(2 * BLOCK)

static inline uint8_t state_of(int fd, long offset)
{
	uint8_t byte;
	struct gmem_state get = {
		.offset = offset / PAGE * PAGE, .size = PAGE,
		.states = (uintptr_t)&byte,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return byte;
}

static inline int new_with(uint64_t flags)
{
	struct gmem_create create = { .size = TEMPLATE_SIZE, .flags = flags };
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC)), fd;

	fd = must(ioctl(dir, GMEM_CREATE, &create));
	close(dir);
	return fd;
}

/* @size: of the code, in bytes; less than a page */
static inline int new_template(uint64_t flags, const unsigned char *code,
			       size_t size)
{
	static char page[PAGE];
	int fd = new_with(flags);
	long at;

	memset(page, 'T', PAGE);
	for (at = 0; at < (long)TEMPLATE_SIZE; at += PAGE)
		must(pwrite(fd, page, PAGE, at));
	must(pwrite(fd, code, size, 0));
	return fd;
}

/* Has the file the template's letters there? */
static inline bool lettered(int fd, long from, long to)
{
	static char page[PAGE];
	long at;

	for (at = from; at < to; at += PAGE)
		if (pread(fd, page, PAGE, at) != (ssize_t)PAGE ||
		    !all_bytes(page, PAGE, 'T'))
			return false;
	return true;
}

/* All but the page with the code. */
static inline bool untouched(int fd)
{
	return lettered(fd, PAGE, TEMPLATE_SIZE);
}

#endif /* GUARD_TEMPLATE_H */
