// SPDX-License-Identifier: GPL-2.0
/* The results of gmemctl verify: collects them, and prints them. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "json.h"
#include "table.h"
#include "text.h"
#include "verdict.h"

/* Of the table; and what a cell, and the reasons for what was missed, take. */
#define COLUMNS		8
#define CELL_COST	48
#define MISSED_COST	640

static const char *const problem_names[PROBLEMS] = {
	[FINE] = "fine",
	[UNPROTECTED] = "unprotected",
	[LEAK] = "leak",
	[MISSING] = "missing",
	[CONTRADICTION] = "contradiction",
};

static const char *const problem_texts[PROBLEMS] = {
	[FINE] = "as it should be",
	[UNPROTECTED] = "readable, as gmemfs says, but neither shared nor lent",
	[LEAK] = "readable, although gmemfs says that it is hidden",
	[MISSING] = "not in the direct map, although gmemfs says that it is exposed",
	[CONTRADICTION] = "readable, although the page tables have no entry for it",
};

/* ---- a file's ---- */

void verdict_add_bad(struct verdict *v, uint64_t offset, uint64_t pfn,
		     enum problem problem)
{
	struct bad_run *last = v->listed + v->nr_listed - 1;

	if (v->nr_listed && last->problem == problem &&
	    last->offset + last->pages * GMEM_PAGE_SIZE == offset)
		last->pages++;
	else if (v->nr_listed == VERDICT_LISTED)
		v->unlisted++;
	else
		v->listed[v->nr_listed++] = (struct bad_run){
			.offset = offset, .pages = 1, .pfn = pfn,
			.problem = problem,
		};
}

void verdict_missed(struct verdict *v, const char *fmt, ...)
{
	char *before = v->missed, *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		ctl_die("out of memory");
	va_end(ap);
	v->missed = ctl_format("%s%s%s", before ? before : "",
			       before ? "; " : "", text);
	free(before);
	free(text);
}

/*
 * The path is there twice. In the table, a character that can't be seen is a
 * code of up to five times its length. Arrays double their size.
 */
size_t verdicts_cost(const char *path)
{
	const size_t cells = COLUMNS * (CELL_COST + 3 * sizeof(char *));

	return sizeof(struct verdict) + 3 * sizeof(struct verdict *) +
	       MISSED_COST + cells + 6 * strlen(path);
}

struct verdict *verdicts_add(struct verdicts *s, const char *path)
{
	struct verdict *v = ctl_alloc(1, sizeof(*v));

	s->all = ctl_grow(s->all, s->count, sizeof(*s->all));
	s->all[s->count++] = v;
	v->path = ctl_copy(path);
	return v;
}

void verdicts_free(struct verdicts *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->all[i]->path);
		free(s->all[i]->missed);
		free(s->all[i]);
	}
	free(s->all);
}

/* ---- for people and for programs ---- */

static uint64_t nr_bad(const struct verdict *v)
{
	uint64_t n = 0;

	for (int i = FINE + 1; i < PROBLEMS; i++)
		n += v->bad[i];
	return n;
}

static void json_bad_run(struct json *j, const struct bad_run *bad)
{
	json_object(j, NULL);
	json_number(j, "offset", bad->offset);
	json_number(j, "pages", bad->pages);
	json_number(j, "pfn", bad->pfn);
	json_string(j, "problem", problem_names[bad->problem]);
	json_end(j);
}

static void json_verdict(struct json *j, const struct verdict *v)
{
	json_object(j, NULL);
	json_string(j, "path", v->path);
	json_number(j, "checked", v->checked);
	json_number(j, "hidden", v->hidden);
	json_number(j, "hidden_with_contents", v->proven);
	json_number(j, "readable", v->readable);
	json_number(j, "readable_shared", v->shared);
	json_number(j, "readable_lent", v->lent);
	json_number(j, "gone", v->gone);
	json_number(j, "unseen", v->unseen);
	json_number(j, "doubtful", v->doubtful);
	json_string(j, "missed", v->missed);
	for (int i = FINE + 1; i < PROBLEMS; i++)
		json_number(j, problem_names[i], v->bad[i]);
	json_array(j, "bad_runs");
	for (size_t i = 0; i < v->nr_listed; i++)
		json_bad_run(j, &v->listed[i]);
	json_end(j);
	json_end(j);
}

