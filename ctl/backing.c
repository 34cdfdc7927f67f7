// SPDX-License-Identifier: GPL-2.0
/*
 * Compares the slots of a VM with what its VMM has mapped there.
 *
 * First all mappings are read, and noted where they are in a slot: another
 * question to the same process would have to wait until then. After that, each
 * piece is looked at by a link in map_files, and so in the file that is mapped
 * there, whatever its name leads to.
 */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ask.h"
#include "backing.h"
#include "blocks.h"
#include "ctl.h"
#include "index.h"
#include "lines.h"
#include "procfs.h"
#include "reach.h"

/* The text of a shared view's mapping has this. */
#define SHARED_VIEW	"gmem_shared_view:["

/* A VMM may have 65,000 mappings, and all its slots in each of them. */
#define MOST_PIECES	(1UL << 18)

/* Of a mapping and a slot: they may be chosen so that most have no piece. */
#define MOST_PAIRS	(1UL << 26)

#define NAME_MOST	200

#define TRIES		4

/* A part of a slot that lies in one mapping. */
struct piece {
	size_t slot;
	uint64_t from;		/* of the mapping */
	uint64_t to;
	uint64_t offset;	/* in the file */
	uint64_t size;
	dev_t dev;
	ino_t ino;
	bool shared_view;
	bool of_device;
	char *name;
};

struct look {
	const struct vm *vm;
	const struct vm_slot **by_address;
	struct backing *all;	/* by number in @vm */
	size_t first;		/* of @by_address, that may be in a mapping */
	struct piece *pieces;
	size_t nr_pieces;
	size_t nr_pairs;
	uint64_t end;		/* of the mappings that were read */
	bool too_many;
	struct index others;	/* devices that aren't of a gmemfs */
	/* The file of the last piece: */
	int fd;			/* or a negative errno */
	dev_t dev;
	ino_t ino;
	struct gmem_info info;
};

static size_t number_of(const struct look *l, const struct vm_slot *slot)
{
	return slot - l->vm->slots;
}

/* ---- the mappings ---- */

/* Users choose the length, and there may be many: what is shown of them. */
static char *copy_name(const char *name)
{
	size_t n = strcspn(name, "\n");

	return ctl_format("%.*s", n < NAME_MOST ? (int)n : NAME_MOST, name);
}

static void add_piece(struct look *l, const struct vm_slot *slot,
		      const struct proc_map *map)
{
	uint64_t from = map->from, to = map->to;
	struct piece *p;

	if (from < l->end)
		from = l->end;
	if (from < slot->user)
		from = slot->user;
	if (to > slot->user + slot->size)
		to = slot->user + slot->size;
	if (from >= to)
		return;
	if (l->nr_pieces == MOST_PIECES) {
		l->too_many = true;
		return;
	}
	l->pieces = ctl_grow(l->pieces, l->nr_pieces, sizeof(*l->pieces));
	p = &l->pieces[l->nr_pieces++];
	*p = (struct piece){
		.slot = number_of(l, slot), .from = map->from, .to = map->to,
		.offset = map->offset + (from - map->from), .size = to - from,
		.dev = map->dev, .ino = map->ino,
		.shared_view = strstr(map->name, SHARED_VIEW),
		.of_device = proc_map_is_of_device(map),
		.name = copy_name(map->name),
	};
}

/*
 * The kernel refuses slots beyond the last address, and sorts mappings. But it
 * lists them in parts, and in between they change: what was listed may come
 * once more, within a larger mapping. Counted twice, it would make up for
 * memory that isn't mapped.
 */
static void add_map(struct look *l, const struct proc_map *map)
{
	for (; l->first < l->vm->nr_slots; l->first++) {
		const struct vm_slot *s = l->by_address[l->first];

		if (s->user + s->size > map->from)
			break;
	}
	for (size_t i = l->first; i < l->vm->nr_slots && !l->too_many; i++) {
		if (l->by_address[i]->user >= map->to)
			break;
		add_piece(l, l->by_address[i], map);
		l->too_many |= ++l->nr_pairs == MOST_PAIRS;
	}
	if (l->end < map->to)
		l->end = map->to;
}

static int read_maps(struct look *l)
{
	FILE *f = reach_process_text(l->vm->pid, "maps");
	struct proc_map map;
	struct lines lines;
	const char *line;
	int err;

	if (!f)
		return -errno;
	lines_begin(&lines, f);
	while ((line = lines_next(&lines)))
		if (!proc_map_line(line, &map))
			add_map(l, &map);
	err = lines_end(&lines);
	fclose(f);
	return l->too_many ? -EOVERFLOW : err;
}

/* ---- a file of gmemfs ---- */

/*
 * What userspace wants shared may still be hidden: it can change any time. In a
 * file that keeps its memory in the direct map, a page that is lent is there
 * all the same.
 */
