// SPDX-License-Identifier: GPL-2.0
/* Says of a guest's memory that isn't hidden. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "complain.h"
#include "ctl.h"
#include "lines.h"
#include "procfs.h"
#include "slots.h"
#include "text.h"

/*
 * What KVM_SET_USER_MEMORY_REGION takes, and the first part of what
 * KVM_SET_USER_MEMORY_REGION2 takes.
 */
struct slot {
	uint32_t number;
	uint32_t flags;
	uint64_t guest_address;
	uint64_t size;
	uint64_t address;
};

_Static_assert(sizeof(struct slot) ==
	       sizeof(struct kvm_userspace_memory_region), "KVM's struct");

/* ---- where it is ---- */

struct outside {
	uint64_t bytes;		/* of the slot that are in no such file */
	char *where;		/* the name of the first such mapping */
};

static void add_map(const struct slot *slot, const struct proc_map *map,
		    struct outside *out)
{
	uint64_t end = slot->address + slot->size;
	uint64_t from = map->from, to = map->to;

	if (from < slot->address)
		from = slot->address;
	if (to > end)
		to = end;
	if (from >= to)
		return;
	out->bytes += to - from;
	if (!out->where)
		out->where = ctl_format("%.*s", (int)strcspn(map->name, "\n"),
					map->name);
}

static int look(const struct supply *s, pid_t tid, const struct slot *slot,
		struct outside *out)
{
	FILE *f = reach_process_text(tid, "maps");
	struct proc_map map;
	struct lines lines;
	char *line;
	int err;

	if (!f)
		return -errno;
	lines_begin(&lines, f);
	while ((line = lines_next(&lines)))
		if (!proc_map_line(line, &map) && map.dev != s->dir.dev)
			add_map(slot, &map, out);
	err = lines_end(&lines);
	fclose(f);
	return err;
}

/* ---- what to say ---- */

/* A VMM may take a slot away, and give it again, as often as it likes. */
static bool is_new(uint64_t address)
{
	static uint64_t said[COMPLAIN_MOST];
	static unsigned int next;

	for (size_t i = 0; i < COMPLAIN_MOST; i++)
		if (said[i] == address)
			return false;
	said[next++ % COMPLAIN_MOST] = address;
	return true;
}

static void not_seen(const struct notify *n, int err)
{
	static bool was_said;

	if (!was_said)
		complain("process %u: whether its guest's memory is hidden can't be seen (%s): look by 'gmemctl ls' and 'gmemctl verify', as root",
			 n->call->pid, strerror(-err));
	was_said = true;
}

static const char *where(const struct outside *out)
{
	return *out->where ? text_safe(out->where) : "anonymous memory";
}

static void say(const struct supply *s, const struct notify *n,
		const struct slot *slot, const struct outside *out)
{
	if (out->bytes && notify_waits(n) && is_new(slot->address))
		complain("process %u: %s of its guest's memory are NOT HIDDEN: not in %s, but in %s; let the VMM take memfds for it, such as Cloud Hypervisor by --memory shared=on",
			 n->call->pid, text_size(out->bytes),
			 text_safe(s->path), where(out));
}

/* What the guest can't write to is firmware, which is no secret. */
static void check(const struct supply *s, const struct notify *n,
		  const struct slot *slot)
{
	struct outside out = { 0 };
	int err;

	if (!slot->size || slot->flags & KVM_MEM_READONLY)
		return;
	err = look(s, n->call->pid, slot, &out);
	if (err)
		not_seen(n, err);
	else
		say(s, n, slot, &out);
	free(out.where);
}

void slots_answer(const struct supply *s, struct notify *n)
{
	struct slot slot = { 0 };
	ssize_t got = notify_read(n, n->call->data.args[2], &slot,
				  sizeof(slot));

	if (got == sizeof(slot))
		check(s, n, &slot);
	else
		not_seen(n, got < 0 ? (int)got : -EFAULT);
	notify_pass(n);
}
