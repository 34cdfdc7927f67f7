/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the supervisor of gmemctl run has to say while the VMM runs: a line a
 * time, on stderr. A program that does the same wrong thing for ever doesn't
 * fill a log: after COMPLAIN_MOST lines of a kind there is one more, the last
 * of them. Nor does one kind use up the lines of another.
 *
 * If nobody reads stderr, the line is for the system's log: the thread that
 * says it also answers the VMM's calls, and so it mustn't wait.
 */
#ifndef COMPLAIN_H
#define COMPLAIN_H

#define COMPLAIN_MOST	32

/* complain - say it; each place in the sources is a kind */
#define complain(...) do {						\
	static unsigned int said;					\
									\
	complain_of(&said, __VA_ARGS__);				\
} while (0)

__attribute__((format(printf, 2, 3)))
void complain_of(unsigned int *said, const char *fmt, ...);

/*
 * complain_to_log - use the system's log from now on: the VMM has ended, and
 * who started it no longer reads stderr
 */
void complain_to_log(void);

#endif /* COMPLAIN_H */
