/* SPDX-License-Identifier: GPL-2.0 */
/* Fuzz targets: what libFuzzer calls. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room,
			       unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

/* An input that is fine, and another the next time. Return: its size */
size_t fuzz_seed(uint8_t *data, size_t room);

/* Says what isn't as it should be, and aborts. */
#define fuzz_must(condition) \
	((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))

_Noreturn void fuzz_failed(const char *condition, const char *file, int line);

struct guest;

/* Memory of that many bytes, which is the same each time. */
const struct guest *fuzz_guest(uint64_t size);

#endif
