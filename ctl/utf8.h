/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UTF-8, and which of its characters show themselves. What users choose, such
 * as names of files and of processes, is printed by nothing that hasn't asked.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* utf8_decode - bytes of the character that begins here; 0 if it is none */
int utf8_decode(const char *text, uint32_t *code);

/*
 * utf8_shows - is this a character that a reader sees, and a terminal doesn't
 * obey? Not so are controls, what changes the direction of writing, and what
 * takes no place.
 */
bool utf8_shows(uint32_t code);

#endif /* UTF8_H */
