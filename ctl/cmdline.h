/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's command line, parsed as the kernel does it (lib/cmdline.c). */
#ifndef CMDLINE_H
#define CMDLINE_H

#include <stdbool.h>

/*
 * cmdline_has - does the line set a parameter to one of some values?
 * @line: the text of /proc/cmdline
 * @name: the parameter's name; - and _ are the same to the kernel
 * @values: beginnings of values, with blanks between; in the line's value,
 *	    commas are between several. NULL: any value, or none
 */
bool cmdline_has(const char *line, const char *name, const char *values);

#endif /* CMDLINE_H */