static void count(struct backing *b, const struct gmem_info *info,
		  uint8_t state)
{
	bool keeps = info->flags & GMEM_FLAG_KEEP_DIRECT_MAP;

	if (state & GMEM_STATE_SHARED)
		b->shared += GMEM_PAGE_SIZE;
	else if (state & GMEM_STATE_LENT && !keeps)
		b->lent += GMEM_PAGE_SIZE;
	else if (state & GMEM_STATE_EXPOSED)
		b->kept += GMEM_PAGE_SIZE;
	else
		b->hidden += GMEM_PAGE_SIZE;
}

/* Holes get memory as the file's flags say. */
static uint64_t *holes_of(struct backing *b, const struct gmem_info *info)
{
	if (info->flags & GMEM_FLAG_KEEP_DIRECT_MAP)
		return &b->kept;
	return info->flags & GMEM_FLAG_INIT_SHARED ? &b->shared : &b->absent;
}

static bool has_kept(const struct look *l, const struct blocks *blocks)
{
	struct backing b = { 0 };

	for (size_t i = 0; i < blocks->pages; i++)
		if (blocks->states[i] & GMEM_STATE_POPULATED)
			count(&b, &l->info, blocks->states[i]);
	return b.kept;
}

/*
 * The module reads whether a page is lent, and then whether it is exposed. In
 * between it may be lent. So this looks once more where a page should be
 * hidden.
 */
static int next_block(const struct look *l, struct blocks *blocks)
{
	int more = blocks_next(blocks), err = 0;

	if (more <= 0 || l->info.flags & GMEM_FLAG_KEEP_DIRECT_MAP)
		return more;
	for (int i = 0; i < TRIES && !err && has_kept(l, blocks); i++)
		err = blocks_again(blocks);
	return err ? err : more;
}

static int tally(const struct look *l, const struct piece *p, uint64_t size,
		 struct backing *b)
{
	uint64_t there = 0;
	struct blocks blocks;
	int err;

	blocks_begin(&blocks, l->fd, &l->info);
	blocks_limit(&blocks, p->offset, p->offset + size);
	while ((err = next_block(l, &blocks)) > 0) {
		for (size_t i = 0; i < blocks.pages; i++) {
			if (!(blocks.states[i] & GMEM_STATE_POPULATED))
				continue;
			count(b, &l->info, blocks.states[i]);
			there += GMEM_PAGE_SIZE;
		}
	}
	if (!err && there < size)
		*holes_of(b, &l->info) += size - there;
	return err;
}

/* Beyond the end of the file there is no memory, and no access to it. */
static int look_at_file(const struct look *l, const struct piece *p,
			struct backing *sum)
{
	uint64_t end = (l->info.size + GMEM_PAGE_SIZE - 1) & -GMEM_PAGE_SIZE;
	uint64_t inside = end > p->offset ? end - p->offset : 0;
	struct backing b = { 0 };
	int err = 0;

	if (inside > p->size)
		inside = p->size;
	if (inside)
		err = tally(l, p, inside, &b);
	if (err)
		return err;
	b.unmapped = p->size - inside;
	backing_add(sum, &b);
	return 0;
}

/* ---- whose file is it? ---- */

/*
 * Some file systems have another device in maps than stat() gives, and so may
 * seem to be exchanged. That matters only in a gmemfs.
 */
static int open_reached(const struct piece *p, const struct reach *r)
{
	int ours = reach_is_gmemfs(r);

	if (ours <= 0)
		return ours ? ours : -ENOTTY;
	if (r->dev != p->dev || r->ino != p->ino)
		return -ESTALE;
	return reach_open(r, O_RDONLY);
}

/* A gmemfs doesn't refuse root (-EREMOTE). */
static int open_mapped(const struct piece *p, pid_t pid, bool *same_device)
{
	char how[64];
	struct reach r;
	int fd;

	snprintf(how, sizeof(how), "map_files/%" PRIx64 "-%" PRIx64, p->from,
		 p->to);
	fd = reach_link(pid, how, &r);
	if (!fd)
		fd = open_reached(p, &r);
	*same_device = r.dev == p->dev;
	reach_leave(&r);
	return fd == -EMEDIUMTYPE || fd == -EREMOTE ? -ENOTTY : fd;
}

static void close_last(struct look *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -EBADF;
}

/*
 * hugetlbfs can't be told from a gmemfs before the file is asked. No other file
 * of a device that isn't a gmemfs is opened again.
 */
static int open_file(struct look *l, const struct piece *p)
{
	bool same_device;
	int err;

	if (l->fd >= 0 && l->dev == p->dev && l->ino == p->ino)
		return 0;
	close_last(l);
	l->fd = open_mapped(p, l->vm->pid, &same_device);
	if (l->fd < 0) {
		err = l->fd;
	} else {
		l->dev = p->dev;
		l->ino = p->ino;
		l->info = (struct gmem_info){ 0 };
		err = gmem_file_info(l->fd, &l->info);
	}
	if (err)
		close_last(l);
	if (err == -ENOTTY && same_device)
		index_put(&l->others, (struct index_key){ .a = p->dev }, 0);
	return err;
}

