// SPDX-License-Identifier: GPL-2.0
/*
 * The model of VMs: where KVM may write into the file by itself, what it must
 * be able to do, and what its dirty log must name.
 *
 * What is at a place changes whenever KVM likes; when the place is given up, it
 * is what it is then, and must stay so.
 */
#include "fuzz.h"
#include "guest.h"

unsigned long placed[PLACE_KINDS];
unsigned long orphans_asked;

struct machine *machine_of_order(void)
{
	return &model->machines[order->worker];
}

bool in_range(long at, long offset, long size)
{
	return at >= offset && at < offset + size;
}

struct slot *slot_of(struct machine *m, long offset)
{
	return &m->slots[offset / SLOT_SIZE];
}

uint64_t gpa_of(struct machine *m, long offset)
{
	return GUEST_FILE + offset + (slot_of(m, offset)->moved ? MOVED : 0);
}

/* Does that address still lead the guest to where it did? */
static bool leads_there(struct machine *m, const struct place *p)
{
	return slot_of(m, p->offset)->there &&
	       gpa_of(m, p->offset) == p->gpa;
}

/* What the order's worker has there. */
static enum view view_of(const struct place *p)
{
	return model->views[order->worker][p->offset / PAGE_BYTES];
}

/* Can KVM reach the page of a place, hidden or not? */
static bool reaches(struct machine *m, const struct place *p)
{
	long page = p->offset / PAGE_BYTES;
	enum view view = view_of(p);

	if (model->deny || !leads_there(m, p))
		return false;
	if (view == VIEW_PRIVATE)
		return private_has(order->worker, page);
	return page < pages_of_file() &&
	       (view == VIEW_GUEST ||
		(view == VIEW_SHARED && file->shared[page]));
}

/* ---- places ---- */

/* Those of the VMs that have the file as memory. */
void each_place(place_fn fn, void *arg)
{
	int m, vcpu, kind;

	for (m = 0; m < MACHINES; m++) {
		if (&model->files[model->machines[m].file] != file)
			continue;
		for (vcpu = 0; vcpu < VCPUS; vcpu++)
			for (kind = 0; kind < PLACE_KINDS; kind++)
				fn(m, kind,
				   &model->machines[m].places[vcpu][kind], arg);
	}
}

/* Without a process that runs vCPUs, only events are written. */
static bool is_written(int machine, enum place_kind kind)
{
	return machine != ORPHAN || kind == PLACE_XEN_SHARED ||
	       kind == PLACE_XEN_INFO;
}

struct span {
	uint8_t *data;
	long offset, size;
	bool found;
};

static void spare(int machine, enum place_kind kind, struct place *p,
		  void *arg)
{
	struct span *s = arg;
	long from = p->offset > s->offset ? p->offset : s->offset;
	long end = p->offset + p->size < s->offset + s->size
		 ? p->offset + p->size : s->offset + s->size;

	if (p->on && is_written(machine, kind) && from < end)
		memcpy(s->data + from - s->offset, file->bytes + from,
		       end - from);
}

/* Where KVM may write, any contents are as good as the model's. */
void spare_places(uint8_t *data, long offset, long size)
{
	struct span s = { .data = data, .offset = offset, .size = size };

	each_place(spare, &s);
}

static void look_for_place(int machine, enum place_kind kind, struct place *p,
			  void *arg)
{
	struct span *s = arg;

	(void)machine;
	(void)kind;
	if (p->on && overlaps(p->offset, p->size, s->offset, s->size))
		s->found = true;
}

/* Has any guest asked for something there? */
bool has_places(long offset, long size)
{
	struct span s = { .offset = offset, .size = size };

	each_place(look_for_place, &s);
	return s.found;
}

bool may_be_lent(long page)
{
	return has_places(page * PAGE_BYTES, PAGE_BYTES);
}

/* What is unmapped there may be so with the 2 MiB around it. */
static void forget_gone(int machine, enum place_kind kind, struct place *p,
			void *arg)
{
	const struct span *s = arg;
	long block = p->offset & -(long)BLOCK;

	(void)machine;
	(void)kind;
	if (overlaps(s->offset, s->size, block, 2 * BLOCK))
		p->held = false;
}

