// SPDX-License-Identifier: GPL-2.0
/*
 * Firecracker: no option gives its guest's memory a file. Only a pmem device
 * and a snapshot can be in gmemfs.
 */
#include "vmms.h"

#define SNAPSHOT	MNT "/fc-memory"
#define PMEM		MNT "/fc-pmem"

static void test_anonymous(void)
{
	char *mem = must(mmap(NULL, SIZE, RW, MAP_NORESERVE | MAP_PRIVATE |
			      MAP_ANONYMOUS, -1, 0));

	is_ordinary(mem, "memory");
	is(uffd_register(mem, UFFD_FEATURE_EVENT_REMOVE), 0,
	   "restored with backend_type Uffd: userfaultfd has that memory");
	munmap(mem, SIZE);
}

/* A vhost-user-blk device is configured. */
static void test_memfd(void)
{
	int fd = sealed_memfd("guest_mem");
	char *mem = must(mmap(NULL, SIZE, RW, MAP_NORESERVE | MAP_SHARED, fd,
			      0));

	is_ordinary(mem, "memory with vhost-user-blk");
	no_seals_here();
	munmap(mem, SIZE);
	close(fd);
}

static void write_snapshot(void)
{
	int fd = must(open(SNAPSHOT, O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
	char *mem = must(mmap(NULL, SIZE, RW, MAP_NORESERVE | MAP_PRIVATE |
			      MAP_ANONYMOUS, -1, 0));

	memset(mem, 's', SIZE);
	must(ftruncate(fd, SIZE));
	is(write(fd, mem, SIZE), SIZE, "mem_file_path: a snapshot is written");
	is(fsync(fd), 0, "  and synchronised");
	is(get_info(fd).hidden, SIZE, "  all of it is hidden");
	munmap(mem, SIZE);
	close(fd);
}

/* Version 1.17 maps it where it has kept 2 MiB-aligned addresses free. */
static void test_load(void)
{
	int fd = must(open(SNAPSHOT, O_RDONLY | O_CLOEXEC));
	char *kept = must(mmap(NULL, SIZE, PROT_NONE, MAP_NORESERVE |
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *mem = must(mmap(NULL, SIZE, RW, MAP_NORESERVE | MAP_PRIVATE, fd,
			      0));

	runs_private(fd, mem, "loaded with backend_type File");
	munmap(mem, SIZE);
	mem = must(mmap(kept, SIZE, RW, MAP_NORESERVE | MAP_PRIVATE |
			MAP_FIXED, fd, 0));
	runs_private(fd, mem, "  by version 1.17");
	munmap(mem, SIZE);
	mem = must(mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd,
			0));
	is(touch_read(mem), 0, "  the example of a handler for Uffd reads it");
	munmap(mem, SIZE);
	close(fd);
}

static void test_pmem(void)
{
	int fd = must(open(PMEM, O_RDWR | O_CLOEXEC));
	char *mem = must(mmap(NULL, SIZE, RW, MAP_SHARED | MAP_NORESERVE, fd,
			      0));

	is((uintptr_t)mem % BLOCK, 0, "pmem: mapped at 2 MiB");
	runs_hidden(fd, mem, "pmem");
	is(msync(mem, SIZE, MS_SYNC), 0, "  a guest's flush works");
	munmap(mem, SIZE);
	close(fd);
}

static void test_pmem_read_only(void)
{
	int fd = must(open(PMEM, O_RDONLY | O_CLOEXEC));
	char *mem = must(mmap(NULL, SIZE, PROT_READ, MAP_SHARED |
			      MAP_NORESERVE, fd, 0));

	takes_read_only(mem, "pmem with read_only");
	munmap(mem, SIZE);
	close(fd);
}

/* The end of the last 2 MiB is anonymous memory. */
static void test_pmem_of_odd_size(void)
{
	size_t odd = SIZE - 5 * PAGE;
	int fd = new_file(odd);
	char *mem = must(mmap(NULL, SIZE, RW, MAP_PRIVATE | MAP_NORESERVE |
			      MAP_ANONYMOUS, -1, 0));
	struct vm vm;

	ok(mmap(mem, odd, RW, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) ==
	   mem, "pmem of an odd size: mapped over anonymous memory");
	vm_make(&vm, 1, false);
	is(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE), 0,
	   "  KVM takes both as a memslot");
	ok(guest_sweeps(&vm), "  a guest uses all of it");
	is(vm.vcpus[0].guest->wrong, 0, "  and finds what it wrote");
	is(get_info(fd).hidden, odd, "  what the file has is hidden");
	ok(kernel_reads(mem + odd), "  the rest is ordinary");
	vm_free(&vm);
	munmap(mem, SIZE);
	close(fd);
}

int main(void)
{
	test_anonymous();
	test_memfd();
	write_snapshot();
	test_load();
	must(unlink(SNAPSHOT));
	make_file(PMEM, SIZE);
	test_pmem();
	test_pmem_read_only();
	must(unlink(PMEM));
	test_pmem_of_odd_size();
	nothing_is_left();
	return done_testing();
}
