// SPDX-License-Identifier: GPL-2.0
/*
 * The model of clones: a part of a file becomes as another part of it, or of
 * another file, and is on its own from then on. Here is what a clone must
 * answer, and what is in the files after it.
 *
 * Whole pages are cloned, so what is behind a source's end in its last page
 * comes along. copy_file_range() clones as much as it can, and copies the rest,
 * of which nothing comes along.
 */
#include "fuzz.h"

static struct file *source(void)
{
	return &model->files[order->source];
}

static long round_up(long bytes)
{
	return (bytes + PAGE_BYTES - 1) & -PAGE_BYTES;
}

/* Bytes; if the order says 0, to the end of the source. */
long clone_size(void)
{
	long left = source()->size - order->source_offset;

	return order->size ? order->size : left > 0 ? left : 0;
}

/* ---- contents ---- */

/**
 * struct move - bytes that were cloned or copied
 * @to: where they are now
 */
struct move {
	long from, to, size;
	struct file *target;
};

/*
 * What KVM wrote there meanwhile may have come along, or not. From now on it
 * doesn't change there any more.
 */
static void adopt(int machine, enum place_kind kind, struct place *p,
		  void *arg)
{
	const struct move *m = arg;
	long from = p->offset > m->from ? p->offset : m->from;
	long end = p->offset + p->size < m->from + m->size
		 ? p->offset + p->size : m->from + m->size;
	struct file *was = file;

	(void)machine;
	(void)kind;
	if (!p->on || from >= end)
		return;
	file = m->target;
	read_back(from - m->from + m->to, end - from);
	file = was;
}

/* @more: how many of @size bytes come along without being in the file. */
static void move_bytes(long size, long more)
{
	struct move m = {
		.from = order->source_offset, .to = order->offset,
		.size = size + more, .target = file,
	};

	memmove(file->bytes + m.to, source()->bytes + m.from, m.size);
	if (file->size < m.to + size)
		file->size = m.to + size;
	file = source();
	each_place(adopt, &m);
	file = m.target;
}

static void note_roles(void)
{
	source()->was_source = true;
	file->was_target = true;
}

/* ---- FICLONE, FICLONERANGE ---- */

/* @size: how much is cloned, in bytes. */
static long answer(long size)
{
	long from = order->source_offset, to = order->offset;
	long end = source()->size;

	if (!order->size && from == end)
		return 0;
	if (from >= end || from + size > end)
		return -EINVAL;
	if (source() == file &&
	    overlaps(from, round_up(size), to, round_up(size)))
		return -EINVAL;
	if (size % PAGE_BYTES &&
	    (from + size != end || to + size < file->size))
		return -EINVAL;
	return 0;
}

bool check_clone(void)
{
	long size = clone_size(), want = answer(size);

	if (order->result != want)
		return wrong("a clone with the wrong answer");
	if (want || !size)
		return true;
	note_cloned(order->source_offset / PAGE_BYTES,
		    order->offset / PAGE_BYTES, round_up(size) / PAGE_BYTES);
	move_bytes(size, round_up(size) - size);
	note_roles();
	return true;
}

/* ---- copy_file_range() ---- */

/* How many of the bytes are cloned; beyond @size: these come along. */
static long bytes_cloned(long size)
{
	long from = order->source_offset, to = order->offset;

	if (from % PAGE_BYTES || to % PAGE_BYTES)
		return 0;
	if (from + size == source()->size && to + size >= file->size)
		return round_up(size);
	return size & -PAGE_BYTES;
}

bool check_copy_range(void)
{
	long size = order->size, cloned = bytes_cloned(size);

	if (source() == file &&
	    overlaps(order->source_offset, size, order->offset, size))
		return order->result == -EINVAL ||
		       wrong("a copy onto itself");
	if (order->result != size)
		return wrong("copied more or less than it should");
	if (cloned) {
		note_cloned(order->source_offset / PAGE_BYTES,
			    order->offset / PAGE_BYTES, cloned / PAGE_BYTES);
		note_roles();
	}
	if (cloned < size)
		note_own(order->offset + cloned, size - cloned);
	move_bytes(size, cloned > size ? cloned - size : 0);
	return true;
}
