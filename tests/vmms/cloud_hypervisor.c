// SPDX-License-Identifier: GPL-2.0
/*
 * Cloud Hypervisor: --memory size=0 --memory-zone
 * id=0,size=16M,file=/dev/gmem/ch,shared=on
 */
#include "vmms.h"

#define ZONE	MNT "/ch"
#define SAVED	"/var/tmp/ch-memory-ranges"

/* A zone's size must be a multiple of this. */
static long zone_alignment(const char *path)
{
	struct statfs fs;

	must(statfs(path, &fs));
	return fs.f_bsize > (long)PAGE ? fs.f_bsize : (long)PAGE;
}

static int open_zone(bool shared)
{
	return must(open(ZONE, (shared ? O_RDWR : O_RDONLY) | O_CLOEXEC));
}

static char *map_zone(int fd)
{
	return must(mmap(NULL, SIZE, RW, MAP_NORESERVE | MAP_SHARED, fd, 0));
}

static void test_shared(void)
{
	int fd = open_zone(true);
	char *mem;

	is(zone_alignment(ZONE), PAGE, "a zone may be of any whole pages");
	mem = map_zone(fd);
	is((uintptr_t)mem % BLOCK, 0, "shared=on: mapped at 2 MiB");
	taken(mem, SIZE, MADV_HUGEPAGE);	/* thp=on, the default */
	runs_hidden(fd, mem, "shared=on");
	taken(mem, SIZE, MADV_DONTDUMP);
	munmap(mem, SIZE);
	close(fd);
}

static void test_private(void)
{
	int fd = open_zone(false);
	char *mem = must(mmap(NULL, SIZE, RW, MAP_NORESERVE | MAP_PRIVATE, fd,
			      0));
	uint64_t before = get_info(fd).populated;

	runs_private(fd, mem, "shared=off, the default");
	is(get_info(fd).populated, before, "  the file has nothing of it");
	munmap(mem, SIZE);
	close(fd);
}

static void test_prefault(void)
{
	int fd = open_zone(true);
	char *mem = map_zone(fd);

	refused(mem, SIZE, MADV_POPULATE_WRITE);
	munmap(mem, SIZE);
	close(fd);
}

/* What a guest gives back: the VMM warns of the second call, and goes on. */
static bool release(int fd, char *mem, size_t at, size_t size)
{
	if (fallocate(fd, PUNCH, at, size))
		return false;
	return madvise(mem + at, size, MADV_DONTNEED) && errno == EINVAL;
}

static void test_balloon(void)
{
	int fd = open_zone(true);
	char *mem = map_zone(fd);
	bool same = true;
	size_t at;

	memset(mem, 'b', SIZE);
	for (at = 0; at < BLOCK; at += PAGE)
		same = release(fd, mem, at, PAGE) && same;
	ok(same, "--balloon: a hole for each page, and MADV_DONTNEED fails");
	is(get_info(fd).populated, SIZE - BLOCK, "  which gives 2 MiB back");
	ok(release(fd, mem, BLOCK, BLOCK), "free_page_reporting=on: the same");
	is(get_info(fd).populated, SIZE - 2 * BLOCK, "  also gives 2 MiB back");
	taken(mem, PAGE, MADV_WILLNEED);
	ok(all_bytes(mem, 2 * BLOCK, 0), "deflated: the memory is zeros");
	is(get_info(fd).hidden, SIZE, "  and hidden");
	munmap(mem, SIZE);
	close(fd);
}

/* The file's first data: where they are, and how much. */
static size_t data_at(int fd, off_t *at)
{
	*at = lseek(fd, 0, SEEK_DATA);
	return *at < 0 ? 0 : lseek(fd, *at, SEEK_HOLE) - *at;
}

/* A file that has a name is not copied: it is the snapshot of the memory. */
static void test_snapshot_of_name(void)
{
	int fd = open_zone(true);
	char *mem = map_zone(fd);
	struct stat st;

	memset(mem, 's', SIZE);
	must(fstat(fd, &st));
	is(st.st_nlink, 1, "snapshot: the file has a name, so it isn't copied");
	munmap(mem, SIZE);
	close(fd);
	fd = open_zone(true);
	mem = map_zone(fd);
	ok(all_bytes(mem, SIZE, 's'), "restore: and has the memory afterwards");
	munmap(mem, SIZE);
	close(fd);
}

static void copy_out(int fd, int saved, off_t at, size_t size)
{
	char *buf = malloc(BLOCK);
	size_t n;

	for (; size; at += n, size -= n) {
		n = size < BLOCK ? size : BLOCK;
		must(pread(fd, buf, n, at));
		must(pwrite(saved, buf, n, at));
	}
	free(buf);
}

static void test_snapshot_of_copy(void)
{
	int fd = new_file(SIZE), saved;
	char *mem = map_zone(fd);
	size_t size;
	off_t at;

	memset(mem + 2 * BLOCK, 'c', BLOCK);
	size = data_at(fd, &at);
	is(at, 2 * BLOCK, "snapshot of a file without a name: SEEK_DATA");
	is(size, BLOCK, "  and SEEK_HOLE find what it has");
	saved = must(open(SAVED, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
	must(ftruncate(saved, SIZE));
	copy_out(fd, saved, at, size);
	must(fallocate(fd, PUNCH, 0, SIZE));
	is(pread(saved, mem + at, size, at), BLOCK, "restore: read() into it");
	ok(all_bytes(mem + at, size, 'c'), "  brings the memory back");
	is(get_info(fd).hidden, BLOCK, "  hidden");
	is_errno(uffd_register(mem, UFFD_FEATURE_MISSING_SHMEM), EINVAL,
		 "memory_restore_mode=ondemand: userfaultfd refuses it");
	close(saved);
	unlink(SAVED);
	munmap(mem, SIZE);
	close(fd);
}

static void test_backend(void)
{
	int fd = open_zone(true);
	char *mem = map_zone(fd);

	backend_works(fd, mem, "vhost-user");
	munmap(mem, SIZE);
	close(fd);
}

/* --memory size=16M,shared=on, and hotplug_size= of any zone. */
static void test_memfd(void)
{
	int fd = must(memfd_create("ch_ram", MFD_CLOEXEC));
	char *mem;

	must(ftruncate(fd, SIZE));
	mem = map_zone(fd);
	is_ordinary(mem, "without file=, or hotplugged, with shared=on");
	munmap(mem, SIZE);
	close(fd);
	mem = must(mmap(NULL, SIZE, RW, MAP_NORESERVE | MAP_PRIVATE |
			MAP_ANONYMOUS, -1, 0));
	is_ordinary(mem, "without file=, or hotplugged, with shared=off");
	munmap(mem, SIZE);
}

static void test_like_hugetlbfs(void)
{
	mount_like_hugetlbfs();
	make_file(LIKE_HUGETLBFS "/ch", SIZE);
	is(zone_alignment(LIKE_HUGETLBFS "/ch"), BLOCK,
	   "statfs=hugetlbfs: a zone must be of whole 2 MiB");
	must(unlink(LIKE_HUGETLBFS "/ch"));
}

int main(void)
{
	make_file(ZONE, SIZE);
	test_shared();
	test_private();
	test_prefault();
	test_balloon();
	test_snapshot_of_name();
	test_backend();
	must(unlink(ZONE));
	test_snapshot_of_copy();
	test_memfd();
	test_like_hugetlbfs();
	nothing_is_left();
	return done_testing();
}
