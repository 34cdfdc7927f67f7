// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl verify: proves that memory which should be hidden is hidden, without
 * trusting gmemfs.
 *
 * Each page that a file holds is mapped, as a VMM maps it. Then witness.c looks
 * for it in the kernel's direct map. Only then the result is compared with what
 * gmemfs says of the page.
 */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ask.h"
#include "beyond.h"
#include "blocks.h"
#include "ctl.h"
#include "files.h"
#include "index.h"
#include "kernel.h"
#include "progress.h"
#include "text.h"
#include "verdict.h"
#include "witness.h"

#define PAGE		GMEM_PAGE_SIZE
_Static_assert(BLOCK_PAGES == WITNESS_PAGES, "a block is seen at once");

/* A running guest may convert a page, or KVM borrow it, between two looks. */
#define LOOKS		5
#define LOOK_SECONDS	0.02

/*
 * The limits of second looks at blocks, for one file and in all. Beyond that,
 * pages are reported as doubtful. Without limits, a user could keep this busy
 * for hours, by many pages that can't be mapped or that are converted all the
 * time.
 */
#define SECOND_LOOKS_FILE	128
#define SECOND_LOOKS_ALL	1500

/* Another process may have a file by the time that it is looked at. */
#define ROUNDS		3

/* All verdicts together take no more memory than this. */
#define VERDICTS_ROOM	(256UL << 20)

/*
 * How often a file's pages are counted if it changes meanwhile; and how many
 * seconds this may take beyond that, for one file and for all.
 */
#define COUNTS			4
#define COUNT_SECONDS		2.0
#define COUNT_SECONDS_ALL	20.0

enum { OPT_ALL };

struct verifier {
	struct witness witness;
	struct progress progress;
	struct verdicts verdicts;
	struct index looked_at;	/* files */
	size_t room;		/* what is left of VERDICTS_ROOM */
	bool full;		/* it was too small for a file */
	unsigned int second_looks;	/* so far */
	double patience;	/* what is left of COUNT_SECONDS_ALL */
	/* For the file that is looked at: */
	unsigned int looks_left;	/* second looks */
	int fd;
	struct blocks blocks;	/* @blocks.end: up to where it was looked at */
	uint64_t done, all;	/* bytes, for the progress */
	const uint8_t *map;	/* mapping of the current block */
	struct verdict *v;
};

/* ---- one page ---- */

static enum problem judge(const struct sight *sight, uint8_t state)
{
	if (!sight->mapped && sight->read)
		return CONTRADICTION;
	if (sight->mapped && !(state & GMEM_STATE_EXPOSED))
		return LEAK;
	if (!sight->mapped && state & GMEM_STATE_EXPOSED)
		return MISSING;
	if (sight->mapped && !(state & (GMEM_STATE_SHARED | GMEM_STATE_LENT)))
		return UNPROTECTED;
	return FINE;
}

static void count_page(struct verdict *v, const struct sight *sight,
		       uint64_t offset, uint8_t state, enum problem problem)
{
	v->checked++;
	if (sight->mapped || sight->read)
		v->readable++;
	else
		v->hidden++;
	if (sight->mapped && state & GMEM_STATE_SHARED)
		v->shared++;
	else if (sight->mapped && state & GMEM_STATE_LENT)
		v->lent++;
	v->bad[problem]++;
	if (problem != FINE)
		verdict_add_bad(v, offset, sight->pfn, problem);
}

/* ---- a block ---- */

struct block_view {
	struct blocks *b;
	struct sight sights[BLOCK_PAGES];
};

/* Holes are not touched: an access would populate them. */
static int view_block(struct verifier *s, struct block_view *view)
{
	const struct blocks *b = view->b;

	for (size_t i = 0; i < BLOCK_PAGES; i++)
		view->sights[i] = (struct sight){ .pfn = FRAME_NONE };
	witness_begin_looks();
	for (size_t i = 0; i < b->pages; i++)
		if (b->states[i] & GMEM_STATE_POPULATED)
			witness_look(s->map + i * PAGE);
	witness_end_looks();
	if (!b->pages)
		return 0;
	return witness_see(&s->witness, s->map, b->pages, view->sights);
}

