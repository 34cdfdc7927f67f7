/* SPDX-License-Identifier: GPL-2.0 */
/* The answers of --control: the status as JSON, and the balloon. */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>

/* @machine is a struct machine. */
void report_answer(void *machine, const char *command, FILE *to);

#endif
