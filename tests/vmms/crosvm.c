// SPDX-License-Identifier: GPL-2.0
/*
 * crosvm: --file-backed-mapping addr=...,size=...,path=/dev/gmem/crosvm,rw,ram
 * in place of a part of the guest's memory, which is a memfd otherwise.
 */
#include "vmms.h"

#define RAM	MNT "/crosvm"

static int open_ram(int flags)
{
	return must(open(RAM, flags | O_CLOEXEC));
}

/* It asks for seals, since it maps what is sealed for writing privately. */
static char *map_ram(int fd, int prot)
{
	is_errno(fcntl(fd, F_GET_SEALS), EINVAL, "F_GET_SEALS: not a memfd");
	return must(mmap(NULL, SIZE, prot, MAP_SHARED, fd, 0));
}

static void test_ram(void)
{
	int fd = open_ram(O_RDWR);
	char *mem = map_ram(fd, RW);

	is((uintptr_t)mem % BLOCK, 0, "rw,ram: mapped at 2 MiB");
	taken(mem, SIZE, MADV_DONTDUMP);
	taken(mem, SIZE, MADV_MERGEABLE);
	taken(mem, SIZE, MADV_HUGEPAGE);	/* --hugepages */
	is(mlock2(mem, SIZE, MLOCK_ONFAULT), 0, "--lock-guest-memory");
	/* --unmap-guest-memory-on-fork: */
	taken(mem, SIZE, MADV_DONTFORK);
	runs_hidden(fd, mem, "rw,ram");
	munmap(mem, SIZE);
	close(fd);
}

/*
 * crosvm's largest range of RAM begins at 1 MiB. If that is the offset in the
 * file, too, then all but the first 1 MiB of it can be mapped by 2 MiB.
 */
static void test_offset(void)
{
	off_t at = 256 * PAGE;
	int fd = new_file(SIZE + at);
	char *mem = must(mmap(NULL, SIZE, RW, MAP_SHARED, fd, at));

	is((uintptr_t)mem % BLOCK, at,
	   "addr=1M,offset=1M: the mapping begins 1 MiB into a block, too");
	memset(mem, 1, SIZE);
	is(get_info(fd).map_faults_2m, SIZE / BLOCK - 1,
	   "  and whole blocks are mapped as such");
	munmap(mem, SIZE);
	close(fd);
}

static void test_sync(void)
{
	int fd = open_ram(O_RDWR | O_SYNC);
	char *mem = map_ram(fd, RW);

	is(touch_write(mem), 0, "sync: O_SYNC changes nothing");
	munmap(mem, SIZE);
	close(fd);
}

static void test_read_only(void)
{
	int fd = open_ram(O_RDONLY);
	char *mem = map_ram(fd, PROT_READ);

	takes_read_only(mem, "without rw and ram");
	is(touch_write(mem), SIGSEGV, "  nor can crosvm write to it");
	munmap(mem, SIZE);
	close(fd);
}

static void test_balloon(void)
{
	int fd = open_ram(O_RDWR);
	char *mem = map_ram(fd, RW);

	memset(mem, 'b', SIZE);
	must(mlock2(mem, SIZE, MLOCK_ONFAULT));
	taken(mem, BLOCK, MADV_REMOVE);
	is(get_info(fd).populated, SIZE - BLOCK,
	   "  the balloon gives 2 MiB back, also with --lock-guest-memory");
	is(fallocate(fd, PUNCH, BLOCK, BLOCK), 0, "--disable-sandbox: a hole");
	is(get_info(fd).populated, SIZE - 2 * BLOCK, "  gives 2 MiB back");
	ok(all_bytes(mem, 2 * BLOCK, 0), "  and is zeros when used again");
	is(get_info(fd).hidden, SIZE, "  hidden");
	munmap(mem, SIZE);
	close(fd);
}

/* A device is a child of crosvm's, which has all mappings from it. */
static void test_sandboxed_device(void)
{
	int fd = open_ram(O_RDWR), status;
	char *mem = map_ram(fd, RW);
	pid_t pid;

	memcpy(mem, ASKED, sizeof(ASKED));
	pid = must(fork());
	if (!pid) {
		if (strcmp(mem, ASKED))
			_exit(1);
		memcpy(mem, ANSWERED, sizeof(ANSWERED));
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	is(status, 0, "a sandboxed device has the memory");
	is_str(mem, ANSWERED, "  and shares it");
	backend_works(fd, mem, "vhost-user");
	munmap(mem, SIZE);
	close(fd);
}

static void test_snapshot(void)
{
	int fd = open_ram(O_RDWR);
	char *mem = map_ram(fd, RW);

	must(fallocate(fd, PUNCH, 0, SIZE));
	memset(mem + BLOCK, 's', BLOCK);
	is(lseek(fd, 0, SEEK_DATA), BLOCK, "snapshot: SEEK_DATA");
	is(lseek(fd, BLOCK, SEEK_HOLE), 2 * BLOCK, "  and SEEK_HOLE");
	is(madvise(mem, SIZE, MADV_REMOVE), 0, "restore: MADV_REMOVE");
	is(get_info(fd).populated, 0, "  gives all of it back");
	is_errno(uffd_register(mem, UFFD_FEATURE_MISSING_SHMEM |
			       UFFD_FEATURE_EVENT_REMOVE), EINVAL,
		 "--swap: userfaultfd refuses it");
	munmap(mem, SIZE);
	close(fd);
}

/* --pmem path=/dev/gmem/crosvm */
static void test_pmem(void)
{
	int fd = open_ram(O_RDWR);
	char *mem = must(mmap(NULL, SIZE, PROT_READ, MAP_SHARED |
			      MAP_NORESERVE | MAP_ANONYMOUS, -1, 0));

	must(fallocate(fd, PUNCH, 0, SIZE));
	ok(mmap(mem, SIZE, RW, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) ==
	   mem, "--pmem: mapped over what was kept free");
	runs_hidden(fd, mem, "--pmem");
	is(msync(mem, SIZE, MS_SYNC), 0, "  a guest's flush works");
	munmap(mem, SIZE);
	close(fd);
}

static void test_memfd(void)
{
	int fd = sealed_memfd("crosvm_guest");
	char *mem = must(mmap(NULL, SIZE, RW, MAP_SHARED, fd, 0));

	is_ordinary(mem, "all other memory");
	no_seals_here();
	munmap(mem, SIZE);
	close(fd);
}

int main(void)
{
	make_file(RAM, SIZE);
	test_ram();
	test_offset();
	test_sync();
	test_read_only();
	test_balloon();
	test_sandboxed_device();
	test_snapshot();
	test_pmem();
	must(unlink(RAM));
	test_memfd();
	nothing_is_left();
	return done_testing();
}
