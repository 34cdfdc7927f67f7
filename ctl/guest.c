// SPDX-License-Identifier: GPL-2.0
/* Looks at one VM, and judges what its memory lies on. */
#include <inttypes.h>
#include <linux/gmemfs.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "directio.h"
#include "guest.h"
#include "reach.h"
#include "text.h"

/* ---- the same memory in more than one slot ---- */

static bool is_read_only(const struct vm_slot *s)
{
	return s->flags & KVM_MEM_READONLY;
}

/* What comes first may contain what comes later. */
static int by_address(const void *a, const void *b)
{
	const struct vm_slot *x = *(const struct vm_slot *const *)a;
	const struct vm_slot *y = *(const struct vm_slot *const *)b;

	if (x->user != y->user)
		return x->user < y->user ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	if (is_read_only(x) != is_read_only(y))
		return is_read_only(x) ? 1 : -1;
	return x < y ? -1 : x > y;
}

/* A slot's guest_memfd is in no other slot, wherever its user address is. */
static bool contains(const struct vm_slot *a, const struct vm_slot *b)
{
	if (b->flags & KVM_MEM_GUEST_MEMFD)
		return false;
	return b->user >= a->user && b->user + b->size <= a->user + a->size &&
	       (is_read_only(b) || !is_read_only(a));
}

/*
 * In SMM a guest has its memory once more, and a PC has its firmware at two
 * addresses. Slots that overlap in part are counted twice there.
 */
static void skip_repeated(struct guest *g, const struct vm_slot **sorted,
			  size_t n)
{
	const struct vm_slot *last = NULL;

	for (size_t i = 0; i < n; i++) {
		if (last && contains(last, sorted[i]))
			g->skipped[sorted[i] - g->vm->slots] = true;
		else
			last = sorted[i];
	}
}

static void skip_slots(struct guest *g)
{
	const struct vm_slot **sorted;
	size_t n = 0;

	g->skipped = ctl_alloc(g->vm->nr_slots, sizeof(*g->skipped));
	sorted = ctl_alloc(g->vm->nr_slots, sizeof(*sorted));
	for (size_t i = 0; i < g->vm->nr_slots; i++) {
		if (g->vm->slots[i].of_kvm)
			g->skipped[i] = true;
		else
			sorted[n++] = &g->vm->slots[i];
	}
	qsort(sorted, n, sizeof(*sorted), by_address);
	skip_repeated(g, sorted, n);
	free(sorted);
}

/* ---- a VM ---- */

static void add_up(struct guest *g)
{
	for (size_t i = 0; i < g->vm->nr_slots; i++) {
		const struct vm_slot *s = &g->vm->slots[i];

		if (g->skipped[i])
			continue;
		backing_add(&g->sum, &g->slots[i]);
		if (is_read_only(s))
			g->read_only += g->slots[i].outside;
		if (s->flags & KVM_MEM_GUEST_MEMFD)
			g->guest_memfd += s->size;
	}
}

static bool is_on_gmemfs(const struct guest *g)
{
	const struct backing *b = &g->sum;

	return b->hidden || b->lent || b->shared || b->kept || b->absent;
}

void guest_look(struct guest *g, const struct vm *vm, bool allow_shared)
{
	*g = (struct guest){ .vm = vm, .allow_shared = allow_shared };
	if (vm->pid)
		reach_process_name(vm->pid, g->comm, sizeof(g->comm));
	g->slots = backing_look(vm);
	skip_slots(g);
	add_up(g);
	if (vm->pid && is_on_gmemfs(g))
		g->direct = directio_options(vm->pid);
}

void guest_free(struct guest *g)
{
	backing_free(g->slots, g->vm->nr_slots);
	free(g->skipped);
	free(g->direct);
}

uint64_t guest_size(const struct guest *g)
{
	uint64_t size = 0;

	for (size_t i = 0; i < g->vm->nr_slots; i++)
		if (!g->skipped[i])
			size += g->vm->slots[i].size;
	return size;
}

uint64_t guest_readable(const struct guest *g)
{
	return g->sum.kept + g->sum.outside - g->read_only + g->guest_memfd +
	       (g->allow_shared ? 0 : g->sum.shared);
}

enum guest_verdict guest_verdict(const struct guest *g)
{
	if (guest_readable(g))
		return GUEST_READABLE;
	return guest_missed(g) ? GUEST_INCOMPLETE : GUEST_HIDDEN;
}

/* ---- in words ---- */

static const char *name_of(const struct backing *b)
{
	return backing_is_anonymous(b) ? "anonymous memory" : b->name;
}

char *guest_on(const struct guest *g, size_t slot)
{
	const struct backing *b = &g->slots[slot];
	const char *parts[] = {
		b->file,
		b->outside ? name_of(b) : NULL,
		b->device ? "a device" : NULL,
		b->unmapped ? "nothing" : NULL,
		b->unknown ? "?" : NULL,
	};
	char *all = ctl_copy(""), *longer;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (!parts[i])
			continue;
		longer = ctl_format("%s%s%s", all, *all ? ", " : "", parts[i]);
		free(all);
		all = longer;
	}
	if (!is_read_only(&g->vm->slots[slot]))
		return all;
	longer = ctl_format("%s (read-only)", all);
	free(all);
	return longer;
}