/* Return: 0; -ENOTTY if it isn't in a gmemfs; or another negative errno. */
static int look_at_gmemfs(struct look *l, const struct piece *p,
			  struct backing *b)
{
	struct index_key key = { .a = p->dev };
	size_t known;
	int err;

	/* gmemfs has no block device, so its device's major number is 0. */
	if (!p->ino || major(p->dev) || index_find(&l->others, key, &known))
		return -ENOTTY;
	err = open_file(l, p);
	if (err)
		return err;
	if (p->shared_view)
		b->shared += p->size;
	else
		err = look_at_file(l, p, b);
	if (!err && !b->file)
		b->file = ctl_copy(p->name);
	return err;
}

static const char *why(int err)
{
	if (err == -ETIMEDOUT || err == -ECANCELED)
		return "the VMM doesn't answer, perhaps because it waits for a file server";
	if (err == -ENOENT || err == -ESRCH || err == -ESTALE)
		return "the VMM has changed its mappings, or has ended";
	if (err == -EBUSY)
		return "the file changes faster than it can be read";
	if (err == -EOVERFLOW)
		return "the VMM has too many mappings, or too long names of them";
	return strerror(-err);
}

static void not_known(struct backing *b, uint64_t bytes, int err)
{
	b->unknown += bytes;
	if (!b->why)
		b->why = why(err);
}

static void look_at_piece(struct look *l, const struct piece *p)
{
	struct backing *b = &l->all[p->slot];
	int err;

	if (p->of_device) {
		b->device += p->size;
		return;
	}
	err = look_at_gmemfs(l, p, b);
	if (err == -ENOTTY) {
		b->outside += p->size;
		if (!b->name)
			b->name = ctl_copy(p->name);
	} else if (err) {
		not_known(b, p->size, err);
	}
}

/* ---- all slots ---- */

static int by_address(const void *a, const void *b)
{
	const struct vm_slot *x = *(const struct vm_slot *const *)a;
	const struct vm_slot *y = *(const struct vm_slot *const *)b;

	if (x->user != y->user)
		return x->user < y->user ? -1 : 1;
	return x < y ? -1 : x > y;
}

static void sort_slots(struct look *l)
{
	size_t n = l->vm->nr_slots;

	l->by_address = ctl_alloc(n, sizeof(*l->by_address));
	for (size_t i = 0; i < n; i++)
		l->by_address[i] = &l->vm->slots[i];
	qsort(l->by_address, n, sizeof(*l->by_address), by_address);
}

static uint64_t known_bytes(const struct backing *b)
{
	return b->hidden + b->lent + b->shared + b->kept + b->absent +
	       b->outside + b->device + b->unmapped + b->unknown;
}

/* If not all mappings were read, what is left isn't known to be unmapped. */
static void add_rest(struct look *l, int err)
{
	for (size_t i = 0; i < l->vm->nr_slots; i++) {
		struct backing *b = &l->all[i];
		uint64_t known = known_bytes(b), size = l->vm->slots[i].size;

		if (known >= size)
			continue;
		if (err)
			not_known(b, size - known, err);
		else
			b->unmapped += size - known;
	}
}

struct backing *backing_look(const struct vm *vm)
{
	struct look l = {
		.vm = vm, .fd = -EBADF,
		.all = ctl_alloc(vm->nr_slots, sizeof(*l.all)),
	};
	int err;

	sort_slots(&l);
	err = vm->pid ? read_maps(&l) : -ESRCH;
	for (size_t i = 0; i < l.nr_pieces; i++) {
		look_at_piece(&l, &l.pieces[i]);
		free(l.pieces[i].name);
	}
	add_rest(&l, err);
	close_last(&l);
	index_free(&l.others);
	free(l.pieces);
	free(l.by_address);
	return l.all;
}

void backing_free(struct backing *all, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(all[i].name);
		free(all[i].file);
	}
	free(all);
}

void backing_add(struct backing *sum, const struct backing *b)
{
	sum->hidden += b->hidden;
	sum->lent += b->lent;
	sum->shared += b->shared;
	sum->kept += b->kept;
	sum->absent += b->absent;
	sum->outside += b->outside;
	sum->device += b->device;
	sum->unmapped += b->unmapped;
	sum->unknown += b->unknown;
}

bool backing_is_anonymous(const struct backing *b)
{
	return !b->name || !*b->name || *b->name == '[' ||
	       !strncmp(b->name, "/dev/zero", 9);
}

bool backing_is_memfd(const struct backing *b)
{
	return b->name && !strncmp(b->name, "/memfd:", 7);
}
