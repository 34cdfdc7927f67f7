// SPDX-License-Identifier: GPL-2.0
/* The command line: --help, and the check of each option. */
#include <errno.h>
#include <getopt.h>
#include <gmem.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "layout.h"
#include "options.h"
#include "status.h"

#define MEMORY_MIN	(64 * MIB)
#define MEMORY_MAX	(1024 * GIB)
#define SHARED_IO_MIN	(2 * MIB)
#define SHARED_IO_MAX	(1 * GIB)

static int help(void)
{
	puts("usage: gmemvm --kernel=FILE [OPTION]...\n"
	     "       gmemvm --restore=FILE --memory=template=FILE [OPTION]...\n"
	     "\n"
	     "Runs a Linux guest whose memory is not in the host kernel's direct map.\n"
	     "\n"
	     "  --kernel=FILE    the kernel: a bzImage, as in /boot\n"
	     "  --initrd=FILE    its initramfs; it must have the modules virtio_mmio and virtio_blk\n"
	     "  --append=TEXT    the kernel's command line (console=ttyS0)\n"
	     "  --cpus=N         1 to 8 vCPUs (1)\n"
	     "  --memory=KEY=VALUE,...\n"
	     "      size=SIZE      like 1G (512M)\n"
	     "      backend=KIND   gmemfs, guest_memfd or memfd (gmemfs)\n"
	     "      protect=WHAT   what must protect the memory, joined by +: hidden, no-gup,\n"
	     "                     huge, windows; or none (with gmemfs: hidden+no-gup, and\n"
	     "                     windows if the CPU has protection keys)\n"
	     "      directory=DIR  where gmemfs is mounted (/dev/gmem)\n"
	     "      shared-io=SIZE a pool of this size, through which the guest's disks move\n"
	     "                     data: it is shared, so not hidden, and needs no copy\n"
	     "      file=FILE      the memory's own file, in a gmemfs; what is in it is lost\n"
	     "      template=FILE  with --restore: the memory of the snapshot, which is cloned\n"
	     "      by-file=on     copy by read() and write(), for comparison; only with\n"
	     "                     --sandbox=off (off)\n"
	     "  --disk=KEY=VALUE,...  up to 6 times\n"
	     "      path=FILE      a raw image or a block device\n"
	     "      readonly=on    the guest can't write to it (off)\n"
	     "      direct=on      bypass the host's page cache, by O_DIRECT (off)\n"
	     "      platform=on    the guest's DMA API decides where data is, as with swiotlb (off)\n"
	     "  --net=KEY=VALUE,...\n"
	     "      tap=NAME       a tap of the host; or fd=NUMBER, an open descriptor of one\n"
	     "      mac=ADDRESS    the guest's address (02:67:6d:65:6d:01)\n"
	     "      vhost=on       the host's vhost-net moves the packets; only for memory\n"
	     "                     without windows (off)\n"
	     "      platform=on    as with --disk (off)\n"
	     "  --control=SOCKET make a socket by which scripts get the status as JSON, and set\n"
	     "                   the balloon, and make a snapshot\n"
	     "  --snapshot=FILE  where the command snapshot of --control writes vCPUs and devices;\n"
	     "                   the memory stays in its file, and the guest ends\n"
	     "  --restore=FILE   begin from a snapshot, with a clone of its memory; all options\n"
	     "                   but those of files must be as they were\n"
	     "  --restore=FILE,memory=on-demand  the same with a copy, which gmem-pager brings\n"
	     "                   when it is touched: template may be on any disk then\n"
	     "  --no-reboot      end when the guest resets itself; don't start it again\n"
	     "  --sandbox=HOW    on; calls: without namespaces, where these are not permitted;\n"
	     "                   off: no sandbox (on)\n"
	     "  --user=WHO       the user that gmemvm becomes in its sandbox, if root starts it:\n"
	     "                   NAME or UID, and perhaps :GID\n"
	     "  --help, --version\n"
	     "\n"
	     "The guest's serial port is stdin and stdout; on a terminal, Ctrl-A x ends the\n"
	     "guest.\n"
	     "Exit status: 0 the guest has powered off, or Ctrl-A x, a signal or a snapshot\n"
	     "ended it; 1 something failed; 2 wrong usage; 3 the guest reset itself, with\n"
	     "--no-reboot or --restore.");
	return STATUS_OK;
}

__attribute__((format(printf, 1, 2)))
static int wrong(const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fail("%s (try 'gmemvm --help')", text);
	return STATUS_USAGE;
}

