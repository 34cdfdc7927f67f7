// SPDX-License-Identifier: GPL-2.0
/* Files of settings: finds and changes a line, and keeps all others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "etc.h"
#include "settings.h"

#define BLANKS	" \t"

int settings_read(struct settings *s)
{
	int status = etc_read(s->path, &s->before);

	s->text = ctl_copy(s->before ? s->before : "");
	return status;
}

/* It may be minutes since the file was read. */
int settings_write(const struct settings *s)
{
	char *now;
	bool same;

	if (etc_read(s->path, &now))
		return CTL_FAILED;
	same = now && s->before ? !strcmp(now, s->before) : now == s->before;
	free(now);
	if (!same)
		return ctl_error("%s was changed meanwhile, and stays so",
				 s->path);
	return etc_replace(s->path, s->text);
}

void settings_free(struct settings *s)
{
	free(s->before);
	free(s->text);
}

bool settings_changed(const struct settings *s)
{
	return strcmp(s->before ? s->before : "", s->text);
}

/* ---- lines ---- */

/* Where the line after this one begins. */
static const char *after_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/* Return: the rest of the line after @key and "="; or NULL if that isn't it. */
static const char *after_key(const struct settings *s, const char *line,
			     const char *key)
{
	size_t n = strlen(key);

	line += strspn(line, BLANKS);
	if (strncmp(line, key, n))
		return NULL;
	line += n;
	if (s->form == SETTINGS_LIBVIRT)
		line += strspn(line, BLANKS);
	return *line == '=' ? line + 1 : NULL;
}

static bool is_comment(const char *line)
{
	line += strspn(line, BLANKS);
	return *line == '#' || *line == ';';
}

/*
 * The last line of a key counts, as for systemd; but the first one for libvirt.
 * NULL: there is none.
 */
static const char *find_line(const struct settings *s, const char *key)
{
	const char *found = NULL;

	for (const char *l = s->text; *l; l = after_line(l)) {
		if (!after_key(s, l, key))
			continue;
		found = l;
		if (s->form == SETTINGS_LIBVIRT)
			break;
	}
	return found;
}

/* What the file itself says of the key, as an example: "#key = ...". */
static const char *find_example(const struct settings *s, const char *key)
{
	for (const char *l = s->text; *l; l = after_line(l))
		if (is_comment(l) && after_key(s, l + strspn(l, "#; \t"), key))
			return l;
	return NULL;
}

static char *unquote(const char *value, size_t n)
{
	if (n >= 2 && strchr("\"'", value[0]) && value[n - 1] == value[0])
		return ctl_format("%.*s", (int)n - 2, value + 1);
	return ctl_format("%.*s", (int)n, value);
}

/* libvirt's values may have blanks around them, and a comment behind. */
static char *libvirt_value(const char *value, size_t n)
{
	const char *end;

	while (n && strchr(BLANKS, *value))
		value++, n--;
	end = n && strchr("\"'", *value) ? memchr(value + 1, *value, n - 1) :
					   memchr(value, '#', n);
	if (end)
		n = end - value + (*value == *end);
	while (n && strchr(BLANKS, value[n - 1]))
		n--;
	return unquote(value, n);
}

char *settings_get(const struct settings *s, const char *key)
{
	const char *line = find_line(s, key), *value;
	size_t n;

	if (!line)
		return NULL;
	value = after_key(s, line, key);
	n = strcspn(value, "\n");
	return s->form == SETTINGS_LIBVIRT ? libvirt_value(value, n) :
					     unquote(value, n);
}

bool settings_is(const struct settings *s, const char *key, const char *value)
{
	char *is = settings_get(s, key);
	bool same = is && value ? !strcmp(is, value) : !is && !value;

	free(is);
	return same;
}

bool settings_strange(const struct settings *s, const char *key)
{
	for (const char *l = s->text; *l; l = after_line(l)) {
		const char *named = strstr(l, key);

		if (named && named < l + strcspn(l, "\n") && !is_comment(l) &&
		    !after_key(s, l, key))
			return true;
	}
	return false;
}

/* ---- changes ---- */

/* Replace what is from @from to @to by a line; NULL: by nothing. */
static void splice(struct settings *s, const char *from, const char *to,
		   const char *line)
{
	bool open = line && from > s->text && from[-1] != '\n';
	char *text = ctl_format("%.*s%s%s%s", (int)(from - s->text), s->text,
				open ? "\n" : "", line ? line : "", to);

	free(s->text);
	s->text = text;
}

static char *make_line(const struct settings *s, const char *key,
		       const char *value)
{
	if (s->form == SETTINGS_LIBVIRT)
		return ctl_format("%s = \"%s\"\n", key, value);
	return ctl_format("%s=%s\n", key, value);
}

/* Where there is no line yet: after the example, or at the end. */
static void add_line(struct settings *s, const char *key, const char *line)
{
	const char *at = find_example(s, key);

	at = at ? after_line(at) : s->text + strlen(s->text);
	splice(s, at, at, line);
}

void settings_set(struct settings *s, const char *key, const char *value)
{
	const char *old = find_line(s, key);
	char *line = value ? make_line(s, key, value) : NULL;

	if (old)
		splice(s, old, after_line(old), line);
	else if (line)
		add_line(s, key, line);
	free(line);
}
