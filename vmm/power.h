/* SPDX-License-Identifier: GPL-2.0 */
/* Power-off and reset, as the guest asks for them by ports. */
#ifndef POWER_H
#define POWER_H

#include "vm.h"

/* What the DSDT calls powered off. */
#define SLEEP_TYPE_OFF	5

int power_add(struct vm *vm);

#endif