/* ---- values ---- */

int parse_size(const char *text, uint64_t *size)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	*size = strtoull(text, &end, 10);
	if (errno)
		return -1;
	if (!*end)
		return 0;
	unit = strchr(units, *end);
	if (!unit || end[1] || *size >> 20)
		return -1;
	*size <<= 10 * (unit - units + 1);
	return 0;
}

static int parse_switch(const char *key, const char *value, bool *on)
{
	*on = !strcmp(value, "on");
	if (*on || !strcmp(value, "off"))
		return 0;
	return wrong("%s must be on or off, not '%s'", key, value);
}

/* A name's place in a list that ends with NULL, or -1. */
static int find_name(const char *const *names, const char *name)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return i;
	return -1;
}

/*
 * Call set() for each KEY=VALUE of a list. This changes the list. Return: 0, or
 * the first result of set() that isn't 0.
 */
static int parse_list(const char *option, char *list, void *to,
		      int (*set)(void *to, const char *key, char *value))
{
	char *word, *value;
	int ret;

	while ((word = strsep(&list, ","))) {
		value = strchr(word, '=');
		if (!value)
			return wrong("--%s must be KEY=VALUE,... and not '%s'",
				     option, word);
		*value++ = '\0';
		ret = set(to, word, value);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- --memory ---- */

static const char *const backends[] = {
	[GMEM_BACKEND_GMEMFS] = "gmemfs",
	[GMEM_BACKEND_GUEST_MEMFD] = "guest_memfd",
	[GMEM_BACKEND_MEMFD] = "memfd",
	[GMEM_BACKENDS] = NULL,
};

const char *const protection_names[] = {
	"hidden", "no-gup", "huge", "windows", "none", NULL,
};

const uint64_t protection_bits[] = {
	GMEM_PROTECT_HIDDEN, GMEM_PROTECT_NO_GUP, GMEM_PROTECT_HUGE,
	GMEM_PROTECT_WINDOWS, 0,
};

/* Parse all words: a word that is ignored would mean less protection. */
static int set_protection(struct memory_options *memory, char *value)
{
	char *rest = value, *word;
	int i;

	memory->demand = 0;
	memory->demand_given = true;
	while ((word = strsep(&rest, "+"))) {
		i = find_name(protection_names, word);
		if (i < 0)
			return wrong("protect must be hidden, no-gup, huge, windows or none, not '%s'",
				     word);
		memory->demand |= protection_bits[i];
	}
	return 0;
}

static int set_size(struct memory_options *memory, const char *value)
{
	if (parse_size(value, &memory->size))
		return wrong("size must be like 512M or 1G, not '%s'", value);
	if (memory->size % (2 * MIB) || memory->size < MEMORY_MIN ||
	    memory->size > MEMORY_MAX)
		return wrong("size must be a multiple of 2M, from 64M to 1T, not '%s'",
			     value);
	return 0;
}

static int set_backend(struct memory_options *memory, const char *value)
{
	int i = find_name(backends, value);

	if (i < 0)
		return wrong("backend must be gmemfs, guest_memfd or memfd, not '%s'",
			     value);
	memory->backend = i;
	return 0;
}

/* The guest's kernel wants the size to be a power of two. */
static int set_shared_io(struct memory_options *memory, const char *value)
{
	uint64_t *size = &memory->shared_io;

	if (parse_size(value, size) || *size < SHARED_IO_MIN ||
	    *size > SHARED_IO_MAX || *size & (*size - 1))
		return wrong("shared-io must be a power of two from 2M to 1G, not '%s'",
			     value);
	return 0;
}

static int set_memory(void *to, const char *key, char *value)
{
	struct memory_options *memory = to;

	if (!strcmp(key, "size"))
		return set_size(memory, value);
	if (!strcmp(key, "backend"))
		return set_backend(memory, value);
	if (!strcmp(key, "protect"))
		return set_protection(memory, value);
	if (!strcmp(key, "shared-io"))
		return set_shared_io(memory, value);
	if (!strcmp(key, "directory")) {
		memory->directory = value;
		return 0;
	}
	if (!strcmp(key, "by-file"))
		return parse_switch(key, value, &memory->by_file);
	if (!strcmp(key, "file")) {
		memory->file = value;
		return 0;
	}
	if (!strcmp(key, "template")) {
		memory->template = value;
		return 0;
	}
	return wrong("--memory has only the keys size, backend, protect, directory, file, template, shared-io and by-file, no '%s'",
		     key);
}

/* ---- --disk ---- */

static int set_disk(void *to, const char *key, char *value)
{
	struct disk_options *disk = to;

	if (!strcmp(key, "path")) {
		disk->path = value;
		return 0;
	}
	if (!strcmp(key, "readonly"))
		return parse_switch(key, value, &disk->readonly);
	if (!strcmp(key, "direct"))
		return parse_switch(key, value, &disk->direct);
	if (!strcmp(key, "platform"))
		return parse_switch(key, value, &disk->platform);
	return wrong("--disk has only the keys path, readonly, direct and platform, no '%s'",
		     key);
}

static int add_disk(struct options *options, char *list)
{
	struct disk_options *disk = &options->disks[options->nr_disks];
	int ret;

	if (options->nr_disks == DISKS_MAX)
		return wrong("--disk can be given at most %d times", DISKS_MAX);
	ret = parse_list("disk", list, disk, set_disk);
	if (ret)
		return ret;
	if (!disk->path)
		return wrong("--disk needs path=FILE");
	options->nr_disks++;
	return 0;
}

/* ---- --net ---- */

static int set_mac(uint8_t *mac, const char *value)
{
	int end = 0;

	if (sscanf(value, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0],
		   &mac[1], &mac[2], &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    value[end] || mac[0] & 1)
		return wrong("mac must be a unicast address like 02:00:00:00:00:01, not '%s'",
			     value);
	return 0;
}

static int set_fd(struct net_options *net, const char *value)
{
	char *end;
	long fd = strtol(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || fd > INT_MAX)
		return wrong("fd must be the number of a descriptor, not '%s'",
			     value);
	net->fd = fd;
	return 0;
}

static int set_net(void *to, const char *key, char *value)
{
	struct net_options *net = to;

	if (!strcmp(key, "tap")) {
		net->tap = value;
		return 0;
	}
	if (!strcmp(key, "fd"))
		return set_fd(net, value);
	if (!strcmp(key, "mac"))
		return set_mac(net->mac, value);
	if (!strcmp(key, "vhost"))
		return parse_switch(key, value, &net->vhost);
	if (!strcmp(key, "platform"))
		return parse_switch(key, value, &net->platform);
	return wrong("--net has only the keys tap, fd, mac, vhost and platform, no '%s'",
		     key);
}

static int add_net(struct options *options, char *list)
{
	struct net_options *net = &options->net;
	int ret;

	if (net->given)
		return wrong("--net can be given only once");
	*net = (struct net_options){
		.given = true, .fd = -1,
		.mac = { 0x02, 'g', 'm', 'e', 'm', 1 },
	};
	ret = parse_list("net", list, net, set_net);
	if (!ret && (net->tap ? net->fd >= 0 : net->fd < 0))
		ret = wrong("--net needs tap=NAME or fd=NUMBER");
	return ret;
}

/* ---- all ---- */

static int set_cpus(struct options *options, const char *value)
{
	char *end;
	unsigned long cpus = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || !cpus || cpus > CPUS_MAX)
		return wrong("--cpus must be a number from 1 to %d, not '%s'",
			     CPUS_MAX, value);
	options->cpus = cpus;
	return 0;
}

enum {
	OPT_HELP = 1, OPT_VERSION, OPT_KERNEL, OPT_INITRD, OPT_APPEND,
	OPT_CPUS, OPT_MEMORY, OPT_DISK, OPT_NET, OPT_CONTROL, OPT_NO_REBOOT,
	OPT_SANDBOX, OPT_USER, OPT_SNAPSHOT, OPT_RESTORE
};

static const struct option names[] = {
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "initrd", required_argument, NULL, OPT_INITRD },
	{ "append", required_argument, NULL, OPT_APPEND },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "memory", required_argument, NULL, OPT_MEMORY },
	{ "disk", required_argument, NULL, OPT_DISK },
	{ "net", required_argument, NULL, OPT_NET },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "no-reboot", no_argument, NULL, OPT_NO_REBOOT },
	{ "sandbox", required_argument, NULL, OPT_SANDBOX },
	{ "user", required_argument, NULL, OPT_USER },
	{ "snapshot", required_argument, NULL, OPT_SNAPSHOT },
	{ "restore", required_argument, NULL, OPT_RESTORE },
	{ NULL, 0, NULL, 0 }
};

