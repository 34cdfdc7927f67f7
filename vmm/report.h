/* SPDX-License-Identifier: GPL-2.0 */
/* What --control answers. */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

/* @machine is a struct machine. */
void report_answer(void *machine, const char *command, FILE *to);

#endif
