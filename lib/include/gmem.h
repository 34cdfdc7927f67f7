/* SPDX-License-Identifier: MIT */
/*
 * libgmem: guest memory that is not in the host kernel's direct map, for the
 * authors of VMMs.
 *
 * Rules for all of it:
 *
 *  - Sizes and offsets are in bytes. Ranges are in whole pages of
 *    GMEM_PAGE_SIZE, unless it says otherwise.
 *  - A range of no bytes, one whose end is not a number of 63 bits, and bits
 *    of flags that this header doesn't have are refused, with -EINVAL unless it
 *    says otherwise, whatever the kernel or the kind of memory would make of
 *    them. Nothing is done then.
 *  - Pointers are to what is there: one that isn't is a SIGSEGV, not an error,
 *    but where it says -EFAULT, and for paths, which are -EFAULT too.
 *  - A call that can fail returns a negative errno, and 0 or what it says when
 *    it succeeds. gmem_last_error() has a sentence for the last failure of the
 *    calling thread.
 *  - All calls may be made from any thread at any time, unless it says
 *    otherwise. errno is no part of the answer.
 *  - A signal handler, whatever it has interrupted, may open and close windows
 *    (gmem_window.h), and call gmem_region_read(), gmem_region_write(),
 *    gmem_fault_describe() and gmem_last_error(); nothing else. It puts errno
 *    back. Not so handlers of the signals by which a fault is told (SIGSEGV,
 *    SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGABRT): only the last two of
 *    these calls are for them.
 *  - fork() is safe, whatever other threads are at in the library. In the child
 *    the library can be used, but not what the parent has made: calls for such
 *    a region or VM say -ESTALE, and to destroy one only frees what the child
 *    has of it. After vfork(), _Fork() or clone() the child makes no calls.
 *    What pthread_atfork() has been given before the library was loaded takes
 *    no lock within which other threads call the library: fork() would wait
 *    for these, and they for fork().
 *  - No call is a cancellation point. Asynchronous cancellation isn't for
 *    threads that make any.
 *  - Descriptors are close-on-exec.
 *
 * States, flags and structs of files are those of the kernel module's ABI,
 * linux/gmemfs.h, which comes with this header.
 */
#ifndef GMEM_H
#define GMEM_H

#include <linux/gmemfs.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where gmemfs is mounted unless somebody says otherwise. */
#define GMEM_DEFAULT_MOUNT	"/dev/gmem"

/* ---- errors ---- */

/**
 * gmem_last_error() - what went wrong and what to do about it
 *
 * Return: a sentence without a line break about the last call of this thread
 * that failed; "" if none did. It is valid until this thread's next call that
 * fails.
 */
const char *gmem_last_error(void);

/* ---- files ---- */

/**
 * gmem_file_create() - make a file without a name
 * @directory: in a gmemfs mount; NULL for GMEM_DEFAULT_MOUNT
 * @size: length of the file, which takes no memory yet
 * @flags: GMEM_FLAG_*, instead of those of the mount
 *
 * The file goes with the last descriptor and mapping of it.
 *
 * Return: a descriptor, to read and write; -ENOTTY if this is no gmemfs,
 * -ENOENT if there is no such directory, -EACCES, -EINVAL for flags that are
 * unknown or exclude each other, -ENOSPC, -EFBIG, -EMFILE, -ENOMEM.
 */
int gmem_file_create(const char *directory, uint64_t size, uint64_t flags);

/**
 * gmem_file_open() - open a file that has a name
 * @path: the file
 * @flags: of open(2): O_RDONLY or O_RDWR, perhaps with O_CREAT (the file gets
 *	   mode 0600 less the umask, size 0, and the mount's flags), O_EXCL,
 *	   O_NOFOLLOW; and no others
 *
 * Outside of a gmemfs nothing is made, and neither a device nor a pipe opened.
 * To make a file takes the right to read its directory, too. A symbolic link
 * to nothing is no name to make one by.
 *
 * Return: a descriptor; -ENOTTY if that isn't a file in a gmemfs, or wouldn't
 * be; -EINVAL for other flags; or an error of open(2).
 */
