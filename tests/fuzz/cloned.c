// SPDX-License-Identifier: GPL-2.0
/*
 * Who has a page in common, as far as it can be known: what GMEM_STATE_CLONED
 * must say, or must not.
 *
 * A page that its file has written to is its own, and so is one that is wanted
 * shared. Whether a clone has memory in common depends on how both files hold
 * theirs, so the states before are looked at. Then some pages are in common for
 * certain, some are not, and some may be: where a guest has asked for
 * something, KVM may write at any time; and beyond a file's end nobody knows
 * what memory there is. What is in common stays so until the file itself
 * writes, to that page or to another one of the block.
 */
#include "fuzz.h"

#define BLOCK_PAGES	512L

enum fate { FATE_HOLE, FATE_OWN, FATE_COMMON, FATE_UNSURE };

/**
 * struct side - a file before a clone
 * @f: NULL: a file without a name, of a private mapping
 * @flags: GMEM_FLAG_*
 * @states: of its pages
 * @quiet: by block: no guest has asked for anything there
 * @wanted: by block: all of it is wanted private
 * @clean: by block: all of it is in the file, has memory, and is hidden
 * @whole: by block: all that it has is contiguous
 * @bare: by block: all of it is in the file, and has no memory
 * @free: by block: all of it is in the file, and it has no contiguous memory
 *	  of its own
 */
struct side {
	struct file *f;
	uint64_t flags;
	const uint8_t *states;
	bool quiet[BLOCKS], wanted[BLOCKS], clean[BLOCKS], whole[BLOCKS];
	bool bare[BLOCKS], free[BLOCKS];
};

unsigned long guests_copied[2];

static uint8_t before[FILES][PAGES];

/* ---- before and after a step ---- */

void look_before(void)
{
	switch (order->op) {
	case OP_CLONE:
	case OP_CLONE_RANGE:
	case OP_COPY_RANGE:
		get_states_of(&model->files[order->source],
			      before[order->source]);
		/* fall through */
	case OP_MAP_PRIVATE:
	case OP_VM_STORE:
		get_states_of(file, before[order->file]);
		break;
	default:
		break;
	}
}

/* A guest of either side has written to what both had. */
void look_after(void)
{
	long page = order->offset / PAGE_BYTES;

	if (order->op != OP_VM_STORE || order->result <= 0 ||
	    model->views[order->worker][page] != VIEW_GUEST ||
	    !(before[order->file][page] & GMEM_STATE_CLONED))
		return;
	guests_copied[0] += file->was_source;
	guests_copied[1] += file->was_target;
}

/* ---- the file writes ---- */

/* It may make more of a block its own than it writes to. */
static void unsure_blocks(long offset, long size)
{
	long first = offset / (long)BLOCK * BLOCK_PAGES;
	long end = ((offset + size - 1) / (long)BLOCK + 1) * BLOCK_PAGES;

	memset(file->is_cloned + first, false, end - first);
}

void note_own(long offset, long size)
{
	long first = offset / PAGE_BYTES;
	long end = (offset + size + PAGE_BYTES - 1) / PAGE_BYTES;

	if (size <= 0)
		return;
	memset(file->may_be_cloned + first, false, end - first);
	unsure_blocks(offset, size);
}

/* From now on KVM may write there. */
void note_places(long offset, long size)
{
	unsure_blocks(offset, size);
}

/* ---- both sides of a clone ---- */

static bool has_place(struct file *f, long block)
{
	struct file *was = file;
	bool found;

	file = f;
	found = has_places(block * (long)BLOCK, BLOCK);
	file = was;
	return found;
}

/* The bits that all pages of a block have, and those that any has. */
static void bits_of(const uint8_t *states, uint8_t *all, uint8_t *any)
{
	long i;

	*all = 0xff;
	*any = 0;
	for (i = 0; i < BLOCK_PAGES; i++) {
		*all &= states[i];
		*any |= states[i];
	}
}

static bool has_own_block(const uint8_t *states)
{
	const uint8_t both = GMEM_STATE_HUGE | GMEM_STATE_CLONED;
	long i;

	for (i = 0; i < BLOCK_PAGES; i++)
		if ((states[i] & both) == GMEM_STATE_HUGE)
			return true;
	return false;
}

static bool is_wanted(const struct file *f, long block)
{
	return !memchr(f->shared + block * BLOCK_PAGES, true, BLOCK_PAGES);
}

