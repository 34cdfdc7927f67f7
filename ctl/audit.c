// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl audit: is all of a guest's memory hidden? KVM says which memory a
 * guest has, and not the VMM.
 *
 * VMs come and go, and change their slots, while this looks. So the list is
 * read once more at the end. If a VM isn't in it, or a slot of it has changed,
 * all is looked at again.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "ctl.h"
#include "guest.h"
#include "json.h"
#include "kernel.h"
#include "table.h"
#include "text.h"
#include "vms.h"

#define TRIES		4
#define PAUSE_SECONDS	0.2

enum { OPT_ALLOW_SHARED };

struct audit {
	const struct ctl_call *call;
	pid_t *pids;		/* of the arguments */
	struct vms vms;
	struct guest *guests;
	size_t count;
};

static const char *const verdict_names[] = {
	[GUEST_HIDDEN] = "hidden",
	[GUEST_READABLE] = "readable",
	[GUEST_INCOMPLETE] = "incomplete",
};

/* ---- looking ---- */

static bool is_wanted(const struct audit *a, pid_t pid)
{
	for (int i = 0; i < a->call->nr_args; i++)
		if (a->pids[i] == pid)
			return true;
	return !a->call->nr_args;
}

static void forget(struct audit *a)
{
	for (size_t i = 0; i < a->count; i++)
		guest_free(&a->guests[i]);
	free(a->guests);
	vms_free(&a->vms);
	a->guests = NULL;
	a->count = 0;
}

static void look_at_all(struct audit *a)
{
	bool allow_shared = a->call->values[OPT_ALLOW_SHARED];

	for (size_t i = 0; i < a->vms.count; i++) {
		const struct vm *vm = &a->vms.all[i];

		if (!is_wanted(a, vm->pid))
			continue;
		a->guests = ctl_grow(a->guests, a->count, sizeof(*a->guests));
		guest_look(&a->guests[a->count++], vm, allow_shared);
	}
}

/*
 * A VM whose process has none any more has ended, and is forgotten. But another
 * process may have its address space, too, and then it may go on as that one's:
 * as a VM that is new.
 *
 * Return: have some changed, or ended?
 */
static bool compare(struct audit *a, const struct vms *after)
{
	bool moved = after->full || vms_has_new(&a->vms, after), any = false;
	size_t kept = 0;

	for (size_t i = 0; i < a->count; i++) {
		struct guest *g = &a->guests[i];

		g->changed = !vms_find(after, g->vm);
		any |= g->changed;
		if (g->changed && !moved &&
		    !vms_has_process(after, g->vm->pid))
			guest_free(g);
		else
			a->guests[kept++] = *g;
	}
	a->count = kept;
	return any;
}

/* Return: 1 if a VM has changed or ended meanwhile; 0; or a negative errno. */
static int look_once(struct audit *a)
{
	struct vms after;
	int err = vms_read(&a->vms);

	if (err)
		return err;
	ask_renew();
	look_at_all(a);
	err = vms_read(&after);
	if (err)
		return err;
	err = compare(a, &after);
	vms_free(&after);
	return err;
}

static int look(struct audit *a)
{
	int err = look_once(a);

	for (int i = 1; i < TRIES && err > 0; i++) {
		forget(a);
		ctl_sleep(PAUSE_SECONDS);
		err = look_once(a);
	}
	return err < 0 ? err : 0;
}

/* ---- for people ---- */

static void add_row(struct table *t, const struct guest *g, size_t slot)
{
	const struct backing *b = &g->slots[slot];
	char *on = guest_on(g, slot);

	table_cell(t, "%d", g->vm->pid);
	table_cell(t, "%#" PRIx64, g->vm->slots[slot].guest);
	table_cell(t, "%s", text_size(g->vm->slots[slot].size));
	table_cell(t, "%s", text_size(b->hidden));
	table_cell(t, "%s", text_size(b->lent));
	table_cell(t, "%s", text_size(b->shared));
	table_cell(t, "%s", text_size(b->kept + b->outside));
	table_cell(t, "%s", text_size(b->absent));
	table_cell(t, "%s", text_safe(on));
	free(on);
}

