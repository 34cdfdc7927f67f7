// SPDX-License-Identifier: GPL-2.0
/* The command line. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "say.h"

#define AHEAD	(16UL << 20)

static const char usage[] =
	"usage: gmem-pager --from=SNAPSHOT [OPTION]... FILE\n"
	"\n"
	"Fills FILE, which is in a mount of gmemfs, from a snapshot while a guest runs on it:\n"
	"blocks of 2 MiB that somebody waits for first, then all others. Ends when all is there.\n"
	"\n"
	"  --from=SNAPSHOT   the contents: a file as large as FILE, or smaller, whose holes and\n"
	"                    missing end are zeros; or what QEMU has migrated with mapped-ram\n"
	"  --block=NAME      the RAM block of QEMU's; else the only one as large as FILE\n"
	"  --ahead=SIZE      how much behind a block that was waited for comes with it, with K,\n"
	"                    M or G; default 16M\n"
	"  --on-demand       bring only that, and nothing that isn't asked for\n"
	"  --record=RECORD   note in which order the guest needs its blocks\n"
	"  --replay=RECORD   bring these first, in that order\n"
	"  --keep            go on when all is there: what is punched later is zeroed here\n"
	"  --reattach        if the pager ends early, those who wait wait for another one, and\n"
	"                    get no SIGBUS\n"
	"  --status=SOCKET   who connects to this socket gets a line of JSON\n"
	"  --no-sandbox      keep the right to open files\n"
	"  --ready-fd=NUMBER write a byte to this descriptor, and close it, when whoever touches\n"
	"                    the file is served\n"
	"  --help, --version\n";

enum {
	OPT_FROM = 256, OPT_BLOCK, OPT_AHEAD, OPT_ON_DEMAND, OPT_RECORD,
	OPT_REPLAY, OPT_KEEP, OPT_REATTACH, OPT_STATUS, OPT_NO_SANDBOX,
	OPT_READY_FD, OPT_HELP, OPT_VERSION,
};

static const struct option names[] = {
	{ "from", required_argument, NULL, OPT_FROM },
	{ "block", required_argument, NULL, OPT_BLOCK },
	{ "ahead", required_argument, NULL, OPT_AHEAD },
	{ "on-demand", no_argument, NULL, OPT_ON_DEMAND },
	{ "record", required_argument, NULL, OPT_RECORD },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ "keep", no_argument, NULL, OPT_KEEP },
	{ "reattach", no_argument, NULL, OPT_REATTACH },
	{ "status", required_argument, NULL, OPT_STATUS },
	{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{}
};

static int wrong(const char *what)
{
	fail("%s; try gmem-pager --help", what);
	return STATUS_USAGE;
}

static bool parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMG";
	unsigned long long value;
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		unit = strchr(units, toupper((unsigned char)*end));
		if (!unit || end[1] || value >> (54 - 10 * (unit - units)))
			return false;
		value <<= 10 * (unit - units + 1);
	}
	*size = value;
	return true;
}

/* Return: -1, or the exit status */
static int set(struct options *o, int name, const char *value)
{
	uint64_t fd;

	switch (name) {
	case OPT_FROM:
		o->from = value;
		break;
	case OPT_BLOCK:
		o->block = value;
		break;
	case OPT_AHEAD:
		if (!parse_size(value, &o->ahead))
			return wrong("--ahead needs a size, such as 16M");
		break;
	case OPT_ON_DEMAND:
		o->on_demand = true;
		break;
	case OPT_RECORD:
		o->record = value;
		break;
	case OPT_REPLAY:
		o->replay = value;
		break;
	case OPT_KEEP:
		o->keep = true;
		break;
	case OPT_REATTACH:
		o->reattach = true;
		break;
	case OPT_STATUS:
		o->status = value;
		break;
	case OPT_NO_SANDBOX:
		o->sandbox = false;
		break;
	case OPT_READY_FD:
		if (!parse_size(value, &fd) || fd > INT32_MAX)
			return wrong("--ready-fd needs the number of a descriptor");
		o->ready_fd = (int)fd;
		break;
	case OPT_HELP:
		fputs(usage, stdout);
		return STATUS_OK;
	case OPT_VERSION:
		puts("gmem-pager " GMEM_PAGER_VERSION);
		return STATUS_OK;
	default:
		return wrong("the command line has an error");
	}
	return -1;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int name, status;

	*options = (struct options){
		.ahead = AHEAD, .ready_fd = -1, .sandbox = true,
	};
	while ((name = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		status = set(options, name, optarg);
		if (status >= 0)
			return status;
	}
	if (optind != argc - 1)
		return wrong("one FILE must be given");
	if (!options->from)
		return wrong("--from=SNAPSHOT must be given");
	options->file = argv[optind];
	return -1;
}
