/* SPDX-License-Identifier: GPL-2.0 */
/* One life of a guest, from its boot to its end: all parts put together. */
#ifndef MACHINE_H
#define MACHINE_H

#include "options.h"
#include "vm.h"

enum vm_end machine_run(const struct options *options);

#endif
