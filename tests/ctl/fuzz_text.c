// SPDX-License-Identifier: GPL-2.0
/*
 * Names and numbers that users choose: what is printed of a name shows itself,
 * as text and as JSON, and what is taken for a number is one.
 */
#include <ctype.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../ctl/json.h"
#include "../../ctl/text.h"
#include "../../ctl/utf8.h"
#include "fuzz_copy.h"

/* Return: how many characters there are. */
static size_t check_shows(const char *text)
{
	size_t count = 0;

	for (; *text; count++) {
		uint32_t code;
		int n = utf8_decode(text, &code);

		fuzz_must(n && (utf8_shows(code) || code == '\n'));
		text += n;
	}
	return count;
}

static void try_json(const char *name)
{
	struct json j;
	size_t size;
	char *out;
	FILE *f = open_memstream(&out, &size);

	fuzz_must(f);
	json_begin(&j, f, true);
	json_string(&j, name, name);
	json_finish(&j);
	fuzz_must(!fclose(f) && strlen(out) == size);
	check_shows(out);
	free(out);
}

static void try_numbers(const char *text)
{
	unsigned long count;
	uint64_t bytes;
	double seconds;

	if (!text_parse_size(text, &bytes))
		fuzz_must(isdigit((unsigned char)*text));
	if (!text_parse_count(text, &count))
		fuzz_must(count && strspn(text, "0123456789") == strlen(text));
	if (!text_parse_seconds(text, &seconds))
		fuzz_must(seconds >= 0 && seconds <= 2000000);
}

static void try_name(char *name)
{
	const char *safe = text_safe(name);
	size_t width = text_width(safe);

	check_shows(safe);
	try_json(name);
	try_numbers(name);
	text_cut(name, width / 2);
	fuzz_must(text_width(name) <= width / 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const locales[] = { "C.UTF-8", "C" };

	for (size_t i = 0; i < 2; i++) {
		char *name = fuzz_copy(data, size);

		fuzz_must(setlocale(LC_CTYPE, locales[i]));
		try_name(name);
		free(name);
	}
	return 0;
}

size_t fuzz_seed(uint8_t *data, size_t room)
{
	static const char *const seeds[] = {
		"vm\303\251\342\200\256\342\201\246\302\205\360\237\230\200\377",
		"010G", "16777215T", "1.5", "4KiB", "\033[2J\"\\",
	};
	static unsigned int turn;
	const char *seed = seeds[turn++ % (sizeof(seeds) / sizeof(*seeds))];

	fuzz_must(room >= strlen(seed));
	memcpy(data, seed, strlen(seed));
	return strlen(seed);
}