static void forget_held_in(unsigned int nr, long offset, long size)
{
	struct span s = { .offset = offset, .size = size };
	struct file *was = file;

	file = &model->files[nr];
	each_place(forget_gone, &s);
	file = was;
}

static void forget_held_of(struct machine *m)
{
	struct place *p = m->places[0];
	int i;

	for (i = 0; i < VCPUS * PLACE_KINDS; i++)
		p++->held = false;
}

/* After a step that may have taken from KVM what it had mapped. */
void forget_held(void)
{
	switch (order->op) {
	case OP_TRUNCATE:
		return forget_held_in(order->file, order->offset, SIZE);
	case OP_PUNCH:
		return forget_held_in(order->file, order->offset, order->size);
	case OP_CLONE:
	case OP_CLONE_RANGE:
	case OP_COPY_RANGE:
		forget_held_in(order->file, order->offset, clone_size());
		return forget_held_in(order->source, order->source_offset,
				      clone_size());
	case OP_MAP_PRIVATE:
		forget_held_in(order->file, order->offset, order->size);
		/* fall through */
	default:
		forget_held_of(machine_of_order());
	}
}

/* KVM loses what it had by a shared view: those are unmapped. */
void unshared_view_places(long page)
{
	int w;

	for (w = 0; w < WORKERS; w++)
		if (&model->files[model->file_of[w]] == file &&
		    model->views[w][page] == VIEW_SHARED)
			forget_held_of(&model->machines[w]);
}

/*
 * The file gives that up: whoever can't look it up anew has lost it. But a page
 * that KVM has stays, zeroed, with a block of which something stays.
 */
void forget_orphans(long offset, long size)
{
	struct machine *m = &model->machines[ORPHAN];
	struct place *p = m->places[0];
	int i;

	if (&model->files[m->file] != file)
		return;
	for (i = 0; i < VCPUS * PLACE_KINDS; i++, p++) {
		long first = p->offset & -(long)BLOCK;

		if (first >= offset &&
		    offset + size >= first + (long)BLOCK)
			p->on = false;
	}
}

/*
 * A place may reach beyond the file's end, in its last page: read() doesn't
 * show that, and KVM stores there as any mapping does. It's seen again when the
 * file gets longer.
 */
static void read_beyond_end(long offset, long size)
{
	long from = offset > file->size ? offset : file->size;
	long page = from & -PAGE_BYTES, end = offset + size;
	char *mapped;

	if (end > pages_of_file() * PAGE_BYTES)
		end = pages_of_file() * PAGE_BYTES;
	if (from >= end)
		return;
	mapped = must_do(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file->fd,
			      page));
	memcpy(file->bytes + from, mapped + from - page, end - from);
	munmap(mapped, PAGE);
}

/* What is in the file there, whatever the model says. */
void read_back(long offset, long size)
{
	long end = offset + size;

	if (end > file->size)
		end = file->size;
	if (offset < end)
		must_do(pread(file->fd, file->bytes + offset, end - offset,
			      offset));
	read_beyond_end(offset, size);
}

/* From now on nobody writes there: by the file, or by a private mapping. */
static void give_up_place(struct machine *m, struct place *p)
{
	int worker = m - model->machines;

	if (p->on)
		read_back(p->offset, p->size);
	if (p->on && worker < WORKERS)
		private_forget(worker, p->offset, p->size);
	p->on = false;
	p->held = false;
}

static void take_place(struct place *p)
{
	note_places(order->offset, order->size);
	p->on = true;
	p->gpa = order->gpa;
	p->offset = order->offset;
	p->size = order->size;
}

/* KVM maps these as soon as it knows where; the others when it writes there. */
static bool is_mapped_at_once(enum place_kind kind)
{
	return kind == PLACE_CLOCK || kind == PLACE_XEN_INFO ||
	       kind == PLACE_XEN_TIME || kind == PLACE_XEN_SHARED;
}

