/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What remains to a guest that has taken over the VMM: the descriptors that are
 * open, and the system calls that running a guest takes.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

/*
 * From now on, for this thread and those it creates. All that is to be opened
 * has been. Return: 0, or -1 said why
 */
int sandbox_enter(void);

#endif
