// SPDX-License-Identifier: GPL-2.0
/* What inputs begin as, and what is said of one that failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_copy.h"

_Noreturn void fuzz_failed(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
	abort();
}

char *fuzz_copy(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

/* So that it needn't find out what an input looks like. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room,
			       unsigned int seed)
{
	if (size <= 1 || seed % 64 == 0)
		size = fuzz_seed(data, room);
	return LLVMFuzzerMutate(data, size, room);
}