static void look_at_block(struct side *s, long block)
{
	const uint8_t busy = GMEM_STATE_EXPOSED | GMEM_STATE_LENT |
			     GMEM_STATE_PINNED | GMEM_STATE_POISONED;
	const uint8_t *states = s->states + block * BLOCK_PAGES;
	bool inside = (block + 1) * (long)BLOCK <= s->f->size;
	uint8_t all, any;

	bits_of(states, &all, &any);
	s->quiet[block] = !has_place(s->f, block);
	s->wanted[block] = is_wanted(s->f, block);
	s->clean[block] = inside && all & GMEM_STATE_POPULATED &&
			  !(any & busy);
	s->whole[block] = all & GMEM_STATE_HUGE;
	s->bare[block] = inside && !(any & GMEM_STATE_POPULATED);
	s->free[block] = inside && !has_own_block(states);
}

static void look_at(struct side *s, struct file *f)
{
	long block;

	s->f = f;
	s->flags = f->flags;
	s->states = before[f - model->files];
	for (block = 0; block < BLOCKS; block++)
		look_at_block(s, block);
}

/* A private mapping is of a new file with the same flags. */
static void look_at_nothing(struct side *s, const struct side *from)
{
	s->f = NULL;
	s->flags = from->flags;
	memset(s->quiet, true, sizeof(s->quiet));
	memset(s->wanted, true, sizeof(s->wanted));
	memset(s->bare, true, sizeof(s->bare));
	memset(s->free, true, sizeof(s->free));
}

/* ---- what becomes of a page ---- */

static bool wants_shared(const struct side *s, long page)
{
	return s->f && s->f->shared[page];
}

/* Of contiguous memory. @nr: pages of its block that are cloned. */
static enum fate fate_of_block(const struct side *from, const struct side *to,
			       long src, long dst, long nr)
{
	long in = src / BLOCK_PAGES, out = dst / BLOCK_PAGES;
	bool only = (from->flags | to->flags) & GMEM_FLAG_HUGE_ONLY;

	if (src % BLOCK_PAGES != dst % BLOCK_PAGES ||
	    to->flags & GMEM_FLAG_NO_HUGE)
		return FATE_OWN;
	if (to->flags & GMEM_FLAG_HUGE_ONLY && nr < BLOCK_PAGES)
		return FATE_OWN;
	if (from->wanted[in] && to->wanted[out] && from->clean[in] &&
	    (!only || from->whole[in]) &&
	    (nr == BLOCK_PAGES || to->bare[out]))
		return FATE_COMMON;
	return FATE_UNSURE;
}

static enum fate fate_of_single(const struct side *from, const struct side *to,
				long src, long dst)
{
	const uint8_t busy = GMEM_STATE_EXPOSED | GMEM_STATE_LENT |
			     GMEM_STATE_PINNED | GMEM_STATE_POISONED;

	if (to->flags & GMEM_FLAG_HUGE_ONLY)
		return FATE_OWN;
	if (!(from->states[src] & busy) && to->free[dst / BLOCK_PAGES])
		return FATE_COMMON;
	return FATE_UNSURE;
}

static enum fate fate_of(const struct side *from, const struct side *to,
			 long src, long dst, long nr)
{
	if ((from->flags | to->flags) & GMEM_FLAG_KEEP_DIRECT_MAP ||
	    wants_shared(from, src) || wants_shared(to, dst))
		return FATE_OWN;
	if (!from->quiet[src / BLOCK_PAGES] || !to->quiet[dst / BLOCK_PAGES])
		return FATE_UNSURE;
	if (!(from->states[src] & GMEM_STATE_POPULATED))
		return FATE_HOLE;
	if (from->states[src] & GMEM_STATE_HUGE)
		return fate_of_block(from, to, src, dst, nr);
	return fate_of_single(from, to, src, dst);
}

/* ---- a clone ---- */

/**
 * struct part - what is cloned, in pages
 * @mixed: a block is on both sides: what is found before says little
 */
struct part {
	struct side from, to;
	long src, dst, pages;
	bool mixed;
};

static long least(long a, long b)
{
	return a < b ? a : b;
}

static long most(long a, long b)
{
	return a > b ? a : b;
}

/* How many pages of the source's block around that one are cloned? */
static long pages_of_block(const struct part *p, long src)
{
	long first = src - src % BLOCK_PAGES;

	return least(first + BLOCK_PAGES, p->src + p->pages) -
	       most(first, p->src);
}