/* Should this page be looked at again? UNPROTECTED pages don't change. */
static bool is_doubtful(const struct sight *sight, uint8_t state)
{
	enum problem problem;

	if (!(state & GMEM_STATE_POPULATED))
		return false;
	if (sight->pfn == FRAME_NONE)
		return true;
	problem = judge(sight, state);
	return problem != FINE && problem != UNPROTECTED;
}

static bool any_doubtful(const struct block_view *view, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (is_doubtful(&view->sights[i], view->b->states[i]))
			return true;
	return false;
}

/*
 * A page may look wrong only because it changed between two looks. It is bad if
 * it is wrong each time. If the file has become shorter, its pages are gone.
 */
static int look_again(struct verifier *s, size_t pages, struct block_view *view)
{
	struct blocks now = *view->b;
	struct block_view new = { .b = &now };
	int err;

	ctl_sleep(LOOK_SECONDS);
	err = blocks_again(&now);
	if (!err)
		err = view_block(s, &new);
	if (err)
		return err;
	for (size_t i = 0; i < pages; i++) {
		if (!is_doubtful(&view->sights[i], view->b->states[i]))
			continue;
		view->b->states[i] = i < now.pages ? now.states[i] : 0;
		view->sights[i] = new.sights[i];
	}
	return 0;
}

/* Return: true if the limits allow one more second look. */
static bool take_second_look(struct verifier *s)
{
	if (!s->looks_left || s->second_looks == SECOND_LOOKS_ALL)
		return false;
	s->looks_left--;
	s->second_looks++;
	return true;
}

/* @judged: wrong pages were wrong each time */
static void count_block(struct verifier *s, size_t pages,
			const struct block_view *view, const bool *held,
			bool judged)
{
	const struct blocks *b = view->b;

	witness_begin_looks();
	for (size_t i = 0; i < pages; i++) {
		const struct sight *sight = &view->sights[i];

		if (!held[i])
			continue;
		if (!(b->states[i] & GMEM_STATE_POPULATED)) {
			s->v->gone++;
			continue;
		}
		if (sight->pfn == FRAME_NONE) {
			s->v->unseen++;
			continue;
		}
		if (!judged && is_doubtful(sight, b->states[i])) {
			s->v->doubtful++;
			continue;
		}
		count_page(s->v, sight, b->offset + i * PAGE, b->states[i],
			   judge(sight, b->states[i]));
		if (!sight->mapped && !sight->read)
			s->v->proven += !witness_look(s->map + i * PAGE);
	}
	witness_end_looks();
}

static int check_mapped(struct verifier *s, struct blocks *b)
{
	struct block_view view = { .b = b };
	bool held[BLOCK_PAGES] = { 0 };
	size_t pages = b->pages;
	int looks = 1, err = view_block(s, &view);

	for (size_t i = 0; i < pages; i++)
		held[i] = b->states[i] & GMEM_STATE_POPULATED;
	for (; !err && looks < LOOKS && any_doubtful(&view, pages) &&
	     take_second_look(s); looks++)
		err = look_again(s, pages, &view);
	if (!err)
		count_block(s, pages, &view, held, looks == LOOKS);
	return err;
}

/* Map one block at a time: a large file may not fit into the address space. */
static int check_block(struct verifier *s, struct blocks *b)
{
	size_t size = b->pages * PAGE;
	void *map;
	int err;

	if (!b->pages)
		return 0;
	err = gmem_file_map(s->fd, b->offset, size, PROT_READ, &map);
	if (err)
		return err;
	s->map = map;
	err = check_mapped(s, b);
	munmap(map, size);
	return err;
}

/* ---- a file ---- */

