// SPDX-License-Identifier: GPL-2.0
/* The steps of gmemctl setup, from what is wanted and what there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "etc.h"
#include "kernel.h"
#include "record.h"
#include "setup.h"
#include "text.h"

/* What the generator makes of /etc/default/gmemfs. */
#define GENERATED \
	"/run/systemd/generator/dev-gmem.mount.d/10-default-gmemfs.conf"

/* ---- files ---- */

static int take_write(const struct step *step)
{
	return settings_write(step->what);
}

/* What the step changes, such as "A=1, B=2"; the caller frees it. */
static char *changes(const struct settings *file)
{
	static const char *const keys[] = {
		KEY_SIZE, KEY_OPTIONS, KEY_POOL, KEY_FOLDER
	};
	struct settings before = *file;
	char *all = ctl_copy("");

	before.text = file->before ? file->before : (char *)"";
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		char *now = settings_get(file, keys[i]);
		char *more;

		if (!settings_is(&before, keys[i], now)) {
			more = ctl_format("%s%s%s%s%s", all, *all ? ", " : "",
					  keys[i], now ? "=" : " no more",
					  now ? text_safe(now) : "");
			free(all);
			all = more;
		}
		free(now);
	}
	return all;
}

void setup_add_write(struct setup *s, const struct settings *file)
{
	char *what = changes(file);

	steps_add(&s->steps, take_write, file, NULL, "write %s%s%s", file->path,
		  *what ? ": " : "", what);
	if (!settings_changed(file))
		steps_skip(&s->steps, "it has what is wanted");
	free(what);
}

/* ---- units ---- */

static int take_verb(const struct step *step)
{
	return unit_do(step->how, step->what);
}

/* Also if somebody has changed the file, and has not told systemd yet. */
void setup_add_reload(struct setup *s)
{
	steps_add(&s->steps, take_verb, NULL, "daemon-reload",
		  "systemctl daemon-reload");
	if (!settings_changed(&s->defaults) &&
	    (!s->defaults.before || etc_exists(GENERATED)) &&
	    !etc_is_newer(s->defaults.path, GENERATED))
		steps_skip(&s->steps, "systemd has read that file already");
}

void setup_add_unit(struct setup *s, const struct unit *u, const char *verb)
{
	steps_add(&s->steps, take_verb, u->name, verb, "systemctl %s %s", verb,
		  u->name);
}

static void enable(struct setup *s, const struct unit *u)
{
	setup_add_unit(s, u, "enable");
	if (u->enabled)
		steps_skip(&s->steps, "it is enabled already");
	else
		record_verb(&s->record, "enable", u->name);
}

static void start(struct setup *s, const struct unit *u)
{
	setup_add_unit(s, u, "start");
	record_verb(&s->record, "start", u->name);
}

/* ---- the mount ---- */

/* An empty one is the kernel's default, which is the same. */
char *setup_size(const struct setup *s)
{
	char *size = settings_get(&s->defaults, KEY_SIZE);

	if (size && *size)
		return size;
	free(size);
	return ctl_copy(DEFAULT_SIZE);
}

static int take_resize(const struct step *step)
{
	const struct setup *s = step->what;
	char *size = setup_size(s);
	int status = mounted_resize(size);

	free(size);
	return status;
}

void setup_add_resize(struct setup *s)
{
	char *size = setup_size(s);

	steps_add(&s->steps, take_resize, s, NULL,
		  "remount " MOUNTED_DIR " with size=%s", text_safe(size));
	if (mounted_has_size(&s->mounted, size))
		steps_skip(&s->steps, "it is mounted with that size already");
	free(size);
}

static int plan_mount(struct setup *s)
{
	bool anew = s->mounted.is && s->libvirt && !s->mounted.hugetlbfs;

	if (!s->mounted.is && s->mount.active)
		return ctl_error("something else than gmemfs is mounted at %s, or covers it; see 'findmnt %s', and unmount that",
				 MOUNTED_DIR, MOUNTED_DIR);
	if (anew && mounted_is_used())
		return ctl_error("%s is mounted without statfs=hugetlbfs, which libvirt needs, and can't be mounted anew while it has files: 'gmemctl ls' lists them, and who uses them; shut these guests down, and run this again",
				 MOUNTED_DIR);
	enable(s, &s->mount);
	if (anew)
		setup_add_unit(s, &s->mount, "restart");
	else if (s->mounted.is)
		setup_add_resize(s);
	else
		start(s, &s->mount);
	return CTL_OK;
}

/* ---- the pool ---- */

bool setup_pool_is_right(const struct setup *s)
{
	char *pool = settings_get(&s->defaults, KEY_POOL);
	uint64_t bytes = 0;
	bool is;

	is = !pool || text_parse_size(pool, &bytes) ||
	     kernel_gmemfs("pool/low_bytes") ==
		(bytes + GMEM_BLOCK_SIZE - 1) / GMEM_BLOCK_SIZE *
			GMEM_BLOCK_SIZE;
	free(pool);
	return is;
}

