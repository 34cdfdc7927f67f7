/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A pattern that a guest fills its memory with and that can be recognised
 * without knowing what it holds.
 *
 * The guest draws a secret and a public tag, each at random. Every page begins
 * with a word of its own that follows from the secret, and each next word
 * follows from the one before it and the tag. So whoever knows the tag can
 * tell such a page, or a piece of one, by how its words relate; and yet
 * nothing outside the guest (no command line, no console, no buffer of the
 * searching program) ever held a word of it and could be mistaken for it.
 */
#ifndef SECRET_H
#define SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SECRET_PAGE_SIZE	4096
#define SECRET_WORDS		(SECRET_PAGE_SIZE / sizeof(uint64_t))

/* Where in a page to look, and how many words there must fit together. */
#define SECRET_PROBE_STEP	64
#define SECRET_PROBE_WORDS	4
#define SECRET_PROBES		(SECRET_WORDS / SECRET_PROBE_STEP)

/* The finisher of splitmix64: every bit of x changes half of the result. */
static inline uint64_t secret_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static inline uint64_t secret_next(uint64_t word, uint64_t tag)
{
	return secret_mix(word ^ tag);
}

static inline uint64_t secret_first(uint64_t secret, uint64_t page)
{
	return secret_mix(secret + secret_mix(page + 1));
}

static inline void secret_fill(uint64_t *page, uint64_t first, uint64_t tag)
{
	page[0] = first;
	for (size_t i = 1; i < SECRET_WORDS; i++)
		page[i] = secret_next(page[i - 1], tag);
}

static inline bool secret_intact(const uint64_t *page, uint64_t first,
				 uint64_t tag)
{
	if (page[0] != first)
		return false;
	for (size_t i = 1; i < SECRET_WORDS; i++)
		if (page[i] != secret_next(page[i - 1], tag))
			return false;
	return true;
}

static inline bool secret_probe(const uint64_t *word, uint64_t tag)
{
	for (size_t i = 0; i < SECRET_PROBE_WORDS; i++)
		if (word[i + 1] != secret_next(word[i], tag))
			return false;
	return true;
}

/*
 * secret_found - how much of a page looks like the pattern, in probes
 *
 * 0: nothing; SECRET_PROBES: all of it; between: pieces. A piece of 100 words
 * or more is found wherever it lies, as long as it is aligned to 8 bytes.
 */
static inline int secret_found(const uint64_t *page, uint64_t tag)
{
	int found = 0;

	for (size_t i = 0; i < SECRET_WORDS; i += SECRET_PROBE_STEP)
		found += secret_probe(page + i, tag);
	return found;
}

#endif /* SECRET_H */
