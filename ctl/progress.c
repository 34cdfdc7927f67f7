// SPDX-License-Identifier: GPL-2.0
/* A progress bar on stderr. */
#include <stdio.h>
#include <unistd.h>

#include "ctl.h"
#include "progress.h"
#include "text.h"

#define BAR_WIDTH	30
#define AFTER_SECONDS	0.2

void progress_begin(struct progress *p, const char *what)
{
	p->what = what;
	p->began = ctl_now();
	p->on = isatty(STDERR_FILENO);
	p->drawn = false;
}

void progress_show(struct progress *p, uint64_t done, uint64_t all)
{
	int full = all ? (double)done / all * BAR_WIDTH : BAR_WIDTH;

	if (!p->on || ctl_now() - p->began < AFTER_SECONDS)
		return;
	fprintf(stderr, "\r\033[K%s [", p->what);
	for (int i = 0; i < BAR_WIDTH; i++)
		fputc(i < full ? '#' : '.', stderr);
	fprintf(stderr, "] %s of %s", text_size(done), text_size(all));
	p->drawn = true;
}

void progress_end(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}
