/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Snapshots: vCPUs and devices in a file, and the memory in its own file of
 * gmemfs. A guest ends with its snapshot, so its memory stays as it was. Any
 * number of guests can begin from there, each with a clone of the memory.
 */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "machine.h"
#include "options.h"

/*
 * Stop the guest, write the snapshot, and end the guest. If that fails, it runs
 * on. Return: the snapshot's size in bytes, or -1 after fail()
 */
int64_t snapshot_take(struct machine *machine);

/* Read a snapshot, and compare it with the options. -1 after fail() */
int snapshot_open(struct machine *machine, const struct options *options);

/*
 * Instead of the boot: give all parts the state that they had. No thread runs.
 * Return: 0, or -1 after fail()
 */
int snapshot_restore(struct machine *machine);

/* When the devices' threads run, and before the first vCPU does. */
void snapshot_go_on(struct machine *machine);

#endif
