// SPDX-License-Identifier: GPL-2.0
/*
 * Clones at the edges: what they are charged for, what happens to a file at the
 * same moment, and holes. clone.c has what files contain.
 */
#include "gmem_test.h"

#include <sched.h>

#define TOP	"/run/edges"
#define PAGES	((long)(BLOCK / PAGE))

#define ROUNDS	200

#include "clones.h"

static char *buffer;

/* Pages that the mount has given out. */
static long used(void)
{
	struct statfs fs;

	must(statfs(TOP, &fs));
	return fs.f_blocks - fs.f_bfree;
}

static void fill(int fd, long block, char letter)
{
	long i;

	memset(buffer, letter, PAGE);
	for (i = 0; i < PAGES; i++)
		must(pwrite(fd, buffer, PAGE, block * (long)BLOCK + i * PAGE));
}

static bool filled(int fd, long block, char letter)
{
	long i;

	for (i = 0; i < PAGES; i++)
		if (pread(fd, buffer, PAGE, block * (long)BLOCK + i * PAGE) !=
			    (ssize_t)PAGE ||
		    !all_bytes(buffer, PAGE, letter))
			return false;
	return true;
}

/* ---- size= ---- */

#define CLONES	8L

/* A file's first block is free. */
static void test_charged(void)
{
	int from, to;
	long i;

	mount_with("huge=never,size=64m");
	from = new_file_in(TOP, BLOCK);
	to = new_file_in(TOP, CLONES * BLOCK);
	fill(from, 0, 'T');
	is(used(), PAGES, "single pages are charged");
	for (i = 0; i < CLONES; i++)
		must(clone_range(to, i * BLOCK, from, 0, BLOCK));
	is(get_info(to).cloned, CLONES * BLOCK, "all clones share them");
	is(used(), PAGES + CLONES - 1, "each clone is charged for itself");
	fill(to, 0, 'W');
	is(used(), 2 * PAGES + CLONES - 2,
	   "but not the one that has its own pages");
	is(get_info(to).cloned, (CLONES - 1) * BLOCK, "which is no clone now");
	close(from);
	is(used(), 2 * PAGES + CLONES - 2, "the source goes: nothing changes");
	must(fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK,
		       (CLONES - 2) * BLOCK));
	is(used(), 2 * PAGES, "one is left");
	ok(filled(to, CLONES - 1, 'T'), "with the contents");
	fill(to, CLONES - 1, 'W');
	is(used(), 2 * PAGES, "it takes the pages over");
	close(to);
	is(used(), 0, "all comes back");
	must(umount(TOP));
}

/* The source has pages of another block, too: it is charged for itself. */
static void test_source_charged(void)
{
	int from, to;

	mount_with("huge=never,size=64m");
	from = new_file_in(TOP, 2 * BLOCK);
	to = new_file_in(TOP, 2 * BLOCK);
	fill(from, 0, 'T');
	fill(from, 1, 'T');
	is(used(), 2 * PAGES, "two blocks");
	must(ioctl(to, FICLONE, from));
	is(used(), 2 * PAGES + 2, "and their clone: both files are charged");
	fill(from, 0, 'W');
	is(used(), 3 * PAGES + 1, "less, when the source has its own pages");
	close(to);
	is(used(), 2 * PAGES, "the clone goes");
	fill(from, 1, 'W');
	is(used(), 2 * PAGES, "the source has all to itself");
	close(from);
	is(used(), 0, "all comes back");
	must(umount(TOP));
}

static void test_bounded(void)
{
	long i, done = 0;
	int from, to;

	mount_with("huge=never,size=3m");
	from = new_file_in(TOP, BLOCK);
	to = new_file_in(TOP, 2000 * BLOCK);
	fill(from, 0, 'T');
	for (i = 0; i < 2000 && !clone_range(to, i * BLOCK, from, 0, BLOCK);
	     i++)
		done++;
	is_errno(clone_range(to, i * BLOCK, from, 0, BLOCK), ENOSPC,
		 "size= bounds how many clones there are");
	is(done, PAGES / 2 + 1, "to one for each page that was left");
	ok(filled(to, done - 1, 'T'), "the last has the contents");
	close(from);
	close(to);
	is(used(), 0, "all comes back");
	must(umount(TOP));
}

