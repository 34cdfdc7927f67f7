/* SPDX-License-Identifier: GPL-2.0 */
/* Text for the terminal: sizes, names, widths, colours. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * text_parse_size - parse a number of bytes, in decimal, with or without a unit
 * (K, M, G, T and so on). Return: 0 or -1.
 */
int text_parse_size(const char *text, uint64_t *bytes);

/* text_parse_seconds - parse a number of seconds, with or without a fraction */
int text_parse_seconds(const char *text, double *seconds);

/* text_parse_count - parse a whole number of 1 or more */
int text_parse_count(const char *text, unsigned long *count);

/* text_size - format as "192M" or "1.5G"; valid for the next eight calls */
const char *text_size(uint64_t bytes);

/*
 * text_safe - make a name safe to print: replaces each character that is
 * invisible, that controls a terminal, or that changes the direction of
 * writing, by an escape. Valid for the next eight calls.
 */
const char *text_safe(const char *name);

/* text_width - the number of columns that a text takes on a terminal */
size_t text_width(const char *text);

/* text_cut - cut a text off so that it takes @width columns at most */
void text_cut(char *text, size_t width);

/* text_similar - the word that the user may have meant, or NULL */
const char *text_similar(const char *word, const char *const *words);

/* text_columns - width of the terminal; 80 if there is none */
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
 * text_set_colour - set when text_paint() uses colours: "always", "never" or
 * "auto". With "auto" it does on a terminal that isn't dumb, if NO_COLOR isn't
 * set. Return: 0 or -1.
 */
int text_set_colour(const char *when);
void text_paint(FILE *out, enum colour colour, const char *text);

#endif /* TEXT_H */
