// SPDX-License-Identifier: GPL-2.0
/*
 * Clones against a model: a few files are cloned, written, punched, truncated
 * and converted at random, and each always has the contents that it should.
 *   clone_model [STEPS [SEED]]
 */
#include "gmem_test.h"

#include <linux/falloc.h>
#include <linux/fs.h>

#include "../lib/chance.h"

#define TOP	"/tmp/clone-model"
#define FILES	4
#define PAGES	(3 * 512L + 20)	/* the last block is a part of one */
#define SIZE	(PAGES * (long)PAGE)

/* The model: a word for each page, 0 for a hole or zeros. */
static struct {
	int fd;
	char *view;
	uint64_t words[PAGES];
} files[FILES];

static uint64_t seed = 1;
static uint64_t next_word = 1;
static long step;

static long below(long n)
{
	return chance(&seed) % n;
}

/* Mostly short ranges; sometimes whole blocks. */
static long some_pages(long from)
{
	static const long most[] = { 1, 4, 40, 512, PAGES };
	long n = 1 + below(most[below(5)]);

	return n < PAGES - from ? n : PAGES - from;
}

static long some_page(void)
{
	return below(3) ? below(PAGES) : below(3) * 512;
}

/* ---- steps ---- */

static void do_map_write(int f, long at)
{
	uint64_t *word = (uint64_t *)(files[f].view + at * PAGE);

	*word = files[f].words[at] = next_word++;
	word[PAGE / 8 - 1] = *word;
}

static void do_write(int f, long at)
{
	uint64_t page[PAGE / 8] = {};

	page[0] = page[PAGE / 8 - 1] = files[f].words[at] = next_word++;
	must(pwrite(files[f].fd, page, PAGE, at * PAGE));
}

static void do_punch(int f, long at)
{
	long n = some_pages(at);
	int mode = below(2) ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;

	must(fallocate(files[f].fd, mode | FALLOC_FL_KEEP_SIZE, at * PAGE,
		       n * PAGE));
	memset(files[f].words + at, 0, n * sizeof(uint64_t));
}

static void do_truncate(int f, long at)
{
	must(ftruncate(files[f].fd, at * PAGE));
	must(ftruncate(files[f].fd, SIZE));
	memset(files[f].words + at, 0, (PAGES - at) * sizeof(uint64_t));
}

static void do_convert(int f, long at)
{
	long n = some_pages(at);

	must(set_shared(files[f].fd, at * PAGE, n * PAGE));
	if (below(4))
		must(set_private(files[f].fd, at * PAGE, n * PAGE));
}

static void do_reserve(int f, long at)
{
	must(fallocate(files[f].fd, 0, at * PAGE, some_pages(at) * PAGE));
}

static void do_renew(int f)
{
	munmap(files[f].view, SIZE);
	close(files[f].fd);
	files[f].fd = new_file_in(TOP, SIZE);
	files[f].view = map(files[f].fd, SIZE);
	memset(files[f].words, 0, sizeof(files[f].words));
}

static void do_clone(int f, long at)
{
	int from = below(FILES);
	long src = below(2) ? at : some_page(), n = some_pages(at);
	struct file_clone_range range = {
		.src_fd = files[from].fd, .dest_offset = at * PAGE,
	};

	if (n > PAGES - src)
		n = PAGES - src;
	if (from == f && src < at + n && at < src + n)
		return;
	range.src_offset = src * PAGE;
	range.src_length = n * PAGE;
	must(ioctl(files[f].fd, FICLONERANGE, &range));
	memmove(files[f].words + at, files[from].words + src,
		n * sizeof(uint64_t));
}

static void do_clone_all(int f)
{
	int from = below(FILES);

	if (from == f)
		return;
	must(ioctl(files[f].fd, FICLONE, files[from].fd));
	memcpy(files[f].words, files[from].words, sizeof(files[f].words));
}

static void one_step(void)
{
	int f = below(FILES);
	long at = some_page();

	switch (below(16)) {
	case 0 ... 4:
		return do_map_write(f, at);
	case 5 ... 6:
		return do_write(f, at);
	case 7:
		return do_punch(f, at);
	case 8:
		return below(4) ? do_map_write(f, at) : do_truncate(f, at);
	case 9:
		return do_convert(f, at);
	case 10:
		return below(4) ? do_write(f, at) : do_reserve(f, at);
	case 11:
		return below(8) ? do_map_write(f, at) : do_renew(f);
	case 12 ... 14:
		return do_clone(f, at);
	default:
		return do_clone_all(f);
	}
}

/* ---- the comparison ---- */

static bool page_is(const uint64_t *page, uint64_t word)
{
	return page[0] == word && page[PAGE / 8 - 1] == word && !page[1];
}

static bool same_by_view(int f, long at)
{
	if (page_is((uint64_t *)(files[f].view + at * PAGE),
		    files[f].words[at]))
		return true;
	diag("step %ld: file %d, page %ld differs in the mapping", step, f, at);
	return false;
}

static bool same_by_read(int f, long at)
{
	uint64_t page[PAGE / 8];

	if (pread(files[f].fd, page, PAGE, at * PAGE) == (ssize_t)PAGE &&
	    page_is(page, files[f].words[at]))
		return true;
	diag("step %ld: file %d, page %ld differs by read()", step, f, at);
	return false;
}

static bool same_all(void)
{
	bool same = true;
	int f;
	long at;

	for (f = 0; f < FILES; f++)
		for (at = 0; at < PAGES && same; at++)
			same = same_by_read(f, at) && same_by_view(f, at);
	return same;
}

static bool same_some(void)
{
	int f = below(FILES), i;
	bool same = true;

	for (i = 0; i < 8 && same; i++) {
		long at = some_page();

		same = below(2) ? same_by_view(f, at) : same_by_read(f, at);
	}
	return same;
}

/* A debug build, and some kernels, can check all records. */
static bool records_are_right(void)
{
	const char *path = "/sys/module/gmemfs/parameters/frame_check";

	return access(path, W_OK) || !write_text(path, "1");
}

static void run(const char *options, long steps)
{
	bool same = true;
	int f;

	mkdir(TOP, 0755);
	must(mount("gmemfs", TOP, "gmemfs", 0, options));
	for (f = 0; f < FILES; f++) {
		files[f].fd = new_file_in(TOP, SIZE);
		files[f].view = map(files[f].fd, SIZE);
		memset(files[f].words, 0, sizeof(files[f].words));
	}
	for (step = 0; step < steps && same; step++) {
		one_step();
		same = same_some();
		if (step % 500 == 499)
			same = same && same_all() && records_are_right();
	}
	ok(same && same_all(), "%s: %ld steps from seed %lu", options, step,
	   (unsigned long)seed);
	ok(records_are_right(), "  the records are right");
	for (f = 0; f < FILES; f++) {
		munmap(files[f].view, SIZE);
		close(files[f].fd);
	}
	is(umount(TOP), 0, "  the mount goes");
}

int main(int argc, char **argv)
{
	static const char *const options[] = {
		"huge=try", "huge=never", "huge=always", "cow=block",
		"cow=page", "init=shared",
	};
	long steps = argc > 1 ? strtol(argv[1], NULL, 10) : 20000;
	unsigned int i, n = sizeof(options) / sizeof(*options);

	if (argc > 2)
		seed = strtoul(argv[2], NULL, 10) ?: 1;
	for (i = 0; i < n; i++)
		run(options[i], steps / n);
	nothing_is_left();
	return done_testing();
}
