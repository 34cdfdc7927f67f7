/* SPDX-License-Identifier: GPL-2.0 */
/* The rights that are kept once all is open. */
#ifndef SANDBOX_H
#define SANDBOX_H

/* Return: 0, or -1 after fail() */
int sandbox_enter(void);

#endif
