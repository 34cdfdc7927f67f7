// SPDX-License-Identifier: GPL-2.0
/*
 * What can be on the command line. The input is the arguments, each with its
 * end; whatever they are, they're refused, or within what the rest relies on.
 */
#include <getopt.h>
#include <gmem.h>
#include <string.h>

#include "../../vmm/layout.h"
#include "../../vmm/options.h"
#include "../../vmm/user.h"
#include "fuzz.h"

#define ARGUMENTS	16
#define SIZE_MAX_TEXT	4096

/* They are taken apart where they are. */
static int split(char *text, size_t size, char **argv)
{
	int argc = 0;

	argv[argc++] = "gmemvm";
	for (size_t at = 0; at < size && argc < ARGUMENTS;) {
		argv[argc++] = text + at;
		at += strlen(text + at) + 1;
	}
	argv[argc] = NULL;
	return argc;
}

static void check_disks(const struct options *o)
{
	fuzz_must(o->nr_disks <= DISKS_MAX);
	for (unsigned int i = 0; i < o->nr_disks; i++)
		fuzz_must(o->disks[i].path);
}

static void check(const struct options *o)
{
	const struct memory_options *m = &o->memory;

	fuzz_must(!o->kernel == !!o->restore && o->append);
	fuzz_must(!o->restore == !m->template);
	fuzz_must(!o->snapshot || (o->control && m->file));
	fuzz_must((!m->file && !m->template) ||
		  m->backend == GMEM_BACKEND_GMEMFS);
	fuzz_must(o->cpus >= 1 && o->cpus <= CPUS_MAX);
	fuzz_must(m->size >= 64 * MIB && m->size <= 1024 * GIB &&
		  !(m->size % (2 * MIB)) && m->backend < GMEM_BACKENDS);
	fuzz_must(!(m->shared_io & (m->shared_io - 1)) &&
		  m->shared_io <= m->size / 4);
	fuzz_must(!m->by_file || !o->sandbox);
	fuzz_must(o->sandbox || (!o->namespaces && !o->user));
	check_disks(o);
	if (o->net.given)
		fuzz_must(!o->net.tap == (o->net.fd >= 0) &&
			  !(o->net.mac[0] & 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[SIZE_MAX_TEXT + 1];
	static struct options options;
	char *argv[ARGUMENTS + 1];
	struct user user = {};

	if (size > SIZE_MAX_TEXT)
		size = SIZE_MAX_TEXT;
	memcpy(text, data, size);
	text[size] = '\0';
	optind = 0;	/* from the beginning */
	if (parse_options(&options, split(text, size, argv), argv) !=
	    OPTIONS_RUN)
		return 0;
	check(&options);
	if (options.user && !user_find(options.user, &user))
		fuzz_must(user.given && user.uid && user.gid &&
			  user.uid != (uid_t)-1 && user.gid != (gid_t)-1);
	return 0;
}

/* Without --help and --version, which print. */
size_t fuzz_seed(uint8_t *data, size_t room)
{
	static const char line[] =
		"--kernel=x\0--cpus=4\0--append=a b\0"
		"--memory=size=1G,backend=memfd,protect=hidden+huge,shared-io=64M\0"
		"--disk=path=x,readonly=on,direct=off\0--disk=path=y,platform=on\0"
		"--net=fd=3,mac=02:00:00:00:00:01,vhost=on\0--control=s\0"
		"--memory=backend=gmemfs,file=/m,template=/t\0--snapshot=p\0"
		"--sandbox=calls\0--user=65534:65534\0--no-reboot";

	fuzz_must(room >= sizeof(line));
	memcpy(data, line, sizeof(line));
	return sizeof(line);
}
