// SPDX-License-Identifier: GPL-2.0
/*
 * When a sanitized program looks for leaks. To look costs as much as all the
 * rest of a short run. So a run looks for leaks only if it has executed code
 * that no earlier run with the same notes has executed before it looked for
 * leaks and found none. All code that a test reaches is in such a run.
 *
 * LEAKS_SEEN names the notes: a file of at least NOTES bytes, one for four
 * bytes of code. Without it, or if it can't be used, each run looks for leaks.
 * ASAN_OPTIONS must have leak_check_at_exit=0. With LEAKS_LEAK=yes a run leaks
 * memory, so that a test can see whether that is found.
 *
 * This file is built without sanitizers. In the program's other files the
 * compiler calls __sanitizer_cov_trace_pc() in each basic block
 * (-fsanitize-coverage=trace-pc).
 */
#include <fcntl.h>
#include <sanitizer/lsan_interface.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTES	(1UL << 20)

/* The linker's: where the program begins. */
extern const char __executable_start[];

static uint8_t executed[NOTES];
static bool executed_elsewhere;		/* the notes have no room for it */
static uint8_t *notes;			/* NULL if there are none */

void __sanitizer_cov_trace_pc(void);

/* Two calls are never in the same four bytes. */
void __sanitizer_cov_trace_pc(void)
{
	size_t at = ((uintptr_t)__builtin_return_address(0) -
		     (uintptr_t)__executable_start) / 4;

	if (at < NOTES)
		executed[at] = 1;
	else
		executed_elsewhere = true;
}

static void map_notes(void)
{
	const char *name = getenv("LEAKS_SEEN");
	struct stat st;
	void *at = MAP_FAILED;
	int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	if (!fstat(fd, &st) && (size_t)st.st_size >= NOTES)
		at = mmap(NULL, NOTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			  0);
	close(fd);
	if (at != MAP_FAILED)
		notes = at;
}

static uint64_t word_at(const uint8_t *bytes, size_t at)
{
	uint64_t word;

	memcpy(&word, bytes + at, sizeof(word));
	return word;
}

/* Has this run executed what the notes don't have? */
static bool is_new(void)
{
	for (size_t at = 0; at < NOTES; at += sizeof(uint64_t)) {
		uint64_t word = word_at(executed, at);

		if (word && word & ~word_at(notes, at))
			return true;
	}
	return false;
}

/* Others may note at the same time: no byte is ever cleared. */
static void note(void)
{
	for (size_t at = 0; at < NOTES; at++)
		if (executed[at] && !notes[at])
			notes[at] = 1;
}

static __attribute__((noinline)) void leak(void)
{
	char *volatile memory = malloc(4321);

	memory[0] = 1;
	memory = NULL;
}

/* The program may be in a sandbox when it ends, which has no open(). */
__attribute__((constructor)) static void begin(void)
{
	const char *wanted = getenv("LEAKS_LEAK");

	map_notes();
	if (wanted && !strcmp(wanted, "yes"))
		leak();
}

/* A leak ends the process here, before the notes have this run. */
__attribute__((destructor)) static void end(void)
{
	if (notes && !executed_elsewhere && !is_new())
		return;
	__lsan_do_leak_check();
	if (notes)
		note();
}
