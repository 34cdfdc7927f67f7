/* SPDX-License-Identifier: GPL-2.0 */
/* Sizes, colours and names, as people write and read them. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * text_parse_size - bytes, in decimal, perhaps with K, M, G, T and so on.
 * Return: 0 or -1.
 */
int text_parse_size(const char *text, uint64_t *bytes);

/* text_parse_seconds - a number of seconds, perhaps with a fraction */
int text_parse_seconds(const char *text, double *seconds);

/* text_parse_count - a whole number from 1 on */
int text_parse_count(const char *text, unsigned long *count);

/* text_size - as "192M" or "1.5G"; valid for the next eight calls */
const char *text_size(uint64_t bytes);

/*
 * text_safe - a name that shows itself: a code is in the place of each
 * character that can't be seen, that a terminal would obey, or that changes the
 * order of writing. Valid for the next eight calls.
 */
const char *text_safe(const char *name);

/* text_width - columns that a text takes on a terminal */
size_t text_width(const char *text);

/* text_cut - cut it off where it gets wider than that */
void text_cut(char *text, size_t width);

/* text_similar - the word that somebody may have meant, or NULL */
const char *text_similar(const char *word, const char *const *words);

/* text_columns - width of the terminal; 80 where there is none */
int text_columns(void);

/* text_is_utf8 - may there be more than ASCII in the output? */
bool text_is_utf8(void);

enum colour {
	COLOUR_NONE,
	COLOUR_BOLD,
	COLOUR_DIM,
	COLOUR_RED,
	COLOUR_GREEN,
	COLOUR_YELLOW,
	COLOUR_BLUE,
	COLOUR_MAGENTA,
	COLOUR_CYAN,
};

/*
 * text_set_colour - whether text_paint() paints: "always", "never" or "auto",
 * which is for terminals that aren't dumb and users without NO_COLOR. Return: 0
 * or -1.
 */
int text_set_colour(const char *when);
void text_paint(FILE *out, enum colour colour, const char *text);

#endif /* TEXT_H */
