/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of other VMMs share. Each of them makes the system calls that
 * a VMM makes on its guest's memory: the same ones, in the same order and with
 * the same flags. docs/vmms.md names the sources from which they are known.
 *
 * Memory is hidden, or it is refused, or it is ordinary. Ordinary memory works,
 * but nobody has hidden it, because it isn't from gmemfs.
 */
#ifndef VMMS_H
#define VMMS_H

#include "../guard/kvm.h"
#include "../module/gmem_test.h"

#include <linux/magic.h>
#include <linux/userfaultfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define SIZE		GUEST_FILE_SIZE
#define SWEEPS		3	/* of the guest, over all of its memory */
#define RW		(PROT_READ | PROT_WRITE)
#define PUNCH		(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define LIKE_HUGETLBFS	"/run/vmms"	/* where mount_like_hugetlbfs() is */

/* madvise(): what comes of it. */
#define taken(mem, size, advice) \
	is(madvise(mem, size, advice), 0, "%s: taken", #advice)
#define refused(mem, size, advice) \
	is_errno(madvise(mem, size, advice), EINVAL, "%s: EINVAL", #advice)

static inline void mount_like_hugetlbfs(void)
{
	must(mkdir(LIKE_HUGETLBFS, 0755));
	must(mount("none", LIKE_HUGETLBFS, "gmemfs", 0, "statfs=hugetlbfs"));
}

/* What an administrator does before a VMM that makes no file: truncate -s. */
static inline void make_file(const char *path, off_t size)
{
	int fd = must(open(path, O_RDWR | O_CREAT | O_EXCL, 0600));

	must(ftruncate(fd, size));
	close(fd);
}

/* ---- what memory is ---- */

/* By GUP, which gets no page of a hidden mapping. */
static inline bool kernel_reads(char *mem)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { mem, 1 };

	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == 1;
}

static inline bool guest_sweeps(struct vm *vm)
{
	struct vcpu *cpu = &vm->vcpus[0];

	vcpu_reset(cpu, GUEST_SWEEP, 1);
	while (cpu->guest->sweeps < SWEEPS)
		if (vcpu_run(cpu) || cpu->run->exit_reason != KVM_EXIT_IO)
			return false;
	return true;
}

/*
 * A guest gets a file's SIZE bytes, which are zero, and writes to each page of
 * them. All of them must be hidden then.
 */
static inline void runs_hidden(int fd, char *mem, const char *what)
{
	struct gmem_info info;
	struct vm vm;

	vm_make(&vm, 1, false);
	is(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE), 0,
	   "%s: KVM takes it as a memslot", what);
	ok(guest_sweeps(&vm), "  the guest uses all of it");
	is(vm.vcpus[0].guest->wrong, 0, "  and finds what it wrote");
	info = get_info(fd);
	is(info.populated, SIZE, "  the file has all of it");
	is(info.hidden, SIZE, "  it is hidden");
	is(info.huge, SIZE, "  in 2 MiB blocks");
	ok(!kernel_reads(mem), "  the host's kernel can't read it");
	vm_free(&vm);
}

/*
 * The same for a private mapping: a clone has the memory. The file may have
 * data, which a guest that starts doesn't expect; then it has that afterwards.
 */
static inline void runs_private(int fd, char *mem, const char *what)
{
	bool empty = !get_info(fd).populated;
	long before = hidden_in_files();
	struct vm vm;

	vm_make(&vm, 1, false);
	is(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE), 0,
	   "%s: KVM takes it as a memslot", what);
	ok(guest_sweeps(&vm), "  the guest uses all of it");
	if (empty)
		is(vm.vcpus[0].guest->wrong, 0, "  and finds what it wrote");
	is(hidden_in_files() - before, SIZE, "  all of it is hidden");
	ok(!kernel_reads(mem), "  the host's kernel can't read it");
	vm_free(&vm);
}

/* Memory that is not from gmemfs works, too. */
static inline void is_ordinary(char *mem, const char *what)
{
	memset(mem, 'o', SIZE);
	ok(becomes("hidden_bytes", 0), "%s: nothing of it is hidden", what);
	ok(kernel_reads(mem), "  the host's kernel can read it");
}

/* KVM takes memory that the guest may only read. */
static inline void takes_read_only(char *mem, const char *what)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1, .flags = KVM_MEM_READONLY,
		.guest_phys_addr = GUEST_FILE, .memory_size = SIZE,
		.userspace_addr = (uintptr_t)mem,
	};
	struct vm vm;

	vm_make(&vm, 1, false);
	is(ioctl(vm.fd, KVM_SET_USER_MEMORY_REGION, &region), 0,
	   "%s: KVM takes it as a read-only memslot", what);
	vm_free(&vm);
}

/* ---- a memfd, which some VMMs make and no option replaces ---- */

static inline int sealed_memfd(const char *name)
{
	int fd = must(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));

	must(ftruncate(fd, SIZE));
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
	must(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	return fd;
}

static inline void no_seals_here(void)
{
	int fd = new_file(SIZE);

	is_errno(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), EINVAL,
		 "a file of gmemfs in place of the memfd takes no seals");
	close(fd);
}

/* ---- userfaultfd, which some VMMs restore or swap memory with ---- */

static inline int uffd_register(char *mem, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)mem, .len = SIZE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int uffd = must(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	int ret, err;

	must(ioctl(uffd, UFFDIO_API, &api));
	ret = ioctl(uffd, UFFDIO_REGISTER, &reg);
	err = errno;
	close(uffd);
	errno = err;
	return ret;
}

/* ---- a process that gets the file by a socket, as with vhost-user ---- */

union one_fd {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static inline void send_fd(int socket, int fd)
{
	union one_fd control = {};
	struct iovec iov = { "", 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(int));
	must(sendmsg(socket, &msg, 0));
}

static inline int receive_fd(int socket)
{
	union one_fd control = {};
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	int fd = -1;

	if (recvmsg(socket, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

#define ASKED		"asked"
#define ANSWERED	"answered"

/* In the back end: what was asked is there, and gets an answer. */
static inline int answer(int socket)
{
	int fd = receive_fd(socket);
	char *mem = mmap(NULL, SIZE, RW, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (mem == MAP_FAILED || strcmp(mem + BLOCK, ASKED))
		return 1;
	memcpy(mem + BLOCK, ANSWERED, sizeof(ANSWERED));
	return 0;
}

static inline void backend_works(int fd, char *mem, const char *what)
{
	int ends[2], status;
	pid_t pid;

	memcpy(mem + BLOCK, ASKED, sizeof(ASKED));
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	pid = must(fork());
	if (!pid) {
		munmap(mem, SIZE);
		_exit(answer(ends[1]));
	}
	send_fd(ends[0], fd);
	must(waitpid(pid, &status, 0));
	is(status, 0, "%s: a back end maps the file", what);
	is_str(mem + BLOCK, ANSWERED, "  and they share the memory");
	close(ends[0]);
	close(ends[1]);
}

#endif /* VMMS_H */