static int set_sandbox(struct options *options, const char *value)
{
	options->namespaces = !strcmp(value, "on");
	options->sandbox = options->namespaces || !strcmp(value, "calls");
	if (options->sandbox || !strcmp(value, "off"))
		return 0;
	return wrong("--sandbox must be on, calls or off, not '%s'", value);
}

/* FILE, perhaps with ,memory=HOW. A file's name may have commas in it. */
static int set_restore(struct options *options, char *value)
{
	static const char key[] = ",memory=";
	char *how = strstr(value, key);

	options->restore = value;
	if (!how)
		return 0;
	*how = 0;
	how += strlen(key);
	options->memory.on_demand = !strcmp(how, "on-demand");
	if (options->memory.on_demand || !strcmp(how, "clone"))
		return 0;
	return wrong("--restore: memory must be clone or on-demand, not '%s'",
		     how);
}

static int set(struct options *options, int option, char *value)
{
	switch (option) {
	case OPT_KERNEL:
		options->kernel = value;
		return 0;
	case OPT_INITRD:
		options->initrd = value;
		return 0;
	case OPT_APPEND:
		options->append = value;
		return 0;
	case OPT_CPUS:
		return set_cpus(options, value);
	case OPT_MEMORY:
		return parse_list("memory", value, &options->memory,
				  set_memory);
	case OPT_DISK:
		return add_disk(options, value);
	case OPT_NET:
		return add_net(options, value);
	case OPT_CONTROL:
		options->control = value;
		return 0;
	case OPT_SANDBOX:
		return set_sandbox(options, value);
	case OPT_USER:
		options->user = value;
		return 0;
	case OPT_SNAPSHOT:
		options->snapshot = value;
		return 0;
	case OPT_RESTORE:
		return set_restore(options, value);
	default:
		options->no_reboot = true;
		return 0;
	}
}