int gmem_file_open(const char *path, int flags);

/**
 * gmem_file_info() - what a file holds
 * @fd: the file
 * @info: filled
 *
 * Return: 0; -ENOTTY, -EBADF; -EFAULT if @info can't be written to.
 */
int gmem_file_info(int fd, struct gmem_info *info);

/**
 * gmem_file_resize() - change a file's length
 * @fd: the file, open for writing
 * @size: any number of bytes; what is beyond it is given back
 *
 * Return: 0, or an error of ftruncate(2).
 */
int gmem_file_resize(int fd, uint64_t size);

/**
 * gmem_file_map() - map a file's guest view, or its shared view
 * @fd: the file, or its shared view
 * @offset: where the mapping begins in the file, in whole pages
 * @size: its length, any number of bytes but 0
 * @prot: PROT_READ, PROT_WRITE
 * @address: set to where it is, at a multiple of 2 MiB where the offset is one
 *
 * The guest view is what KVM gets as a memslot. Accesses to memory that the
 * host doesn't have, or beyond the file's end, get SIGBUS. munmap(2) ends it.
 *
 * Return: 0; -EPERM if the module's guard isn't in place, -EINVAL, -EACCES,
 * -ENOMEM.
 */
int gmem_file_map(int fd, uint64_t offset, uint64_t size, int prot,
		  void **address);

/**
 * gmem_file_shared_view() - open a file's shared view
 * @fd: the file
 *
 * In a mapping of it, shared pages are ordinary memory (for O_DIRECT, io_uring,
 * vhost...), and private ones give SIGBUS.
 *
 * Return: a descriptor; -ENOTTY, -EMFILE, -ENOMEM.
 */
int gmem_file_shared_view(int fd);

/**
 * gmem_file_state() - the state of each page of a range
 * @fd: the file
 * @offset: where the range begins
 * @size: its length
 * @states: gets @size / GMEM_PAGE_SIZE bytes of GMEM_STATE_*
 *
 * Return: 0; -EINVAL if the range isn't whole pages inside of the file,
 * -ENOTTY, -EINTR; -EFAULT if @states can't be written to.
 */
int gmem_file_state(int fd, uint64_t offset, uint64_t size, uint8_t *states);

/**
 * gmem_file_populate() - get the memory of a range now
 * @fd: the file, open for writing
 * @offset: where the range begins, any byte
 * @size: its length
 *
 * Return: 0; -ENOSPC if the mount hasn't as much, -ENOMEM if the host hasn't,
 * -EINVAL, -EINTR, -EFBIG.
 */
int gmem_file_populate(int fd, uint64_t offset, uint64_t size);

/**
 * gmem_file_punch() - give the memory of a range back
 * @fd: the file, open for writing
 * @offset: where the range begins, any byte
 * @size: its length
 *
 * It reads as zeros from now on. What is wanted private or shared stays so.
 *
 * Return: 0; -EINVAL, -EINTR.
 */
int gmem_file_punch(int fd, uint64_t offset, uint64_t size);

/**
 * gmem_file_convert() - make a range private or shared, in place
 * @fd: the file, open for writing
 * @offset: where the range begins
 * @size: its length
 * @attributes: GMEM_ATTRIBUTE_PRIVATE, or 0 for shared
 * @flags: GMEM_CONVERT_ZERO, or 0
 * @timeout_ms: how long to wait for pages that somebody has pinned: 0 not at
 *		all, negative for ever
 * @error_offset: NULL, or set to where the conversion stopped: all before it
 *		  is converted. At the range's end if nothing failed
 *
 * While a page is pinned this tries again after pauses that grow from 50 us to
 * 20 ms. To go on after -EAGAIN or -EINTR, make the same call again, for all of
 * the range or from *@error_offset on.
 *
 * Return: 0; -EAGAIN a page was pinned to the end; -EINTR a signal handler ran
 * in a pause or within the kernel; -ENOMEM; -EINVAL if the range isn't whole
 * pages inside of the file, or a bit is unknown; -EBADF, -ENOTTY.
 */
