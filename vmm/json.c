// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>

#include "../ctl/utf8.h"
#include "json.h"

/* Of two halves beyond 16 bits. */
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
 * A path may be any bytes. The answer is ASCII, so that it's JSON, and nothing
 * that a terminal obeys, wherever it is read; what is no UTF-8 is U+FFFD.
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
