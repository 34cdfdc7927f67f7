// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl verify: a proof that what should be hidden is, which doesn't take
 * gmemfs's word.
 *
 * Each page that a file holds is mapped, as a VMM does, and looked for in the
 * kernel's direct map by witness.c.
 *
 * Only then is the answer compared with what gmemfs says of the page.
 */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blocks.h"
#include "ctl.h"
#include "files.h"
#include "index.h"
#include "json.h"
#include "kernel.h"
#include "progress.h"
#include "table.h"
#include "text.h"
#include "witness.h"

#define PAGE		GMEM_PAGE_SIZE
_Static_assert(BLOCK_PAGES == WITNESS_PAGES, "a block is seen at once");

/* A guest that runs converts and borrows pages between two looks at one. */
#define LOOKS		5
#define LOOK_SECONDS	0.02

/* Runs of bad pages that are listed. */
#define MAX_LISTED	16

/* Files may be in other hands by the time they are looked at. */
#define ROUNDS		3

enum { OPT_ALL };

enum problem {
	FINE,
	UNPROTECTED,	/* gmemfs says so itself: it keeps it exposed */
	LEAK,		/* gmemfs says hidden, and it's readable */
	MISSING,	/* gmemfs says exposed, and it isn't there */
	CONTRADICTION,	/* not in the page tables, and yet it was read */
	PROBLEMS,
};

static const char *const problem_names[PROBLEMS] = {
	[FINE] = "fine",
	[UNPROTECTED] = "unprotected",
	[LEAK] = "leak",
	[MISSING] = "missing",
	[CONTRADICTION] = "contradiction",
};

static const char *const problem_texts[PROBLEMS] = {
	[FINE] = "as it should be",
	[UNPROTECTED] = "readable, neither shared nor lent, as gmemfs says",
	[LEAK] = "readable, and gmemfs says hidden",
	[MISSING] = "not in the direct map, and gmemfs says exposed",
	[CONTRADICTION] = "not in the page tables, and yet readable",
};

/* Pages of one file next to each other, in which the same is wrong. */
struct bad_run {
	uint64_t offset;
	uint64_t pages;
	uint64_t pfn;		/* of the first */
	enum problem problem;
};

struct verdict {
	char *path;
	char *missed;		/* why not all of it was looked at, or NULL */
	uint64_t checked;
	uint64_t hidden;
	uint64_t proven;	/* of these, with contents that weren't read */
	uint64_t readable;
	uint64_t shared;	/* of the readable */
	uint64_t lent;		/* of the readable, not shared */
	uint64_t gone;		/* holes by the time it was looked at */
	uint64_t unseen;	/* there, but not to be had by a mapping */
	uint64_t bad[PROBLEMS];
	struct bad_run listed[MAX_LISTED];
	size_t nr_listed;
	uint64_t unlisted;	/* pages */
};

struct verifier {
	struct witness witness;
	struct progress progress;
	struct verdict *verdicts;
	size_t nr_verdicts;
	struct index looked_at;	/* files */
	/* While a file is looked at: */
	int fd;
	const uint8_t *map;	/* the block */
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

static void list_bad(struct verdict *v, uint64_t offset, uint64_t pfn,
		     enum problem problem)
{
	struct bad_run *last = v->listed + v->nr_listed - 1;

	if (v->nr_listed && last->problem == problem &&
	    last->offset + last->pages * PAGE == offset)
		last->pages++;
	else if (v->nr_listed == MAX_LISTED)
		v->unlisted++;
	else
		v->listed[v->nr_listed++] = (struct bad_run){
			.offset = offset, .pages = 1, .pfn = pfn,
			.problem = problem,
		};
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
		list_bad(v, offset, sight->pfn, problem);
}

/* ---- a block ---- */

struct block_view {
	struct blocks *b;
	struct sight sights[BLOCK_PAGES];
};

/* Holes are left alone: to touch one would fill it. */
static int view_block(struct verifier *s, struct block_view *view)
{
	const struct blocks *b = view->b;

	for (size_t i = 0; i < BLOCK_PAGES; i++)
		view->sights[i] = (struct sight){ .pfn = FRAME_NONE };
	for (size_t i = 0; i < b->pages; i++)
		if (b->states[i] & GMEM_STATE_POPULATED)
			witness_look(s->map + i * PAGE);
	if (!b->pages)
		return 0;
	return witness_see(&s->witness, s->map, b->pages, view->sights);
}

/* Is this a page to look at again? What is kept exposed doesn't change. */
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
 * What is wrong may be so only because it changed between two looks. A page is
 * bad if it is each time. Once the file is shorter, its pages are gone.
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

static void count_block(struct verifier *s, size_t pages,
			const struct block_view *view, const bool *held)
{
	const struct blocks *b = view->b;

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
		count_page(s->v, sight, b->offset + i * PAGE, b->states[i],
			   judge(sight, b->states[i]));
		if (!sight->mapped && !sight->read)
			s->v->proven += !witness_look(s->map + i * PAGE);
	}
}

