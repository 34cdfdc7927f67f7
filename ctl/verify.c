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

#include "ctl.h"
#include "files.h"
#include "json.h"
#include "kernel.h"
#include "progress.h"
#include "table.h"
#include "text.h"
#include "witness.h"

#define PAGE		GMEM_PAGE_SIZE
#define BLOCK_PAGES	WITNESS_PAGES

/* A guest that runs converts and borrows pages between two looks at one. */
#define LOOKS		5
#define LOOK_SECONDS	0.02

/* Runs of bad pages that are listed. */
#define MAX_LISTED	16

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
	const char *path;
	uint64_t checked;
	uint64_t hidden;
	uint64_t proven;	/* of these, with contents that weren't read */
	uint64_t readable;
	uint64_t shared;	/* of the readable */
	uint64_t lent;		/* of the readable, not shared */
	uint64_t gone;		/* holes by the time it was looked at */
	uint64_t bad[PROBLEMS];
	struct bad_run listed[MAX_LISTED];
	size_t nr_listed;
	uint64_t unlisted;	/* pages */
};

struct verifier {
	struct witness witness;
	struct progress progress;
	/* While a file is looked at: */
	int fd;
	const uint8_t *map;
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

/* ---- all of a file ---- */

struct block_view {
	uint8_t states[BLOCK_PAGES];
	struct sight sights[BLOCK_PAGES];
};

/* Holes are left alone: to touch one would fill it. */
static int view_block(struct verifier *s, uint64_t offset, size_t pages,
		      struct block_view *view)
{
	bool populated = false;
	int err;

	err = gmem_file_state(s->fd, offset, pages * PAGE, view->states);
	if (err)
		return err;
	for (size_t i = 0; i < pages; i++) {
		if (!(view->states[i] & GMEM_STATE_POPULATED))
			continue;
		populated = true;
		witness_look(s->map + offset + i * PAGE);
	}
	if (!populated)
		return 0;
	return witness_see(&s->witness, s->map + offset, pages, view->sights);
}

/* Is this a page to look at again? What is kept exposed doesn't change. */
static bool is_doubtful(const struct block_view *view, size_t i)
{
	enum problem problem;

	if (!(view->states[i] & GMEM_STATE_POPULATED))
		return false;
	if (view->sights[i].pfn == FRAME_NONE)
		return true;
	problem = judge(&view->sights[i], view->states[i]);
	return problem != FINE && problem != UNPROTECTED;
}

static bool any_doubtful(const struct block_view *view, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (is_doubtful(view, i))
			return true;
	return false;
}

/*
 * What is wrong may be so only because it changed between two looks. A page is
 * bad if it is each time. Once the file is shorter, its pages are gone.
 */
static int look_again(struct verifier *s, uint64_t offset, size_t pages,
		      struct block_view *view)
{
	struct block_view new = { 0 };
	int err;

