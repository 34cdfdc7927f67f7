// SPDX-License-Identifier: GPL-2.0
/*
 * Private mappings: what is written there is seen by the mapping alone, is
 * hidden as all memory, and goes with it. The file stays as it was, whatever
 * becomes of either.
 */
#include "gmem_test.h"

#include <sys/prctl.h>

#define SIZE	(2 * BLOCK)
#define RW	(PROT_READ | PROT_WRITE)
#define TOP	"/tmp/private"

static int full_file(char letter)
{
	int fd = new_file(SIZE);
	char *p = map(fd, SIZE);

	memset(p, letter, SIZE);
	munmap(p, SIZE);
	return fd;
}

static char *map_private(int fd)
{
	return must(mmap(NULL, SIZE, RW, MAP_PRIVATE, fd, 0));
}

/* By read(), so that nothing is mapped. */
static bool file_has(int fd, char letter)
{
	static char buffer[SIZE];

	return pread(fd, buffer, SIZE, 0) == (ssize_t)SIZE &&
	       all_bytes(buffer, SIZE, letter);
}

static void test_writes(void)
{
	int fd = full_file('f');
	long hidden = hidden_in_files();
	char *p = map_private(fd), *q = map_private(fd);

	is(hidden_in_files(), hidden, "a private mapping takes no memory");
	ok(all_bytes(p, SIZE, 'f'), "it has the file's contents");
	p[5] = 'p';
	p[BLOCK + 5] = 'p';
	is(p[5], 'p', "it can be written");
	is(p[6], 'f', "to a byte");
	ok(hidden_in_files() > hidden, "the copy is hidden");
	ok(file_has(fd, 'f'), "the file is as it was");
	ok(all_bytes(q, SIZE, 'f'), "another private mapping, too");
	must(pwrite(fd, "x", 1, 7));
	is(p[7], 'f', "what is written to the file isn't seen");
	must(ftruncate(fd, 0));
	is(touch_read(p + PAGE), 0, "nor that it is truncated");
	is(q[5], 'f', "by either");
	close(fd);
	is(touch_write(q + BLOCK), 0, "nor that it is closed");
	munmap(p, SIZE);
	munmap(q, SIZE);
	ok(becomes("hidden_bytes", 0), "all of it goes with the mappings");
}

static void test_parts(void)
{
	int fd = full_file('f');
	char *p = map_private(fd), *q;

	p[0] = 'p';
	p[3 * PAGE] = 'p';
	must(munmap(p + PAGE, PAGE));
	is(touch_read(p + PAGE), SIGSEGV, "a part is unmapped");
	is(p[0], 'p', "before it");
	is(p[3 * PAGE], 'p', "behind it");
	must(mprotect(p, PAGE, PROT_READ));
	is(touch_write(p), SIGSEGV, "a part is read-only");
	must(mprotect(p, PAGE, RW));
	is(touch_write(p), 0, "and can be written again");
	q = must(mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0));
	q = must(mremap(p + 2 * PAGE, 2 * PAGE, 2 * PAGE,
			MREMAP_MAYMOVE | MREMAP_FIXED, q));
	is(q[PAGE], 'p', "a part is moved");
	q[0] = 'q';
	ok(file_has(fd, 'f'), "the file is as it was");
	munmap(q, SIZE);
	munmap(p, SIZE);
	close(fd);
}

static void test_access(void)
{
	int fd = full_file('f'), ro;
	char path[64], *p;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = must(open(path, O_RDONLY));
	p = must(mmap(NULL, SIZE, RW, MAP_PRIVATE, ro, 0));
	is(touch_write(p), 0, "a file that is open for reading");
	munmap(p, SIZE);
	p = must(mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, ro, BLOCK));
	is(p[0], 'f', "a part of it, to read");
	is(touch_write(p), SIGSEGV, "only");
	must(mprotect(p, BLOCK, RW));
	is(touch_write(p), 0, "until that is changed");
	munmap(p, BLOCK);
	ok(file_has(fd, 'f'), "the file is as it was");
	p = must(mmap(NULL, SIZE, RW, MAP_PRIVATE, fd, BLOCK));
	is(touch_read(p + BLOCK - 1), 0, "beyond the end of the file");
	is(touch_read(p + BLOCK), SIGBUS, "there is nothing");
	munmap(p, SIZE);
	close(ro);
	close(fd);
}

/* Return: what the child's access gave. */
static int in_child(char *p)
{
	pid_t pid = must(fork());
	int status;

	if (!pid)
		_exit(touch_read(p));
	must(waitpid(pid, &status, 0));
	return WEXITSTATUS(status);
}