/* ---- blocks only ---- */

/* Clones the file again and again, as long as it lives. */
static pid_t start_cloner(int fd)
{
	pid_t pid = must(fork());

	while (!pid) {
		char *p = mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, fd, 0);

		if (p != MAP_FAILED)
			munmap(p, BLOCK);
	}
	return pid;
}

static void stop(pid_t pid)
{
	must(kill(pid, SIGKILL));
	must(waitpid(pid, NULL, 0));
}

/* A part of a block is punched, or cut off, and written to again. */
static void test_blocks_only(bool truncated)
{
	long singles = 0, wrong = 0;
	pid_t cloner;
	int fd, i;

	mount_with("huge=always");
	fd = new_file_in(TOP, BLOCK);
	fill(fd, 0, 'T');
	cloner = start_cloner(fd);
	for (i = 0; i < ROUNDS; i++) {
		if (truncated)
			wrong += ftruncate(fd, 511 * PAGE) != 0;
		else
			wrong += fallocate(fd, FALLOC_FL_PUNCH_HOLE |
					   FALLOC_FL_KEEP_SIZE, 511 * PAGE,
					   PAGE) != 0;
		wrong += pwrite(fd, buffer, PAGE, 511 * PAGE) != (ssize_t)PAGE;
		singles += get_info(fd).huge != BLOCK;
	}
	stop(cloner);
	is(wrong, 0, "huge=always, cloned all the time: %s and writes work",
	   truncated ? "truncate" : "punch");
	is(singles, 0, "and there is never a single page");
	ok(filled(fd, 0, 'T'), "the contents are as they were");
	close(fd);
	ok(becomes("hidden_bytes", 0), "nothing is left");
	must(umount(TOP));
}

/* ---- how many have a page ---- */

/* How many of a file's pages have this bit in their state? */
static long in_state(int fd, uint8_t bit)
{
	uint8_t states[BLOCK / PAGE];
	struct gmem_state get = {
		.size = BLOCK, .states = (uintptr_t)states,
	};
	long i, nr = 0;

	must(ioctl(fd, GMEM_GET_STATE, &get));
	for (i = 0; i < PAGES; i++)
		nr += !!(states[i] & bit);
	return nr;
}

/* Two to five files have single pages in common. */
static void test_users(void)
{
	int fds[5], i;
	char *p;

	for (i = 0; i < 5; i++)
		fds[i] = new_singles(BLOCK);
	fill(fds[0], 0, 'T');
	for (i = 1; i < 5; i++) {
		must(ioctl(fds[i], FICLONE, fds[i - 1]));
		is(in_state(fds[i], GMEM_STATE_CLONED), PAGES,
		   "%d files have all pages", i + 1);
		is(in_state(fds[i], GMEM_STATE_PINNED), 0, "none is pinned");
		p = map(fds[i], BLOCK);
		ok(all_bytes(p, BLOCK, 'T'), "a mapping has the contents");
		munmap(p, BLOCK);
	}
	for (i = 0; i < 5; i++)
		close(fds[i]);
}

/* ---- a block that is copied while it is written ---- */

struct counts {
	long written;
	long lost;
};

/* What is written is there when it is read. */
static pid_t start_writer(int fd, volatile struct counts *counts)
{
	pid_t pid = must(fork());
	volatile long *p;
	long n = 0;

	if (pid)
		return pid;
	for (p = (long *)map(fd, BLOCK);; counts->written = n) {
		*p = ++n;
		counts->lost += *p != n;
	}
}

