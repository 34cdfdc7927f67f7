/* SPDX-License-Identifier: GPL-2.0 */
/* What gmemctl setup knows of the host, and the steps that follow from that. */
#ifndef SETUP_H
#define SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "mounted.h"
#include "settings.h"
#include "steps.h"
#include "unit.h"

#define KEY_SIZE	"GMEMFS_SIZE"
#define KEY_OPTIONS	"GMEMFS_OPTIONS"
#define KEY_POOL	"GMEMFS_POOL"
#define KEY_FOLDER	"memory_backing_dir"
#define KEY_MOUNTS	"RequiresMountsFor"

/* As packaging/default/gmemfs and the generator have them. */
#define DEFAULT_SIZE	"50%"
#define DEFAULT_OPTIONS	"mode=1770,gid=kvm"

/* The same, but only root makes files at the top. */
#define LIBVIRT_OPTIONS	"mode=750,gid=kvm"

/* Those of libvirt that start QEMU. */
#define SETUP_DAEMONS	2

extern const struct setup_daemon {
	const char *unit;
	const char *pid;	/* it is there while the daemon runs */
	const char *wait;	/* the drop-in that has it wait for the mount */
} setup_daemons[SETUP_DAEMONS];

/*
 * What is in that drop-in. The first line starts the mount, but says nothing if
 * there is no such unit any more; with the second, the daemon doesn't start
 * then.
 */
#define SETUP_WAIT \
	"# By gmemctl setup --libvirt: no domain starts while gmemfs isn't mounted.\n" \
	"[Unit]\n" \
	KEY_MOUNTS "=" MOUNTED_DIR "\n" \
	"AssertPathIsMountPoint=" MOUNTED_DIR "\n"

struct setup {
	/* What is wanted: */
	char *size;		/* NULL: as it is */
	char *pool;		/* NULL: none */
	bool libvirt;
	bool undo;
	/* What there is, and for the files also what shall be: */
	struct settings defaults;	/* /etc/default/gmemfs */
	struct settings qemu;		/* libvirt's; not read without need */
	struct settings waits[SETUP_DAEMONS];	/* setup_daemons[].wait */
	struct settings record;		/* what setup has changed: record.h */
	struct unit mount;		/* dev-gmem.mount */
	struct unit service;		/* gmemfs-pool.service */
	struct mounted mounted;
	/* What follows: */
	struct steps steps;
	bool libvirt_waits;	/* for somebody to restart it */
};

/*
 * setup_plan - add the steps that set gmemfs up; setup_plan_undo - those that
 * take that back. Nothing is changed yet.
 *
 * Return: CTL_OK; or CTL_FAILED after a message, if it can't be done.
 */
int setup_plan(struct setup *s);
int setup_plan_undo(struct setup *s);

/* ---- steps of both, in the order in which setup takes them ---- */

void setup_add_write(struct setup *s, const struct settings *file);
void setup_add_reload(struct setup *s, bool needed);
void setup_add_reload_defaults(struct setup *s);
void setup_add_unit(struct setup *s, const struct unit *u, const char *verb);

/* What the mount and the pool shall have by /etc/default/gmemfs. */
void setup_add_resize(struct setup *s);
bool setup_pool_is_right(const struct setup *s);

/*
 * Those daemons that have read another qemu.conf, or have begun before the
 * mount; not while domains run.
 */
void setup_add_libvirt(struct setup *s);

/* The option size= of the mount; the caller frees it. */
char *setup_size(const struct setup *s);

#endif /* SETUP_H */
