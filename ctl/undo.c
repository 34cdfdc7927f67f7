// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl setup --undo: the steps that take back what setup has changed, in
 * reverse order. What somebody has changed since stays.
 */
#include <stdlib.h>

#include "ctl.h"
#include "etc.h"
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

static bool will_stop(const struct setup *s, const struct unit *u)
{
	return record_has_verb(&s->record, "start", u->name) && u->active;
}

static void stop(struct setup *s, const struct unit *u)
{
	if (record_has_verb(&s->record, "start", u->name)) {
		setup_add_unit(s, u, "stop");
		if (!u->active)
			steps_skip(&s->steps, "it is stopped already");
	}
	if (record_has_verb(&s->record, "enable", u->name)) {
		setup_add_unit(s, u, "disable");
		if (!u->enabled)
			steps_skip(&s->steps, "it is disabled already");
	}
}

/* Setup has found these active, perhaps with other settings. */
static void adjust(struct setup *s)
{
	if (!settings_changed(&s->defaults))
		return;
	if (s->mounted.is && !will_stop(s, &s->mount))
		setup_add_resize(s);
	if (s->service.active && !will_stop(s, &s->service) &&
	    !setup_pool_is_right(s))
		setup_add_unit(s, &s->service, "restart");
}

static void undo_libvirt(struct setup *s)
{
	if (!s->qemu.text)
		return;
	put_back(s, &s->qemu, KEY_FOLDER);
	if (!settings_changed(&s->qemu))
		return;
	setup_add_write(s, &s->qemu);
	setup_add_libvirt(s);
}

static void undo_defaults(struct setup *s)
{
	put_back(s, &s->defaults, KEY_POOL);
	put_back(s, &s->defaults, KEY_OPTIONS);
	put_back(s, &s->defaults, KEY_SIZE);
	if (!settings_changed(&s->defaults))
		return;
	setup_add_write(s, &s->defaults);
	setup_add_reload(s);
}

int setup_plan_undo(struct setup *s)
{
	if (!s->record.before)
		return CTL_OK;
	if (s->mounted.is && will_stop(s, &s->mount) && mounted_is_used())
		return ctl_error("%s has files, which may be the memory of guests, so it isn't unmounted: 'gmemctl ls' lists them, and who uses them; shut these guests down, remove files that stay, and run this again; nothing was changed yet",
				 MOUNTED_DIR);
	undo_libvirt(s);
	stop(s, &s->service);
	stop(s, &s->mount);
	undo_defaults(s);
	adjust(s);
	steps_add(&s->steps, take_remove, s->record.path, NULL, "remove %s",
		  s->record.path);
	return CTL_OK;
}
