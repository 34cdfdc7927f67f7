/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The record of what gmemctl setup has changed, in /var/lib/gmemfs/setup. It is
 * written before the changes are made, so it may have some that were not made.
 */
#ifndef RECORD_H
#define RECORD_H

#include <stdbool.h>

#include "settings.h"

#define RECORD_PATH	"/var/lib/gmemfs/setup"

/* record_set - unless it is so already: set it in a file, and record that */
void record_set(struct settings *record, struct settings *file, const char *key,
		const char *value);

/*
 * record_back - put back what was there before record_set()
 *
 * Return: NULL; or what is there now, which the caller frees, if somebody has
 * changed it since. Then it stays.
 */
char *record_back(const struct settings *record, struct settings *file,
		  const char *key);

/* record_has - has setup set it? */
bool record_has(const struct settings *record, const char *key);

/* What was done to a unit: "enable", "start" or "wait". */
void record_verb(struct settings *record, const char *verb, const char *unit);
bool record_has_verb(const struct settings *record, const char *verb,
		     const char *unit);

#endif /* RECORD_H */