	ctl_sleep(LOOK_SECONDS);
	err = view_block(s, offset, pages, &new);
	if (err && err != -EINVAL)
		return err;
	for (size_t i = 0; i < pages; i++) {
		if (!is_doubtful(view, i))
			continue;
		view->states[i] = err ? 0 : new.states[i];
		view->sights[i] = new.sights[i];
	}
	return 0;
}

static void count_block(struct verifier *s, uint64_t offset, size_t pages,
			const struct block_view *view, const bool *held)
{
	for (size_t i = 0; i < pages; i++) {
		const struct sight *sight = &view->sights[i];
		uint64_t at = offset + i * PAGE;

		if (!held[i])
			continue;
		if (!(view->states[i] & GMEM_STATE_POPULATED) ||
		    sight->pfn == FRAME_NONE) {
			s->v->gone++;
			continue;
		}
		count_page(s->v, sight, at, view->states[i],
			   judge(sight, view->states[i]));
		if (!sight->mapped && !sight->read)
			s->v->proven += !witness_look(s->map + at);
	}
}

static int check_block(struct verifier *s, uint64_t offset, size_t pages)
{
	struct block_view view = { 0 };
	bool held[BLOCK_PAGES] = { 0 };
	int err = view_block(s, offset, pages, &view);

	for (size_t i = 0; !err && i < pages; i++)
		held[i] = view.states[i] & GMEM_STATE_POPULATED;
	for (int i = 1; !err && i < LOOKS && any_doubtful(&view, pages); i++)
		err = look_again(s, offset, pages, &view);
	if (!err)
		count_block(s, offset, pages, &view, held);
	return err;
}

static int check_blocks(struct verifier *s, uint64_t size)
{
	int err = 0;

	for (uint64_t at = 0; !err && at < size; at += GMEM_BLOCK_SIZE) {
		uint64_t left = size - at;

		if (left > GMEM_BLOCK_SIZE)
			left = GMEM_BLOCK_SIZE;
		err = check_block(s, at, left / PAGE);
		progress_show(&s->progress, at + left, size);
	}
	/* The file is shorter by now. */
	return err == -EINVAL ? 0 : err;
}

static int check_file(struct verifier *s, const char *path, int fd,
		      uint64_t size, struct verdict *v)
{
	void *map;
	int err;

	v->path = path;
	size = (size + PAGE - 1) & -PAGE;
	if (!size)
		return 0;
	err = gmem_file_map(fd, 0, size, PROT_READ, &map);
	if (err) {
		ctl_error("%s: %s", text_safe(path), gmem_last_error());
		return err;
	}
	s->fd = fd;
	s->map = map;
	s->v = v;
	progress_begin(&s->progress, "verifying");
	err = check_blocks(s, size);
	progress_end(&s->progress);
	munmap(map, size);
	if (err)
		ctl_error("%s: can't verify: %s", text_safe(path),
			  strerror(-err));
	return err;
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
	for (int i = FINE + 1; i < PROBLEMS; i++)
		json_number(j, problem_names[i], v->bad[i]);
	json_array(j, "bad_runs");
	for (size_t i = 0; i < v->nr_listed; i++)
		json_bad_run(j, &v->listed[i]);
	json_end(j);
	json_end(j);
}

static void print_json(const struct verdict *v, size_t count)
{
	uint64_t bad = 0;
	struct json j;

	json_begin(&j, stdout, false);
	json_array(&j, "files");
	for (size_t i = 0; i < count; i++) {
		json_verdict(&j, &v[i]);
		bad += nr_bad(&v[i]);
	}
	json_end(&j);
	json_number(&j, "bad", bad);
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

static void print_text(const struct verdict *v, size_t count)
{
	static const char *const headers[] = {
		"FILE", ">PAGES", ">HIDDEN", ">READABLE", ">SHARED", ">LENT",
		">WRONG", "VERDICT", NULL
	};
	struct table t;

	table_begin(&t, headers);
	for (size_t i = 0; i < count; i++) {
		uint64_t numbers[] = {
			v[i].checked, v[i].hidden, v[i].readable, v[i].shared,
			v[i].lent, nr_bad(&v[i]),
		};

		table_cell(&t, "%s", text_safe(v[i].path));
		for (size_t n = 0; n < sizeof(numbers) / sizeof(*numbers); n++)
			table_cell(&t, "%" PRIu64, numbers[n]);
		table_cell(&t, "%s", nr_bad(&v[i]) ? "BAD" : "good");
	}
	table_print(&t, stdout, 0);
	for (size_t i = 0; i < count; i++)
		print_bad(&v[i]);
}

/* ---- the command ---- */

static int verify_one(const struct ctl_call *call, struct verifier *s)
{
	struct verdict v = { 0 };
	struct gmem_info info;
	int fd, err;

	fd = files_open(call->args[0], O_RDONLY, &info);
	if (fd < 0)
		return CTL_FAILED;
	err = check_file(s, call->args[0], fd, info.size, &v);
	close(fd);
	if (err)
		return CTL_FAILED;
	if (call->json)
		print_json(&v, 1);
	else
		print_text(&v, 1);
	return nr_bad(&v) ? CTL_FAILED : CTL_OK;
}

/* A file that went meanwhile is nothing to complain of. */
static bool verify_next(struct verifier *s, const struct file_entry *f,
			struct verdict *v, int *status)
{
	struct gmem_info info;
	int fd, err;

	if (access(f->path, F_OK))
		return false;
	fd = files_open(f->path, O_RDONLY, &info);
	err = fd < 0 ? -1 : check_file(s, f->path, fd, info.size, v);
	if (fd >= 0)
		close(fd);
	if (err || nr_bad(v))
		*status = CTL_FAILED;
	return !err;
}

static int verify_all(const struct ctl_call *call, struct verifier *s)
{
	struct inventory inv;
	struct verdict *all;
	int status = CTL_OK;
	size_t n = 0;

	inventory_read(&inv);
	all = ctl_alloc(inv.nr_files, sizeof(*all));
	for (size_t i = 0; i < inv.nr_files; i++) {
		if (verify_next(s, &inv.files[i], &all[n], &status))
			n++;
		else
			memset(&all[n], 0, sizeof(all[n]));
	}
	if (call->json)
		print_json(all, n);
	else
		print_text(all, n);
	free(all);
	inventory_free(&inv);
	return status;
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
		   "to KVM, or is not as gmemfs says. Reads contents only to see that there are any.",
	.max_args = 1,
	.options = options,
	.run = run,
};
