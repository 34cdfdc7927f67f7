/* SPDX-License-Identifier: MIT */
/* What libgmem's files share. Nothing of it is visible outside. */
#ifndef GMEM_INTERNAL_H
#define GMEM_INTERNAL_H

#include "gmem.h"

#define EXPORT	__attribute__((visibility("default")))

/*
 * gmem_fail - note the sentence for gmem_last_error(), and return @error
 *
 * @error is a negative errno; its text comes after the sentence.
 */
int gmem_fail(int error, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same for a call that has just failed: the error is in errno. */
#define gmem_fail_errno(...)	gmem_fail(-errno, __VA_ARGS__)

/* For a range that the module has refused. */
int gmem_bad_range(int fd, uint64_t offset, uint64_t size);

#endif /* GMEM_INTERNAL_H */
