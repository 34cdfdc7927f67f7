// SPDX-License-Identifier: GPL-2.0
/* A writer of metrics: their two formats, and the escaping of labels. */
#include <inttypes.h>

#include "metric.h"
#include "utf8.h"

static const char *const types[] = {
	[METRIC_GAUGE] = "gauge",
	[METRIC_COUNTER] = "counter",
};

/* ---- labels ---- */

/*
 * The format knows an escape for these three characters. All others have to be
 * UTF-8 as they are. What is not, or can't be seen, is written as other
 * commands print it: by a code, whose backslash is escaped.
 */
static int write_char(const struct metric_writer *w, const char *text)
{
	uint32_t code;
	int n = utf8_decode(text, &code);

	if (n == 1 && code == '\n')
		fputs("\\n", w->out);
	else if (n == 1 && (code == '"' || code == '\\'))
		fprintf(w->out, "\\%c", (char)code);
	else if (!n || (code < 0x80 && !utf8_shows(code)))
		fprintf(w->out, "\\\\x%02x", (unsigned char)*text);
	else if (!utf8_shows(code) || (code >= 0x80 && w->ascii))
		fprintf(w->out, code > 0xffff ? "\\\\U%08x" : "\\\\u%04x",
			code);
	else
		fwrite(text, 1, n, w->out);
	return n ? n : 1;
}

static void write_label(const struct metric_writer *w,
			const struct metric_label *label)
{
	const char *text = label->value;

	fprintf(w->out, "%s=\"", label->name);
	while (*text)
		text += write_char(w, text);
	fputc('"', w->out);
}

static void write_labels(const struct metric_writer *w,
			 const struct metric_label *labels)
{
	fputc('{', w->out);
	for (const struct metric_label *l = labels; l->name; l++) {
		if (l != labels)
			fputc(',', w->out);
		write_label(w, l);
	}
	fputc('}', w->out);
}

/* ---- metrics ---- */

static void json_sample(struct json *j, const struct metric_label *labels,
			uint64_t value)
{
	json_object(j, NULL);
	json_object(j, "labels");
	for (; labels && labels->name; labels++)
		json_string(j, labels->name, labels->value);
	json_end(j);
	json_number(j, "value", value);
	json_end(j);
}

void metric_begin(struct metric_writer *w, enum metric_type type,
		  const char *name, const char *help)
{
	w->name = name;
	if (!w->json) {
		fprintf(w->out, "# HELP %s %s\n# TYPE %s %s\n", name, help,
			name, types[type]);
		return;
	}
	json_object(w->json, NULL);
	json_string(w->json, "name", name);
	json_string(w->json, "type", types[type]);
	json_string(w->json, "help", help);
	json_array(w->json, "samples");
}

void metric_sample(struct metric_writer *w, const struct metric_label *labels,
		   uint64_t value)
{
	if (w->json) {
		json_sample(w->json, labels, value);
		return;
	}
	fputs(w->name, w->out);
	if (labels)
		write_labels(w, labels);
	fprintf(w->out, " %" PRIu64 "\n", value);
}

void metric_end(struct metric_writer *w)
{
	if (!w->json)
		return;
	json_end(w->json);
	json_end(w->json);
}

void metric_gauge(struct metric_writer *w, const char *name, const char *help,
		  uint64_t value)
{
	metric_begin(w, METRIC_GAUGE, name, help);
	metric_sample(w, NULL, value);
	metric_end(w);
}