static void test_written_meanwhile(void)
{
	volatile struct counts *counts =
		must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	int fd = new_file(BLOCK), other = new_file(BLOCK), i;
	pid_t writer;

	fill(fd, 0, 'T');
	writer = start_writer(fd, counts);
	for (i = 0; i < 50; i++) {
		long before;

		must(ioctl(other, FICLONE, fd));
		before = counts->written;
		while (counts->written < before + 2)
			sched_yield();
		/* The writer's page is the file's own, the rest is copied. */
		must(fallocate(fd, 0, 0, BLOCK));
	}
	stop(writer);
	ok(counts->written > 100, "a block is copied while it is written");
	is(counts->lost, 0, "nothing that was written is lost");
	is(get_info(fd).cloned, 0, "it is the file's own");
	munmap((void *)counts, PAGE);
	close(other);
	close(fd);
}

/* ---- holes ---- */

/* Of a common block, the source uses other pages than those that are cloned. */
static void test_hole_of_block(void)
{
	int from = new_file(BLOCK), middle = new_file(BLOCK), to = new_file(0);

	fill(from, 0, 'T');
	must(ioctl(middle, FICLONE, from));
	must(pwrite(middle, "x", 1, 0));
	must(fallocate(middle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE,
		       9 * PAGE));
	is(clone_range(to, PAGE, middle, PAGE, 9 * PAGE), 0,
	   "a hole of a cloned block is cloned");
	is(get_info(to).populated, 0, "as a hole");
	is(clone_range(to, PAGE, middle, PAGE, 10 * PAGE), 0,
	   "and with a page behind it");
	is(get_info(to).populated, PAGE, "as that page");
	close(to);
	close(middle);
	ok(filled(from, 0, 'T'), "the source is as it was");
	close(from);
}

/* As long as a file can be, with a page at the end: 2^42 blocks. */
static void test_sparse(void)
{
	int from = new_file(SIZE_MOST), to = new_file(0);
	struct stat st;

	memset(buffer, 'T', PAGE);
	must(pwrite(from, buffer, PAGE, SIZE_MOST - PAGE));
	is(ioctl(to, FICLONE, from), 0, "a file of holes, but for its end");
	must(fstat(to, &st));
	is(st.st_size, SIZE_MOST, "its clone is as long");
	is(get_info(to).populated, get_info(from).populated,
	   "with as much memory");
	must(pread(to, buffer, PAGE, SIZE_MOST - PAGE));
	ok(all_bytes(buffer, PAGE, 'T'), "and its contents");
	must(fallocate(from, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       SIZE_MOST - BLOCK, BLOCK));
	is(ioctl(to, FICLONE, from), 0, "a file of holes only");
	is(get_info(to).populated, 0, "takes away what its clone had");
	close(from);
	close(to);
}

/* ---- files without end ---- */

#define MANY	(1L << 15)	/* blocks, of the same memory */

/* Microseconds of this process. */
static long cpu_time(void)
{
	struct rusage use;

	must(getrusage(RUSAGE_SELF, &use));
	return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000L +
	       use.ru_utime.tv_usec + use.ru_stime.tv_usec;
}

/*
 * A file may have far more blocks than there is memory. Looking at each of the
 * pages of such a file would take many times as long as the clones did.
 */
static void test_many_blocks(void)
{
	long at, cloned, looked;
	int fd;

	mount_with("size=256m");
	fd = new_file_in(TOP, MANY * BLOCK);
	fill(fd, 0, 'm');
	cloned = cpu_time();
	for (at = BLOCK; at < MANY * (long)BLOCK; at *= 2)
		must(clone_range(fd, at, fd, 0, at));
	cloned = cpu_time() - cloned;
	looked = cpu_time();
	is_errno(fallocate(fd, 0, 0, MANY * BLOCK), ENOSPC,
		 "a file of %ld blocks finds no memory", MANY);
	looked = cpu_time() - looked;
	ok(looked < cloned, "  and says so soon (%ld us, clones %ld)", looked,
	   cloned);
	ok(filled(fd, MANY - 1, 'm'), "  and has its contents");
	close(fd);
	must(umount(TOP));
}

int main(void)
{
	buffer = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	test_charged();
	test_source_charged();
	test_bounded();
	test_users();
	test_written_meanwhile();
	test_hole_of_block();
	test_sparse();
	test_many_blocks();
	test_blocks_only(false);
	test_blocks_only(true);
	nothing_is_left();
	return done_testing();
}
