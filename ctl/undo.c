// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl setup --undo: the steps that take back what setup has changed, in
 * reverse order. What somebody has changed since stays.
 */
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "etc.h"
#include "kernel.h"
#include "record.h"
#include "setup.h"
#include "text.h"

static int take_remove(const struct step *step)
{
	return etc_remove(step->what);
}

/* Put a setting back, or say why it stays. */
static void put_back(struct setup *s, struct settings *file, const char *key)
{
	char *other = record_back(&s->record, file, key);

	if (!other)
		return;
	steps_add(&s->steps, NULL, NULL, NULL, "put back %s in %s", key,
		  file->path);
	steps_skip(&s->steps, "somebody has changed it since, to '%s'",
		   text_safe(other));
	free(other);
}

/* ---- units ---- */

static bool will_stop(const struct setup *s, const struct unit *u)
{
	return record_has_verb(&s->record, "start", u->name) &&
	       (u->state == UNIT_ACTIVE || u->state == UNIT_BUSY);
}

static void stop(struct setup *s, const struct unit *u)
{
	if (record_has_verb(&s->record, "start", u->name)) {
		setup_add_unit(s, u, "stop");
		if (!will_stop(s, u))
			steps_skip(&s->steps, "it is stopped already");
	}
	if (record_has_verb(&s->record, "enable", u->name)) {
		setup_add_unit(s, u, "disable");
		if (!u->enabled)
			steps_skip(&s->steps, "it is disabled already");
	}
}

static int take_release(const struct step *step)
{
	int err = kernel_write(step->what, 0);

	return err ? ctl_error("%s: %s", (const char *)step->what,
			       strerror(-err)) : CTL_OK;
}

/*
 * systemd doesn't run ExecStop= of a service that has failed, or is not done
 * yet, but it may have filled the pool.
 */
static void release(struct setup *s)
{
	uint64_t low = kernel_gmemfs("pool/low_bytes");

	/* A busy one is perhaps about to fill it. */
	if ((!low && s->service.state != UNIT_BUSY) ||
	    !record_has_verb(&s->record, "start", s->service.name))
		return;
	steps_add(&s->steps, take_release, GMEM_SYSFS "/pool/low_bytes", NULL,
		  "give the memory of the pool back");
	if (s->service.state == UNIT_INACTIVE && !setup_pool_is_right(s))
		steps_skip(&s->steps, "somebody has made the pool %s since",
			   text_size(low));
}

/* ---- the mount, if it stays ---- */

/* Setup has found these active, perhaps with other settings. */
static void adjust(struct setup *s)
{
	bool stays = s->mounted.is && !will_stop(s, &s->mount);

	if (stays && record_has(&s->record, KEY_SIZE))
		setup_add_resize(s);
	if (stays && record_has(&s->record, KEY_OPTIONS) &&
	    s->mounted.hugetlbfs) {
		steps_add(&s->steps, NULL, NULL, NULL,
			  "take the other options from %s", MOUNTED_DIR);
		steps_skip(&s->steps, "that needs a new mount; if you want it: systemctl restart %s, while there are no files",
			   s->mount.name);
	}
	if (record_has(&s->record, KEY_POOL) &&
	    s->service.state == UNIT_ACTIVE && !will_stop(s, &s->service) &&
	    !setup_pool_is_right(s))
		setup_add_unit(s, &s->service, "restart");
}

/* ---- libvirt ---- */

static int take_folder(const struct step *step)
{
	(void)step;
	return mounted_remove_folder();
}

static void remove_folder(struct setup *s)
{
	if (!s->mounted.is || will_stop(s, &s->mount) ||
	    !s->mounted.folder || s->mounted.foreign)
		return;
	steps_add(&s->steps, take_folder, NULL, NULL,
		  "remove %s, if it is empty", MOUNTED_LIBVIRT);
}

/* Before the mount is stopped: systemd would stop libvirt, too. */
static void undo_waits(struct setup *s)
{
	bool any = false;

	for (size_t i = 0; i < SETUP_DAEMONS; i++) {
		const struct settings *file = &s->waits[i];

		any |= !!file->text;
		if (!file->before)
			continue;
		steps_add(&s->steps, take_remove, file->path, NULL, "remove %s",
			  file->path);
		if (strcmp(file->before, SETUP_WAIT))
			steps_skip(&s->steps, "somebody has changed it since");
	}
	if (any)
		setup_add_reload(s, true);
}

static void undo_libvirt(struct setup *s)
{
	undo_waits(s);
	if (!s->qemu.text)
		return;
	put_back(s, &s->qemu, KEY_FOLDER);
	setup_add_write(s, &s->qemu);
	setup_add_libvirt(s);
	remove_folder(s);
}

/* ---- all of it ---- */

/* An earlier run may have written the file, and have failed after that. */
static void undo_defaults(struct setup *s)
{
	put_back(s, &s->defaults, KEY_POOL);
	put_back(s, &s->defaults, KEY_OPTIONS);
	put_back(s, &s->defaults, KEY_SIZE);
	if (!record_has(&s->record, KEY_POOL) &&
	    !record_has(&s->record, KEY_OPTIONS) &&
	    !record_has(&s->record, KEY_SIZE))
		return;
	setup_add_write(s, &s->defaults);
	setup_add_reload_defaults(s);
}

int setup_plan_undo(struct setup *s)
{
	if (!s->record.before)
		return CTL_OK;
	if (s->mount.state == UNIT_ACTIVE && will_stop(s, &s->mount) &&
	    !s->mounted.is)
		return ctl_error("%s is to be unmounted, but something else covers it, or it can't be reached, so it isn't known whether guests use it; see 'findmnt %s', and unmount what covers it; nothing was changed yet",
				 MOUNTED_DIR, MOUNTED_DIR);
	if (s->mounted.is && will_stop(s, &s->mount) && mounted_is_used())
		return ctl_error("%s has files, which may be the memory of guests, so it isn't unmounted: 'gmemctl ls' lists them, and who uses them; shut these guests down, remove files that stay, and run this again; nothing was changed yet",
				 MOUNTED_DIR);
	undo_libvirt(s);
	stop(s, &s->service);
	release(s);
	stop(s, &s->mount);
	undo_defaults(s);
	adjust(s);
	steps_add(&s->steps, take_remove, s->record.path, NULL, "remove %s",
		  s->record.path);
	return CTL_OK;
}
