// SPDX-License-Identifier: GPL-2.0
/*
 * The model of a file: what is in it and what is wanted of its pages, and so
 * what each step must answer. By a guest view, another memory may be reached in
 * its place: see privates.c.
 */
#include <signal.h>

#include "fuzz.h"

unsigned long children_faulted;

long pages_of_file(void)
{
	return (file->size + PAGE_BYTES - 1) / PAGE_BYTES;
}

bool is_kept(void)
{
	return file->flags & GMEM_FLAG_KEEP_DIRECT_MAP;
}

static bool answers(long want)
{
	return order->result == want || wrong("the wrong answer");
}

bool check_works(void)
{
	return answers(0);
}

/* ---- by mapping ---- */

/* The signal that an access to a page of a view gives, or 0. */
static int signal_at(enum view view, long page)
{
	if (view == VIEW_NONE)
		return SIGSEGV;
	if (view == VIEW_PRIVATE)
		return private_has(order->worker, page) ? 0 : SIGBUS;
	if (view == VIEW_REFUSED)
		return SIGBUS;
	if (page >= pages_of_file())
		return SIGBUS;
	return view == VIEW_SHARED && !file->shared[page] ? SIGBUS : 0;
}

/* Bytes that an access gets, or minus the signal if that is none. */
static long accessed(const uint8_t *views)
{
	long end = order->offset + order->size, at = order->offset;
	int sig = 0;

	while (at < end) {
		long page = at / PAGE_BYTES;

		sig = signal_at(views ? views[page] : VIEW_SHARED, page);
		if (sig)
			break;
		at = (page + 1) * PAGE_BYTES;
	}
	if (at > end)
		at = end;
	return at > order->offset ? at - order->offset : -sig;
}

/* By the worker's guest view, whatever is mapped there by now. */
long viewed_bytes(void)
{
	return accessed(model->views[order->worker]);
}

static bool same_as_model(const uint8_t *data, long offset, long size)
{
	static uint8_t spared[SIZE];

	memcpy(spared, data, size);
	spare_places(spared, offset, size);
	return !memcmp(spared, file->bytes + offset, size);
}

/* From @at on, and below @end: where the page ends. */
static long end_of_piece(long at, long end)
{
	long next = (at / PAGE_BYTES + 1) * PAGE_BYTES;

	return next < end ? next : end;
}

static bool is_private(const uint8_t *views, long at)
{
	return views && views[at / PAGE_BYTES] == VIEW_PRIVATE;
}

/* @views: what was stored by, or NULL for the file itself. */
static void store_by(const uint8_t *views, long size)
{
	long at = order->offset, end = at + size, next;

	for (; at < end; at = next) {
		next = end_of_piece(at, end);
		if (is_private(views, at)) {
			private_store(order->worker, at, next - at,
				      order->byte);
			continue;
		}
		memset(file->bytes + at, order->byte, next - at);
		note_own(at, next - at);
	}
}

static bool same_by(const uint8_t *views, long size)
{
	long at = order->offset, end = at + size, next;
	bool same = true;

	for (; at < end && same; at = next) {
		const uint8_t *data = order->data + at - order->offset;

		next = end_of_piece(at, end);
		same = is_private(views, at)
		     ? private_loaded(order->worker, at, data, next - at)
		     : same_as_model(data, at, next - at);
	}
	return same;
}

/* By the worker's guest view. */
void store_viewed(long size)
{
	store_by(model->views[order->worker], size);
}

bool loaded_viewed(long size)
{
	return same_by(model->views[order->worker], size);
}

static bool stored(const uint8_t *views)
{
	long want = accessed(views);

	if (order->result != want)
		return wrong("stored more or less than it should");
	if (want > 0)
		store_by(views, want);
	return true;
}

static bool loaded(const uint8_t *views)
{
	long want = accessed(views);

	if (order->result != want)
		return wrong("loaded more or less than it should");
	if (want > 0 && !same_by(views, want))
		return wrong("wrong contents");
	return true;
}

bool check_store(void)
{
	return stored(model->views[order->worker]);
}

bool check_store_shared(void)
{
	return stored(NULL);
}

bool check_load(void)
{
	return loaded(model->views[order->worker]);
}

bool check_load_shared(void)
{
	return loaded(NULL);
}

static void set_views(enum view view)
{
	memset(model->views[order->worker] + order->offset / PAGE, view,
	       order->size / PAGE);
}

/* Of the order's file, which may be another one than before. */
bool check_remap(void)
{
	memset(model->views[order->worker], VIEW_GUEST, PAGES);
	model->file_of[order->worker] = order->file;
	return check_works();
}

bool check_map(void)
{
	set_views(order->op == OP_MAP_GUEST ? VIEW_GUEST :
		  order->op == OP_MAP_SHARED ? VIEW_SHARED : VIEW_NONE);
	return check_works();
}

/* The module may have a mapping in which the kernel refuses it. */
bool check_madvise(void)
{
	return !order->result || answers(-EINVAL);
}

/* The child goes on, with what it got. */
bool check_fork_on(void)
{
	uint8_t *views = model->views[order->worker];
	long page;

	for (page = 0; page < PAGES; page++)
		views[page] = view_of_child(order->worker, page);
	return check_works();
}

/*
 * A child has no entry that it didn't fault in: what its parent has mapped may
 * be gone by the time that it looks. Not so by the shared view, where each
 * entry has a reference.
 */