static void test_fork(void)
{
	int fd = full_file('f');
	char *p = map_private(fd);

	p[0] = 'p';
	is(in_child(p), SIGSEGV, "a child doesn't have the mapping");
	if (!madvise(p, SIZE, MADV_DOFORK))
		is(in_child(p), SIGBUS, "if it gets it, it can't touch it");
	is(p[0], 'p', "the parent has it as before");
	munmap(p, SIZE);
	close(fd);
}

static void test_accounts(void)
{
	int fd = full_file('f'), i;
	long before = meminfo("Committed_AS");

	for (i = 0; i < 200; i++) {
		char *p = map_private(fd);

		p[i * PAGE] = 'p';
		if (i % 3 == 0)
			must(munmap(p + PAGE, PAGE));
		if (i % 3 == 1)
			must(mprotect(p, PAGE, PROT_READ));
		munmap(p, SIZE);
	}
	ok(labs(meminfo("Committed_AS") - before) < (long)SIZE / 1024,
	   "200 mappings: Committed_AS is as before");
	ok(file_has(fd, 'f'), "the file, too");
	close(fd);
}

static void test_limits(void)
{
	char *p;
	int fd;

	mkdir(TOP, 0755);
	must(mount("gmemfs", TOP, "gmemfs", 0, "size=5m,nr_inodes=3"));
	fd = new_file_in(TOP, BLOCK);
	must(fallocate(fd, 0, 0, BLOCK));
	p = must(mmap(NULL, BLOCK, RW, MAP_PRIVATE, fd, 0));
	is_errno((long)mmap(NULL, BLOCK, RW, MAP_PRIVATE, fd, 0), ENOMEM,
		 "over nr_inodes=: ENOMEM");
	is_errno(umount(TOP), EBUSY, "a mapping keeps the mount");
	close(fd);
	is(touch_write(p), 0, "and what it has");
	munmap(p, BLOCK);
	is(umount(TOP), 0, "until it goes");
}

static void test_kinds(void)
{
	static const char *const options[] = {
		"huge=always", "huge=never", "direct_map=kept", "init=shared",
	};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		char *p;
		int fd;

		must(mount("gmemfs", TOP, "gmemfs", 0, options[i]));
		fd = new_file_in(TOP, SIZE);
		p = map(fd, SIZE);
		memset(p, 'f', SIZE);
		munmap(p, SIZE);
		p = map_private(fd);
		p[0] = 'p';
		is(p[1], 'f', "%s: it has the contents", options[i]);
		ok(file_has(fd, 'f'), "the file is as it was");
		munmap(p, SIZE);
		close(fd);
		is(umount(TOP), 0, "and all goes");
	}
}

/* As shared memory, the pages would be a child's, too. */
static void test_remap(void)
{
	int fd = new_file(BLOCK);
	char *p = must(mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE,
			    fd, 0));

	p[0] = 'a';
	is_errno(remap_file_pages(p, BLOCK, 0, 0, 0), ENODEV,
		 "no mapping of another kind takes its place");
	is(p[0], 'a', "  and it stays");
	must(munmap(p, BLOCK));
	close(fd);
}

/* Each mapping makes all of the file common again. */
static void map_and_unmap(int fd, int ready)
{
	void *p;

	must(prctl(PR_SET_PDEATHSIG, SIGKILL));
	must(write(ready, "", 1));
	for (;;) {
		p = must(mmap(NULL, BLOCK, PROT_READ, MAP_PRIVATE, fd, 0));
		must(munmap(p, BLOCK));
	}
}

/* Who may only read a file doesn't keep others from writing to it. */
static void test_writer(void)
{
	static char page[PAGE];
	int fd = new_file(BLOCK), pipes[2], i;
	pid_t children[4];

	must(pipe(pipes));
	for (i = 0; i < 4; i++) {
		children[i] = must(fork());
		if (!children[i])
			map_and_unmap(fd, pipes[1]);
	}
	for (i = 0; i < 4; i++)
		must(read(pipes[0], page, 1));
	for (i = 0; i < 100; i++) {
		memset(page, i, PAGE);
		must(pwrite(fd, page, PAGE, 0));
		must(pread(fd, page, PAGE, 0));
		if (!all_bytes(page, PAGE, i))
			break;
	}
	is(i, 100, "a writer gets on while others map the file privately");
	for (i = 0; i < 4; i++) {
		must(kill(children[i], SIGKILL));
		must(waitpid(children[i], NULL, 0));
	}
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
}

int main(void)
{
	test_writes();
	test_parts();
	test_access();
	test_fork();
	test_accounts();
	test_limits();
	test_kinds();
	test_remap();
	test_writer();
	nothing_is_left();
	return done_testing();
}
