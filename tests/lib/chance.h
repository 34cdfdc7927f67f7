/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers that look random, the same ones for the same seed: xorshift64*. */
#ifndef CHANCE_H
#define CHANCE_H

#include <stdint.h>

/* The next one, of 56 bits. @seed must not be 0, and is moved on. */
static inline uint64_t chance(uint64_t *seed)
{
	uint64_t x = *seed;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*seed = x;
	return x * 0x2545f4914f6cdd1dUL >> 8;
}

#endif /* CHANCE_H */
