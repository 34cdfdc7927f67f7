/* SPDX-License-Identifier: GPL-2.0 */
/* The command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses. */
#define STATUS_OK	0	/* all is there */
#define STATUS_FAILED	1
#define STATUS_USAGE	2

struct options {
	const char *file;	/* the file of gmemfs */
	const char *from;	/* the snapshot */
	const char *block;	/* of QEMU's snapshot; NULL: the one that fits */
	const char *record;	/* NULL: none */
	const char *replay;	/* NULL: none */
	const char *status;	/* the socket; NULL: none */
	int ready_fd;		/* -1: none */
	uint64_t ahead;		/* bytes */
	bool on_demand;		/* nothing that isn't touched */
	bool keep;		/* go on when all is there */
	bool reattach;		/* who waits doesn't fail when the pager ends */
	bool sandbox;
};

/* Return: -1 to go on; or the exit status */
int options_parse(struct options *options, int argc, char **argv);

#endif