static const char *first_reason(const struct guest *g)
{
	for (size_t i = 0; i < g->vm->nr_slots; i++)
		if (!g->skipped[i] && g->slots[i].why)
			return g->slots[i].why;
	return "it could not be looked at";
}

const char *guest_missed(const struct guest *g)
{
	if (g->vm->cut)
		return "the VMs have more slots than gmemctl can list";
	if (g->changed)
		return "its slots, or whose it is, change each time that gmemctl looks";
	if (!guest_size(g))
		return NULL;
	if (!g->vm->pid)
		return "its VMM has ended, and another process holds the VM; or its VMM is in another PID namespace";
	if (g->sum.unknown)
		return first_reason(g);
	if (g->sum.unmapped)
		return "the VMM has nothing mapped there: what it maps later isn't known";
	return NULL;
}

/* ---- sentences ---- */

struct sentences {
	char **texts;
	size_t count;
};

static void add(struct sentences *s, char *text)
{
	if (s->count++ < GUEST_SENTENCES)
		s->texts[s->count - 1] = text;
	else
		free(text);
}

/*
 * A VMM logs the changes of video memory to refresh the screen. While a guest
 * migrates, all slots are logged.
 */
static bool is_video(const struct guest *g, size_t slot)
{
	if (!(g->vm->slots[slot].flags & KVM_MEM_LOG_DIRTY_PAGES))
		return false;
	for (size_t i = 0; i < g->vm->nr_slots; i++)
		if (!g->skipped[i] && !is_read_only(&g->vm->slots[i]) &&
		    !(g->vm->slots[i].flags & KVM_MEM_LOG_DIRTY_PAGES))
			return true;
	return false;
}

static const char *advice(const struct guest *g, size_t slot)
{
	const struct backing *b = &g->slots[slot];

	if (is_video(g, slot))
		return "probably video memory: what the guest displays can be read; with QEMU, -vga none has none";
	if (backing_is_memfd(b))
		return "start the VMM by 'gmemctl run', or give it a file in a mount of gmemfs";
	if (backing_is_anonymous(b))
		return "with QEMU, such as what is plugged in later, it has to be a memory-backend-file with share=on and a mem-path in a mount of gmemfs";
	return "give the VMM a file in a mount of gmemfs instead";
}

static void say_outside(const struct guest *g, size_t slot,
			struct sentences *s)
{
	const struct backing *b = &g->slots[slot];
	uint64_t at = g->vm->slots[slot].guest;

	if (is_read_only(&g->vm->slots[slot]))
		add(s, ctl_format("%s at %#" PRIx64 " are not hidden, and the guest can't write to them: firmware, which is no secret",
				  text_size(b->outside), at));
	else
		add(s, ctl_format("%s at %#" PRIx64 " are NOT HIDDEN: %s; %s",
				  text_size(b->outside), at,
				  text_safe(name_of(b)), advice(g, slot)));
}

static void say_of_slot(const struct guest *g, size_t slot,
			struct sentences *s)
{
	const struct backing *b = &g->slots[slot];
	const struct vm_slot *vs = &g->vm->slots[slot];

	if (b->outside)
		say_outside(g, slot, s);
	if (b->device)
		add(s, ctl_format("%s at %#" PRIx64 " are of a device that the guest has by VFIO, and not of its memory",
				  text_size(b->device), vs->guest));
	if (b->kept)
		add(s, ctl_format("%s at %#" PRIx64 " are NOT HIDDEN: %s keeps its memory in the direct map; mount with direct_map=hidden",
				  text_size(b->kept), vs->guest,
				  text_safe(b->file)));
	if (b->shared && !g->allow_shared)
		add(s, ctl_format("%s at %#" PRIx64 " are NOT HIDDEN: shared, by the VMM or by 'gmemctl convert'; if that is as it should be, --allow-shared takes them for hidden",
				  text_size(b->shared), vs->guest));
	if (vs->flags & KVM_MEM_GUEST_MEMFD)
		add(s, ctl_format("%s at %#" PRIx64 " are NOT HIDDEN where the guest makes them private: KVM has that in a guest_memfd of its own; start the guest without guest_memfd",
				  text_size(vs->size), vs->guest));
}

size_t guest_sentences(const struct guest *g, char *texts[GUEST_SENTENCES])
{
	struct sentences s = { .texts = texts };

	for (size_t i = 0; i < g->vm->nr_slots; i++)
		if (!g->skipped[i])
			say_of_slot(g, i, &s);
	if (guest_missed(g))
		add(&s, ctl_format("not all of it could be looked at: %s",
				   guest_missed(g)));
	if (g->direct)
		add(&s, ctl_format("warning: the command line has %s: O_DIRECT to and from hidden memory fails or is copied; use cache=writeback and aio=threads or io_uring",
				   g->direct));
	return s.count;
}
