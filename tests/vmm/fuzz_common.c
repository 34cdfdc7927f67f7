// SPDX-License-Identifier: GPL-2.0
/* A guest without KVM, errors that nobody reads, and what inputs begin as. */
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

/* So that it needn't find out what an input looks like. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room,
			       unsigned int seed)
{
	if (size <= 1 || seed % 256 == 0)
		size = fuzz_seed(data, room);
	return LLVMFuzzerMutate(data, size, room);
}

int fail(const char *format, ...)
{
	(void)format;
	return -1;
}

void warn_seldom(struct seldom *said, const char *format, ...)
{
	(void)said;
	(void)format;
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
