/* SPDX-License-Identifier: GPL-2.0 */
/* What a program has from the one that has started it, and takes for granted. */
#ifndef INHERIT_H
#define INHERIT_H

/*
 * inherit_begin - before anything is opened or printed
 *
 * Descriptors 0 to 2 that are closed become /dev/null, so that no other file
 * gets their numbers, and with that what is printed; to write to them is still
 * an error. Children are waited for, and no signal is blocked.
 */
void inherit_begin(void);

#endif /* INHERIT_H */
