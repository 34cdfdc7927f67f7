// SPDX-License-Identifier: GPL-2.0
/*
 * The model of private mappings: a worker's guest view has one in the place of
 * the file, which it has as it was at that time, and alone. A child doesn't get
 * it, or can't touch it.
 *
 * Each is a file without a name, which is there as long as any page of it is
 * mapped.
 *
 * What KVM writes there, only the worker can see. So what is at a place that
 * KVM has given up is unknown, until somebody looks.
 */
#include "fuzz.h"

/**
 * struct private - what a worker has mapped privately
 * @bytes: contents, where its view is private
 * @unknown: what is there is the next that is seen
 * @there: by page: not beyond the file's end
 * @forks: by page: a child gets it
 * @id: by page: which mapping it was made by
 */
struct private {
	uint8_t bytes[SIZE];
	bool unknown[SIZE];
	bool there[PAGES];
	bool forks[PAGES];
	unsigned long id[PAGES];
};

#define MOST_FILES	(WORKERS * PAGES)

static struct private *privates;		/* one for each worker */
static unsigned long mappings;

void privates_init(void)
{
	privates = shared_memory(WORKERS * sizeof(*privates));
}

/* ---- contents ---- */

struct span {
	int worker;
	uint8_t *data;
	long offset, size;
};

/* Where that and the place have something in common. */
static bool common_part(const struct span *s, const struct place *p,
			long *from, long *size)
{
	long end = p->offset + p->size;

	if (end > s->offset + s->size)
		end = s->offset + s->size;
	*from = p->offset > s->offset ? p->offset : s->offset;
	*size = end - *from;
	return p->on && *size > 0;
}

static void be_unknown(int machine, enum place_kind kind, struct place *p,
		       void *arg)
{
	const struct span *s = arg;
	long from, size;

	(void)machine;
	(void)kind;
	if (common_part(s, p, &from, &size))
		memset(privates[s->worker].unknown + from, true, size);
}

static void spare(int machine, enum place_kind kind, struct place *p,
		  void *arg)
{
	const struct span *s = arg;
	long from, size;

	(void)machine;
	(void)kind;
	if (common_part(s, p, &from, &size))
		memcpy(s->data + from - s->offset,
		       privates[s->worker].bytes + from, size);
}

void private_map(long first, long pages)
{
	struct private *p = &privates[order->worker];
	struct span s = {
		.worker = order->worker, .offset = first * PAGE_BYTES,
		.size = pages * PAGE_BYTES,
	};
	long page;

	mappings++;
	for (page = first; page < first + pages; page++) {
		p->there[page] = page < pages_of_file();
		p->forks[page] = false;
		p->id[page] = mappings;
	}
	memcpy(p->bytes + s.offset, file->bytes + s.offset, s.size);
	memset(p->unknown + s.offset, false, s.size);
	each_place(be_unknown, &s);
}

bool private_has(int worker, long page)
{
	return privates[worker].there[page];
}

void private_store(int worker, long offset, long size, uint8_t byte)
{
	memset(privates[worker].bytes + offset, byte, size);
	memset(privates[worker].unknown + offset, false, size);
}

/* Is that what must be there? What is unknown is known from now on. */
bool private_loaded(int worker, long offset, const uint8_t *data, long size)
{
	static uint8_t seen[SIZE];
	struct private *p = &privates[worker];
	struct span s = {
		.worker = worker, .data = seen, .offset = offset, .size = size,
	};
	long i;

	memcpy(seen, data, size);
	for (i = 0; i < size; i++) {
		if (p->unknown[offset + i])
			p->bytes[offset + i] = data[i];
		p->unknown[offset + i] = false;
	}
	each_place(spare, &s);
	return !memcmp(seen, p->bytes + offset, size);
}

/* KVM doesn't write there any more. */
void private_forget(int worker, long offset, long size)
{
	memset(privates[worker].unknown + offset, true, size);
}

/* ---- files without a name ---- */

static bool has_file(int worker, long page)
{
	return model->views[worker][page] == VIEW_PRIVATE ||
	       model->views[worker][page] == VIEW_REFUSED;
}

/* How many of them are there? */
unsigned int private_files(void)
{
	static unsigned long ids[MOST_FILES];
	unsigned int n = 0, i;
	unsigned long id;
	int worker;
	long page;

	for (worker = 0; worker < WORKERS; worker++) {
		for (page = 0; page < PAGES; page++) {
			if (!has_file(worker, page))
				continue;
			id = privates[worker].id[page];
			for (i = n; i && ids[i - 1] != id; i--)
				;
			if (!i)
				ids[n++] = id;
		}
	}
	return n;
}

/* ---- steps ---- */

enum view view_of_child(int worker, long page)
{
	enum view view = model->views[worker][page];

	if (view != VIEW_PRIVATE)
		return view;
	return privates[worker].forks[page] ? VIEW_REFUSED : VIEW_NONE;
}

bool check_map_private(void)
{
	long first = order->offset / PAGE_BYTES;
	long pages = order->size / PAGE_BYTES;

	if (order->result)
		return wrong("should work");
	private_map(first, pages);
	note_private(first, pages);
	memset(model->views[order->worker] + first, VIEW_PRIVATE, pages);
	return true;
}

/* Linux 7.3 refuses it for such mappings. */
bool check_do_fork(void)
{
	long first = order->offset / PAGE_BYTES;

	if (order->result && order->result != -EINVAL)
		return wrong("madvise() with the wrong answer");
	if (!order->result)
		memset(privates[order->worker].forks + first, true,
		       order->size / PAGE_BYTES);
	return true;
}
