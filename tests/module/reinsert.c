// SPDX-License-Identifier: GPL-2.0
/*
 * reinsert=1: read() and write() put pages back into the direct map while they
 * copy, and take them out again. Nothing stays behind, whoever else reads,
 * writes and converts meanwhile, and where a step fails (debug build).
 */
#include "gmem_test.h"

#define SIZE	((long)(2 * BLOCK))
#define TIMES	300

/* How often the kernel's trace has an event since it was cleared. */
static int traced(const char *event)
{
	FILE *f = fopen(TRACING "/trace", "re");
	char line[512];
	int n = 0;

	if (!f)
		bail_out("no trace");
	while (fgets(line, sizeof(line), f))
		if (strstr(line, event))
			n++;
	fclose(f);
	return n;
}

static void trace(const char *on)
{
	must(write_text(TRACING "/events/gmemfs/gmem_hide/enable", on));
	must(write_text(TRACING "/events/gmemfs/gmem_expose/enable", on));
}

static uint8_t state_of(int fd, long offset)
{
	uint8_t state;
	struct gmem_state get = {
		.offset = offset, .size = PAGE, .states = (uintptr_t)&state,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return state;
}

static bool is_all_hidden(int fd)
{
	struct gmem_info info = get_info(fd);

	if (info.populated && info.hidden == info.populated)
		return true;
	diag("%llu of %llu hidden", (unsigned long long)info.hidden,
	     (unsigned long long)info.populated);
	return false;
}

/* ---- one after the other ---- */

/* Of memory in one piece, @pieces steps are made each time. */
static void test_copy(int fd, long offset, long length, int pieces)
{
	static char out[SIZE], in[SIZE];

	memset(out, 'a' + offset % 26, length);
	/* There, or what is copied would stop and begin again. */
	memset(in, 0, length);
	must(write_text(TRACING "/trace", ""));
	is(pwrite(fd, out, length, offset), length, "%ld bytes at %ld written",
	   length, offset);
	is(traced("gmem_expose:"), pieces, "exposed in %d steps", pieces);
	is(traced("gmem_hide:"), pieces, "and hidden in %d", pieces);
	is(pread(fd, in, length, offset), length, "and read");
	ok(!memcmp(in, out, length), "with the same contents");
	is(traced("gmem_hide:"), 2 * pieces, "the same way");
	ok(is_all_hidden(fd), "all is hidden afterwards");
}

static void test_private(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	memset(p, 1, SIZE);
	test_copy(fd, 0, PAGE, 1);
	test_copy(fd, 3 * PAGE - 100, 200, 1);
	/* 256 KiB is what one step can do. */
	test_copy(fd, BLOCK - 64 * PAGE, 128 * PAGE, 2);
	is(pwrite(fd, p + PAGE, PAGE, 0), (long)PAGE,
	   "from the file itself, which is mapped");
	munmap(p, SIZE);
	p = map(fd, SIZE);
	is(pwrite(fd, p + BLOCK, PAGE, 0), (long)PAGE,
	   "and where it has to be faulted in");
	munmap(p, SIZE);
	close(fd);
}

static void test_shared(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE), *view = shared_map(fd, SIZE), byte = 3;

	memset(p, 1, SIZE);
	must(set_shared(fd, PAGE, PAGE));
	must(pwrite(fd, p, 3 * PAGE, 0));
	is(state_of(fd, 0) & GMEM_STATE_EXPOSED, 0, "before a shared page");
	ok(state_of(fd, PAGE) & GMEM_STATE_EXPOSED, "it stays exposed");
	is(state_of(fd, 2 * PAGE) & GMEM_STATE_EXPOSED, 0, "behind it");
	is(view[PAGE], 1, "and can be used");
	must(set_private(fd, PAGE, PAGE));
	is(pwrite(fd, &byte, 1, PAGE), 1, "private again");
	ok(is_all_hidden(fd), "it's hidden as any other");
	munmap(view, SIZE);
	munmap(p, SIZE);
	close(fd);
}

static void test_kept(void)
{
	struct gmem_create create = {
		.size = SIZE, .flags = GMEM_FLAG_KEEP_DIRECT_MAP,
	};
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY));
	int fd = must(ioctl(dir, GMEM_CREATE, &create));
	char byte = 5, *p = map(fd, SIZE);

	is(pwrite(fd, &byte, 1, 7), 1, "direct_map=kept: written");
	is(p[7], 5, "and there");
	is(get_info(fd).hidden, 0, "nothing is hidden");
	munmap(p, SIZE);
	close(fd);
	close(dir);
}

/* ---- where a step fails ---- */

static void test_failures(void)
{
	int fd = new_file(SIZE);
	char byte = 1, *p = map(fd, SIZE);

	memset(p, 1, SIZE);
	inject("expose", 1);
	is_errno(pwrite(fd, &byte, 1, 0), ENOMEM, "can't be exposed: ENOMEM");
	ok(is_all_hidden(fd), "and stays hidden");
	inject("hide", 1);
	is(pwrite(fd, &byte, 1, 0), 1, "can't be hidden again: it's written");
	ok(state_of(fd, 0) & GMEM_STATE_EXPOSED, "and its state says so");
	is(pread(fd, &byte, 1, 0), 1, "the next access");
	ok(is_all_hidden(fd), "hides it");
	inject("hide", 1);
	must(pwrite(fd, &byte, 1, 0));
	munmap(p, SIZE);
	close(fd);
	ok(becomes("hidden_bytes", sysfs("pool/free_bytes")),
	   "a file that goes with such a page leaves nothing behind");
}

/* ---- all at once ---- */

static void child(int fd, int n)
{
	char page[3 * PAGE];
	int i;

	memset(page, n, sizeof(page));
	for (i = 0; i < TIMES; i++) {
		long offset = i % 16 * PAGE + 100;

		if (n == 0 && (set_shared(fd, 0, 8 * PAGE) ||
			       set_private(fd, 0, 8 * PAGE)))
			_exit(1);
		if (n % 2 && pwrite(fd, page, 2 * PAGE, offset) != 2 * PAGE)
			_exit(2);
		if (n && pread(fd, page, 2 * PAGE, offset) != 2 * PAGE)
			_exit(3);
	}
	_exit(0);
}

static void test_together(void)
{
	int fd = new_file(SIZE), n, status;
	char *p = map(fd, SIZE);

	memset(p, 1, SIZE);
	for (n = 0; n < 4; n++)
		if (!must(fork()))
			child(fd, n);
	for (n = 0; n < 4; n++) {
		must(wait(&status));
		is(status, 0, "one of those who work at once ends well");
	}
	ok(is_all_hidden(fd), "all is hidden afterwards");
	munmap(p, SIZE);
	close(fd);
}

int main(void)
{
	char on = 0;
	int fd = must(open("/sys/module/gmemfs/parameters/reinsert",
			   O_RDONLY));

	must(read(fd, &on, 1));
	is(on, 'Y', "it is asked for");
	trace("1");
	test_private();
	trace("0");
	test_shared();
	test_kept();
	test_failures();
	test_together();
	return done_testing();
}
