/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the supervisor of gmemctl run has to say while the VMM runs: a line a
 * time, on stderr. A program that does the same wrong thing for ever doesn't
 * fill a log: after COMPLAIN_MOST lines there is one more, the last.
 */
#ifndef COMPLAIN_H
#define COMPLAIN_H

#define COMPLAIN_MOST	32

__attribute__((format(printf, 1, 2)))
void complain(const char *fmt, ...);

/*
 * complain_to_log - use the system's log from now on: the VMM has ended, and
 * who started it no longer reads stderr
 */
void complain_to_log(void);

#endif /* COMPLAIN_H */