static int check_blocks(struct verifier *s)
{
	int err;

	while ((err = blocks_next(&s->blocks)) > 0) {
		err = check_block(s, &s->blocks);
		if (err)
			break;
		s->done += s->blocks.pages * PAGE;
		progress_show(&s->progress, s->done < s->all ? s->done : s->all,
			      s->all);
	}
	return err;
}

static void say_missed(struct verifier *s, int err)
{
	if (err == -EBUSY)
		verdict_missed(s->v, "the file grew or changed faster than verify could read it");
	else if (err)
		verdict_missed(s->v, "the pages from offset 0x%llx: %s",
			       (unsigned long long)s->blocks.offset,
			       strerror(-err));
	if (s->v->unseen)
		verdict_missed(s->v, "%llu pages can't be mapped: they have a memory error, or only the shared view of the file can be opened",
			       (unsigned long long)s->v->unseen);
	if (s->v->doubtful)
		verdict_missed(s->v, "%llu pages differ from what gmemfs says, but too many had to be checked again to tell whether these are wrong or just changed: pause the guest, and verify this file alone",
			       (unsigned long long)s->v->doubtful);
}

/* Look at what has come into sight since the blocks were looked at. */
static int check_growth(struct verifier *s)
{
	int err = blocks_go_on(&s->blocks);

	return err > 0 ? check_blocks(s) : err;
}

/*
 * A file may change while its pages are counted, so this tries again. That
 * takes some time for a file, and for all files together. @err is what
 * check_blocks() has returned.
 */
static int count_beyond(struct verifier *s, int *err, uint64_t *pages)
{
	struct beyond b = { .witness = &s->witness, .fd = s->fd };
	double begin = ctl_now(), most = COUNT_SECONDS;
	int counts = 0, ret;

	if (s->patience < most)
		most = s->patience;
	do {
		if (counts && ctl_now() < begin + most)
			ctl_sleep(LOOK_SECONDS);
		if (!*err)
			*err = check_growth(s);
		b.end = s->blocks.end;
		ret = beyond_count(&b, pages);
		counts++;
	} while (ret == -EAGAIN &&
		 (counts < COUNTS || ctl_now() < begin + most));
	if (counts > 1)
		s->patience -= ctl_now() - begin;
	return ret;
}

static void check_all_seen(struct verifier *s, int err)
{
	uint64_t pages = 0;
	int uncounted = count_beyond(s, &err, &pages);

	say_missed(s, err);
	if (pages && !uncounted)
		verdict_missed(s->v, "the file holds %llu more pages, beyond its end: to check them, make it longer (truncate -s)",
			       (unsigned long long)pages);
	else if (uncounted == -EAGAIN && !s->v->missed)
		verdict_missed(s->v, "the file grew or changed faster than verify could count its pages, so there may be some beyond its end: pause what writes to it, or gives back its memory");
	else if (uncounted && !s->v->missed)
		verdict_missed(s->v, "the file's pages can't be counted: %s",
			       strerror(-uncounted));
}

static void check_file(struct verifier *s, const char *path, int fd,
		       const struct gmem_info *info)
{
	s->v = verdicts_add(&s->verdicts, path);
	s->fd = fd;
	s->looks_left = SECOND_LOOKS_FILE;
	s->done = 0;
	s->all = info->populated;
	progress_begin(&s->progress, "verifying");
	blocks_begin(&s->blocks, fd, info);
	check_all_seen(s, check_blocks(s));
	progress_end(&s->progress);
}

/* ---- the command ---- */

static int verify_one(const struct ctl_call *call, struct verifier *s)
{
	const struct inventory nothing_missed = { .complete = true };
	struct gmem_info info;
	int fd = files_open(call->args[0], O_RDONLY, &info);

	if (fd < 0)
		return CTL_FAILED;
	check_file(s, call->args[0], fd, &info);
	close(fd);
	return verdicts_conclude(&s->verdicts, &nothing_missed, call->json);
}

