// SPDX-License-Identifier: GPL-2.0
/* A writer of JSON: nesting, commas, and the escaping of strings. */
#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "text.h"
#include "utf8.h"

static void write_text(FILE *out, const char *text);

static void next_line(struct json *j)
{
	if (j->compact)
		return;
	fprintf(j->out, "\n%*s", 2 * j->depth, "");
}

static void next(struct json *j, const char *key)
{
	bool *empty = &j->empty[j->depth - 1];

	if (!*empty)
		fputs(j->compact ? ", " : ",", j->out);
	*empty = false;
	next_line(j);
	if (key) {
		write_text(j->out, key);
		fputs(": ", j->out);
	}
}

static void open_level(struct json *j, char begin, char end)
{
	fputc(begin, j->out);
	j->ends[j->depth] = end;
	j->empty[j->depth] = true;
	j->depth++;
}

void json_begin(struct json *j, FILE *out, bool compact)
{
	memset(j, 0, sizeof(*j));
	j->out = out;
	j->compact = compact;
	open_level(j, '{', '}');
}

void json_end(struct json *j)
{
	j->depth--;
	if (!j->empty[j->depth])
		next_line(j);
	fputc(j->ends[j->depth], j->out);
}

void json_finish(struct json *j)
{
	json_end(j);
	fputc('\n', j->out);
}

void json_object(struct json *j, const char *key)
{
	next(j, key);
	open_level(j, '{', '}');
}

void json_array(struct json *j, const char *key)
{
	next(j, key);
	open_level(j, '[', ']');
}

void json_number(struct json *j, const char *key, uint64_t value)
{
	next(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_real(struct json *j, const char *key, double value)
{
	next(j, key);
	fprintf(j->out, "%.3f", value);
}

void json_bool(struct json *j, const char *key, bool value)
{
	next(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_null(struct json *j, const char *key)
{
	next(j, key);
	fputs("null", j->out);
}

void json_string(struct json *j, const char *key, const char *value)
{
	if (!value) {
		json_null(j, key);
		return;
	}
	next(j, key);
	write_text(j->out, value);
}

/* ---- strings ---- */

/* Write an escape: \uXXXX, or a surrogate pair for more than 16 bits. */
static void write_code(FILE *out, uint32_t code)
{
	if (code < 0x10000) {
		fprintf(out, "\\u%04x", code);
		return;
	}
	code -= 0x10000;
	fprintf(out, "\\u%04x\\u%04x", 0xd800 | code >> 10,
		0xdc00 | (code & 0x3ff));
}

static void write_text(FILE *out, const char *text)
{
	fputc('"', out);
	while (*text) {
		uint32_t code;
		int n = utf8_decode(text, &code);

		if (!n)
			write_code(out, 0xfffd);
		else if (code == '"' || code == '\\')
			fprintf(out, "\\%c", (char)code);
		else if (!utf8_shows(code) || (code >= 0x80 && !text_is_utf8()))
			write_code(out, code);
		else
			fwrite(text, 1, n, out);
		text += n ? n : 1;
	}
	fputc('"', out);
}
