// SPDX-License-Identifier: GPL-2.0
/* The record of what gmemctl setup has changed. */
#include <stdlib.h>

#include "ctl.h"
#include "record.h"

#define HEADER \
	"# What gmemctl setup has changed, for gmemctl setup --undo. A setting with\n" \
	"# .now, but without .was, was not there before.\n"

static void set(struct settings *record, const char *key, const char *value)
{
	if (!*record->text) {
		free(record->text);
		record->text = ctl_copy(HEADER);
	}
	settings_set(record, key, value);
}

/* KEY.now is what setup has written, and KEY.was what it has found, if any. */
static char *name(const char *key, const char *what)
{
	return ctl_format("%s.%s", key, what);
}

/* What setup has found is what is there now, unless setup has written that. */
void record_set(struct settings *record, struct settings *file, const char *key,
		const char *value)
{
	char *now = name(key, "now"), *was = name(key, "was");
	char *is = settings_get(file, key);

	if (!settings_is(file, key, value)) {
		if (!is || !settings_is(record, now, is))
			set(record, was, is);
		set(record, now, value);
		settings_set(file, key, value);
	}
	free(is);
	free(was);
	free(now);
}

char *record_back(const struct settings *record, struct settings *file,
		  const char *key)
{
	char *now = name(key, "now"), *was = name(key, "was");
	char *wrote = settings_get(record, now);
	char *found = settings_get(record, was);
	char *other = NULL;

	if (wrote && settings_is(file, key, wrote))
		settings_set(file, key, found);
	else if (wrote && !settings_is(file, key, found))
		other = settings_get(file, key) ?: ctl_copy("");
	free(found);
	free(wrote);
	free(was);
	free(now);
	return other;
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