bool check_fork_store(void)
{
	long page = order->offset / PAGE_BYTES, i;
	uint8_t views[PAGES];

	for (i = 0; i < PAGES; i++)
		views[i] = view_of_child(order->worker, i);
	if (!stored(views))
		return false;
	if (order->result <= 0 ||
	    model->views[order->worker][page] != VIEW_GUEST)
		return true;
	if (!order->faults)
		return wrong("a child has its parent's entry");
	children_faulted++;
	return true;
}

/* ---- by descriptor ---- */

bool check_read(void)
{
	long want = file->size - order->offset;

	if (want > order->size)
		want = order->size;
	if (order->result != (want > 0 ? want : 0))
		return wrong("read more or less than it should");
	return want <= 0 || same_by(NULL, want) ||
	       wrong("wrong contents");
}

bool check_write(void)
{
	if (order->result != order->size)
		return wrong("didn't write all");
	store_by(NULL, order->size);
	if (file->size < order->offset + order->size)
		file->size = order->offset + order->size;
	return true;
}

bool check_zeroed(void)
{
	if (order->result)
		return wrong("should work");
	memset(file->bytes + order->offset, 0, order->size);
	note_own(order->offset, order->size);
	if (order->op != OP_PUNCH)
		return true;
	forget_orphans(order->offset, order->size);
	lose_device_pages(order->offset, order->size);
	return true;
}

/* It has memory of its own then. */
bool check_allocate(void)
{
	note_own(order->offset, order->size);
	return check_works();
}

/* What is wanted of pages beyond the end stays. */
bool check_truncate(void)
{
	if (order->result)
		return wrong("should work");
	if (order->offset <= file->size) {
		memset(file->bytes + order->offset, 0, SIZE - order->offset);
		note_own(order->offset, SIZE - order->offset);
	}
	file->size = order->offset;
	forget_orphans(order->offset, SIZE - order->offset);
	lose_device_pages(order->offset, SIZE - order->offset);
	return true;
}

static void convert_model(long first, long end, bool shared)
{
	bool zero = order->zero || file->flags & GMEM_FLAG_ZERO_ON_CONVERT;

	for (; first < end; first++) {
		if (zero && file->shared[first] != shared)
			memset(file->bytes + first * PAGE, 0, PAGE);
		if (!shared)
			unshared_view_places(first);
		file->shared[first] = shared;
	}
}

/*
 * The first of them that somebody reads without asking again, or @end. A device
 * may have private pages; of a shared one nobody knows that it is a device.
 */
static long first_pinned(long first, long end)
{
	while (first < end && !file->pins[first] &&
	       !(file->shared[first] && devices_of(first)))
		first++;
	return first;
}

/*
 * With guard=deny a page that KVM has is as good as pinned. Whether KVM has it
 * just now, nobody outside knows.
 */
static bool is_kept_for_kvm(long page)
{
	return order->result == -EAGAIN && model->deny && file->shared[page] &&
	       may_be_lent(page);
}

static bool check_convert(bool shared)
{
	long first = order->offset / PAGE, at = first + order->size / PAGE;
	long kept = order->error_offset / PAGE, end = at;

	if (end > pages_of_file())
		return answers(-EINVAL);
	if (!shared) {
		at = first_pinned(first, end);
		if (kept >= first && kept < at && is_kept_for_kvm(kept))
			at = kept;
	}
	if (!answers(at < end ? -EAGAIN : 0))
		return false;
	if (at < end && (long)order->error_offset != at * PAGE_BYTES)
		return wrong("the wrong error_offset");
	convert_model(first, at, shared);
	if (shared)
		note_own(first * PAGE_BYTES, (at - first) * PAGE_BYTES);
	return true;
}

bool check_share(void)
{
	return check_convert(true);
}

bool check_unshare(void)
{
	return check_convert(false);
}

/* ---- pins ---- */

bool has_pins(long offset, long size)
{
	long page = offset / PAGE, end = (offset + size + PAGE - 1) / PAGE;

	for (; page < end; page++)
		if (file->pins[page])
			return true;
	return false;
}

/*
 * A pinned page that the file gives up may stay its own or not: that depends on
 * how its block got its memory. Whole blocks leave it, but for what a pipe has:
 * that would be read as it was.
 */
bool may_leave(long offset, long size)
{
	bool whole = !(offset % (long)BLOCK) && !(size % (long)BLOCK);

	return !has_pins(offset, size) &&
	       (whole || !has_devices(offset, size));
}

bool check_pin(void)
{
	long page = order->offset / PAGE;
	bool there = order->offset < file->size && file->shared[page];

	if (!answers(there ? PAGE_BYTES : -EFAULT))
		return false;
	if (there) {
		file->pins[page]++;
		model->pipe_page[order->pipe] = page;
		model->pipe_file[order->pipe] = order->file;
	}
	return true;
}

/* A pinned page is the file's: a pipe shows it as it is now. */
bool check_unpin(void)
{
	long page = model->pipe_page[order->pipe];

	model->pipe_page[order->pipe] = -1;
	if (order->result != PAGE_BYTES)
		return wrong("nothing in the pipe");
	if (!same_as_model(order->data, page * PAGE, PAGE))
		return wrong("wrong contents in the pipe");
	file->pins[page]--;
	return true;
}
