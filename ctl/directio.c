// SPDX-License-Identifier: GPL-2.0
/*
 * Looks for options of disks on the command line of a VMM. A process can write
 * to its command line, so nothing but the words of this file is repeated.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "directio.h"
#include "reach.h"

/* What is longer is cut off: libvirt's longest arguments have 1000 bytes. */
#define ARGUMENT_MOST	65536

/* As -drive and -blockdev have them, and as the JSON of -blockdev has them. */
static const struct {
	const char *text;
	const char *name;
	bool is_json;
} options[] = {
	{ "cache=none", "cache=none", false },
	{ "cache=directsync", "cache=directsync", false },
	{ "cache.direct=on", "cache.direct=on", false },
	{ "aio=native", "aio=native", false },
	{ "\"direct\":true", "cache.direct=on", true },
	{ "\"aio\":\"native\"", "aio=native", true },
};

#define NR_OPTIONS	(sizeof(options) / sizeof(*options))

/* In "file.cache.direct=on", a part of a name is in front. */
static bool is_whole(const char *argument, const char *at, size_t size)
{
	return (at == argument || at[-1] == ',' || at[-1] == '.') &&
	       (!at[size] || at[size] == ',');
}

static bool has_option(const char *argument, size_t i)
{
	size_t size = strlen(options[i].text);
	const char *at = argument;

	while ((at = strstr(at, options[i].text))) {
		if (options[i].is_json || is_whole(argument, at, size))
			return true;
		at++;
	}
	return false;
}

/* Read up to the next zero byte. Return: false at the end of the file. */
static bool next_argument(FILE *f, char *argument)
{
	size_t n = 0;
	int c;

	while ((c = getc(f)) != EOF && c)
		if (n < ARGUMENT_MOST - 1)
			argument[n++] = c;
	argument[n] = '\0';
	return c != EOF || n;
}

static unsigned int find(FILE *f)
{
	char *argument = ctl_alloc(ARGUMENT_MOST, 1);
	unsigned int found = 0;

	while (next_argument(f, argument))
		for (size_t i = 0; i < NR_OPTIONS; i++)
			if (has_option(argument, i))
				found |= 1U << i;
	free(argument);
	return found;
}

static bool is_named_before(unsigned int found, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (found & 1U << k && !strcmp(options[k].name,
					       options[i].name))
			return true;
	return false;
}

char *directio_options(pid_t pid)
{
	FILE *f = reach_process_text(pid, "cmdline");
	char *all = NULL, *longer;
	unsigned int found;

	if (!f)
		return NULL;
	found = find(f);
	fclose(f);
	for (size_t i = 0; i < NR_OPTIONS; i++) {
		if (!(found & 1U << i) || is_named_before(found, i))
			continue;
		longer = ctl_format("%s%s%s", all ? all : "", all ? ", " : "",
				    options[i].name);
		free(all);
		all = longer;
	}
	return all;
}
