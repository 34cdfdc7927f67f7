// SPDX-License-Identifier: GPL-2.0
/*
 * early COMMAND: a VMM that has a VM before gmemfs is loaded. COMMAND loads it
 * and mounts it. A task of this process may have been in a call of KVM all the
 * time, and that call isn't hooked: so it can't map hidden memory.
 */
#include "../module/gmem_test.h"

#include <linux/kvm.h>

static bool can_map(int fd)
{
	void *p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return false;
	munmap(p, BLOCK);
	return true;
}

/* In a process of its own, which has another address space. */
static bool child_can_map(int fd)
{
	pid_t pid = must(fork());
	int status;

	if (!pid)
		_exit(can_map(fd) ? 0 : errno);
	must(waitpid(pid, &status, 0));
	return !status;
}

static int new_kept(void)
{
	struct gmem_create create = {
		.size = BLOCK, .flags = GMEM_FLAG_KEEP_DIRECT_MAP,
	};
	int dir = must(open(MNT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int fd = must(ioctl(dir, GMEM_CREATE, &create));

	close(dir);
	return fd;
}

int main(int argc, char **argv)
{
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	int vm = must(ioctl(kvm, KVM_CREATE_VM, 0)), fd, kept, view;

	if (argc < 2)
		bail_out("usage: early COMMAND");
	is(system(argv[1]), 0, "gmemfs is loaded while there is a VM");
	fd = new_file(BLOCK);
	ok(!can_map(fd) && errno == EPERM, "its VMM can't map hidden memory");
	ok(child_can_map(fd), "another process can");
	kept = new_kept();
	ok(can_map(kept), "what stays in the direct map can be mapped");
	must(set_shared(fd, 0, BLOCK));
	view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	ok(!can_map(view) && errno == EPERM,
	   "a shared view can't: its pages can become hidden");
	close(view);
	close(vm);
	ok(!can_map(fd), "nor can it when the VM is gone");
	vm = must(ioctl(kvm, KVM_CREATE_VM, 0));
	ok(child_can_map(fd), "a later VM makes no difference to others");
	close(vm);
	close(kvm);
	close(kept);
	close(fd);
	return done_testing();
}
