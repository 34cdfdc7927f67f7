/* SPDX-License-Identifier: GPL-2.0 */
/* A writer of JSON: objects, lists, numbers and texts. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *file;
	bool follows;	/* not the first element of its level */
};

/* @key is NULL in a list and at the outermost level. @bracket is { or [. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_number(struct json *json, const char *key, uint64_t value);
void json_text(struct json *json, const char *key, const char *value);

#endif
