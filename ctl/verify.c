// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl verify: is what should be hidden hidden? A proof that doesn't take
 * gmemfs's word.
 *
 * For each page that a file holds: map it, as a VMM does; read from this
 * process's page tables which frame that is (frames.h); and look for the frame in
 * the direct map through /proc/kcore, in two ways that must agree:
 *
 *  - the kernel's page tables have an entry for it, or none;
 *  - the kernel is made to read it. What isn't mapped reads as zeros, so
 *    anything else is proof that it is readable; and zeros, where our own
 *    mapping shows something else, that it isn't.
 *
 * Only then is the answer compared with what gmemfs says of the page.
 */
#include <errno.h>
#include <fcntl.h>
#include <gmem.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl.h"
#include "files.h"
#include "frames.h"
#include "json.h"
#include "kcore.h"
#include "kernel.h"
#include "progress.h"
#include "table.h"
#include "text.h"

#define PAGE		GMEM_PAGE_SIZE
#define BLOCK_PAGES	(GMEM_BLOCK_SIZE / GMEM_PAGE_SIZE)

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
	uint64_t proven;	/* of these, with contents that couldn't be read */
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
	struct kcore k;
	struct frames frames;
	uint8_t *buf;		/* a block, for what /proc/kcore says */
	struct progress progress;
	/* While a file is looked at: */
	int fd;
	const uint8_t *map;
	struct verdict *v;
};

/* ---- touching memory that may have gone ---- */

static sigjmp_buf fault_jump;

static void on_fault(int sig)
{
	siglongjmp(fault_jump, sig);
}

static void catch_faults(void)
{
	struct sigaction act = { .sa_handler = on_fault };

	sigaction(SIGBUS, &act, NULL);
}

static bool is_zero(const volatile uint64_t *words)
{
	for (size_t i = 0; i < PAGE / sizeof(*words); i++)
		if (words[i])
			return false;
	return true;
}

/* Faults it in, if need be. Return: 1 zero, 0 not, -1 it can't be touched. */
static int look(const uint8_t *page)
{
	if (sigsetjmp(fault_jump, 1))
		return -1;
	return is_zero((const volatile uint64_t *)page);
}

/* ---- what can be seen of pages ---- */

struct sight {
	uint64_t pfn;
	bool mapped;		/* the page tables have it */
	bool read;		/* the kernel gave its contents */
	bool proven;		/* ... or didn't, though there are some */
};

struct marks {
	uint64_t first;		/* address of the first page's */
	size_t pages;
	struct sight *sights;
};

static int mark_leaf(const struct kcore_leaf *leaf, void *arg)
{
	const struct marks *m = arg;
	uint64_t end = leaf->vaddr + leaf->size;

	for (size_t i = 0; i < m->pages; i++) {
		uint64_t vaddr = m->first + i * PAGE;

		if (vaddr >= leaf->vaddr && vaddr < end)
			m->sights[i].mapped = true;
	}
	return 0;
}

/* A run that can't be read as a whole is read by the page. */
static int read_run(struct verifier *s, uint64_t vaddr, size_t pages,
		    struct sight *sights)
{
	int err = kcore_read(&s->k, vaddr, s->buf, pages * PAGE);

	for (size_t i = 0; !err && i < pages; i++)
		sights[i].read = !is_zero((const uint64_t *)(s->buf +
							     i * PAGE));
	if (err != -EFAULT)
		return err;
	err = 0;
	for (size_t i = 0; pages > 1 && !err && i < pages; i++)
		err = read_run(s, vaddr + i * PAGE, 1, &sights[i]);
	return err;
}

/* Pages whose frames follow on each other. */
static int see_run(struct verifier *s, uint64_t pfn, size_t pages,
		   struct sight *sights)
{
	uint64_t vaddr = kcore_direct(&s->k, pfn);
	struct marks marks = {
		.first = vaddr, .pages = pages, .sights = sights,
	};
	int err;

	if (!kcore_is_ram(&s->k, pfn) || !kcore_is_ram(&s->k, pfn + pages - 1))
		return -ERANGE;
	for (size_t i = 0; i < pages; i++)
		sights[i] = (struct sight){ .pfn = pfn + i };
	err = kcore_walk(&s->k, vaddr, vaddr + pages * PAGE, mark_leaf, &marks);
	return err ? err : read_run(s, vaddr, pages, sights);
}

/* @pfns has FRAME_NONE for pages that aren't there, or not any more. */
static int see_pages(struct verifier *s, const uint64_t *pfns, size_t pages,
		     struct sight *sights)
{
	int err = 0;