static int check_memory(const struct memory_options *memory)
{
	if (memory->backend != GMEM_BACKEND_GMEMFS && memory->directory)
		return wrong("directory works only with backend=gmemfs");
	if (memory->backend != GMEM_BACKEND_GMEMFS &&
	    (memory->file || memory->template))
		return wrong("file and template work only with backend=gmemfs");
	if (memory->file && memory->directory)
		return wrong("file and directory exclude each other: file has its folder in its name");
	return OPTIONS_RUN;
}

/* A snapshot has the kernel in its memory, and the guest ends with it. */
static int check_snapshots(const struct options *options)
{
	const struct memory_options *memory = &options->memory;

	if (options->snapshot && (!options->control || !memory->file))
		return wrong("--snapshot needs --control=SOCKET, by which it is made, and --memory=file=FILE, where the memory stays");
	if (!options->restore != !memory->template)
		return wrong("--restore=FILE and --memory=template=FILE are needed both, or none of them");
	if (options->restore &&
	    (options->kernel || options->initrd || options->append))
		return wrong("--restore excludes --kernel, --initrd and --append: these are in the memory already");
	if (!options->restore && !options->kernel)
		return wrong("--kernel=FILE is needed: a bzImage, like /boot/vmlinuz-...");
	return OPTIONS_RUN;
}

static int check(const struct options *options)
{
	int ret = check_snapshots(options);

	if (ret == OPTIONS_RUN)
		ret = check_memory(&options->memory);
	if (ret != OPTIONS_RUN)
		return ret;
	if (options->memory.shared_io > options->memory.size / 4)
		return wrong("shared-io must be at most a quarter of size");
	if (options->memory.by_file && options->sandbox)
		return wrong("by-file=on works only with --sandbox=off");
	if (options->user && !options->sandbox)
		return wrong("--user works only with a sandbox: it is the user that gmemvm becomes there");
	return OPTIONS_RUN;
}

int parse_options(struct options *options, int argc, char **argv)
{
	int option, ret;

	*options = (struct options){
		.memory.size = 512 * MIB,
		.cpus = 1,
		.sandbox = true,
		.namespaces = true,
	};
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:h", names, NULL)) != -1) {
		if (option == OPT_HELP || option == 'h')
			return help();
		if (option == OPT_VERSION) {
			puts("gmemvm " GMEMVM_VERSION);
			return STATUS_OK;
		}
		if (option == ':')
			return wrong("%s needs an argument", argv[optind - 1]);
		if (option == '?')
			return wrong("unknown option %s", argv[optind - 1]);
		ret = set(options, option, optarg);
		if (ret)
			return ret;
	}
	if (optind < argc)
		return wrong("unexpected argument '%s': all arguments are options, which begin with --",
			     argv[optind]);
	ret = check(options);
	if (!options->append)
		options->append = "console=ttyS0";
	return ret;
}