int gmem_file_convert(int fd, uint64_t offset, uint64_t size,
		      uint64_t attributes, uint64_t flags, int timeout_ms,
		      uint64_t *error_offset);

/* ---- regions: memory for a guest, whatever kind the host has ---- */

/* Kinds of memory, in the order in which they are tried. */
#define GMEM_BACKEND_GMEMFS		0	/* this project's file system */
#define GMEM_BACKEND_GUEST_MEMFD	1	/* KVM's own, Linux 6.18 */
#define GMEM_BACKEND_MEMFD		2	/* ordinary memory */
#define GMEM_BACKENDS			3

/*
 * What protects a region's memory.
 *
 * GMEM_PROTECT_HIDDEN: private memory is out of the host kernel's direct map,
 * but for the pages that KVM has borrowed.
 *
 * GMEM_PROTECT_NO_GUP: nobody pins memory through the region's mapping: not
 * O_DIRECT, not io_uring's buffers, not another process (get_user_pages()). But
 * for the pages that gmem_vm_write_msr() has made shared.
 *
 * GMEM_PROTECT_HUGE: what memory there is comes in 2 MiB blocks; demanded, it
 * always will.
 *
 * GMEM_PROTECT_WINDOWS: a thread that has no window open can't touch memory by
 * the region's mapping.
 *
 * GMEM_PROTECT_PROCESS_WINDOWS: as long as no thread has one open, and no vCPU
 * runs.
 */
#define GMEM_PROTECT_HIDDEN		(1ULL << 0)
#define GMEM_PROTECT_NO_GUP		(1ULL << 1)
#define GMEM_PROTECT_HUGE		(1ULL << 2)
#define GMEM_PROTECT_WINDOWS		(1ULL << 3)
#define GMEM_PROTECT_PROCESS_WINDOWS	(1ULL << 4)

/*
 * Kinds of windows, see gmem_window.h. With GMEM_WINDOWS_OR_PROCESS, a CPU that
 * has no protection keys gets GMEM_WINDOWS_PROCESS; otherwise it gets none.
 */
#define GMEM_WINDOWS_NONE	0	/* the mapping is always open */
#define GMEM_WINDOWS_KEYS	1	/* keys, with which they take turns */
#define GMEM_WINDOWS_OWN_KEY	2	/* a key that no other region gets */
#define GMEM_WINDOWS_PROCESS	3	/* mprotect(), slow, for all threads */
#define GMEM_WINDOWS_OR_PROCESS	0x100

/**
 * struct gmem_region_options - what region to make; what isn't set is 0
 * @size: its length
 * @flags: GMEM_FLAG_* of the file, where that is gmemfs's; wrong ones are
 *	   refused also where it isn't
 * @demand: GMEM_PROTECT_*: no region rather than one without these
 * @backends: a bit, 1 << GMEM_BACKEND_*, for each that will do; 0: all
 * @directory: where gmemfs is mounted; NULL: GMEM_DEFAULT_MOUNT
 * @fd: a file of gmemfs's to take instead of a new one, and no other backend;
 *	0 or less: none. It is duplicated and stays the caller's. @flags must
 *	be 0
 * @vm_fd: a VM of KVM's, which guest_memfd needs; 0 or less: none
 * @windows: GMEM_WINDOWS_*; a demand for windows goes before NONE, also where
 *	that is with OR_PROCESS: it gets GMEM_WINDOWS_KEYS or _PROCESS
 * @reserved: 0
 */
