// SPDX-License-Identifier: GPL-2.0
/*
 * A page never shows another file's data, nor the kernel a guest's, whatever
 * way it came back: truncate, close, unlink, a killed process.
 */
#include "gmem_test.h"

#include "../../ctl/kcore.h"

#define SIZE	(64 * BLOCK)
#define MARK	0x67d3a9f15c2be840ull	/* no other page is full of this */

enum way { TRUNCATE, CLOSE, UNLINK, KILL, WAYS };

static const char *const way_names[WAYS] = {
	"truncate", "close", "unlink", "kill"
};

static void fill_with_mark(char *p)
{
	uint64_t *word = (uint64_t *)p;
	size_t i;

	for (i = 0; i < SIZE / 8; i++)
		word[i] = MARK;
}

static void give_back(enum way way)
{
	const char *path = MNT "/secret";
	int fd = must(open(path, O_CREAT | O_RDWR, 0600));
	char *p;

	must(ftruncate(fd, SIZE));
	p = map(fd, SIZE);
	fill_with_mark(p);
	if (way == KILL)
		raise(SIGKILL);
	if (way == TRUNCATE)
		must(ftruncate(fd, 0));
	if (way == UNLINK)
		must(unlink(path));
	munmap(p, SIZE);
	close(fd);
	unlink(path);
}

static size_t count_marks(const char *p, size_t size)
{
	const uint64_t *word = (const uint64_t *)p;
	size_t i, n = 0;

	for (i = 0; i < size / 8; i++)
		n += word[i] == MARK;
	return n;
}

/* Looks at one word of most pages: emulated hosts are slow. */
static bool is_marked(const char *page)
{
	return *(const uint64_t *)page == MARK &&
	       count_marks(page, PAGE) == PAGE / 8;
}

struct scan {
	const struct kcore *k;
	char *buf;
	size_t pages;
};

/* A page counts when it is full of marks: our buffers and stack never are. */
static int scan_leaf(const struct kcore_leaf *leaf, void *arg)
{
	struct scan *s = arg;
	uint64_t at, i;

	for (at = 0; at < leaf->size; at += BLOCK) {
		size_t n = leaf->size - at < BLOCK ? leaf->size - at : BLOCK;

		if (kcore_read(s->k, leaf->vaddr + at, s->buf, n))
			continue;
		for (i = 0; i < n; i += PAGE)
			s->pages += is_marked(s->buf + i);
		memset(s->buf, 0, n);
	}
	return 0;
}

static size_t scan_direct_map(void)
{
	struct scan s = { .buf = malloc(BLOCK) };
	struct kcore k;
	size_t i;

	if (!s.buf || kcore_open(&k))
		bail_out("kcore: %s", k.error);
	s.k = &k;
	for (i = 0; i < k.nr_segments; i++)
		if (k.segments[i].kind == KCORE_DIRECT_MAP)
			kcore_walk(&k, k.segments[i].vaddr,
				   k.segments[i].vaddr + k.segments[i].size,
				   scan_leaf, &s);
	kcore_close(&k);
	free(s.buf);
	return s.pages;
}

/* The scan must be able to find what it looks for. */
static void test_scan_finds(void)
{
	char *p = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	fill_with_mark(p);
	ok(scan_direct_map() >= SIZE / PAGE,
	   "the scan finds ordinary memory that holds the mark");
	memset(p, 0, SIZE);
	munmap(p, SIZE);
	is(scan_direct_map(), 0, "and nothing once that is wiped");
}

static void test_hidden_while_alive(void)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	fill_with_mark(p);
	is(scan_direct_map(), 0, "a live file's pages are nowhere to be read");
	munmap(p, SIZE);
	close(fd);
}

static void test_way(enum way way)
{
	size_t found = 0;
	int fd, status;
	char *p;
	pid_t pid = must(fork());

	if (!pid) {
		give_back(way);
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	if (way == KILL)
		unlink(MNT "/secret");
	is(WIFSIGNALED(status), way == KILL, "%s: gone", way_names[way]);
	ok(becomes("hidden_bytes", 0), "%s: nothing stays hidden",
	   way_names[way]);
	is(scan_direct_map(), 0, "%s: the kernel finds nothing of it",
	   way_names[way]);

	fd = new_file(SIZE);
	p = map(fd, SIZE);
	found = count_marks(p, SIZE);
	ok(!found && all_bytes(p, SIZE, 0), "%s: the next file is all zeros",
	   way_names[way]);
	munmap(p, SIZE);
	close(fd);
}

int main(void)
{
	enum way way;

	test_scan_finds();
	test_hidden_while_alive();
	for (way = 0; way < WAYS; way++)
		test_way(way);
	return done_testing();
}
