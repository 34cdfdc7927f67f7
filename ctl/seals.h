/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Seals for the files that gmemctl run hands out: fcntl(F_ADD_SEALS). gmemfs
 * has none, but VMMs add the seals shrink, grow and seal to what memfd_create()
 * gave them, and end if they can't. So the supervisor keeps a file's seals in
 * an extended attribute of the file, where every supervisor finds them, and
 * they last as long as the file. They hold for ftruncate(2) of the programs
 * that a supervisor answers, which is where a VMM would break them by mistake;
 * docs/limits.md has what they don't hold for. The seals against writing can't
 * be kept at all, so they are refused.
 */
#ifndef SEALS_H
#define SEALS_H

#include "notify.h"
#include "supply.h"

/* seals_begin - give a new file its first seals. Return: 0 or -errno. */
int seals_begin(int fd, unsigned int seals);

/* Answer fcntl(2) and ftruncate(2). Other files are left to the kernel. */
void seals_answer_fcntl(const struct supply *s, struct notify *n);
void seals_answer_ftruncate(const struct supply *s, struct notify *n);

#endif /* SEALS_H */