struct gmem_region_options {
	uint64_t size;
	uint64_t flags;
	uint64_t demand;
	uint64_t backends;
	const char *directory;
	int fd;
	int vm_fd;
	uint32_t windows;
	uint32_t reserved32;
	uint64_t reserved[5];
};

/**
 * struct gmem_region - a guest's memory, mapped; to be read only
 * @address: where it is mapped
 * @size: its length
 * @fd: its file
 * @backend: GMEM_BACKEND_*
 * @windows: GMEM_WINDOWS_*, what kind it has
 * @key: its protection key, while @users says that it has one
 * @users: windows that are open, and GMEM_NO_KEY
 * @last_use: *@misses when a window was last opened
 * @misses: how often a region without a key had to get one, anywhere
 *
 * Regions are made by the library, which may add fields at the end.
 */
struct gmem_region {
	void *address;
	uint64_t size;
	int fd;
	uint32_t backend;
	uint32_t windows;
	int32_t key;
	uint32_t users;
	uint32_t last_use;
	const uint32_t *misses;
};

#define GMEM_NO_KEY	0x80000000U

/**
 * struct gmem_protection - what protects a region now, and how much of it
 * @holds: GMEM_PROTECT_*
 * @populated: memory that the region has
 * @hidden: the part of it that is out of the direct map
 * @lent: the part that is in there because KVM has borrowed it
 * @shared: the part that is in there because it's shared
 * @huge: the part that is held in 2 MiB blocks
 * @reserved: 0
 */
struct gmem_protection {
	uint64_t holds;
	uint64_t populated;
	uint64_t hidden;
	uint64_t lent;
	uint64_t shared;
	uint64_t huge;
	uint64_t reserved[4];
};

/**
 * gmem_region_create() - make memory for a guest, and map it
 * @options: what is wanted
 * @region: set to the region
 *
 * Backends are tried in their order. The first that is there and has what is
 * demanded is taken. If none has, gmem_last_error() says of each why not. The
 * mapping is neither in core dumps nor in children, also if another thread
 * forks meanwhile.
 *
 * Return: 0; -EOPNOTSUPP if memory can be had, but not with what is demanded;
 * -EINVAL for options that make no sense; else the error of the first backend.
 */
int gmem_region_create(const struct gmem_region_options *options,
		       struct gmem_region **region);

/**
 * gmem_region_destroy() - unmap a region and let its memory go
 * @region: the region, of which no slot of a VM may be left, no window be open,
 *	    and which no other call is about; NULL does nothing
 *
 * What comes to its addresses afterwards, the library doesn't touch.
 */
void gmem_region_destroy(struct gmem_region *region);

/**
 * gmem_region_protection() - ask the region's file what protects it
 * @region: the region
 * @protection: filled
 *
 * Return: 0, or an error of gmem_file_info() but -EFAULT.
 */
int gmem_region_protection(const struct gmem_region *region,
			   struct gmem_protection *protection);

/**
 * gmem_region_convert() - make a part of it private or shared
 * @region: the region
 * @offset: where the part begins
 * @size: its length
 * @attributes: as for gmem_file_convert(), and all that follow
 * @flags: as there
 * @timeout_ms: as there
 * @error_offset: as there
 *
 * Pages that KVM has in use by gmem_vm_write_msr() stay shared until it has
 * done with them, and are then as was wanted last; with GMEM_CONVERT_ZERO, they
 * are zeroed then.
 *
 * Return: as gmem_file_convert(), where -EINVAL is for what isn't inside of the
 * region, though its file may be longer; -EOPNOTSUPP for GMEM_ATTRIBUTE_PRIVATE
 * where the backend has no private memory.
 */
int gmem_region_convert(struct gmem_region *region, uint64_t offset,
			uint64_t size, uint64_t attributes, uint64_t flags,
			int timeout_ms, uint64_t *error_offset);

