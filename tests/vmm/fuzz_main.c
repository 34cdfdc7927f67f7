// SPDX-License-Identifier: GPL-2.0
/*
 * PROGRAM SECONDS [SEED]: instead of libFuzzer: inputs that are fine but for
 * some bytes, and inputs of any bytes. The sanitizers say what goes wrong; an
 * input that takes 10 seconds is a hang.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../lib/chance.h"
#include "fuzz.h"

#define ROOM		(64 * 1024)
#define HANG_SECONDS	10

static uint64_t state;

static uint64_t draw(void)
{
	return chance(&state);
}

static uint64_t draw_64(void)
{
	return draw() << 32 ^ draw();
}

/* Values at which comparisons change their answer. */
static uint64_t edge(void)
{
	uint64_t value = 1ULL << draw() % 64;

	switch (draw() % 4) {
	case 0:
		return value;
	case 1:
		return value - 1;
	case 2:
		return -value;
	default:
		return draw() % 256;
	}
}

static void mutate(uint8_t *data, size_t size)
{
	unsigned int times = 1 + draw() % 8;

	while (times--) {
		size_t width = 1ULL << draw() % 4;
		size_t at = draw() % size;
		uint64_t value = draw() % 2 ? edge() : draw_64();

		if (width > size - at)
			width = size - at;
		memcpy(data + at, &value, width);
	}
}

static size_t make_input(uint8_t *data)
{
	size_t size = fuzz_seed(data, ROOM);

	if (draw() % 8)
		mutate(data, size);
	else
		for (size_t i = 0; i < size; i++)
			data[i] = draw();
	if (draw() % 16 == 0)
		size = draw() % (size + 1);
	return size;
}

/* Of that very size, so that ASan sees who reads beyond it. */
static void try_input(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	alarm(HANG_SECONDS);
	LLVMFuzzerTestOneInput(copy, size);
	alarm(0);
	free(copy);
}

int main(int argc, char **argv)
{
	static uint8_t data[ROOM];
	uint64_t inputs = 0;
	time_t end;

	if (argc < 2) {
		fprintf(stderr, "usage: %s SECONDS [SEED]\n", argv[0]);
		return 2;
	}
	state = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)time(NULL);
	printf("# seed %#" PRIx64 "\n", state);
	fflush(stdout);
	state |= !state;
	end = time(NULL) + atoi(argv[1]);
	while (time(NULL) < end) {
		for (int i = 0; i < 64; i++, inputs++)
			try_input(data, make_input(data));
	}
	printf("# %" PRIu64 " inputs\n", inputs);
	return 0;
}