static int check_mapped(struct verifier *s, struct blocks *b)
{
	struct block_view view = { .b = b };
	bool held[BLOCK_PAGES] = { 0 };
	size_t pages = b->pages;
	int err = view_block(s, &view);

	for (size_t i = 0; i < pages; i++)
		held[i] = b->states[i] & GMEM_STATE_POPULATED;
	for (int i = 1; !err && i < LOOKS && any_doubtful(&view, pages); i++)
		err = look_again(s, pages, &view);
	if (!err)
		count_block(s, pages, &view, held);
	return err;
}

/* A block at a time: no address space has room for all of a large file. */
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

static void check_blocks(struct verifier *s, const struct gmem_info *info)
{
	uint64_t done = 0, all = info->populated;
	struct blocks b;
	int err;

	blocks_begin(&b, s->fd, info);
	while ((err = blocks_next(&b)) > 0) {
		err = check_block(s, &b);
		if (err)
			break;
		done += b.pages * PAGE;
		progress_show(&s->progress, done < all ? done : all, all);
	}
	if (err == -EBUSY)
		s->v->missed = ctl_copy("it was filled or changed as fast as it could be looked at");
	else if (err)
		s->v->missed = ctl_format("from offset 0x%" PRIx64 " on: %s",
					  b.offset, strerror(-err));
	else if (s->v->unseen)
		s->v->missed = ctl_format("%" PRIu64 " pages can't be mapped (memory with an error, or only the shared view is in sight)",
					  s->v->unseen);
}

static void check_file(struct verifier *s, const char *path, int fd,
		       const struct gmem_info *info)
{
	s->verdicts = ctl_grow(s->verdicts, s->nr_verdicts,
			       sizeof(*s->verdicts));
	s->v = &s->verdicts[s->nr_verdicts++];
	*s->v = (struct verdict){ .path = ctl_copy(path) };
	s->fd = fd;
	progress_begin(&s->progress, "verifying");
	check_blocks(s, info);
	progress_end(&s->progress);
}

/* ---- what came out ---- */

static uint64_t nr_bad(const struct verdict *v)
{
	uint64_t n = 0;

	for (int i = FINE + 1; i < PROBLEMS; i++)
		n += v->bad[i];
	return n;
}

static void json_bad_run(struct json *j, const struct bad_run *bad)
{
	json_object(j, NULL);
	json_number(j, "offset", bad->offset);
	json_number(j, "pages", bad->pages);
	json_number(j, "pfn", bad->pfn);
	json_string(j, "problem", problem_names[bad->problem]);
	json_end(j);
}

static void json_verdict(struct json *j, const struct verdict *v)
{
	json_object(j, NULL);
	json_string(j, "path", v->path);
	json_number(j, "checked", v->checked);
	json_number(j, "hidden", v->hidden);
	json_number(j, "hidden_with_contents", v->proven);
	json_number(j, "readable", v->readable);
	json_number(j, "readable_shared", v->shared);
	json_number(j, "readable_lent", v->lent);
	json_number(j, "gone", v->gone);
	json_number(j, "unseen", v->unseen);
	json_string(j, "missed", v->missed);
	for (int i = FINE + 1; i < PROBLEMS; i++)
		json_number(j, problem_names[i], v->bad[i]);
	json_array(j, "bad_runs");
	for (size_t i = 0; i < v->nr_listed; i++)
		json_bad_run(j, &v->listed[i]);
	json_end(j);
	json_end(j);
}

static uint64_t all_bad(const struct verifier *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->nr_verdicts; i++)
		n += nr_bad(&s->verdicts[i]);
	return n;
}

static bool is_complete(const struct verifier *s, const struct inventory *inv)
{
	bool complete = inv->complete;

	for (size_t i = 0; i < s->nr_verdicts; i++)
		complete &= !s->verdicts[i].missed;
	return complete;
}

static void print_json(const struct verifier *s, const struct inventory *inv)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_array(&j, "files");
	for (size_t i = 0; i < s->nr_verdicts; i++)
		json_verdict(&j, &s->verdicts[i]);
	json_end(&j);
	json_number(&j, "bad", all_bad(s));
	json_bool(&j, "complete", is_complete(s, inv));
	json_array(&j, "missed");
	for (size_t i = 0; i < inv->nr_reasons; i++)
		json_string(&j, NULL, inv->reasons[i]);
	json_end(&j);
	json_finish(&j);
}

static void print_bad(const struct verdict *v)
{
	for (size_t i = 0; i < v->nr_listed; i++) {
		const struct bad_run *bad = &v->listed[i];

		printf("%s: %" PRIu64 " page%s from offset 0x%" PRIx64
		       " (frame 0x%" PRIx64 "): ", text_safe(v->path),
		       bad->pages, bad->pages == 1 ? "" : "s", bad->offset,
		       bad->pfn);
		text_paint(stdout, COLOUR_RED, problem_texts[bad->problem]);
		putchar('\n');
	}
	if (v->unlisted)
		printf("%s: and %" PRIu64 " more\n", text_safe(v->path),
		       v->unlisted);
}