/**
 * gmem_region_shared() - where shared memory can be pinned
 * @region: the region
 * @address: set to a mapping of all of the region, which lasts as long as that
 *
 * With gmemfs it is the shared view: for O_DIRECT and the like, and SIGBUS on
 * private pages. With others it's the region's own mapping.
 *
 * Return: 0, or an error of gmem_file_shared_view() or gmem_file_map().
 */
int gmem_region_shared(struct gmem_region *region, void **address);

/* What a program that can't read the struct asks. */
void *gmem_region_address(const struct gmem_region *region);
uint64_t gmem_region_size(const struct gmem_region *region);
int gmem_region_fd(const struct gmem_region *region);
const char *gmem_region_backend(const struct gmem_region *region);

/* ---- VMs: regions as memory slots, and clocks without the guard ---- */

struct kvm_cpuid2;
struct kvm_run;

/*
 * Where the module's guard is off or can't be had, a VMM keeps its host alive
 * by all of this:
 *
 *  - the VM's slots come from gmem_vm_add() and go by gmem_vm_remove();
 *  - gmem_vm_trap_clocks() before the first vCPU runs, gmem_vm_handle_exit()
 *    after each KVM_RUN, and gmem_vm_write_msr() instead of KVM_SET_MSRS for
 *    the MSRs of GMEM_CLOCK_MSRS (a VM that is restored);
 *  - gmem_cpuid_forbid_nesting() on what goes to KVM_SET_CPUID2;
 *  - no Xen emulation (KVM_XEN_HVM_CONFIG), no SEV.
 *
 * x86 only; elsewhere KVM keeps no page of a guest.
 */
#define GMEM_CLOCK_MSRS		{ 0x12, 0x4b564d01 }

/**
 * struct gmem_vm - what the library knows of a VM: its slots, its clocks
 *
 * One for each VM. Calls for a vCPU come from the thread that runs it.
 */
struct gmem_vm;

/**
 * gmem_vm_create() - begin to keep book on a VM
 * @vm_fd: the VM, which stays the caller's and open until gmem_vm_destroy()
 * @vm: set
 *
 * Return: 0; -ENOMEM.
 */
int gmem_vm_create(int vm_fd, struct gmem_vm **vm);

/**
 * gmem_vm_destroy() - end that
 * @vm: no vCPU of it runs any more, or ever again; NULL does nothing
 */
void gmem_vm_destroy(struct gmem_vm *vm);

/**
 * gmem_vm_add() - give a VM a part of a region, or change a slot
 * @vm: the VM
 * @slot: the slot's number
 * @guest_address: where the guest finds it
 * @region: whose memory, which must outlive the slot
 * @offset: where the part begins
 * @size: its length
 * @flags: KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY
 *
 * Return: 0; -EINVAL for a part that isn't whole pages inside of the region, an
 * address where that can't be, or other flags; and what
 * KVM_SET_USER_MEMORY_REGION refuses: -EEXIST another slot is there.
 */
int gmem_vm_add(struct gmem_vm *vm, uint32_t slot, uint64_t guest_address,
		struct gmem_region *region, uint64_t offset, uint64_t size,
		uint32_t flags);

/**
 * gmem_vm_remove() - take a slot away
 * @vm: the VM
 * @slot: the slot's number
 *
 * Return: 0; -ENOENT there is none.
 */
int gmem_vm_remove(struct gmem_vm *vm, uint32_t slot);

/**
 * gmem_vm_trap_clocks() - have guests' writes to GMEM_CLOCK_MSRS come here
 * @vm: the VM
 *
 * Enables KVM_CAP_X86_USER_SPACE_MSR with KVM_MSR_EXIT_REASON_FILTER, and sets
 * the VM's MSR filter, which has no other use then. A VMM with a filter of its
 * own denies writes to these MSRs in there, instead of this call.
 *
 * Return: 0; -EOPNOTSUPP on other architectures; an error of KVM.
 */
