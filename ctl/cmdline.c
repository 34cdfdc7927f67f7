// SPDX-License-Identifier: GPL-2.0
/* Arguments of the kernel's command line: blanks, quotes, names, values. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cmdline.h"
#include "ctl.h"

/* Quotes may be around a whole argument or a part of it. */
static char *cut_argument(char **rest)
{
	char *from = *rest + strspn(*rest, " \t\n"), *to = from, *at;
	bool quoted = false;

	if (!*from)
		return NULL;
	for (at = from; *at && (quoted || !isspace((unsigned char)*at)); at++) {
		if (*at == '"')
			quoted = !quoted;
		else
			*to++ = *at;
	}
	*rest = *at ? at + 1 : at;
	*to = '\0';
	return from;
}

static bool is_name(const char *text, size_t size, const char *name)
{
	if (size != strlen(name))
		return false;
	for (size_t i = 0; i < size; i++)
		if ((text[i] == '-' ? '_' : text[i]) != name[i])
			return false;
	return true;
}

/* Does one of the values between commas begin with one of @values? */
static bool is_value(const char *text, const char *values)
{
	for (; *text; text += strcspn(text, ","), text += *text == ',') {
		const char *at = values;

		while (*at) {
			size_t n = strcspn(at, " ");

			if (!strncasecmp(text, at, n))
				return true;
			at += n;
			at += strspn(at, " ");
		}
	}
	return false;
}

static bool sets(const char *argument, const char *name, const char *values)
{
	size_t size = strcspn(argument, "=");

	if (!is_name(argument, size, name))
		return false;
	if (!values)
		return true;
	return argument[size] && is_value(argument + size + 1, values);
}

bool cmdline_has(const char *line, const char *name, const char *values)
{
	char *copy = ctl_copy(line), *rest = copy, *argument;
	bool has = false;

	/* What comes after "--" is for init. */
	while (!has && (argument = cut_argument(&rest)) &&
	       strcmp(argument, "--"))
		has = sets(argument, name, values);
	free(copy);
	return has;
}
