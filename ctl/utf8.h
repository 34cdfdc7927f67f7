/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UTF-8, and which characters are visible. Text that users choose, such as
 * names of files and of processes, is printed only after this check.
 */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* utf8_decode - decode a character. Return: its bytes; 0 if it isn't UTF-8. */
int utf8_decode(const char *text, uint32_t *code);

/*
 * utf8_shows - is this character visible and harmless? Controls, characters
 * that change the direction of writing, and characters without a width are not.
 */
bool utf8_shows(uint32_t code);

#endif /* UTF8_H */
