// SPDX-License-Identifier: GPL-2.0
#include <inttypes.h>
#include <string.h>

#include "json.h"

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

/* Bytes of the character that begins here, or 0 if this is no UTF-8. */
static int utf8_length(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	int n;

	if (*s < 0x80)
		return 1;
	n = *s >= 0xf0 ? 4 : *s >= 0xe0 ? 3 : *s >= 0xc2 ? 2 : 0;
	if (!n || *s > 0xf4)
		return 0;
	code = *s & (0x7f >> n);
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code < 0xe000))
		return 0;
	return n;
}

static void write_text(FILE *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	fputc('"', out);
	while (*s) {
		int n = utf8_length(s);

		if (!n)
			fputs("\\ufffd", out);
		else if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if (*s < 0x20 || *s == 0x7f)
			fprintf(out, "\\u%04x", *s);
		else
			fwrite(s, 1, n, out);
		s += n ? n : 1;
	}
	fputc('"', out);
}