static void print_table(const struct audit *a)
{
	static const char *const headers[] = {
		">PID", ">ADDRESS", ">SIZE", ">HIDDEN", ">LENT", ">SHARED",
		">READABLE", ">ABSENT", "ON", NULL
	};
	struct table t;

	table_begin(&t, headers);
	for (size_t i = 0; i < a->count; i++)
		for (size_t k = 0; k < a->guests[i].vm->nr_slots; k++)
			if (!a->guests[i].skipped[k])
				add_row(&t, &a->guests[i], k);
	table_print(&t, stdout, 0);
}

static void print_head(const struct guest *g)
{
	char name[64] = "a VM without a VMM";

	if (g->vm->pid)
		snprintf(name, sizeof(name), "process %d", g->vm->pid);
	printf("\n%s%s%s%s: ", name, g->vm->pid ? " (" : "",
	       text_safe(g->comm), g->vm->pid ? ")" : "");
	switch (guest_verdict(g)) {
	case GUEST_HIDDEN:
		text_paint(stdout, COLOUR_GREEN, "all hidden");
		break;
	case GUEST_READABLE:
		text_paint(stdout, COLOUR_RED, "NOT ALL HIDDEN");
		break;
	case GUEST_INCOMPLETE:
		text_paint(stdout, COLOUR_YELLOW, "incomplete");
		break;
	}
	printf(": %s of %s hidden, %s lent, %s without memory yet\n",
	       text_size(g->sum.hidden), text_size(guest_size(g)),
	       text_size(g->sum.lent), text_size(g->sum.absent));
}

static void print_guest(const struct guest *g)
{
	char *texts[GUEST_SENTENCES];
	size_t count = guest_sentences(g, texts), i;

	print_head(g);
	for (i = 0; i < count && i < GUEST_SENTENCES; i++) {
		printf("  %s\n", texts[i]);
		free(texts[i]);
	}
	if (count > i)
		printf("  and %zu more\n", count - i);
}

static void print_text(const struct audit *a)
{
	if (!a->count) {
		puts("no VM");
		return;
	}
	print_table(a);
	for (size_t i = 0; i < a->count; i++)
		print_guest(&a->guests[i]);
}

/* ---- for programs ---- */

static void json_backing(struct json *j, const struct backing *b)
{
	json_number(j, "hidden", b->hidden);
	json_number(j, "lent", b->lent);
	json_number(j, "shared", b->shared);
	json_number(j, "kept", b->kept);
	json_number(j, "absent", b->absent);
	json_number(j, "outside", b->outside);
	json_number(j, "device", b->device);
	json_number(j, "unmapped", b->unmapped);
	json_number(j, "unknown", b->unknown);
}

static void json_slot(struct json *j, const struct guest *g, size_t slot)
{
	const struct vm_slot *s = &g->vm->slots[slot];
	char *on = guest_on(g, slot);

	json_object(j, NULL);
	json_number(j, "address", s->guest);
	json_number(j, "size", s->size);
	json_bool(j, "smm", s->space);
	json_bool(j, "read_only", s->flags & KVM_MEM_READONLY);
	json_bool(j, "logged", s->flags & KVM_MEM_LOG_DIRTY_PAGES);
	json_bool(j, "guest_memfd", s->flags & KVM_MEM_GUEST_MEMFD);
	json_backing(j, &g->slots[slot]);
	json_string(j, "on", on);
	json_end(j);
	free(on);
}

static void json_sentences(struct json *j, const struct guest *g)
{
	char *texts[GUEST_SENTENCES];
	size_t count = guest_sentences(g, texts);

	json_array(j, "sentences");
	for (size_t i = 0; i < count && i < GUEST_SENTENCES; i++) {
		json_string(j, NULL, texts[i]);
		free(texts[i]);
	}
	json_end(j);
}

