// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl setup: enables what the packages have installed, tries whether it
 * works, and takes it back.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "etc.h"
#include "findings.h"
#include "kernel.h"
#include "record.h"
#include "setup.h"
#include "text.h"

#define DEFAULTS_PATH	"/etc/default/gmemfs"
#define QEMU_PATH	"/etc/libvirt/qemu.conf"
#define LOCK_PATH	"/run/gmemctl-setup.lock"

enum { OPT_SIZE, OPT_POOL, OPT_LIBVIRT, OPT_DRY_RUN, OPT_UNDO };

/* ---- what is wanted ---- */

/* As the kernel reads it, which knows neither "8GiB" nor "1P". */
static char *exact_size(uint64_t bytes)
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (unit < 3 && bytes && !(bytes % 1024)) {
		bytes /= 1024;
		unit++;
	}
	return unit < 0 ? ctl_format("%" PRIu64, bytes) :
			  ctl_format("%" PRIu64 "%c", bytes, units[unit]);
}

/* Return: a percentage of 1 to 100; 0: it is none. */
static unsigned int parse_percent(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	int percent;

	if (!digits || digits > 3 || strcmp(text + digits, "%"))
		return 0;
	percent = atoi(text);
	return percent <= 100 ? percent : 0;
}

static int parse_size(const struct ctl_call *call, struct setup *s)
{
	const char *text = call->values[OPT_SIZE];
	unsigned int percent = text ? parse_percent(text) : 0;
	uint64_t bytes;

	if (!text)
		return CTL_OK;
	if (percent)
		s->size = ctl_format("%u%%", percent);
	else if (text_parse_size(text, &bytes) || !bytes || bytes >> 62)
		return ctl_usage(call, "--size: must be like 8G, or like 50%% of the host's memory, not '%s'",
				 text_safe(text));
	else
		s->size = exact_size(bytes);
	return CTL_OK;
}

static int parse_pool(const struct ctl_call *call, struct setup *s)
{
	const char *text = call->values[OPT_POOL];
	uint64_t bytes, all;

	if (!text)
		return CTL_OK;
	if (text_parse_size(text, &bytes) || !bytes)
		return ctl_usage(call, "--pool: must be like 512M or 4G, not '%s'",
				 text_safe(text));
	if (!kernel_field("/proc/meminfo", "MemTotal", &all) &&
	    bytes >> 10 >= all)
		return ctl_usage(call, "--pool: the host has less memory than %s",
				 text_size(bytes));
	s->pool = exact_size(bytes);
	return CTL_OK;
}

static int parse_call(const struct ctl_call *call, struct setup *s)
{
	s->libvirt = call->values[OPT_LIBVIRT];
	s->undo = call->values[OPT_UNDO];
	if (s->undo && (call->values[OPT_SIZE] || call->values[OPT_POOL] ||
			s->libvirt))
		return ctl_usage(call, "--undo takes back all of it, and goes with --dry-run only");
	if (parse_size(call, s))
		return CTL_USAGE;
	return parse_pool(call, s);
}

/* ---- what there is ---- */

static int refuse_without_systemd(const struct setup *s)
{
	if (s->undo)
		return ctl_error("systemd doesn't run here (no /run/systemd/system), and gmemctl setup works through it; by hand: %s has what setup has changed",
				 RECORD_PATH);
	return ctl_error("systemd doesn't run here (no /run/systemd/system), and gmemctl setup works through it; by hand: modprobe gmemfs && mkdir -p %s && mount -t gmemfs -o %s,%ssize=%s gmemfs %s%s%s",
			 MOUNTED_DIR, DEFAULT_OPTIONS,
			 s->libvirt ? "statfs=hugetlbfs," : "",
			 s->size ? s->size : DEFAULT_SIZE, MOUNTED_DIR,
			 s->pool ? " && gmemctl reserve " : "",
			 s->pool ? s->pool : "");
}

/* Two at once would write the same files. The lock ends with this process. */
static int lock(void)
{
	int fd = etc_lock(LOCK_PATH);

	if (fd == -EAGAIN)
		return ctl_error("another 'gmemctl setup' runs; wait until it has ended");
	if (fd < 0)
		return ctl_error("%s: %s", LOCK_PATH, strerror(-fd));
	return CTL_OK;
}

static int read_libvirt(struct setup *s)
{
	if ((s->undo ? record_has(&s->record, KEY_FOLDER) : s->libvirt) &&
	    settings_read(&s->qemu))
		return CTL_FAILED;
	for (size_t i = 0; i < SETUP_DAEMONS; i++)
		if ((s->undo ? record_has_verb(&s->record, "wait",
					       setup_daemons[i].unit) :
			       s->libvirt) && settings_read(&s->waits[i]))
			return CTL_FAILED;
	return CTL_OK;
}