static enum fate fate_in(const struct part *p, long dst)
{
	long src = dst - p->dst + p->src;
	enum fate fate = fate_of(&p->from, &p->to, src, dst,
				 pages_of_block(p, src));

	return p->mixed && fate != FATE_OWN ? FATE_UNSURE : fate;
}

/*
 * A whole block of the source may be in common, if any of it is cloned, even if
 * that is a hole; and with it what is beyond the file's end.
 */
static void note_source(struct part *p, long src, enum fate fate)
{
	long block = src / BLOCK_PAGES;

	if (fate == FATE_OWN || (fate == FATE_HOLE && p->from.bare[block]))
		return;
	memset(p->from.f->may_be_cloned + block * BLOCK_PAGES, true,
	       BLOCK_PAGES);
}

/* If a page is copied, more of the target's block may be. */
static void note_block(struct part *p, long first, long end)
{
	struct file *from = p->from.f, *to = p->to.f;
	enum fate fates[BLOCK_PAGES];
	bool sure = true;
	long i;

	for (i = first; i < end; i++) {
		fates[i - first] = fate_in(p, i);
		sure &= fates[i - first] == FATE_COMMON ||
			fates[i - first] == FATE_HOLE;
	}
	for (i = first; i < end; i++) {
		bool common = fates[i - first] == FATE_COMMON;
		bool may_be = common || fates[i - first] == FATE_UNSURE;
		long src = i - p->dst + p->src;

		if (to)
			to->may_be_cloned[i] = may_be;
		if (to)
			to->is_cloned[i] = common && sure;
		note_source(p, src, fates[i - first]);
		if (common && sure)
			from->is_cloned[src] = true;
	}
}

static void note_part(struct part *p)
{
	long at = p->dst, end = p->dst + p->pages, next;

	if (p->to.f)
		unsure_blocks(p->dst * PAGE_BYTES, p->pages * PAGE_BYTES);
	for (; at < end; at = next) {
		next = least(at - at % BLOCK_PAGES + BLOCK_PAGES, end);
		note_block(p, at, next);
	}
}

static bool share_a_block(const struct part *p)
{
	long src = p->src / BLOCK_PAGES, dst = p->dst / BLOCK_PAGES;

	return overlaps(src, (p->src + p->pages - 1) / BLOCK_PAGES - src + 1,
			dst, (p->dst + p->pages - 1) / BLOCK_PAGES - dst + 1);
}

/* Pages of the order's source were cloned to its file, which was looked at. */
void note_cloned(long first, long dst, long pages)
{
	struct part p = { .src = first, .dst = dst, .pages = pages };
	struct file *from = &model->files[order->source];

	look_at(&p.from, from);
	look_at(&p.to, file);
	p.mixed = from == file && share_a_block(&p);
	if (p.mixed)
		unsure_blocks(first * PAGE_BYTES, pages * PAGE_BYTES);
	note_part(&p);
}

/* Pages of the file are mapped privately. */
void note_private(long first, long pages)
{
	struct part p = { .src = first, .dst = first };

	p.pages = least(pages, pages_of_file() - first);
	if (p.pages <= 0)
		return;
	look_at(&p.from, file);
	look_at_nothing(&p.to, &p.from);
	note_part(&p);
}

/* ---- checks ---- */

const char *fault_of_cloned(long page, uint8_t state)
{
	const uint8_t never = GMEM_STATE_SHARED | GMEM_STATE_EXPOSED |
			      GMEM_STATE_LENT | GMEM_STATE_PINNED;
	bool cloned = state & GMEM_STATE_CLONED;

	if (cloned && !(state & GMEM_STATE_POPULATED))
		return "cloned, and has no memory";
	if (cloned && state & never)
		return "cloned, and not hidden from all";
	if (cloned && !file->may_be_cloned[page])
		return "cloned, and must be the file's own";
	if (!cloned && file->is_cloned[page])
		return "must be cloned";
	return NULL;
}

bool clones_worked(bool tell)
{
	bool left_out = is_left_out("clone a range") ||
			is_left_out("store by the guest");
	bool good = left_out || (guests_copied[0] && guests_copied[1] &&
				 cloned_seen);

	if (tell && !good)
		say("guests never wrote to what a clone had in common");
	return good;
}