static uint64_t all_bad(const struct verdicts *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += nr_bad(s->all[i]);
	return n;
}

static bool is_complete(const struct verdicts *s, const struct inventory *inv)
{
	bool complete = inv->complete;

	for (size_t i = 0; i < s->count; i++)
		complete &= !s->all[i]->missed;
	return complete;
}

static void print_json(const struct verdicts *s, const struct inventory *inv)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_array(&j, "files");
	for (size_t i = 0; i < s->count; i++)
		json_verdict(&j, s->all[i]);
	json_end(&j);
	json_number(&j, "bad", all_bad(s));
	json_bool(&j, "complete", is_complete(s, inv));
	json_array(&j, "missed");
	for (size_t i = 0; i < inv->nr_reasons; i++)
		json_string(&j, NULL, inv->reasons[i]);
	json_end(&j);
	json_finish(&j);
}

static void print_bad(const struct verdict *v)
{
	for (size_t i = 0; i < v->nr_listed; i++) {
		const struct bad_run *bad = &v->listed[i];

		printf("%s: %" PRIu64 " page%s from offset 0x%" PRIx64
		       " (frame 0x%" PRIx64 "): ", text_safe(v->path),
		       bad->pages, bad->pages == 1 ? "" : "s", bad->offset,
		       bad->pfn);
		text_paint(stdout, COLOUR_RED, problem_texts[bad->problem]);
		putchar('\n');
	}
	if (v->unlisted)
		printf("%s: and %" PRIu64 " more\n", text_safe(v->path),
		       v->unlisted);
}

static void print_missed(const struct verdict *v)
{
	if (!v->missed)
		return;
	printf("%s: ", text_safe(v->path));
	text_paint(stdout, COLOUR_YELLOW, "not everything was checked");
	printf(": %s\n", v->missed);
}

static void verdict_row(struct table *t, const struct verdict *v)
{
	uint64_t numbers[] = {
		v->checked, v->hidden, v->readable, v->shared, v->lent,
		nr_bad(v),
	};

	table_cell(t, "%s", text_safe(v->path));
	for (size_t n = 0; n < sizeof(numbers) / sizeof(*numbers); n++)
		table_cell(t, "%" PRIu64, numbers[n]);
	table_cell(t, "%s", nr_bad(v) ? "BAD" :
		   v->missed ? "incomplete" : "good");
}

static void print_text(const struct verdicts *s, const struct inventory *inv)
{
	static const char *const headers[COLUMNS + 1] = {
		"FILE", ">PAGES", ">HIDDEN", ">READABLE", ">SHARED", ">LENT",
		">WRONG", "VERDICT", NULL
	};
	struct table t;

	table_begin(&t, headers);
	for (size_t i = 0; i < s->count; i++)
		verdict_row(&t, s->all[i]);
	table_print(&t, stdout, 0);
	for (size_t i = 0; i < s->count; i++)
		print_bad(s->all[i]);
	for (size_t i = 0; i < s->count; i++)
		print_missed(s->all[i]);
	inventory_print_reasons(inv);
}

int verdicts_conclude(const struct verdicts *s, const struct inventory *inv,
		      bool json)
{
	if (json)
		print_json(s, inv);
	else
		print_text(s, inv);
	if (all_bad(s))
		return CTL_FAILED;
	if (is_complete(s, inv))
		return CTL_OK;
	ctl_error("incomplete: no error was found, but not everything could be checked");
	return CTL_INCOMPLETE;
}