static void set_place(struct machine *m, struct place *p)
{
	take_place(p);
	p->held = !order->result && is_mapped_at_once(order->place) &&
		  reaches(m, p) && view_of(p) != VIEW_PRIVATE;
	if (order->place == PLACE_XEN_SHARED)
		m->had_shared_info = true;
	if (order->place == PLACE_XEN_INFO && !order->vcpu)
		m->had_vcpu_info = true;
}

/* KVM answers for its MSRs always, and for others not if the page is away. */
bool check_place(void)
{
	struct machine *m = machine_of_order();
	struct place *p = &m->places[order->vcpu][order->place];

	give_up_place(m, p);
	if (!order->off)
		set_place(m, p);
	if (!order->result)
		return true;
	if (order->off || order->place == PLACE_CLOCK ||
	    order->place == PLACE_STEAL)
		return wrong("KVM refuses it");
	return true;
}

/* ---- machines ---- */

static void end_machine(struct machine *m)
{
	struct place *p = m->places[0];
	int i;

	for (i = 0; i < VCPUS * PLACE_KINDS; i++)
		give_up_place(m, p++);
	memset(m, 0, sizeof(*m));
}

bool check_vm_make(void)
{
	struct machine *m = machine_of_order();
	int i;

	m->alive = true;
	m->file = order->file;
	for (i = 0; i < SLOTS; i++)
		m->slots[i].there = true;
	return check_works();
}

bool check_vm_free(void)
{
	end_machine(machine_of_order());
	return check_works();
}

bool check_kill(void)
{
	end_machine(machine_of_order());
	return check_remap();
}

/*
 * It keeps what it has, and loses what only vCPUs write. KVM isn't told that
 * the process is gone, so it has the pages mapped that it had.
 */
bool check_orphan(void)
{
	struct machine *m = machine_of_order(), *o = &model->machines[ORPHAN];
	int vcpu, kind;

	*o = *m;
	for (vcpu = 0; vcpu < VCPUS; vcpu++) {
		for (kind = 0; kind < PLACE_KINDS; kind++) {
			give_up_place(m, &m->places[vcpu][kind]);
			if (!is_written(ORPHAN, kind))
				o->places[vcpu][kind].held = false;
		}
	}
	memset(m, 0, sizeof(*m));
	return check_remap();
}

bool check_orphan_close(void)
{
	end_machine(&model->machines[ORPHAN]);
	return check_works();
}

/* KVM has lost the pages of whom it can't be told of: see vmmexit.c. */
bool check_orphan_event(void)
{
	if (order->written) {
		say("an event for an orphan was written");
		return false;
	}
	order->worked = order->zero;
	orphans_asked += order->zero;
	return check_works();
}

/* ---- running ---- */

/* Where a clock has its version, in each kind of place that has a clock. */
void find_versions(void)
{
	struct place *p = machine_of_order()->places[order->vcpu];
	int kind;

	for (kind = 0; kind < PLACE_KINDS; kind++)
		order->versions[kind] = -1;
	if (p[PLACE_CLOCK].on)
		order->versions[PLACE_CLOCK] = p[PLACE_CLOCK].offset;
	if (p[PLACE_XEN_TIME].on)
		order->versions[PLACE_XEN_TIME] = p[PLACE_XEN_TIME].offset;
	if (p[PLACE_XEN_INFO].on)
		order->versions[PLACE_XEN_INFO] =
			p[PLACE_XEN_INFO].offset + 32;
}

static void note_written(struct place *p)
{
	int kind;

	for (kind = 0; kind < PLACE_KINDS; kind++) {
		if (!(order->written & 1U << kind))
			continue;
		p[kind].held = p[kind].on;
		placed[kind]++;
	}
}

static bool is_tick(void)
{
	return order->result == KVM_EXIT_IO && order->port == GUEST_TICK_PORT;
}

/*
 * How KVM answers if it can't reach the page of a nested guest's state, besides
 * an exception in the guest. 7.3 says that it can't emulate the instruction.
 */
