/* SPDX-License-Identifier: GPL-2.0 */
/* What a program inherits from the process that starts it, and relies on. */
#ifndef INHERIT_H
#define INHERIT_H

/*
 * inherit_begin - called before the program opens or prints anything
 *
 * If one of the descriptors 0 to 2 is closed, it becomes /dev/null, so that no
 * file that is opened later gets its number, and the output with it. Writing to
 * such a descriptor is still an error. SIGCHLD gets its default action, so that
 * children can be waited for, and no signal stays blocked.
 */
void inherit_begin(void);

#endif /* INHERIT_H */
