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
#include "vms.h"

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
	uint64_t mapped;	/* that are mapped at all */
	char *where;		/* the name of the first such mapping */
};

/* The kernel refuses a slot that reaches beyond the last address. */
static void add_map(const struct supply *s, const struct slot *slot,
		    const struct proc_map *map, struct outside *out)
{
	uint64_t end = slot->address + slot->size;
	uint64_t from = map->from, to = map->to;

	if (from < slot->address)
		from = slot->address;
	if (to > end)
		to = end;
	if (from >= to)
		return;
	out->mapped += to - from;
	if (map->dev == s->dir.dev || proc_map_is_of_device(map))
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
		if (!proc_map_line(line, &map))
			add_map(s, slot, &map, out);
	err = lines_end(&lines);
	fclose(f);
	return err;
}

/* ---- what to say ---- */

/* What there is to say of a process, and for which address. */
struct finding {
	enum { OUTSIDE, UNMAPPED, PRIVATE } what;
	pid_t pid;
	uint64_t address;
};

/* A VMM may take a slot away, and give it again, as often as it likes. */
static bool is_new(const struct finding *f)
{
	static struct finding said[COMPLAIN_MOST];
	static unsigned int next;

	for (size_t i = 0; i < COMPLAIN_MOST; i++)
		if (said[i].what == f->what && said[i].pid == f->pid &&
		    said[i].address == f->address)
			return false;
	said[next++ % COMPLAIN_MOST] = *f;
	return true;
}

/* Its threads may give the same slot in turns. */
static pid_t process_of(pid_t tid)
{
	FILE *f = reach_process_text(tid, "status");
	struct lines lines;
	pid_t pid = tid, found;
	char *line;

	if (!f)
		return tid;
	lines_begin(&lines, f);
	while ((line = lines_next(&lines)))
		if (sscanf(line, "Tgid:\t%d", &found) == 1)
			pid = found;
	lines_end(&lines);
	fclose(f);
	return pid;
}

static void not_seen(const struct notify *n, int err)
{
	static pid_t said_of;
	pid_t pid = process_of(n->call->pid);

	if (pid == said_of || !notify_waits(n))
		return;
	said_of = pid;
	complain("process %d: whether its guest's memory is hidden can't be seen (%s): look by 'gmemctl ls' and 'gmemctl verify', as root",
		 pid, strerror(-err));
}

static const char *where(const struct outside *out)
{
	return *out->where ? text_safe(out->where) : "anonymous memory";
}

/* Another mount of gmemfs isn't known as one here. */
static const char *unless(const struct outside *out)
{
	if (*out->where != '/' || !strncmp(out->where, "/memfd:", 7))
		return "";
	return " (unless that is in another mount of gmemfs)";
}

static bool begin(const struct notify *n, const struct slot *slot,
		  struct finding *f)
{
	f->pid = process_of(n->call->pid);
	f->address = slot->address;
	return notify_waits(n) && is_new(f);
}

static void say_outside(const struct supply *s, const struct notify *n,
			const struct slot *slot, const struct outside *out)
{
	struct finding f = { .what = OUTSIDE };

	if (out->bytes && begin(n, slot, &f))
		complain("process %d: %s of its guest's memory are NOT HIDDEN%s: not in %s, but in %s; let the VMM take memfds for it, such as Cloud Hypervisor by --memory shared=on",
			 f.pid, text_size(out->bytes), unless(out),
			 text_safe(s->path), where(out));
}

static void say_unmapped(const struct notify *n, const struct slot *slot,
			 const struct outside *out)
{
	struct finding f = { .what = UNMAPPED };

	if (out->mapped < slot->size && begin(n, slot, &f))
		complain("process %d: %s of its guest's memory may be NOT HIDDEN: nothing is mapped there yet, and gmemctl run doesn't look again; look by 'gmemctl ls'",
			 f.pid, text_size(slot->size - out->mapped));
}

static void say_private(const struct notify *n, const struct slot *slot)
{
	struct finding f = { .what = PRIVATE };

	if (slot->flags & KVM_MEM_GUEST_MEMFD && begin(n, slot, &f))
		complain("process %d: %s of its guest's memory are NOT HIDDEN where the guest makes them private: KVM has that in a guest_memfd of its own; start the guest without guest_memfd",
			 f.pid, text_size(slot->size));
}

/* What the guest can't write to is firmware, which is no secret. */
static void check(const struct supply *s, const struct notify *n,
		  const struct slot *slot)
{
	struct outside out = { 0 };
	int err;

	if (!slot->size || slot->flags & KVM_MEM_READONLY)
		return;
	say_private(n, slot);
	err = look(s, n->call->pid, slot, &out);
	if (err) {
		not_seen(n, err);
	} else {
		say_outside(s, n, slot, &out);
		say_unmapped(n, slot, &out);
	}
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