static void print_missed(const struct verdict *v)
{
	if (!v->missed)
		return;
	printf("%s: ", text_safe(v->path));
	text_paint(stdout, COLOUR_YELLOW, "not all of it was looked at");
	printf(": %s\n", v->missed);
}

static void verdict_row(struct table *t, const struct verdict *v)
{
	uint64_t numbers[] = {
		v->checked, v->hidden, v->readable, v->shared, v->lent,
		nr_bad(v),
	};

	table_cell(t, "%s", text_safe(v->path));
	for (size_t n = 0; n < sizeof(numbers) / sizeof(*numbers); n++)
		table_cell(t, "%" PRIu64, numbers[n]);
	table_cell(t, "%s", nr_bad(v) ? "BAD" :
		   v->missed ? "incomplete" : "good");
}

static void print_text(const struct verifier *s, const struct inventory *inv)
{
	static const char *const headers[] = {
		"FILE", ">PAGES", ">HIDDEN", ">READABLE", ">SHARED", ">LENT",
		">WRONG", "VERDICT", NULL
	};
	struct table t;

	table_begin(&t, headers);
	for (size_t i = 0; i < s->nr_verdicts; i++)
		verdict_row(&t, &s->verdicts[i]);
	table_print(&t, stdout, 0);
	for (size_t i = 0; i < s->nr_verdicts; i++)
		print_bad(&s->verdicts[i]);
	for (size_t i = 0; i < s->nr_verdicts; i++)
		print_missed(&s->verdicts[i]);
	inventory_print_reasons(inv);
}

/* ---- the command ---- */

static int conclude(const struct ctl_call *call, const struct verifier *s,
		    const struct inventory *inv)
{
	if (call->json)
		print_json(s, inv);
	else
		print_text(s, inv);
	if (all_bad(s))
		return CTL_FAILED;
	if (is_complete(s, inv))
		return CTL_OK;
	ctl_error("incomplete: nothing was found to be wrong, but not all could be looked at");
	return CTL_INCOMPLETE;
}

static int verify_one(const struct ctl_call *call, struct verifier *s)
{
	const struct inventory nothing_missed = { .complete = true };
	struct gmem_info info;
	int fd = files_open(call->args[0], O_RDONLY, &info);

	if (fd < 0)
		return CTL_FAILED;
	check_file(s, call->args[0], fd, &info);
	close(fd);
	return conclude(call, s, &nothing_missed);
}

/* A file that went meanwhile may be elsewhere: the next round finds it. */
static void verify_next(struct verifier *s, struct inventory *inv,
			struct file_entry *f)
{
	struct index_key key = { f->dev, f->ino, 0 };
	struct gmem_info info;
	size_t before;
	int fd, err;

	if (index_find(&s->looked_at, key, &before))
		return;
	fd = inventory_open(inv, f, O_RDONLY);
	err = fd < 0 ? fd : gmem_file_info(fd, &info);
	if (!err) {
		index_put(&s->looked_at, key, 0);
		check_file(s, f->path, fd, &info);
	} else {
		inventory_missed(inv, "%s: %s", text_safe(f->path),
				 err == -ENOENT ? "not where it was found" :
						  strerror(-err));
	}
	if (fd >= 0)
		close(fd);
}

/* Until a round finds nothing that it can't look at. */
static void verify_files(struct verifier *s, struct inventory *inv)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (i)
			inventory_free(inv);
		inventory_read(inv);
		for (size_t n = 0; n < inv->nr_files; n++)
			verify_next(s, inv, &inv->files[n]);
		if (inv->complete)
			break;
	}
}

static int verify_all(const struct ctl_call *call, struct verifier *s)
{
	struct inventory inv;
	int status;

	verify_files(s, &inv);
	status = conclude(call, s, &inv);
	inventory_free(&inv);
	return status;
}

static void forget(struct verifier *s)
{
	for (size_t i = 0; i < s->nr_verdicts; i++) {
		free(s->verdicts[i].path);
		free(s->verdicts[i].missed);
	}
	free(s->verdicts);
	index_free(&s->looked_at);
}

static int run(const struct ctl_call *call)
{
	bool all = call->values[OPT_ALL];
	struct verifier s = { 0 };
	int status;

	if (all == !!call->nr_args)
		return ctl_usage(call, "either FILE or --all");
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
	.summary = "prove by /proc/kcore that what should be hidden is",
	.details = "Looks for each page of the file in the kernel's direct map, through /proc/kcore\n"
		   "and the page tables, without asking gmemfs, and compares the answer with what\n"
		   "gmemfs says. Exit status 1 if a page is readable that is neither shared nor lent\n"
		   "to KVM, or is not as gmemfs says; 5 if all that was looked at is right, but not\n"
		   "all could be. Reads contents only to see that there are any.",
	.max_args = 1,
	.options = options,
	.run = run,
};
