/* SPDX-License-Identifier: GPL-2.0 */
/* The steps that a command is going to take: prints them, and takes them. */
#ifndef STEPS_H
#define STEPS_H

#include <stdbool.h>
#include <stddef.h>

#include "json.h"

enum step_state { STEP_PLAN, STEP_SKIP, STEP_DONE, STEP_FAIL };

struct step {
	char *text;
	char *why;		/* it is skipped, or NULL */
	enum step_state state;
	int (*take)(const struct step *step);	/* Return: a status */
	const void *what;	/* for @take */
	const char *how;
};

/* All 0 at first. */
struct steps {
	struct step *all;
	size_t count;
};

/* steps_add - add one. @what and @how are only borrowed. */
__attribute__((format(printf, 5, 6)))
void steps_add(struct steps *s, int (*take)(const struct step *step),
	       const void *what, const char *how, const char *fmt, ...);

/* steps_skip - the step that was added last isn't taken; say why */
__attribute__((format(printf, 2, 3)))
void steps_skip(struct steps *s, const char *fmt, ...);

/* steps_left - how many there are to take */
size_t steps_left(const struct steps *s);

/* steps_print - print them as they are now */
void steps_print(const struct steps *s);

/*
 * steps_take - take them in order, until one fails; print each, if @tell
 *
 * Return: CTL_OK; or the status of the one that failed, after its message.
 */
int steps_take(struct steps *s, bool tell);
void steps_json(const struct steps *s, struct json *j);
void steps_free(struct steps *s);

#endif /* STEPS_H */
