// SPDX-License-Identifier: GPL-2.0
/* gmemctl show: all that is known of one file. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blocks.h"
#include "ctl.h"
#include "files.h"
#include "text.h"

/* How many pages are in each state. */
struct tally {
	uint64_t holes;
	uint64_t populated;
	uint64_t hidden;
	uint64_t shared;
	uint64_t shared_hidden;
	uint64_t lent;
	uint64_t pinned;
	uint64_t pinned_private;	/* by a device: nothing else can */
	uint64_t unprotected;
	uint64_t cloned;
	uint64_t cloned_alone;	/* and no other file has it any more */
};

static void count(struct tally *t, uint8_t state, uint8_t sharers)
{
	if (!(state & GMEM_STATE_POPULATED))
		return;
	t->populated++;
	t->pinned += !!(state & GMEM_STATE_PINNED);
	t->lent += !!(state & GMEM_STATE_LENT);
	t->hidden += !(state & GMEM_STATE_EXPOSED);
	t->cloned += !!(state & GMEM_STATE_CLONED);
	t->cloned_alone += state & GMEM_STATE_CLONED && sharers == 1;
	t->pinned_private += state & GMEM_STATE_PINNED &&
			     !(state & GMEM_STATE_SHARED);
	if (state & GMEM_STATE_SHARED) {
		t->shared++;
		t->shared_hidden += !(state & GMEM_STATE_EXPOSED);
	} else if (state & GMEM_STATE_EXPOSED && !(state & GMEM_STATE_LENT)) {
		t->unprotected++;
	}
}

static void print_json(const struct file_entry *f, const struct tally *t)
{
	struct json j;

	json_begin(&j, stdout, false);
	files_json(&j, f);
	json_object(&j, "pages");
	json_number(&j, "holes", t->holes);
	json_number(&j, "hidden", t->hidden);
	json_number(&j, "shared", t->shared);
	json_number(&j, "shared_hidden", t->shared_hidden);
	json_number(&j, "lent", t->lent);
	json_number(&j, "pinned", t->pinned);
	json_number(&j, "pinned_private", t->pinned_private);
	json_number(&j, "unprotected", t->unprotected);
	json_number(&j, "cloned", t->cloned);
	json_number(&j, "cloned_alone", t->cloned_alone);
	json_end(&j);
	json_finish(&j);
}

static void print_amount(const char *name, uint64_t bytes, const char *remark)
{
	printf("%-12s %8s", name, text_size(bytes));
	if (*remark)
		printf("  %s", remark);
	putchar('\n');
}

/* The states of pages were read later than @info, and may have more. */
static void print_sharers(const struct gmem_info *info, const struct tally *t)
{
	if (info->cloned && !info->sharers) {
		printf("%-12s %8s  unknown to the module, which is older than gmemctl\n",
		       "sharers", "?");
		return;
	}
	printf("%-12s %8" PRIu64 "  places in files have the same memory, at most; %s is this one's alone\n",
	       "sharers", (uint64_t)info->sharers,
	       text_size(t->cloned_alone * GMEM_PAGE_SIZE));
}

static void print_memory(const struct gmem_info *info, const struct tally *t)
{
	char remark[128];

	print_amount("size", info->size, "");
	snprintf(remark, sizeof(remark), "%s of it in blocks of 2 MiB",
		 text_size(info->huge));
	print_amount("populated", info->populated, remark);
	print_amount("hidden", t->hidden * GMEM_PAGE_SIZE,
		     "out of the direct map");
	snprintf(remark, sizeof(remark), "%s of it still hidden, until its first use",
		 text_size(t->shared_hidden * GMEM_PAGE_SIZE));
	print_amount("shared", t->shared * GMEM_PAGE_SIZE, remark);
	print_amount("lent", t->lent * GMEM_PAGE_SIZE, "to KVM, now");
	print_amount("pinned",
		     (t->pinned - t->pinned_private) * GMEM_PAGE_SIZE,
		     "shared, and can't be made private until it is unpinned");
	snprintf(remark, sizeof(remark), "have devices by VFIO, %s of it private",
		 text_size(t->pinned_private * GMEM_PAGE_SIZE));
	print_amount("devices", info->device, remark);
	print_amount("unprotected", t->unprotected * GMEM_PAGE_SIZE,
		     "private and in the direct map");
	print_amount("cloned", t->cloned * GMEM_PAGE_SIZE,
		     "in common with other files, until it is written to");
	print_sharers(info, t);
	print_amount("missing", info->missing,
		     "still to be filled over the file's fault channel");
	snprintf(remark, sizeof(remark), "of 2 MiB, %" PRIu64 " of 4 KiB",
		 (uint64_t)info->map_faults_4k);
	printf("%-12s %8" PRIu64 "  %s\n", "faults",
	       (uint64_t)info->map_faults_2m, remark);
}

static void print_text(const struct file_entry *f, const struct tally *t)
{
	char *flags = files_flags(f->info.flags);
	char *users = inventory_user_names(f);

	printf("%-12s %s%s\n", "file", text_safe(f->path),
	       f->linked ? "" : " (no name)");
	printf("%-12s %s, mode %03o\n", "owner", inventory_owner(f->uid),
	       f->mode);
	printf("%-12s %s\n", "flags", *flags ? flags : "none");
	print_memory(&f->info, t);
	printf("%-12s %s\n", "users", *users ? users : "none");
	free(flags);
	free(users);
}

/* Pages that blocks_next() leaves out are holes. */
static int tally_file(int fd, const struct gmem_info *info, struct tally *t)
{
	uint64_t pages = (info->size + GMEM_PAGE_SIZE - 1) / GMEM_PAGE_SIZE;
	struct blocks b;
	int err;

	blocks_begin(&b, fd, info);
	blocks_ask_sharers(&b, info);
	while ((err = blocks_next(&b)) > 0)
		for (size_t i = 0; i < b.pages; i++)
			count(t, b.states[i], b.sharers[i]);
	t->holes = pages > t->populated ? pages - t->populated : 0;
	return err;
}

static int show(const struct ctl_call *call, int fd, struct gmem_info *info)
{
	const struct file_entry *f;
	struct tally tally = { 0 };
	struct inventory inv;
	int err;

	err = tally_file(fd, info, &tally);
	if (err)
		return ctl_error("%s: can't read the states of its pages: %s",
				 text_safe(call->args[0]), strerror(-err));
	inventory_read(&inv);
	f = files_find(&inv, fd, call->args[0], info);
	if (call->json)
		print_json(f, &tally);
	else
		print_text(f, &tally);
	inventory_free(&inv);
	return CTL_OK;
}

static int run(const struct ctl_call *call)
{
	struct gmem_info info;
	int fd = files_open(call->args[0], O_RDONLY, &info);
	int status;

	if (fd < 0)
		return CTL_FAILED;
	status = show(call, fd, &info);
	close(fd);
	return status;
}

static const struct ctl_option options[] = { { NULL, NULL, NULL } };

const struct ctl_command show_command = {
	.name = "show",
	.arguments = "FILE",
	.summary = "show all about one file",
	.details = "Shows the memory of a file, the states of its pages, and the processes that use it.",
	.min_args = 1,
	.max_args = 1,
	.options = options,
	.run = run,
};
