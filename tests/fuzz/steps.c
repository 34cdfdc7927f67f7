// SPDX-License-Identifier: GPL-2.0
/*
 * The steps: which there are, how often each is taken, and where.
 */
#include <fcntl.h>
#include <stdio.h>

#include "fuzz.h"
#include "guest.h"

#define GUARD	"/sys/module/gmemfs/parameters/guard"
#define POOL	"/sys/fs/gmemfs/pool/low_bytes"

/* ---- where in the file ---- */

static long clamp(long value, long low, long high)
{
	return value < low ? low : value > high ? high : value;
}

/* One of the pages that KVM has been given, or any. */
static long hot_page(void)
{
	const long all = MACHINES * VCPUS * PLACE_KINDS;
	long start = below(all), any = below(PAGES), i;

	for (i = 0; i < all; i++) {
		long n = (start + i) % all;
		const struct place *p =
			&model->machines[n / (VCPUS * PLACE_KINDS)]
			.places[n / PLACE_KINDS % VCPUS][n % PLACE_KINDS];

		if (p->on)
			return p->offset / PAGE_BYTES;
	}
	return any;
}

/* One that others may have, too, or any. */
static long cloned_page(void)
{
	long start = below(PAGES), i;

	for (i = 0; i < PAGES; i++)
		if (file->may_be_cloned[(start + i) % PAGES])
			return (start + i) % PAGES;
	return start;
}

/* Pages, often a few, sometimes whole blocks. */
static bool choose_pages(void)
{
	long n = below(4) ? 1 + (long)below(20) : 512 * (1 + (long)below(4));
	long first = 512 * (long)below(BLOCKS);

	if (n < 512)
		first = below(2) ? hot_page() - (long)below(n)
				 : (long)below(PAGES);
	first = clamp(first, 0, PAGES - 1);
	n = clamp(n, 1, PAGES - first);
	order->offset = first * PAGE;
	order->size = n * PAGE;
	return true;
}

static bool choose_bytes(void)
{
	order->offset = below(SIZE);
	if (!below(4))
		order->offset = (below(2) ? hot_page() : cloned_page()) * PAGE +
				below(PAGE);
	order->size = 1 + below(below(4) ? 3 * PAGE : 300000);
	order->size = clamp(order->size, 1, SIZE - order->offset);
	return true;
}

static bool choose_either(void)
{
	return below(2) ? choose_pages() : choose_bytes();
}

static bool choose_punch(void)
{
	choose_either();
	return may_leave(order->offset, order->size);
}

/* Mostly large: there must be something to work on. */
static bool choose_truncate(void)
{
	choose_bytes();
	order->offset = below(3) ? SIZE : order->offset;
	if (!below(4))
		order->offset &= -(long)BLOCK;
	return may_leave(order->offset, SIZE - order->offset);
}

/* The pipe decides: one that is full is emptied, else a page goes into it. */
static bool choose_pin(void)
{
	order->offset = below(PAGES) * PAGE;
	order->size = PAGE;
	return model->pipe_page[order->pipe] < 0;
}

static bool choose_unpin(void)
{
	use_file(model->pipe_file[order->pipe]);
	return model->pipe_page[order->pipe] >= 0;
}

/* Mostly small: little can be done to what a device has. */
static bool choose_dma_map(void)
{
	choose_pages();
	if (below(4))
		order->size = clamp(order->size, PAGE, 8 * PAGE);
	return !model->dmas[order->dma].on;
}

static bool choose_dma_unmap(void)
{
	return model->dmas[order->dma].on;
}

static bool choose_any(void)
{
	return true;
}

static bool choose_advice(void)
{
	choose_pages();
	if (below(2)) {
		order->offset = 0;
		order->size = SIZE;
	}
	return true;
}

/* ---- VMs ---- */

static bool has_vm(void)
{
	return machine_of_order()->alive;
}

static bool has_no_vm(void)
{
	return !has_vm();
}

/* Another file only without a VM, which has places in this one. */
static bool choose_remap(void)
{
	if (has_no_vm() && below(4))
		use_file(below(FILES));
	return true;
}

/* ---- clones ---- */

static long size_of_source(void)
{
	return model->files[order->source].size;
}

/*
 * The model has no room for longer files. A pinned page may be written to or
 * given up: that depends on how both files got their memory.
 */
static bool fits_target(void)
{
	long size = clone_size();

	return order->offset + size <= SIZE &&
	       !has_pins(order->offset, size) &&
	       !has_devices(order->offset, size);
}

static bool choose_clone(void)
{
	order->source = below(FILES);
	order->offset = order->source_offset = order->size = 0;
	return fits_target();
}