static int look(struct setup *s)
{
	if (settings_read(&s->defaults) || settings_read(&s->record))
		return CTL_FAILED;
	if (s->undo && !s->record.before)
		return CTL_OK;
	if (read_libvirt(s) || unit_ask(&s->mount, !s->undo))
		return CTL_FAILED;
	if ((s->undo || s->pool) && unit_ask(&s->service, !s->undo))
		return CTL_FAILED;
	mounted_look(&s->mounted);
	return CTL_OK;
}

static int look_alone(const struct ctl_call *call, struct setup *s)
{
	if (geteuid())
		return ctl_error("only root may change how the host is set up: run it by sudo");
	if (!etc_exists("/run/systemd/system"))
		return refuse_without_systemd(s);
	if (!call->values[OPT_DRY_RUN] && lock())
		return CTL_FAILED;
	return look(s);
}

/* ---- whether it works ---- */

static void check_size(const struct setup *s, struct findings *f)
{
	char *size = setup_size(s);
	uint64_t all;

	if (!mounted_has_size(&s->mounted, size))
		found(f, "size", RESULT_FAIL, "systemctl cat dev-gmem.mount",
		      "%s, and not the %s of " DEFAULTS_PATH,
		      text_size(s->mounted.size), text_safe(size));
	else if (!kernel_field("/proc/meminfo", "MemTotal", &all) &&
		 s->mounted.size >> 10 > all)
		found(f, "size", RESULT_WARN,
		      "such as gmemctl setup --size=50%",
		      "%s, which is more than the host's memory of %s",
		      text_size(s->mounted.size), text_size(all << 10));
	else
		found(f, "size", RESULT_OK, NULL, "%s, by size=%s",
		      text_size(s->mounted.size), text_safe(size));
	free(size);
}

static void check_mount(const struct setup *s, struct findings *f)
{
	if (!s->mounted.is) {
		found(f, "mount", RESULT_FAIL,
		      "systemctl status dev-gmem.mount",
		      "gmemfs is not at " MOUNTED_DIR);
		return;
	}
	found(f, "mount", RESULT_OK, NULL, MOUNTED_DIR);
	check_size(s, f);
	mounted_try(f);
}

static void check_pool(const struct setup *s, struct findings *f)
{
	uint64_t low = kernel_gmemfs("pool/low_bytes");
	uint64_t ready = kernel_gmemfs("pool/free_bytes");

	if (!setup_pool_is_right(s))
		found(f, "pool", RESULT_FAIL,
		      "systemctl status gmemfs-pool.service",
		      "%s are wanted of gmemfs, and not the %s of %s",
		      text_size(low), s->pool, DEFAULTS_PATH);
	else if (ready < low)
		found(f, "pool", RESULT_WARN,
		      "'gmemctl status' shows how far it is",
		      "%s ready of %s wanted", text_size(ready),
		      text_size(low));
	else if (s->mounted.size && low > s->mounted.size)
		found(f, "pool", RESULT_WARN,
		      "a smaller --pool, or a larger --size",
		      "%s ready, which is more than the mount's size",
		      text_size(ready));
	else
		found(f, "pool", RESULT_OK, NULL, "%s ready", text_size(ready));
}

static void check_libvirt(const struct setup *s, struct findings *f)
{
	if (!s->mounted.hugetlbfs)
		found(f, "libvirt", RESULT_FAIL,
		      "systemctl restart dev-gmem.mount, while it has no files",
		      "the mount lacks statfs=hugetlbfs");
	else if (s->mounted.foreign)
		found(f, "libvirt", RESULT_FAIL,
		      "see whose it is, and remove it",
		      "%s isn't a folder of root's that only root can write to",
		      MOUNTED_LIBVIRT);
	else if (s->libvirt_waits)
		found(f, "libvirt", RESULT_WARN,
		      "restart it when they are shut off: systemctl restart libvirtd.service",
		      "it doesn't know %s yet, because domains run",
		      KEY_FOLDER);
	else if (s->mounted.shared)
		found(f, "libvirt", RESULT_WARN,
		      "mode=750 in GMEMFS_OPTIONS, and a new mount",
		      "who may make files in %s can make %s before libvirt does, at boot",
		      MOUNTED_DIR, MOUNTED_LIBVIRT);
	else
		found(f, "libvirt", RESULT_OK, NULL,
		      "%s is %s; each domain needs <memoryBacking> with <source type='file'/> and <access mode='shared'/>",
		      KEY_FOLDER, MOUNTED_DIR);
}

static void check_all(struct setup *s, struct findings *f)
{
	mounted_look(&s->mounted);
	check_mount(s, f);
	if (s->pool)
		check_pool(s, f);
	if (s->libvirt)
		check_libvirt(s, f);
}

