// SPDX-License-Identifier: MIT
/*
 * Callers' ranges and flags are checked here. Otherwise a system call could
 * take them for something else, or a loop could have nothing to do.
 */
#include "internal.h"
#include "range.h"

bool gmem_range_of_bytes(struct range *range, uint64_t offset, uint64_t size,
			 uint64_t limit)
{
	if (offset > limit || size > limit - offset)
		return false;
	*range = (struct range){ .offset = offset, .end = offset + size };
	return true;
}

bool gmem_range_of_pages(struct range *range, uint64_t offset, uint64_t size,
			 uint64_t limit)
{
	return size && (offset | size) % GMEM_PAGE_SIZE == 0 &&
	       gmem_range_of_bytes(range, offset, size, limit);
}

int gmem_check_bits(const char *name, uint64_t bits, uint64_t known)
{
	if (!(bits & ~known))
		return 0;
	return gmem_fail(-EINVAL, "%s: %#llx has bits that this library doesn't know",
			 name, (unsigned long long)bits);
}
