/* SPDX-License-Identifier: GPL-2.0 */
/* Records: in which order a guest needed its blocks. */
#ifndef RECORD_H
#define RECORD_H

#include <stdint.h>
#include <stdio.h>

struct order;

/* Let a record say what comes first. Return: 0, or -1 after fail() */
int record_replay(struct order *order, const char *path);

/*
 * Open a file for a record; what is in it stays until record_begin(). Return:
 * NULL after fail()
 */
FILE *record_open(const char *path);

/*
 * Begin a record. What is replayed is in it, too, as it won't be asked for.
 * Return: 0, or -1 after fail()
 */
int record_begin(FILE *record, const char *path, const struct order *order);
void record_note(FILE *record, uint64_t block);

/* Return: 0, or -1 after fail() */
int record_end(FILE *record, const char *path);

#endif
