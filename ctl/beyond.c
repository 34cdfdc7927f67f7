// SPDX-License-Identifier: GPL-2.0
/* Counting the pages of a file in sight, while its owner changes it. */
#include <errno.h>
#include <gmem.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "beyond.h"
#include "blocks.h"
#include "ctl.h"

#define PAGE	GMEM_PAGE_SIZE

/* ---- a 2 MiB block that the end is in ---- */

/*
 * The frame that the first page of a 2 MiB block has, by any of its pages that
 * is mapped; or FRAME_NONE.
 */
static int find_first_frame(struct witness *w, const struct blocks *blocks,
			    const uint8_t *map, uint64_t *frame)
{
	struct sight sight;
	int err;

	*frame = FRAME_NONE;
	for (size_t i = 0; i < blocks->pages; i++) {
		if (!(blocks->states[i] & GMEM_STATE_POPULATED) ||
		    witness_look_once(map + i * PAGE) < 0)
			continue;
		err = witness_see(w, map + i * PAGE, 1, &sight);
		if (!err && sight.pfn != FRAME_NONE)
			*frame = sight.pfn - i;
		return err;
	}
	return 0;
}

/*
 * Is what a 2 MiB block has beyond the file's end hidden? Nothing maps it, but
 * the frames of a block are contiguous.
 */
static bool rest_is_hidden(struct witness *w, const struct blocks *blocks,
			   uint64_t frame)
{
	size_t rest = BLOCK_PAGES - blocks->pages;
	struct sight sights[BLOCK_PAGES];

	if (frame == FRAME_NONE ||
	    witness_see_frames(w, frame + blocks->pages, rest, sights))
		return false;
	for (size_t i = 0; i < rest; i++)
		if (sights[i].mapped || sights[i].read)
			return false;
	return true;
}

static bool is_huge(const struct blocks *blocks)
{
	for (size_t i = 0; i < blocks->pages; i++)
		if (blocks->states[i] & GMEM_STATE_HUGE)
			return true;
	return false;
}

/* Its owner may have put single pages there, whose frames are anywhere. */
static bool is_still_huge(const struct blocks *blocks)
{
	struct blocks now = *blocks;

	return !blocks_again(&now) && is_huge(&now);
}

static bool rest_is_seen(const struct beyond *b, const struct blocks *blocks)
{
	size_t size = blocks->pages * PAGE;
	uint64_t frame;
	void *map;
	int err;

	if (blocks->pages == BLOCK_PAGES)
		return true;
	if (gmem_file_map(b->fd, blocks->offset, size, PROT_READ, &map))
		return false;
	err = find_first_frame(b->witness, blocks, map, &frame);
	munmap(map, size);
	return !err && is_still_huge(blocks) &&
	       rest_is_hidden(b->witness, blocks, frame);
}

/* Has it the block's memory in common with other files, or had it? */
static bool is_cloned(const struct blocks *blocks)
{
	for (size_t i = 0; i < blocks->pages; i++)
		if (blocks->states[i] & GMEM_STATE_CLONED)
			return true;
	return false;
}

/*
 * In a 2 MiB block the file holds all pages, also those that are holes now. Of
 * those beyond the end, some may be holes, others not. If all are hidden, that
 * makes no difference; if not, nobody knows whether they should be. Of a cloned
 * block, it holds what it uses.
 */
static uint64_t count_held(const struct beyond *b, const struct blocks *blocks)
{
	uint64_t held = 0;

	if (is_huge(blocks) && !is_cloned(blocks))
		return rest_is_seen(b, blocks) ? BLOCK_PAGES : blocks->pages;
	for (size_t i = 0; i < blocks->pages; i++)
		held += !!(blocks->states[i] & GMEM_STATE_POPULATED);
	return held;
}

/* ---- has the file changed? ---- */

struct moment {
	uint64_t pages;		/* the total */
	off_t size;
	int64_t changed;	/* ctime, in ns */
};

static int look(int fd, struct moment *m)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	m->pages = st.st_blocks / (PAGE / 512);
	m->size = st.st_size;
	m->changed = ctl_nanoseconds(&st.st_ctim);
	return 0;
}

/*
 * Would a change from now on set another ctime? The clock may have been set
 * back: then an old ctime is in the future.
 */
static bool is_settled(const struct moment *m)
{
	struct timespec now;
	int64_t age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = ctl_nanoseconds(&now) - m->changed;
	return age > CTL_TICK || age < -CTL_TICK;
}

/* Look again. @steady: the file can't have given back pages in between. */
static int look_on(int fd, struct moment *m, bool *steady)
{
	struct moment before = *m;
	int err = look(fd, m);

	*steady = *steady && !err && m->pages >= before.pages &&
		  m->size == before.size && m->changed == before.changed;
	return err;
}

/* ---- the count ---- */

static int begin(const struct beyond *b, struct blocks *blocks)
{
	struct gmem_info info;
	int err = gmem_file_info(b->fd, &info);

	if (err)
		return err;
	blocks_begin(blocks, b->fd, &info);
	if (blocks->end > b->end)
		blocks->end = b->end;
	return 0;
}

/* Count what is in sight. @now is what the file has then. */
static int count_seen(const struct beyond *b, struct moment *now, bool *steady,
		      uint64_t *seen)
{
	struct blocks blocks;
	int more = 0, err = begin(b, &blocks);

	*seen = 0;
	while (!err) {
		*seen += blocks_skip_full(&blocks);
		more = blocks_next(&blocks);
		if (more <= 0)
			break;
		*seen += count_held(b, &blocks);
		err = look_on(b->fd, now, steady);
	}
	if (!err)
		err = more;
	return err ? err : look_on(b->fd, now, steady);
}

int beyond_count(const struct beyond *b, uint64_t *pages)
{
	struct moment before, now;
	uint64_t seen, least;
	bool steady;
	int err = look(b->fd, &before);

	*pages = 0;
	if (err)
		return err;
	now = before;
	steady = is_settled(&before);
	err = count_seen(b, &now, &steady, &seen);
	if (err || !now.pages)
		return err;
	least = before.pages < now.pages ? before.pages : now.pages;
	if (least > seen)
		*pages = least - seen;
	return steady && (*pages || now.pages <= seen) ? 0 : -EAGAIN;
}
