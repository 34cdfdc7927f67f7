// SPDX-License-Identifier: GPL-2.0
/*
 * fork(): the child has the mapping and none of its page table's entries, since
 * Linux may copy one that a truncate takes away at the same time. Whatever was
 * done to the mapping before: MADV_KEEPONFORK takes the flag away by which the
 * kernel is told so.
 */
#include "gmem_test.h"

#define SIZE	(4 * BLOCK)

static int fd;

static uint64_t faults(void)
{
	struct gmem_info info = get_info(fd);

	return info.map_faults_2m + info.map_faults_4k;
}

/* In a child: is each block as its parent left it? */
static int look(const char *mem, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += BLOCK)
		if (mem[at] != 'p')
			return 1;
	return 0;
}

/* The child must fault in each of the mapping's blocks by itself. */
static void child_faults(const char *mem, size_t size, const char *how)
{
	uint64_t before = faults();
	int status;
	pid_t pid = must(fork());

	if (!pid)
		_exit(look(mem, size));
	must(waitpid(pid, &status, 0));
	is(status, 0, "%s: a child sees what its parent wrote", how);
	is(faults() - before, size / BLOCK,
	   "%s: and had to fault in all of it", how);
}

static char *fresh(void)
{
	char *mem = map(fd, SIZE);
	size_t at;

	for (at = 0; at < SIZE; at += BLOCK)
		mem[at] = 'p';
	return mem;
}

static void keep(char *mem, size_t size)
{
	is(madvise(mem, size, MADV_KEEPONFORK), 0, "MADV_KEEPONFORK is taken");
}

static void test_advice(void)
{
	char *mem = fresh();

	child_faults(mem, SIZE, "as mapped");
	keep(mem, SIZE);
	child_faults(mem, SIZE, "kept on fork");
	child_faults(mem, SIZE, "a second child");
	munmap(mem, SIZE);
}

/* Pieces of a mapping are mappings of their own. */
static void test_pieces(void)
{
	char *mem = fresh();

	keep(mem, SIZE);
	must(mprotect(mem + BLOCK, BLOCK, PROT_READ));
	child_faults(mem, SIZE, "split by mprotect()");
	must(munmap(mem, BLOCK));
	child_faults(mem + BLOCK, SIZE - BLOCK, "cut off at the start");
	keep(mem + 2 * BLOCK, BLOCK);
	child_faults(mem + BLOCK, SIZE - BLOCK, "kept in the middle");
	munmap(mem + BLOCK, SIZE - BLOCK);
}

/*
 * A moved mapping keeps its entries, so it is looked at before the fork. At the
 * new address the kernel asks for a mapping of its own.
 */
static void test_moved(void)
{
	char *mem = fresh(), *to;

	keep(mem, SIZE);
	to = must(mmap(NULL, SIZE + BLOCK, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	to = (char *)(((uintptr_t)to + BLOCK - 1) & ~(BLOCK - 1));
	mem = must(mremap(mem, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	keep(mem, SIZE);
	child_faults(mem, SIZE, "moved");
	munmap(mem, SIZE);
}

/* A child's own children, with what it did to its mapping. */
static void test_grandchild(void)
{
	char *mem = fresh();
	int status;
	pid_t pid;

	keep(mem, SIZE);
	pid = must(fork());
	if (!pid) {
		uint64_t before;

		if (look(mem, SIZE) || madvise(mem, SIZE, MADV_KEEPONFORK))
			_exit(1);
		before = faults();
		pid = fork();
		if (!pid)
			_exit(look(mem, SIZE));
		if (waitpid(pid, &status, 0) != pid || status)
			_exit(2);
		_exit(faults() - before == SIZE / BLOCK ? 0 : 3);
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "a grandchild had to fault in all of it, too");
	munmap(mem, SIZE);
}

static void test_shared_memory(void)
{
	char *mem = fresh();
	int status;
	pid_t pid = must(fork());

	if (!pid) {
		memcpy(mem, "child", sizeof("child"));
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	is_str(mem, "child", "a parent sees what its child wrote");
	munmap(mem, SIZE);
}

int main(void)
{
	fd = new_file(SIZE);
	test_advice();
	test_pieces();
	test_moved();
	test_grandchild();
	test_shared_memory();
	return done_testing();
}