/* Often at the same place of both, or of a block of both; within the source. */
static void choose_source(void)
{
	long first = order->offset / PAGE_BYTES, left;

	order->source = below(FILES);
	if (!below(3))
		first = below(PAGES);
	else if (below(2))
		first = first % 512 + 512 * (long)below(BLOCKS);
	order->source_offset = first * PAGE;
	left = size_of_source() - order->source_offset;
	if (left > 0 && below(8))
		order->size = clamp(order->size, 1, left);
	order->size = clamp(order->size, 1, SIZE - order->source_offset);
}

static bool choose_clone_range(void)
{
	choose_pages();
	choose_source();
	if (!below(8))
		order->size = 0;
	return fits_target();
}

/* Bytes, or pages. What is beyond the source's end isn't asked for. */
static bool choose_copy_range(void)
{
	choose_either();
	choose_source();
	if (below(2)) {
		order->source_offset += below(PAGE);
		order->offset += below(PAGE);
	}
	order->size = clamp(order->size, 0,
			    size_of_source() - order->source_offset);
	return order->size > 0 && fits_target();
}

/* The least alignment that KVM or Linux' guests want, and what is written. */
static const struct {
	long align, size;
} shapes[PLACE_KINDS] = {
	[PLACE_CLOCK] = { 64, 32 },
	[PLACE_STEAL] = { 64, 64 },
	[PLACE_XEN_INFO] = { 64, 64 },
	[PLACE_XEN_TIME] = { 64, 32 },
	[PLACE_XEN_RUNSTATE] = { 8, 48 },
	[PLACE_XEN_SHARED] = { PAGE, PAGE },
	[PLACE_VMCB] = { PAGE, PAGE },
};

/* Somewhere in a slot; sometimes where others are, or at a page's end. */
static void choose_where(void)
{
	long align = shapes[order->place].align;
	long size = shapes[order->place].size, in_page = below(PAGE);
	long page = below(4) ? (long)below(PAGES) : hot_page();

	if (!below(4))
		in_page = PAGE - below(size) - 1;
	order->offset = (page * PAGE_BYTES + in_page) & -align;
	order->size = size;
	if (order->offset % SLOT_SIZE > SLOT_SIZE - size)
		order->offset -= PAGE;
	order->gpa = gpa_of(machine_of_order(), order->offset);
}

static bool choose_place(void)
{
	if (!has_vm())
		return false;
	order->place = order->op - OP_CLOCK;
	if (order->place == PLACE_XEN_SHARED)
		order->vcpu = 0;
	order->off = !below(8);
	choose_where();
	return true;
}

static bool choose_run(void)
{
	if (!has_vm())
		return false;
	order->other_way = !below(4);
	find_versions();
	return true;
}

/*
 * To look for the event there must be nothing that would be written over. And
 * where there never was a shared info, or a vCPU info, KVM up to now warns of
 * itself, on any memory (WARN_ON_ONCE in __kvm_gpc_refresh()).
 */
static bool choose_event_of(struct machine *m)
{
	struct place *p = &m->places[0][PLACE_XEN_SHARED];

	order->offset = p->offset;
	order->zero = p->on && p->offset + PAGE_BYTES <= file->size;
	return m->alive && m->had_shared_info && m->had_vcpu_info;
}

static bool choose_event(void)
{
	return choose_event_of(machine_of_order());
}

static bool choose_nested(void)
{
	struct machine *m = machine_of_order();

	order->place = PLACE_VMCB;
	choose_where();
	return m->alive && !m->nested[order->vcpu] &&
	       slot_of(m, order->offset)->there;
}

/* Without a slot it would be a device that the guest accesses. */
static bool choose_string(void)
{
	struct machine *m = machine_of_order();
	long left;

	choose_bytes();
	left = SLOT_SIZE - order->offset % SLOT_SIZE;
	order->size = clamp(order->size, 1, left);
	order->gpa = gpa_of(m, order->offset);
	return m->alive && !m->nested[order->vcpu] &&
	       slot_of(m, order->offset)->there;
}

static bool choose_slot(void)
{
	struct machine *m = machine_of_order();
	struct slot *s = &m->slots[order->slot];
	bool moved = s->moved;

	if (order->op == OP_SLOT_MOVE)
		moved = !moved;
	if (order->op == OP_SLOT_ADD)
		moved = below(2);
	order->gpa = GUEST_FILE + order->slot * SLOT_SIZE +
		     (moved ? MOVED : 0);
	order->slot_flags = s->logs != (order->op == OP_SLOT_LOG)
		? KVM_MEM_LOG_DIRTY_PAGES : 0;
	return m->alive && s->there == (order->op != OP_SLOT_ADD);
}