int gmem_vm_trap_clocks(struct gmem_vm *vm);

/**
 * gmem_vm_handle_exit() - see to a write to one of GMEM_CLOCK_MSRS
 * @vm: the VM
 * @vcpu_fd: the vCPU whose KVM_RUN has just returned
 * @run: its struct kvm_run
 *
 * Return: 1 that is what it was, run it again; 0 it was something else, which
 * is the caller's; a negative errno if the page can't be exposed: the guest
 * gets #GP, and can be run again.
 */
int gmem_vm_handle_exit(struct gmem_vm *vm, int vcpu_fd, struct kvm_run *run);

/**
 * gmem_vm_write_msr() - write one of GMEM_CLOCK_MSRS for a vCPU
 * @vm: the VM
 * @vcpu_fd: the vCPU, which isn't running
 * @index: the MSR
 * @value: what to write
 *
 * Makes the page that it names shared for as long as the clock is there, and
 * what it was afterwards.
 *
 * Return: 0; -EINVAL the MSR isn't one of these, or KVM refuses the value;
 * -ENOSPC, -ENOMEM, or another error of what exposes a page.
 */
int gmem_vm_write_msr(struct gmem_vm *vm, int vcpu_fd, uint32_t index,
		      uint64_t value);

/**
 * gmem_vcpu_enforce_cpuid() - a guest has those of KVM's features that CPUID
 * shows it, and no others
 * @vcpu_fd: the vCPU
 *
 * Return: 0; an error of KVM.
 */
int gmem_vcpu_enforce_cpuid(int vcpu_fd);

/**
 * gmem_cpuid_forbid_nesting() - take VMX and SVM out of what a guest gets
 * @cpuid: for KVM_SET_CPUID2
 *
 * While a guest runs guests, KVM keeps pages of it that no VMM knows of. Only
 * the guard can see to those.
 */
void gmem_cpuid_forbid_nesting(struct kvm_cpuid2 *cpuid);

/* ---- windows, and faults outside of them: see gmem_window.h ---- */

/**
 * struct gmem_window_stats - what windows have cost so far, in this process
 * @keys: protection keys that the library has
 * @misses: windows opened in a region that had no key at the moment
 * @recycled: those for which another region lost its key
 * @waits: pauses because all keys were in use by open windows
 * @reserved: 0
 */
struct gmem_window_stats {
	uint64_t keys;
	uint64_t misses;
	uint64_t recycled;
	uint64_t waits;
	uint64_t reserved[4];
};

/**
 * gmem_window_stats() - what windows have cost so far
 * @stats: filled
 */
void gmem_window_stats(struct gmem_window_stats *stats);

/**
 * gmem_region_read() - copy out of a region, in a window of its own
 * @region: the region
 * @offset: where to begin, any byte
 * @data: where to
 * @size: how much
 *
 * Return: 0; -ERANGE that isn't all inside of the region; an error of
 * gmem_window_open().
 */
int gmem_region_read(struct gmem_region *region, uint64_t offset, void *data,
		     uint64_t size);

/* gmem_region_write() - the same in the other direction */
int gmem_region_write(struct gmem_region *region, uint64_t offset,
		      const void *data, uint64_t size);

/**
 * gmem_vcpu_run() - KVM_RUN, with windows open for as long as it takes
 * @vcpu_fd: the vCPU
 *
 * KVM reaches the guest's memory with the rights of the thread that calls it.
 * While it runs, all protection keys are open for it but the first one: also
 * those that regions get meanwhile. Other calls of KVM that reach memory
 * (KVM_SET_MSRS of a page's address...) need a window, too.
 *
 * Return: 0, or an error of KVM_RUN: -EINTR, -EAGAIN, -EFAULT.
 */
int gmem_vcpu_run(int vcpu_fd);

#ifdef __cplusplus
}
#endif

#include <gmem_window.h>

#endif /* GMEM_H */
