/* SPDX-License-Identifier: MIT */
/* Checks of ranges of files and regions, and of flag bits, from callers. */
#ifndef GMEM_RANGE_H
#define GMEM_RANGE_H

#include <stdbool.h>
#include <stdint.h>

/* The kernel's own limit for files. */
#define GMEM_FILE_LIMIT	((uint64_t)INT64_MAX)

/**
 * struct range - a range that was checked
 * @offset: its first byte
 * @end: the byte after its last; never below @offset
 */
struct range {
	uint64_t offset;
	uint64_t end;
};

/*
 * The only two functions that make a struct range. They return false if the end
 * wraps or is over @limit. gmem_range_of_pages() also returns false for an
 * offset or a size that isn't in whole pages, and for a size of 0.
 */
bool gmem_range_of_bytes(struct range *range, uint64_t offset, uint64_t size,
			 uint64_t limit);
bool gmem_range_of_pages(struct range *range, uint64_t offset, uint64_t size,
			 uint64_t limit);

/*
 * Return: 0; or -EINVAL if @bits has bits that aren't in @known. @name is the
 * argument's name in the message.
 */
int gmem_check_bits(const char *name, uint64_t bits, uint64_t known);

#endif /* GMEM_RANGE_H */