static void json_guest(struct json *j, const struct guest *g)
{
	json_object(j, NULL);
	json_number(j, "pid", g->vm->pid);
	json_string(j, "comm", g->comm);
	json_string(j, "verdict", verdict_names[guest_verdict(g)]);
	json_number(j, "size", guest_size(g));
	json_number(j, "readable", guest_readable(g));
	json_number(j, "read_only", g->read_only);
	json_backing(j, &g->sum);
	json_string(j, "missed", guest_missed(g));
	json_string(j, "direct_io", g->direct);
	json_sentences(j, g);
	json_array(j, "slots");
	for (size_t i = 0; i < g->vm->nr_slots; i++)
		if (!g->skipped[i])
			json_slot(j, g, i);
	json_end(j);
	json_end(j);
}

static bool is_complete(const struct audit *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (guest_missed(&a->guests[i]))
			return false;
	return !a->vms.full;
}

static void print_json(const struct audit *a)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_array(&j, "vms");
	for (size_t i = 0; i < a->count; i++)
		json_guest(&j, &a->guests[i]);
	json_end(&j);
	json_bool(&j, "complete", is_complete(a));
	json_finish(&j);
}

/* ---- the command ---- */

static int parse_pids(struct audit *a)
{
	a->pids = ctl_alloc(a->call->nr_args, sizeof(*a->pids));
	for (int i = 0; i < a->call->nr_args; i++) {
		unsigned long pid;

		if (text_parse_count(a->call->args[i], &pid) || pid > INT_MAX)
			return ctl_usage(a->call, "PID must be the number of a process, not '%s'",
					 text_safe(a->call->args[i]));
		a->pids[i] = pid;
	}
	return CTL_OK;
}

/* Each process that was named has to have a VM. */
static int check_pids(const struct audit *a)
{
	int status = CTL_OK;

	for (int i = 0; i < a->call->nr_args; i++) {
		bool found = false;

		for (size_t k = 0; k < a->count; k++)
			found |= a->guests[k].vm->pid == a->pids[i];
		if (!found)
			status = ctl_error("process %d has no VM", a->pids[i]);
	}
	return status;
}

static int judge(const struct audit *a)
{
	int status = check_pids(a);

	for (size_t i = 0; i < a->count; i++)
		if (guest_verdict(&a->guests[i]) == GUEST_READABLE)
			status = CTL_FAILED;
	if (status != CTL_OK || is_complete(a))
		return status;
	ctl_error("incomplete: nothing was found that isn't hidden, but not everything could be looked at%s",
		  a->vms.full ? ": the VMs have more slots than gmemctl can list" : "");
	return CTL_INCOMPLETE;
}

/* A host whose VMs can't be listed isn't one without VMs. */
static int not_listed(int err)
{
	ctl_error("the VMs of this host can't be listed: %s", vms_why(err));
	return err == -EACCES || err == -EPERM ? CTL_FAILED : CTL_INCOMPLETE;
}

static int audit(struct audit *a)
{
	int err = look(a);

	if (err)
		return not_listed(err);
	if (a->call->json)
		print_json(a);
	else
		print_text(a);
	return judge(a);
}

static int run(const struct ctl_call *call)
{
	struct audit a = { .call = call };
	int status = parse_pids(&a);

	if (status == CTL_OK)
		status = kernel_gmemfs_loaded() ? audit(&a) : ctl_not_loaded();
	forget(&a);
	free(a.pids);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_ALLOW_SHARED] = { "allow-shared", NULL,
			       "take memory that is marked as shared for hidden" },
	{ NULL, NULL, NULL }
};

const struct ctl_command audit_command = {
	.name = "audit",
	.arguments = "[PID]...",
	.summary = "check whether all memory of the guests is hidden",
	.details = "Shows all memory of the host's guests, or of those of some processes, as KVM has it,\n"
		   "and what it lies on: memory may have been plugged in that is in no file of gmemfs.\n"
		   "Exit status: 0 all is hidden, 1 something isn't, 5 something could not be looked at.",
	.max_args = INT_MAX,
	.options = options,
	.run = run,
};
