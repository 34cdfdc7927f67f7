// SPDX-License-Identifier: GPL-2.0
/*
 * kvmtool: lkvm run --hugetlbfs DIRECTORY. Its mapping is private. With
 * MAP_SHARED in its place, too, all but the balloon would work.
 */
#include "vmms.h"

static long magic_of(const char *path)
{
	struct statfs fs;

	must(statfs(path, &fs));
	return fs.f_type;
}

static int open_unlinked(void)
{
	char path[] = LIKE_HUGETLBFS "/kvmtoolXXXXXX";
	int fd = must(mkstemp(path));

	must(unlink(path));
	must(ftruncate(fd, SIZE));
	return fd;
}

static void test_magic(void)
{
	ok(magic_of(MNT) != HUGETLBFS_MAGIC,
	   "a mount without options isn't hugetlbfs to kvmtool");
	mount_like_hugetlbfs();
	is(magic_of(LIKE_HUGETLBFS), HUGETLBFS_MAGIC,
	   "but one with statfs=hugetlbfs is");
}

static void test_private(void)
{
	int fd = open_unlinked();
	char *mem = must(mmap(NULL, SIZE, RW, MAP_PRIVATE, fd, 0));

	runs_private(fd, mem, "--hugetlbfs");
	munmap(mem, SIZE);
	close(fd);
}

/* The balloon doesn't look at what comes of its only call. */
static void test_if_it_were_shared(void)
{
	int fd = open_unlinked();
	char *mem = must(mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0));

	taken(mem, SIZE, MADV_MERGEABLE);
	runs_hidden(fd, mem, "if it were MAP_SHARED");
	refused(mem, BLOCK, MADV_DONTNEED);
	is(get_info(fd).populated, SIZE, "  so a balloon gives nothing back");
	is(mprotect(mem + BLOCK, BLOCK, PROT_NONE), 0,
	   "  the gap below 4 GiB can be closed");
	is(touch_read(mem + BLOCK), SIGSEGV, "  to kvmtool");
	munmap(mem, SIZE);
	close(fd);
}

static void test_anonymous(void)
{
	char *mem = must(mmap(NULL, SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS |
			      MAP_NORESERVE, -1, 0));

	is_ordinary(mem, "without --hugetlbfs");
	munmap(mem, SIZE);
}

int main(void)
{
	test_magic();
	test_private();
	test_if_it_were_shared();
	test_anonymous();
	nothing_is_left();
	return done_testing();
}