static void plan_pool(struct setup *s)
{
	enable(s, &s->service);
	if (!s->service.active) {
		start(s, &s->service);
		return;
	}
	setup_add_unit(s, &s->service, "restart");
	if (setup_pool_is_right(s))
		steps_skip(&s->steps, "the pool has that size already");
}

/* ---- libvirt ---- */

static const struct {
	const char *unit;
	const char *pid;	/* it is there while the daemon runs */
} daemons[] = {
	{ "libvirtd.service", "/run/libvirtd.pid" },
	{ "virtqemud.service", "/run/virtqemud.pid" },
};

void setup_add_libvirt(struct setup *s)
{
	/* The state of each domain that runs. */
	bool domains = etc_matches("/run/libvirt/qemu/*.xml");

	for (size_t i = 0; i < sizeof(daemons) / sizeof(*daemons); i++) {
		if (!etc_exists(daemons[i].pid))
			continue;
		steps_add(&s->steps, take_verb, daemons[i].unit, "try-restart",
			  "systemctl try-restart %s", daemons[i].unit);
		if (!settings_changed(&s->qemu) &&
		    !etc_is_newer(s->qemu.path, daemons[i].pid)) {
			steps_skip(&s->steps, "it has read %s already",
				   s->qemu.path);
		} else if (domains) {
			steps_skip(&s->steps, "domains run; restart it when they are shut off");
			s->libvirt_waits = true;
		}
	}
}

/* libvirt can't say align=2M, and this option takes its place. */
static int want_hugetlbfs(struct setup *s)
{
	char *options = settings_get(&s->defaults, KEY_OPTIONS);
	char *more;

	if (!options)
		options = ctl_copy(DEFAULT_OPTIONS);
	if (!strstr(options, "statfs=")) {
		more = ctl_format("%s%sstatfs=hugetlbfs", options,
				  *options ? "," : "");
		record_set(&s->record, &s->defaults, KEY_OPTIONS, more);
		free(more);
	} else if (!strstr(options, "statfs=hugetlbfs")) {
		ctl_error("%s has %s=%s, but libvirt needs statfs=hugetlbfs; change it there",
			  s->defaults.path, KEY_OPTIONS, text_safe(options));
		free(options);
		return CTL_FAILED;
	}
	free(options);
	return CTL_OK;
}

static int want_folder(struct setup *s)
{
	char *is = settings_get(&s->qemu, KEY_FOLDER);
	int status = CTL_OK;

	if (!s->qemu.before)
		status = ctl_error("%s isn't there: install libvirt-daemon-system, or leave --libvirt out",
				   s->qemu.path);
	else if (is && strcmp(is, MOUNTED_DIR))
		status = ctl_error("%s has %s = \"%s\" already, and somebody may rely on that; if not, remove the line, or write \"%s\" there",
				   s->qemu.path, KEY_FOLDER, text_safe(is),
				   MOUNTED_DIR);
	else
		record_set(&s->record, &s->qemu, KEY_FOLDER, MOUNTED_DIR);
	free(is);
	return status;
}

/* ---- all of it ---- */

/* The generator lets the mount fail then. */
static int refuse_strange(const struct setup *s)
{
	static const char *const keys[] = { KEY_SIZE, KEY_OPTIONS };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (settings_strange(&s->defaults, keys[i]))
			return ctl_error("%s has a line with %s that isn't of the form %s=VALUE; correct or remove it",
					 s->defaults.path, keys[i], keys[i]);
	return CTL_OK;
}

static int want_settings(struct setup *s)
{
	if (refuse_strange(s))
		return CTL_FAILED;
	if (s->size)
		record_set(&s->record, &s->defaults, KEY_SIZE, s->size);
	if (s->pool)
		record_set(&s->record, &s->defaults, KEY_POOL, s->pool);
	if (s->libvirt && (want_hugetlbfs(s) || want_folder(s)))
		return CTL_FAILED;
	return CTL_OK;
}

static int plan_record(struct setup *s)
{
	struct step *first = &s->steps.all[0];

	/* It is known only now whether it changes. */
	if (!settings_changed(&s->record)) {
		first->state = STEP_SKIP;
		first->why = ctl_copy("nothing is added to it");
	}
	return CTL_OK;
}

int setup_plan(struct setup *s)
{
	if (!kernel_gmemfs_loaded() && !kernel_gmemfs_installed())
		return ctl_error("gmemfs is neither loaded nor in /lib/modules; install gmemfs-dkms and the headers of this kernel, or see 'gmemctl check'");
	steps_add(&s->steps, take_write, &s->record, NULL,
		  "write %s: what --undo takes back", s->record.path);
	if (want_settings(s))
		return CTL_FAILED;
	setup_add_write(s, &s->defaults);
	setup_add_reload(s);
	if (plan_mount(s))
		return CTL_FAILED;
	if (s->pool)
		plan_pool(s);
	if (s->libvirt) {
		setup_add_write(s, &s->qemu);
		setup_add_libvirt(s);
	}
	return plan_record(s);
}
