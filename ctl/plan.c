// SPDX-License-Identifier: GPL-2.0
/* The steps of gmemctl setup, from what is wanted and what there is. */
#include <ctype.h>
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
		KEY_SIZE, KEY_OPTIONS, KEY_POOL, KEY_FOLDER, KEY_MOUNTS
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

/* The generator writes its file anew each time that systemd reads all. */
static bool is_read(const struct settings *file)
{
	return !settings_changed(file) &&
	       (!file->before || etc_exists(GENERATED)) &&
	       !etc_is_newer(file->path, GENERATED);
}

void setup_add_reload(struct setup *s, bool needed)
{
	steps_add(&s->steps, take_verb, NULL, "daemon-reload",
		  "systemctl daemon-reload");
	if (!needed)
		steps_skip(&s->steps, "systemd has read that file already");
}

/* Also if somebody has changed the file, and has not told systemd yet. */
void setup_add_reload_defaults(struct setup *s)
{
	setup_add_reload(s, !is_read(&s->defaults));
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

/* The kernel takes the last one. NULL: the options have none. */
static char *size_in_options(const struct setup *s)
{
	char *options = settings_get(&s->defaults, KEY_OPTIONS);
	char *left = options, *size = NULL, *option;

	while (left && (option = strsep(&left, ","))) {
		if (strncmp(option, "size=", 5))
			continue;
		free(size);
		size = ctl_copy(option + 5);
	}
	free(options);
	return size;
}

/* An empty one leaves it to the options, or to the kernel's default. */
char *setup_size(const struct setup *s)
{
	char *size = settings_get(&s->defaults, KEY_SIZE);

	if (size && *size)
		return size;
	if (size) {
		free(size);
		size = size_in_options(s);
	}
	return size ? size : ctl_copy(DEFAULT_SIZE);
}

/* As gmemfs reads it, which doesn't know "8GiB". */
static bool is_size(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;

	if (*unit == '%' && (digits > 3 || atoi(text) > 100))
		return false;
	return digits && (!*unit || (strchr("kmgt%", tolower(*unit)) &&
				     !unit[1]));
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
	if (!is_size(size))
		steps_skip(&s->steps, "gmemfs knows no such size");
	else if (mounted_has_size(&s->mounted, size))
		steps_skip(&s->steps, "it is mounted with that size already");
	free(size);
}

static int refuse_mount(const struct setup *s, bool anew)
{
	if (!s->mounted.is && s->mount.state == UNIT_ACTIVE)
		return ctl_error("something else than gmemfs is mounted at %s, or covers it; see 'findmnt %s', and unmount that",
				 MOUNTED_DIR, MOUNTED_DIR);
	if (anew && mounted_is_used())
		return ctl_error("%s is mounted without statfs=hugetlbfs, which libvirt needs, and can't be mounted anew while it has files: 'gmemctl ls' lists them, and who uses them; shut these guests down, and run this again",
				 MOUNTED_DIR);
	if (s->libvirt && !anew && s->mounted.foreign)
		return ctl_error("%s isn't a folder of root's that only root can write to, so that libvirt must not use it; see whose it is, and remove it",
				 MOUNTED_LIBVIRT);
	return CTL_OK;
}

static int plan_mount(struct setup *s)
{
	bool anew = s->mounted.is && s->libvirt && !s->mounted.hugetlbfs;

	if (refuse_mount(s, anew))
		return CTL_FAILED;
	enable(s, &s->mount);
	if (anew) {
		setup_add_unit(s, &s->mount, "restart");
		s->mounted.folder = false;
		s->mounted.served = false;
	} else if (s->mounted.is) {
		setup_add_resize(s);
	} else {
		start(s, &s->mount);
	}
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

/* A job may still fill it, with this size or another one. */
static void plan_pool(struct setup *s)
{
	bool right = setup_pool_is_right(s);

	enable(s, &s->service);
	if (s->service.state == UNIT_BUSY) {
		setup_add_unit(s, &s->service, right ? "start" : "restart");
	} else if (s->service.state == UNIT_ACTIVE) {
		setup_add_unit(s, &s->service, "restart");
		if (right)
			steps_skip(&s->steps, "the pool has that size already");
	} else {
		start(s, &s->service);
	}
}

/* ---- libvirt ---- */

const struct setup_daemon setup_daemons[SETUP_DAEMONS] = {
	{ "libvirtd.service", "/run/libvirtd.pid",
	  "/etc/systemd/system/libvirtd.service.d/gmemfs.conf" },
	{ "virtqemud.service", "/run/virtqemud.pid",
	  "/etc/systemd/system/virtqemud.service.d/gmemfs.conf" },
};

/* It makes its folder in the mount when it starts. */
static bool has_read_qemu(const struct setup *s, const char *pid)
{
	return !settings_changed(&s->qemu) &&
	       !etc_is_newer(s->qemu.path, pid) &&
	       (s->undo || s->mounted.served);
}

void setup_add_libvirt(struct setup *s)
{
	/* The state of each domain that runs. */
	bool domains = etc_matches("/run/libvirt/qemu/*.xml");

	for (size_t i = 0; i < SETUP_DAEMONS; i++) {
		const struct setup_daemon *d = &setup_daemons[i];

		if (!etc_exists(d->pid))
			continue;
		steps_add(&s->steps, take_verb, d->unit, "try-restart",
			  "systemctl try-restart %s", d->unit);
		if (has_read_qemu(s, d->pid)) {
			steps_skip(&s->steps, "it has read %s already",
				   s->qemu.path);
		} else if (domains) {
			steps_skip(&s->steps, "domains run; restart it when they are shut off");
			s->libvirt_waits = true;
		}
	}
}

static int take_folder(const struct step *step)
{
	(void)step;
	return mounted_make_folder();
}

/*
 * libvirt would only make it when it starts, and gives what is in it to QEMU's
 * user: so nobody else may have made it.
 */
static void add_folder(struct setup *s)
{
	steps_add(&s->steps, take_folder, NULL, NULL, "make %s",
		  MOUNTED_LIBVIRT);
	if (s->mounted.folder)
		steps_skip(&s->steps, "it is there already");
}

/* If the mount fails at boot, libvirt would put memory into the bare folder. */
static void add_waits(struct setup *s)
{
	bool read = true;

	for (size_t i = 0; i < SETUP_DAEMONS; i++) {
		setup_add_write(s, &s->waits[i]);
		read &= is_read(&s->waits[i]);
	}
	setup_add_reload(s, !read);
}

static void want_waits(struct setup *s)
{
	for (size_t i = 0; i < SETUP_DAEMONS; i++) {
		struct settings *file = &s->waits[i];

		if (file->before)
			continue;
		free(file->text);
		file->text = ctl_copy(SETUP_WAIT);
		record_verb(&s->record, "wait", setup_daemons[i].unit);
	}
}

/*
 * libvirt can't say align=2M, and this option takes its place. It makes its
 * folder as root; if others might make that first, at each boot, they could
 * lead root elsewhere.
 */
static int want_hugetlbfs(struct setup *s)
{
	char *options = settings_get(&s->defaults, KEY_OPTIONS);
	char *more;

	if (!options)
		options = ctl_copy(DEFAULT_OPTIONS);
	if (!strstr(options, "statfs=")) {
		more = ctl_format("%s%sstatfs=hugetlbfs",
				  strcmp(options, DEFAULT_OPTIONS) ? options :
				  LIBVIRT_OPTIONS, *options ? "," : "");
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

/* What the generator takes. */
#define OPTION_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_=,.%-"

/* The same. What the command line has set is all right. */
static int refuse_values(const struct setup *s)
{
	char *size = settings_get(&s->defaults, KEY_SIZE);
	char *options = settings_get(&s->defaults, KEY_OPTIONS);
	int status = CTL_OK;

	if (size && *size && !is_size(size))
		status = ctl_error("%s has %s=%s, which is no size; write bytes, with k, m, g or t, or a percentage, and nothing behind it: no blank, and no line break of another system",
				   s->defaults.path, KEY_SIZE, text_safe(size));
	else if (options && options[strspn(options, OPTION_CHARACTERS)])
		status = ctl_error("%s has %s=%s, with a character that can't be in options; correct it: no blank, no comment behind it, and no line break of another system",
				   s->defaults.path, KEY_OPTIONS,
				   text_safe(options));
	free(options);
	free(size);
	return status;
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
	if (s->libvirt)
		want_waits(s);
	return refuse_values(s);
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
	setup_add_reload_defaults(s);
	if (plan_mount(s))
		return CTL_FAILED;
	if (s->libvirt) {
		add_folder(s);
		setup_add_write(s, &s->qemu);
		add_waits(s);
	}
	if (s->pool)
		plan_pool(s);
	/* It may start domains, for which the pool is. */
	if (s->libvirt)
		setup_add_libvirt(s);
	return plan_record(s);
}