static bool kvm_gave_up(void)
{
	return order->result == KVM_EXIT_SHUTDOWN ||
	       order->result == KVM_EXIT_INTERNAL_ERROR ||
	       order->result == -EFAULT;
}

/* The guest's guest gives back control, if the VMCB's page is there. */
static bool left_nested(struct machine *m)
{
	struct place *p = &m->places[order->vcpu][PLACE_VMCB];
	bool there = reaches(m, p);

	m->nested[order->vcpu] = false;
	give_up_place(m, p);
	if (is_tick() && order->l2_ran) {
		placed[PLACE_VMCB]++;
		return true;
	}
	if (there)
		return wrong("the nested guest could not end");
	return is_tick() || kvm_gave_up() ||
	       wrong("the nested guest ended in an odd way");
}

bool check_vm_run(void)
{
	struct machine *m = machine_of_order();

	note_written(m->places[order->vcpu]);
	if (m->nested[order->vcpu])
		return left_nested(m);
	return is_tick() || wrong("the guest didn't run");
}

bool check_vm_nested(void)
{
	struct machine *m = machine_of_order();
	struct place *p = &m->places[order->vcpu][PLACE_VMCB];

	take_place(p);
	order->worked = order->result == KVM_EXIT_IO &&
			order->port == GUEST_L2_PORT;
	m->nested[order->vcpu] = order->worked;
	if (order->worked)
		return true;
	give_up_place(m, p);
	if (reaches(m, p))
		return wrong("the nested guest didn't run");
	return is_tick() || kvm_gave_up() ||
	       wrong("KVM_RUN ended in an odd way");
}

bool check_vm_event(void)
{
	struct place *p = &machine_of_order()->places[0][PLACE_XEN_SHARED];

	order->worked = order->written;
	if (order->written) {
		p->held = p->on;
		placed[PLACE_XEN_SHARED]++;
	}
	return true;
}

/* KVM says EFAULT where a process would get a signal. */
static bool did_bytes(long want)
{
	return order->result == (want > 0 ? want : -EFAULT) ||
	       wrong("the guest got further, or less far, than it should");
}

static void note_dirty(long done)
{
	struct slot *s = slot_of(machine_of_order(), order->offset);
	long first = order->offset % SLOT_SIZE;
	long page = first / PAGE_BYTES;

	if (!s->logs)
		return;
	for (; page * PAGE_BYTES < first + done; page++)
		s->dirty[page] = true;
}

bool check_vm_store(void)
{
	long want = viewed_bytes();

	if (!did_bytes(want))
		return false;
	if (want <= 0)
		return true;
	store_viewed(want);
	note_dirty(want);
	return true;
}

bool check_vm_load(void)
{
	long want = viewed_bytes();

	if (!did_bytes(want))
		return false;
	if (want <= 0)
		return true;
	return loaded_viewed(want) || wrong("the guest sees wrong contents");
}

/* ---- slots ---- */

bool check_slot(void)
{
	struct slot *s = &machine_of_order()->slots[order->slot];

	s->there = order->op != OP_SLOT_DELETE;
	s->logs = s->there && order->slot_flags & KVM_MEM_LOG_DIRTY_PAGES;
	if (order->op == OP_SLOT_MOVE || order->op == OP_SLOT_ADD)
		s->moved = order->gpa >= GUEST_FILE + MOVED;
	if (!s->logs)
		memset(s->dirty, 0, sizeof(s->dirty));
	return check_works();
}

/* It may name more: what was only read, and what KVM wrote. */
bool check_dirty_log(void)
{
	struct slot *s = &machine_of_order()->slots[order->slot];
	long page;

	if (!check_works())
		return false;
	for (page = 0; page < SLOT_PAGES; page++)
		if (s->dirty[page] &&
		    !(order->data[page / 8] & 1U << page % 8))
			return wrong("a page that the guest stored to isn't in the dirty log");
	memset(s->dirty, 0, sizeof(s->dirty));
	return true;
}
