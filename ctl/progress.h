/* SPDX-License-Identifier: GPL-2.0 */
/* A progress bar on stderr, if that is a terminal and the work takes long. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what;
	double began;
	bool on;
	bool drawn;
};

void progress_begin(struct progress *p, const char *what);
void progress_show(struct progress *p, uint64_t done, uint64_t all);

/* progress_end - clear the bar's line */
void progress_end(struct progress *p);

#endif /* PROGRESS_H */
