// SPDX-License-Identifier: GPL-2.0
/* A writer of JSON: commas, keys and the escaping of texts. */
#include <inttypes.h>

#include "../ctl/utf8.h"
#include "json.h"

/* A code of more than 16 bits is written as a surrogate pair. */
static void put_code(FILE *f, uint32_t code)
{
	if (code < 0x10000) {
		fprintf(f, "\\u%04x", code);
		return;
	}
	code -= 0x10000;
	fprintf(f, "\\u%04x\\u%04x", 0xd800 | code >> 10,
		0xdc00 | (code & 0x3ff));
}

/*
 * A path may have any bytes. The answer is ASCII only: so it is valid JSON, and
 * has no controls for a terminal, wherever it is read. A byte that isn't UTF-8
 * becomes U+FFFD.
 */
static void put_text(FILE *f, const char *text)
{
	fputc('"', f);
	while (*text) {
		uint32_t code;
		int n = utf8_decode(text, &code);

		if (!n)
			put_code(f, 0xfffd);
		else if (code == '"' || code == '\\')
			fprintf(f, "\\%c", (char)code);
		else if (code >= 0x20 && code < 0x7f)
			fputc((char)code, f);
		else
			put_code(f, code);
		text += n ? n : 1;
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
