/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a VMM gives its guest as memory: KVM_SET_USER_MEMORY_REGION. A VMM that
 * takes anonymous memory instead of a memfd runs as ever, and its guest's
 * memory isn't hidden. So gmemctl run looks, and says so.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include "notify.h"
#include "supply.h"

/* slots_answer - look at what the guest gets, and let the kernel go on */
void slots_answer(const struct supply *s, struct notify *n);

#endif /* SLOTS_H */
