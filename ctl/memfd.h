/* SPDX-License-Identifier: GPL-2.0 */
/* Files of gmemfs as the answer to memfd_create(2). */
#ifndef MEMFD_H
#define MEMFD_H

#include "notify.h"
#include "supply.h"

/*
 * memfd_answer - answer the call
 * @pattern: of the names of those that get a file of gmemfs; NULL: all do
 */
void memfd_answer(const struct supply *s, const char *pattern,
		  struct notify *n);

#endif /* MEMFD_H */
