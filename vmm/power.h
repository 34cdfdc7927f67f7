/* SPDX-License-Identifier: GPL-2.0 */
/* Power-off and reset: the guest asks for them by writing to ports. */
#ifndef POWER_H
#define POWER_H

#include "vm.h"

/* The sleep type that the DSDT gives for power-off (_S5_). */
#define SLEEP_TYPE_OFF	5

int power_add(struct vm *vm);

#endif
