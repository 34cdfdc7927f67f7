/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A writer of JSON. The caller begins and ends objects and arrays; what it
 * writes in between is in them. In an object each value has a key; in an array
 * the key is NULL.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH	8

struct json {
	FILE *out;
	bool compact;		/* all on one line */
	int depth;
	char ends[JSON_DEPTH];
	bool empty[JSON_DEPTH];
};

/* json_begin - begin the outermost object */
void json_begin(struct json *j, FILE *out, bool compact);
/* json_finish - end the outermost object, with a line break */
void json_finish(struct json *j);

void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end(struct json *j);

void json_number(struct json *j, const char *key, uint64_t value);
void json_real(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);

/* json_string - NULL becomes null; bytes that aren't UTF-8 become U+FFFD */
void json_string(struct json *j, const char *key, const char *value);

#endif /* JSON_H */
