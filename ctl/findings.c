// SPDX-License-Identifier: GPL-2.0
/* The results of gmemctl check: collects them, and prints them. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "findings.h"
#include "json.h"
#include "text.h"

struct finding {
	const char *name;
	enum result result;
	char *text;
	char *advice;		/* or NULL */
};

static const struct {
	const char *name;
	enum colour colour;
} results[] = {
	[RESULT_OK] = { "OK", COLOUR_GREEN },
	[RESULT_WARN] = { "WARN", COLOUR_YELLOW },
	[RESULT_FAIL] = { "FAIL", COLOUR_RED },
};

void found(struct findings *f, const char *name, enum result result,
	   const char *advice, const char *fmt, ...)
{
	struct finding *new;
	va_list ap;

	f->all = ctl_grow(f->all, f->count, sizeof(*new));
	new = &f->all[f->count++];
	new->name = name;
	new->result = result;
	new->advice = advice ? ctl_copy(advice) : NULL;
	va_start(ap, fmt);
	if (vasprintf(&new->text, fmt, ap) < 0)
		ctl_die("out of memory");
	va_end(ap);
}

void not_known(struct findings *f, const char *name, const char *path)
{
	found(f, name, RESULT_WARN,
	      "run this as root, with the kernel's own /proc and /sys mounted",
	      "not known: %s can't be read", path);
}

bool findings_ready(const struct findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->all[i].result == RESULT_FAIL)
			return false;
	return true;
}

void findings_json(const struct findings *f, struct json *j)
{
	json_bool(j, "ready", findings_ready(f));
	json_array(j, "checks");
	for (size_t i = 0; i < f->count; i++) {
		json_object(j, NULL);
		json_string(j, "name", f->all[i].name);
		json_string(j, "result", results[f->all[i].result].name);
		json_string(j, "text", f->all[i].text);
		json_string(j, "advice", f->all[i].advice);
		json_end(j);
	}
	json_end(j);
}

static void print_json(const struct findings *f)
{
	struct json j;

	json_begin(&j, stdout, false);
	findings_json(f, &j);
	json_finish(&j);
}

static void print_text(const struct findings *f, const size_t *counts)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct finding *one = &f->all[i];
		const char *name = results[one->result].name;

		text_paint(stdout, results[one->result].colour, name);
		printf("%*s %-12s %s\n", 4 - (int)strlen(name), "", one->name,
		       one->text);
		if (one->advice)
			printf("%*s -> %s\n", 17, "", one->advice);
	}
	printf("\n%zu OK, %zu WARN, %zu FAIL: this host is %sready\n",
	       counts[RESULT_OK], counts[RESULT_WARN], counts[RESULT_FAIL],
	       counts[RESULT_FAIL] ? "not " : "");
}

bool findings_print(const struct findings *f, bool json)
{
	size_t counts[RESULT_FAIL + 1] = { 0 };

	for (size_t i = 0; i < f->count; i++)
		counts[f->all[i].result]++;
	if (json)
		print_json(f);
	else
		print_text(f, counts);
	return findings_ready(f);
}

void findings_free(struct findings *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->all[i].text);
		free(f->all[i].advice);
	}
	free(f->all);
}
