// SPDX-License-Identifier: GPL-2.0
/* The record of what gmemctl setup has changed. */
#include <stdlib.h>

#include "ctl.h"
#include "record.h"

#define HEADER \
	"# What gmemctl setup has changed, for gmemctl setup --undo. A setting with\n" \
	"# .now, but without .was, was not there before. It may still be .prev.\n"

static void set(struct settings *record, const char *key, const char *value)
{
	if (!*record->text) {
		free(record->text);
		record->text = ctl_copy(HEADER);
	}
	settings_set(record, key, value);
}

/*
 * KEY.now is what setup has written, and KEY.was what it has found, if any. If
 * setup was killed after the record and before the file, the file still has
 * what an earlier run has written: KEY.prev.
 */
static char *name(const char *key, const char *what)
{
	return ctl_format("%s.%s", key, what);
}

/* Has setup written this value? */
static bool is_ours(const struct settings *record, const char *key,
		    const char *value)
{
	char *now = name(key, "now"), *prev = name(key, "prev");
	bool is = value && (settings_is(record, now, value) ||
			    settings_is(record, prev, value));

	free(prev);
	free(now);
	return is;
}

/* What setup has found is what is there now, unless setup has written that. */
void record_set(struct settings *record, struct settings *file, const char *key,
		const char *value)
{
	char *now = name(key, "now"), *was = name(key, "was");
	char *prev = name(key, "prev"), *is = settings_get(file, key);
	bool ours = is_ours(record, key, is);

	if (!settings_is(file, key, value)) {
		if (!ours)
			set(record, was, is);
		set(record, prev, ours ? is : NULL);
		set(record, now, value);
		settings_set(file, key, value);
	}
	free(is);
	free(prev);
	free(was);
	free(now);
}

char *record_back(const struct settings *record, struct settings *file,
		  const char *key)
{
	char *was = name(key, "was"), *is = settings_get(file, key);
	char *found = settings_get(record, was);
	char *other = NULL;

	if (is_ours(record, key, is))
		settings_set(file, key, found);
	else if (record_has(record, key) && !settings_is(file, key, found))
		other = ctl_copy(is ? is : "");
	free(found);
	free(is);
	free(was);
	return other;
}

bool record_has(const struct settings *record, const char *key)
{
	char *now = name(key, "now");
	char *wrote = settings_get(record, now);
	bool has = wrote;

	free(wrote);
	free(now);
	return has;
}

void record_verb(struct settings *record, const char *verb, const char *unit)
{
	char *key = name(unit, verb);

	set(record, key, "yes");
	free(key);
}

bool record_has_verb(const struct settings *record, const char *verb,
		     const char *unit)
{
	char *key = name(unit, verb);
	bool has = settings_is(record, key, "yes");

	free(key);
	return has;
}
