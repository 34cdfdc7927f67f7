// SPDX-License-Identifier: GPL-2.0
/* The steps that a command is going to take. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl.h"
#include "steps.h"
#include "text.h"

static const struct {
	const char *word;
	const char *key;	/* in JSON */
	enum colour colour;
} states[] = {
	[STEP_PLAN] = { "PLAN", "planned", COLOUR_BOLD },
	[STEP_SKIP] = { "SKIP", "skipped", COLOUR_DIM },
	[STEP_DONE] = { "DONE", "done", COLOUR_GREEN },
	[STEP_FAIL] = { "FAIL", "failed", COLOUR_RED },
};

static char *format(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		ctl_die("out of memory");
	return text;
}

void steps_add(struct steps *s, int (*take)(const struct step *step),
	       const void *what, const char *how, const char *fmt, ...)
{
	struct step *new;
	va_list ap;

	s->all = ctl_grow(s->all, s->count, sizeof(*new));
	new = &s->all[s->count++];
	*new = (struct step){ .take = take, .what = what, .how = how };
	va_start(ap, fmt);
	new->text = format(fmt, ap);
	va_end(ap);
}

void steps_skip(struct steps *s, const char *fmt, ...)
{
	struct step *last = &s->all[s->count - 1];
	va_list ap;

	last->state = STEP_SKIP;
	va_start(ap, fmt);
	last->why = format(fmt, ap);
	va_end(ap);
}

size_t steps_left(const struct steps *s)
{
	size_t left = 0;

	for (size_t i = 0; i < s->count; i++)
		left += s->all[i].state == STEP_PLAN;
	return left;
}

static void print_step(const struct step *step)
{
	text_paint(stdout, states[step->state].colour,
		   states[step->state].word);
	printf("  %s%s%s\n", step->text, step->why ? ": " : "",
	       step->why ? step->why : "");
}

void steps_print(const struct steps *s)
{
	for (size_t i = 0; i < s->count; i++)
		print_step(&s->all[i]);
}

/* The user sees each as soon as it is done: some take minutes. */
int steps_take(struct steps *s, bool tell)
{
	int status = CTL_OK;

	for (size_t i = 0; i < s->count && !status; i++) {
		struct step *step = &s->all[i];

		if (step->state != STEP_PLAN)
			continue;
		fflush(stdout);
		status = step->take(step);
		step->state = status ? STEP_FAIL : STEP_DONE;
		if (tell)
			print_step(step);
	}
	return status;
}

void steps_json(const struct steps *s, struct json *j)
{
	json_array(j, "steps");
	for (size_t i = 0; i < s->count; i++) {
		json_object(j, NULL);
		json_string(j, "step", s->all[i].text);
		json_string(j, "state", states[s->all[i].state].key);
		json_string(j, "why", s->all[i].why);
		json_end(j);
	}
	json_end(j);
}

void steps_free(struct steps *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->all[i].text);
		free(s->all[i].why);
	}
	free(s->all);
}
