/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FUZZ_COPY_H
#define FUZZ_COPY_H

#include "../vmm/fuzz.h"

/* An input, and a null byte, in memory that ends there; to be freed. */
char *fuzz_copy(const uint8_t *data, size_t size);

#endif
