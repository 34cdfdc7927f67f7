/* SPDX-License-Identifier: MIT */
/* Parts of files and regions, and bits of flags, as callers give them. */
#ifndef GMEM_RANGE_H
#define GMEM_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/* The kernel's own limit for files. */
#define GMEM_FILE_LIMIT	((uint64_t)INT64_MAX)

/**
 * struct range - a part that was checked
 * @offset: where it begins
 * @end: where it ends, never before @offset
 */
struct range {
	uint64_t offset;
	uint64_t end;
};

/*
 * The only two that make a range. False if its end wraps or is beyond @limit;
 * the second, too, if it isn't whole pages, and some.
 */
bool gmem_range_of_bytes(struct range *range, uint64_t offset, uint64_t size,
			 uint64_t limit);
bool gmem_range_of_pages(struct range *range, uint64_t offset, uint64_t size,
			 uint64_t limit);

/* 0, or -EINVAL if @bits has others than @known; @name is what they are. */
int gmem_check_bits(const char *name, uint64_t bits, uint64_t known);

#endif /* GMEM_RANGE_H */
