// SPDX-License-Identifier: GPL-2.0
/* A guest without KVM, and errors that nobody reads. */
#include <gmem.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../vmm/error.h"
#include "../../vmm/guest.h"
#include "fuzz.h"

_Noreturn void fuzz_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
	abort();
}

const struct guest *fuzz_guest(uint64_t size)
{
	struct gmem_region_options options = {
		.size = size, .backends = 1ULL << GMEM_BACKEND_MEMFD,
	};
	static struct gmem_region *region;
	static struct guest guest;

	if (!region) {
		fuzz_must(!gmem_region_create(&options, &region));
		guest_init(&guest, region);
	}
	return &guest;
}

void warn_of(const char *format, ...)
{
	(void)format;
}

int fail(const char *format, ...)
{
	(void)format;
	return -1;
}

int fail_errno(const char *format, ...)
{
	(void)format;
	return -1;
}

int fail_gmem(const char *format, ...)
{
	(void)format;
	return -1;
}