static bool choose_dirty_log(void)
{
	return has_vm() && machine_of_order()->slots[order->slot].logs;
}

/* ---- who ---- */

/* Mostly one that KVM has something to write for. */
static bool choose_orphan(void)
{
	struct machine *m = machine_of_order();

	return m->alive && !model->machines[ORPHAN].alive &&
	       (m->places[0][PLACE_XEN_SHARED].held || !below(8));
}

static bool choose_orphan_event(void)
{
	use_file(model->machines[ORPHAN].file);
	return choose_event_of(&model->machines[ORPHAN]);
}

static bool choose_orphan_close(void)
{
	use_file(model->machines[ORPHAN].file);
	return model->machines[ORPHAN].alive;
}

/* ---- the administrator ---- */

static long write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	long ret;

	if (fd < 0)
		return -errno;
	ret = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Mostly it lends. */
static bool choose_guard(void)
{
	return model->deny || !below(3);
}

static long obey_guard(void)
{
	return write_to(GUARD, model->deny ? "lend" : "deny");
}

static bool check_guard(void)
{
	model->deny = !model->deny;
	return check_works();
}

static long obey_pool(void)
{
	return write_to(POOL, model->pool ? "0" : "8388608");
}

/* Blocks are on their way out for a while: see check_states(). */
static bool check_pool(void)
{
	model->pool = !model->pool;
	return check_works();
}

/* ---- all of them ---- */