	for (size_t i = 0, n; !err && i < pages; i += n) {
		n = 1;
		sights[i].pfn = FRAME_NONE;
		if (pfns[i] == FRAME_NONE)
			continue;
		while (i + n < pages && pfns[i + n] == pfns[i] + n)
			n++;
		err = see_run(s, pfns[i], n, &sights[i]);
	}
	return err;
}

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
	if (!sight->mapped)
		v->proven += sight->proven;
	else if (state & GMEM_STATE_SHARED)
		v->shared++;
	else if (state & GMEM_STATE_LENT)
		v->lent++;
	v->bad[problem]++;
	if (problem != FINE)
		list_bad(v, offset, sight->pfn, problem);
}

/* What is wrong may be so only because it changed between two looks. */
static int look_again(struct verifier *s, uint64_t offset, struct sight *sight,
		      uint8_t *state)
{
	uint64_t pfn = FRAME_NONE;
	int err;

	sight->pfn = FRAME_NONE;
	ctl_sleep(LOOK_SECONDS);
	err = gmem_file_state(s->fd, offset, PAGE, state);
	if (err == -EINVAL || (!err && !(*state & GMEM_STATE_POPULATED)))
		return 0;
	if (!err && look(s->map + offset) >= 0)
		err = frames_behind(&s->frames, s->map + offset, 1, &pfn);
	return err ? err : see_pages(s, &pfn, 1, sight);
}

static int check_page(struct verifier *s, uint64_t offset, uint8_t state,
		      struct sight *sight)
{
	int zero = look(s->map + offset);
	enum problem problem = FINE;
	int err = 0;

	for (int i = 1; ; i++) {
		if (sight->pfn != FRAME_NONE)
			problem = judge(sight, state);
		/* Memory that is kept exposed doesn't come and go. */
		if (i == LOOKS || problem == UNPROTECTED ||
		    (sight->pfn != FRAME_NONE && problem == FINE))
			break;
		err = look_again(s, offset, sight, &state);
		if (err)
			return err;
		problem = FINE;
	}
	if (zero < 0 || sight->pfn == FRAME_NONE) {
		s->v->gone++;
		return 0;
	}
	sight->proven = !zero && !sight->read;
	count_page(s->v, sight, offset, state, problem);
	return 0;
}

/* ---- all of a file ---- */

static bool any_populated(const uint8_t *states, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (states[i] & GMEM_STATE_POPULATED)
			return true;
	return false;
}

/* Holes are left alone: to touch one would fill it. */
static int check_block(struct verifier *s, uint64_t offset,
		       const uint8_t *states, size_t pages)
{
	struct sight sights[BLOCK_PAGES];
	uint64_t pfns[BLOCK_PAGES];
	int err;

	if (!any_populated(states, pages))
		return 0;
	for (size_t i = 0; i < pages; i++)
		if (states[i] & GMEM_STATE_POPULATED)
			look(s->map + offset + i * PAGE);
	err = frames_behind(&s->frames, s->map + offset, pages, pfns);
	if (!err)
		err = see_pages(s, pfns, pages, sights);
	for (size_t i = 0; !err && i < pages; i++)
		if (states[i] & GMEM_STATE_POPULATED)
			err = check_page(s, offset + i * PAGE, states[i],
					 &sights[i]);
	return err;
}

static int check_blocks(struct verifier *s, uint64_t size)
{
	uint8_t states[BLOCK_PAGES];
	int err = 0;

	for (uint64_t at = 0; !err && at < size; at += GMEM_BLOCK_SIZE) {
		uint64_t left = size - at;

		if (left > GMEM_BLOCK_SIZE)
			left = GMEM_BLOCK_SIZE;
		err = gmem_file_state(s->fd, at, left, states);
		if (!err)
			err = check_block(s, at, states, left / PAGE);
		progress_show(&s->progress, at + left, size);
	}
	return err;
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

static int start(struct verifier *s)
{
	memset(s, 0, sizeof(*s));
	if (kcore_open(&s->k))
		return ctl_error("%s (only root may, and not on a kernel that is locked down for confidentiality)",
				 s->k.error);
	if (frames_open(&s->frames, &s->k)) {
		kcore_close(&s->k);
		return ctl_error("%s", s->frames.error);
	}
	if (posix_memalign((void **)&s->buf, PAGE, GMEM_BLOCK_SIZE))
		ctl_die("out of memory");
	catch_faults();
	return CTL_OK;
}

/* What was read of others' memory doesn't stay in ours. */
static void finish(struct verifier *s)
{
	explicit_bzero(s->buf, GMEM_BLOCK_SIZE);
	free(s->buf);
	kcore_close(&s->k);
}

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
	struct verifier s;
	int status;

	if (all == (call->nr_args > 0))
		return ctl_usage(call, "either FILE or --all");
	if (!kernel_gmemfs_loaded())
		return ctl_not_loaded();
	status = start(&s);
	if (status)
		return status;
	status = all ? verify_all(call, &s) : verify_one(call, &s);
	finish(&s);
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