/* ---- the command ---- */

static void print_json(const struct ctl_call *call, const struct setup *s,
		       const struct findings *f)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_bool(&j, "undo", s->undo);
	json_bool(&j, "dry_run", call->values[OPT_DRY_RUN]);
	steps_json(&s->steps, &j);
	if (f->count)
		findings_json(f, &j);
	json_finish(&j);
}

static int take_steps(const struct ctl_call *call, struct setup *s)
{
	int status;

	if (!steps_left(&s->steps))
		return CTL_OK;
	if (!call->json)
		putchar('\n');
	status = steps_take(&s->steps, !call->json);
	if (status && s->undo)
		ctl_error("stopped there; run it again when that is repaired");
	else if (status)
		ctl_error("stopped there; what is done stays: run it again when that is repaired, or take it back by 'gmemctl setup --undo'");
	return status;
}

static void conclude_undo(const struct ctl_call *call, const struct setup *s)
{
	struct mounted now;

	if (!s->record.before)
		puts("Nothing to undo: gmemctl setup has changed nothing here.");
	if (!s->libvirt_waits || call->values[OPT_DRY_RUN])
		return;
	mounted_look(&now);
	if (!now.is)
		printf("Until libvirt is restarted, it puts the memory of new domains into %s,\n"
		       "where no gmemfs is mounted any more: restart it when its domains are shut off.\n",
		       MOUNTED_DIR);
}

/* Return: the status. */
static int conclude(const struct ctl_call *call, struct setup *s, int status)
{
	struct findings f = { 0 };

	if (!status && !s->undo && !call->values[OPT_DRY_RUN]) {
		check_all(s, &f);
		status = findings_ready(&f) ? CTL_OK : CTL_FAILED;
	}
	if (call->json) {
		print_json(call, s, &f);
	} else if (f.count) {
		putchar('\n');
		findings_print(&f, false);
	} else if (s->undo && !status) {
		conclude_undo(call, s);
	}
	findings_free(&f);
	return status;
}

static int plan(const struct ctl_call *call, struct setup *s)
{
	int status = parse_call(call, s);

	if (!status)
		status = look_alone(call, s);
	if (!status)
		status = s->undo ? setup_plan_undo(s) : setup_plan(s);
	return status;
}

static void forget(struct setup *s)
{
	free(s->size);
	free(s->pool);
	settings_free(&s->defaults);
	settings_free(&s->qemu);
	settings_free(&s->record);
	for (size_t i = 0; i < SETUP_DAEMONS; i++)
		settings_free(&s->waits[i]);
	steps_free(&s->steps);
}

static int run(const struct ctl_call *call)
{
	struct setup s = {
		.defaults.path = DEFAULTS_PATH,
		.qemu = { .path = QEMU_PATH, .form = SETTINGS_LIBVIRT },
		.record.path = RECORD_PATH,
		.mount.name = "dev-gmem.mount",
		.service.name = "gmemfs-pool.service",
	};
	int status;

	for (size_t i = 0; i < SETUP_DAEMONS; i++)
		s.waits[i].path = setup_daemons[i].wait;
	/* Who reads the output may go away, and the steps go on. */
	signal(SIGPIPE, SIG_IGN);
	status = plan(call, &s);
	if (!status) {
		if (!call->json)
			steps_print(&s.steps);
		if (!call->values[OPT_DRY_RUN])
			status = take_steps(call, &s);
		status = conclude(call, &s, status);
	}
	forget(&s);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_SIZE] = { "size", "SIZE",
		       "the most memory of all guests, or N% of the host's" },
	[OPT_POOL] = { "pool", "SIZE",
		       "keep so much memory ready, zeroed and hidden" },
	[OPT_LIBVIRT] = { "libvirt", NULL,
			  "let libvirt put the memory of its domains there" },
	[OPT_DRY_RUN] = { "dry-run", NULL,
			  "only print the steps, and change nothing" },
	[OPT_UNDO] = { "undo", NULL, "take back what setup has changed" },
	{ NULL, NULL, NULL }
};

const struct ctl_command setup_command = {
	.name = "setup",
	.arguments = "",
	.summary = "enable the mount, and the pool, and try them; or undo that",
	.details = "Sets this host up, now and at each boot: writes /etc/default/gmemfs, enables and\n"
		   "starts dev-gmem.mount, and gmemfs-pool.service with --pool. With --libvirt, sets\n"
		   "memory_backing_dir in /etc/libvirt/qemu.conf, and lets libvirt wait for the mount.\n"
		   "Prints the steps first, and skips what is so already. In the end, tries whether a file's memory there is hidden.\n"
		   "The record of the changes is /var/lib/gmemfs/setup.",
	.options = options,
	.run = run,
};