const struct kind kinds[OP_KINDS] = {
	[OP_STORE] = { "store", 5, 0, choose_bytes,
		obey_store, check_store },
	[OP_STORE_SHARED] = { "store shared", 3, 0, choose_bytes,
		obey_store_shared, check_store_shared },
	[OP_LOAD] = { "load", 4, 0, choose_bytes,
		obey_load, check_load },
	[OP_LOAD_SHARED] = { "load shared", 3, 0, choose_bytes,
		obey_load_shared, check_load_shared },
	[OP_READ] = { "read", 3, 0, choose_bytes,
		obey_read, check_read },
	[OP_WRITE] = { "write", 4, 0, choose_bytes,
		obey_write, check_write },
	[OP_CLONE] = { "clone a file", 3, MOVES, choose_clone,
		obey_clone, check_clone },
	[OP_CLONE_RANGE] = { "clone a range", 9, MOVES, choose_clone_range,
		obey_clone, check_clone },
	[OP_COPY_RANGE] = { "copy a range", 4, MOVES, choose_copy_range,
		obey_copy_range, check_copy_range },
	[OP_PUNCH] = { "punch", 4, MOVES, choose_punch,
		obey_punch, check_zeroed },
	[OP_ZERO] = { "zero", 3, 0, choose_either,
		obey_zero, check_zeroed },
	[OP_ALLOCATE] = { "allocate", 3, 0, choose_pages,
		obey_allocate, check_allocate },
	[OP_TRUNCATE] = { "truncate", 3, MOVES, choose_truncate,
		obey_truncate, check_truncate },
	[OP_SHARE] = { "share", 7, 0, choose_pages,
		obey_share, check_share },
	[OP_UNSHARE] = { "unshare", 9, 0, choose_pages,
		obey_unshare, check_unshare },
	[OP_PIN] = { "pin", 6, 0, choose_pin,
		obey_pin, check_pin },
	[OP_UNPIN] = { "unpin", 4, 0, choose_unpin,
		obey_unpin, check_unpin },
	[OP_DMA_MAP] = { "map for a device", 6, 0, choose_dma_map,
		obey_dma_map, check_dma_map },
	[OP_DMA_UNMAP] = { "unmap for a device", 4, 0, choose_dma_unmap,
		obey_dma_unmap, check_dma_unmap },
	[OP_REMAP] = { "remap", 4, MOVES, choose_remap,
		obey_remap, check_remap },
	[OP_UNMAP] = { "unmap", 2, MOVES, choose_pages,
		obey_map, check_map },
	[OP_MAP_GUEST] = { "map the guest view", 2, MOVES, choose_pages,
		obey_map, check_map },
	[OP_MAP_SHARED] = { "map the shared view", 2, MOVES, choose_pages,
		obey_map, check_map },
	[OP_MAP_PRIVATE] = { "map privately", 5, MOVES, choose_pages,
		obey_map_private, check_map_private },
	[OP_DO_FORK] = { "map privately in children", 2, OPTIONAL,
		choose_advice, obey_do_fork, check_do_fork },
	[OP_KEEP_ON_FORK] = { "keep on fork", 2, MOVES | OPTIONAL,
		choose_advice, obey_madvise, check_madvise },
	[OP_WIPE_ON_FORK] = { "wipe on fork", 1, MOVES | OPTIONAL,
		choose_advice, obey_madvise, check_madvise },
	[OP_FORK_STORE] = { "store in a child", 3, 0, choose_bytes,
		obey_fork_store, check_fork_store },
	[OP_FORK_ON] = { "fork on", 2, MOVES, has_no_vm,
		obey_fork_on, check_fork_on },
	[OP_KILL] = { "kill", 1, HERE | MOVES, choose_any,
		obey_kill, check_kill },
	[OP_ORPHAN] = { "kill but keep the VM", 8, HERE, choose_orphan,
		obey_orphan, check_orphan },
	[OP_ORPHAN_EVENT] = { "event for an orphan", 40, HERE,
		choose_orphan_event, obey_orphan_event, check_orphan_event },
	[OP_ORPHAN_CLOSE] = { "close an orphan", 1, HERE, choose_orphan_close,
		obey_orphan_close, check_orphan_close },
	[OP_VM_MAKE] = { "make a VM", 10, 0, has_no_vm,
		obey_vm_make, check_vm_make },
	[OP_VM_FREE] = { "free a VM", 1, 0, has_vm,
		obey_vm_free, check_vm_free },
	[OP_CLOCK] = { "clock", 8, 0, choose_place,
		obey_place, check_place },
	[OP_STEAL] = { "steal time", 2, 0, choose_place,
		obey_place, check_place },
	[OP_XEN_INFO] = { "Xen vCPU info", 6, 0, choose_place,
		obey_place, check_place },
	[OP_XEN_TIME] = { "Xen time", 3, 0, choose_place,
		obey_place, check_place },
	[OP_XEN_RUNSTATE] = { "Xen runstate", 3, 0, choose_place,
		obey_place, check_place },
	[OP_XEN_SHARED] = { "Xen shared info", 8, 0, choose_place,
		obey_place, check_place },
	[OP_VM_RUN] = { "run", 16, 0, choose_run,
		obey_vm_run, check_vm_run },
	[OP_VM_EVENT] = { "event", 8, 0, choose_event,
		obey_vm_event, check_vm_event },
	[OP_VM_NESTED] = { "run a nested guest", 4, 0, choose_nested,
		obey_vm_nested, check_vm_nested },
	[OP_VM_STORE] = { "store by the guest", 5, 0, choose_string,
		obey_vm_store, check_vm_store },
	[OP_VM_LOAD] = { "load by the guest", 5, 0, choose_string,
		obey_vm_load, check_vm_load },
	[OP_SLOT_DELETE] = { "delete a slot", 2, MOVES, choose_slot,
		obey_slot, check_slot },
	[OP_SLOT_ADD] = { "add a slot", 8, MOVES, choose_slot,
		obey_slot, check_slot },
	[OP_SLOT_MOVE] = { "move a slot", 1, MOVES, choose_slot,
		obey_slot, check_slot },
	[OP_SLOT_LOG] = { "switch the dirty log", 4, MOVES, choose_slot,
		obey_slot, check_slot },
	[OP_DIRTY_LOG] = { "read the dirty log", 6, 0, choose_dirty_log,
		obey_dirty_log, check_dirty_log },
	[OP_GUARD] = { "switch the guard", 3, HERE, choose_guard,
		obey_guard, check_guard },
	[OP_POOL] = { "switch the pool", 1, HERE, choose_any,
		obey_pool, check_pool },
};

static void choose_common(void)
{
	order->worker = below(WORKERS);
	use_file(model->file_of[order->worker]);
	order->source = order->file;
	order->source_offset = 0;
	order->byte = below(256);
	order->zero = !below(4);
	order->pipe = below(PIPES);
	order->dma = below(DMAS);
	order->vcpu = below(VCPUS);
	order->slot = below(SLOTS);
	order->off = false;
	order->other_way = below(2);
	order->slot_flags = 0;
	order->fill = is_left_out("shared first");
}

static enum op choose_op(void)
{
	unsigned int all = 0, i, n;

	for (i = 0; i < OP_KINDS; i++)
		all += kinds[i].weight;
	n = below(all);
	for (i = 0; n >= kinds[i].weight; i++)
		n -= kinds[i].weight;
	return i;
}

/* Chosen again until it can be done, and isn't left out. */
void choose_step(void)
{
	do {
		order->op = choose_op();
		choose_common();
	} while (!kinds[order->op].choose() ||
		 is_left_out(kinds[order->op].name));
}