/*
 * While this looks at files, a user can replace them by others, which are new
 * in the next round.
 */
static bool take_room(struct verifier *s, struct inventory *inv,
		      const char *path)
{
	size_t cost = INDEX_COST + verdicts_cost(path);

	s->full = cost > s->room;
	if (s->full)
		inventory_missed(inv, "more files than gmemctl can verify in 256 MiB of memory: the others are left out");
	else
		s->room -= cost;
	return !s->full;
}

/* A file that is gone may be elsewhere by now: the next round finds it. */
static void verify_next(struct verifier *s, struct inventory *inv,
			struct file_entry *f)
{
	struct index_key key = { .a = f->dev, .b = f->ino };
	struct gmem_info info;
	size_t before;
	int fd, err;

	if (index_find(&s->looked_at, key, &before))
		return;
	fd = inventory_open(inv, f, O_RDONLY);
	err = fd < 0 ? fd : gmem_file_info(fd, &info);
	if (!err && take_room(s, inv, f->path)) {
		index_put(&s->looked_at, key, 0);
		check_file(s, f->path, fd, &info);
	} else if (err) {
		inventory_missed(inv, "%s: %s", text_safe(f->path),
				 inventory_why(err));
	}
	if (fd >= 0)
		close(fd);
}

/* Did this round miss just what the one before has missed, *@before? */
static bool missed_again(const struct inventory *inv, char **before)
{
	char *now = inventory_reasons(inv);
	bool again = *before && !strcmp(*before, now);

	free(*before);
	*before = now;
	return again;
}

/*
 * Repeat until a round can look at all files that it finds, or until there is
 * little hope that another one would: two missed the same, or processes don't
 * answer.
 */
static void verify_files(struct verifier *s, struct inventory *inv)
{
	char *before = NULL;

	for (int i = 0; i < ROUNDS; i++) {
		if (i)
			inventory_free(inv);
		inventory_read(inv);
		for (size_t n = 0; n < inv->nr_files && !s->full; n++)
			verify_next(s, inv, &inv->files[n]);
		if (inv->complete || s->full || ask_has_given_up() ||
		    missed_again(inv, &before))
			break;
	}
	free(before);
}

static int verify_all(const struct ctl_call *call, struct verifier *s)
{
	struct inventory inv;
	int status;

	verify_files(s, &inv);
	status = verdicts_conclude(&s->verdicts, &inv, call->json);
	inventory_free(&inv);
	return status;
}

static void forget(struct verifier *s)
{
	verdicts_free(&s->verdicts);
	index_free(&s->looked_at);
}

static int run(const struct ctl_call *call)
{
	bool all = call->values[OPT_ALL];
	struct verifier s = {
		.room = VERDICTS_ROOM, .patience = COUNT_SECONDS_ALL,
	};
	int status;

	if (all == !!call->nr_args)
		return ctl_usage(call, "give either FILE or --all");
	if (!kernel_gmemfs_loaded())
		return ctl_not_loaded();
	status = witness_open(&s.witness);
	if (status)
		return status;
	status = all ? verify_all(call, &s) : verify_one(call, &s);
	witness_close(&s.witness);
	forget(&s);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_ALL] = { "all", NULL, "all files of all mounts" },
	{ NULL, NULL, NULL }
};

const struct ctl_command verify_command = {
	.name = "verify",
	.arguments = "FILE|--all",
	.summary = "prove by /proc/kcore that memory which should be hidden is hidden",
	.details = "Looks for each page of the file in the kernel's direct map, by /proc/kcore and\n"
		   "the page tables, without asking gmemfs. Then compares the result with what gmemfs\n"
		   "says. Reads contents only to see that there are any. Exit status 1: a page is\n"
		   "readable that is neither shared nor lent to KVM, or a page differs from what\n"
		   "gmemfs says. Exit status 5: no error was found, but not everything could be\n"
		   "checked.",
	.max_args = 1,
	.options = options,
	.run = run,
};
