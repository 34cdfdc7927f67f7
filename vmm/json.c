// SPDX-License-Identifier: GPL-2.0
/* A writer of JSON: commas, keys and the escaping of texts. */
#include <inttypes.h>

#include "json.h"

/* Bytes from 0x80 on are written as they are: the user's UTF-8. */
static void put_text(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		unsigned char c = *text;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c < 0x20)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

static void begin(struct json *json, const char *key)
{
	if (json->follows)
		fputc(',', json->file);
	json->follows = true;
	if (!key)
		return;
	put_text(json->file, key);
	fputc(':', json->file);
}

void json_open(struct json *json, const char *key, char bracket)
{
	begin(json, key);
	fputc(bracket, json->file);
	json->follows = false;
}

void json_close(struct json *json, char bracket)
{
	fputc(bracket, json->file);
	json->follows = true;
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	begin(json, key);
	fprintf(json->file, "%" PRIu64, value);
}

void json_text(struct json *json, const char *key, const char *value)
{
	begin(json, key);
	put_text(json->file, value);
}
