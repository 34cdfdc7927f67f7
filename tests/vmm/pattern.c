// SPDX-License-Identifier: GPL-2.0
/*
 * pattern write|check FILE MIB SEED: the pattern that told-init's disk-write
 * and disk-check have, without a guest. Exit status 0: written, or intact; 1
 * not.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/secret.h"

#define PAGES_PER_MIB	(1024 * 1024 / SECRET_PAGE_SIZE)

static uint64_t page[SECRET_WORDS];

static bool write_page(FILE *f, uint64_t first, uint64_t tag)
{
	secret_fill(page, first, tag);
	return fwrite(page, sizeof(page), 1, f) == 1;
}

static bool check_page(FILE *f, uint64_t first, uint64_t tag)
{
	return fread(page, sizeof(page), 1, f) == 1 &&
	       secret_intact(page, first, tag);
}

int main(int argc, char **argv)
{
	bool write = argc == 5 && !strcmp(argv[1], "write");
	unsigned long mib;
	uint64_t seed;
	FILE *f;

	if (argc != 5 || (!write && strcmp(argv[1], "check"))) {
		fputs("usage: pattern write|check FILE MIB SEED\n", stderr);
		return 2;
	}
	f = fopen(argv[2], write ? "r+" : "r");
	if (!f) {
		perror(argv[2]);
		return 1;
	}
	mib = strtoul(argv[3], NULL, 10);
	seed = strtoull(argv[4], NULL, 10);
	for (unsigned long i = 0; i < mib * PAGES_PER_MIB; i++) {
		uint64_t first = secret_first(seed + i / PAGES_PER_MIB,
					      i % PAGES_PER_MIB);

		if (!(write ? write_page(f, first, seed) :
			      check_page(f, first, seed))) {
			fprintf(stderr, "%s: page %lu is not as it should be\n",
				argv[2], i);
			return 1;
		}
	}
	return fclose(f) ? 1 : 0;
}
