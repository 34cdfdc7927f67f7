/* SPDX-License-Identifier: MIT */
/*
 * libgmem: guest memory for VMMs that is not in the host kernel's direct map.
 *
 * These rules hold for all calls, unless the comment of a call says otherwise:
 *  - Sizes and offsets are in bytes. The offset and the size of a range are
 *    multiples of GMEM_PAGE_SIZE.
 *  - A range of no bytes, a range that ends over 2^63 - 1, and flag bits that
 *    this header doesn't define are refused with -EINVAL, and nothing is
 *    changed. This is the same for each kernel and each kind of memory.
 *  - Pointers must be valid. A bad pointer causes SIGSEGV, not an error. A bad
 *    path is the exception: it is -EFAULT.
 *  - A call that can fail returns a negative errno, and 0 on success. errno is
 *    not part of the result. gmem_last_error() explains the last failure.
 *  - -EBADF always means that a descriptor isn't open, or not as the call needs
 *    it; -ENOTTY, that it isn't a file or directory of a gmemfs.
 *  - Any thread may make any call at any time.
 *  - A signal handler, whatever code it has interrupted, may open and close
 *    windows (gmem_window.h), and call gmem_region_read(), gmem_region_write(),
 *    gmem_fault_describe() and gmem_last_error(), and no others. It restores
 *    errno. A handler of a signal of faults (SIGSEGV, SIGBUS, SIGILL, SIGFPE,
 *    SIGTRAP, SIGSYS, SIGABRT) may make only the last two of these calls.
 *  - fork() is safe, whatever other threads do in the library meanwhile. The
 *    child can use the library, but not the parent's regions and VMs: calls for
 *    these return -ESTALE. Destroying one frees only the child's copy. After
 *    vfork(), _Fork() or clone() the child must make no calls. Handlers that
 *    pthread_atfork() got before the library was loaded must take no lock under
 *    which other threads call the library: these and fork() would deadlock.
 *  - No call is a cancellation point. A thread that makes calls must not be
 *    cancelled asynchronously.
 *  - Descriptors that a call returns are close-on-exec.
 *
 * States, flags and structs of files are those of the module: linux/gmemfs.h.
 */
#ifndef GMEM_H
#define GMEM_H

#include <gmem_channel.h>
#include <gmem_file.h>
#include <linux/gmemfs.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The mount point that calls use if the caller gives none. */
#define GMEM_DEFAULT_MOUNT	"/dev/gmem"

/* ---- errors ---- */

/**
 * gmem_last_error() - what went wrong and what to do about it
 *
 * Return: a sentence without a line break about the last call of this thread
 * that failed, or "". It is valid until the next call of this thread that
 * fails.
 */
const char *gmem_last_error(void);

/* ---- regions: memory for a guest, whatever kind the host has ---- */

/* Kinds of memory, in the order in which gmem_region_create() tries them. */
#define GMEM_BACKEND_GMEMFS		0	/* this project's file system */
#define GMEM_BACKEND_GUEST_MEMFD	1	/* KVM's own, from Linux 6.18 */
#define GMEM_BACKEND_MEMFD		2	/* ordinary memory */
#define GMEM_BACKENDS			3

/*
 * What protects a region's memory.
 *
 * GMEM_PROTECT_HIDDEN: the region's private memory is not in the host kernel's
 * direct map, except for pages that KVM has borrowed.
 *
 * GMEM_PROTECT_NO_GUP: the kernel refuses to pin memory of the region's mapping
 * (get_user_pages()), for O_DIRECT, for io_uring's buffers and for another
 * process. Pages that gmem_vm_write_msr() has made shared are an exception.
 *
 * GMEM_PROTECT_HUGE: all memory that the region holds now is in 2 MiB blocks.
 * If the caller demands this flag, all memory will always be.
 *
 * GMEM_PROTECT_WINDOWS: a thread that has no window open can't access memory
 * through the region's mapping. GMEM_PROTECT_PROCESS_WINDOWS: no thread can,
 * while no thread has a window open and no vCPU runs.
 */
#define GMEM_PROTECT_HIDDEN		(1ULL << 0)
#define GMEM_PROTECT_NO_GUP		(1ULL << 1)
#define GMEM_PROTECT_HUGE		(1ULL << 2)
#define GMEM_PROTECT_WINDOWS		(1ULL << 3)
#define GMEM_PROTECT_PROCESS_WINDOWS	(1ULL << 4)

/*
 * Kinds of windows, see gmem_window.h. If the CPU, the kernel or the process
 * has no protection keys, a region gets GMEM_WINDOWS_PROCESS where
 * GMEM_WINDOWS_OR_PROCESS is added to the kind, and else GMEM_WINDOWS_NONE.
 */
#define GMEM_WINDOWS_NONE	0	/* the mapping is always open */
#define GMEM_WINDOWS_KEYS	1	/* protection keys, shared by regions */
#define GMEM_WINDOWS_OWN_KEY	2	/* a key that no other region gets */
#define GMEM_WINDOWS_PROCESS	3	/* mprotect(): slow, for all threads */
#define GMEM_WINDOWS_OR_PROCESS	0x100

/**
 * struct gmem_region_options - the region to make; fields that aren't set are 0
 * @size: its length in bytes; a multiple of GMEM_PAGE_SIZE, not 0
 * @flags: GMEM_FLAG_* for a file of gmemfs; checked for all backends
 * @demand: GMEM_PROTECT_*: the call fails if the region would lack one of them
 * @backends: a bit, 1 << GMEM_BACKEND_*, for each that will do; 0 for all
 * @directory: a directory of a gmemfs mount; NULL for GMEM_DEFAULT_MOUNT
 * @fd: a file of gmemfs to use instead of a new one, at least @size bytes long;
 *	0 or less for none. The library duplicates the descriptor. It then tries
 *	no other backend, and @flags must be 0
 * @vm_fd: a VM of KVM, which guest_memfd needs; 0 or less for none
 * @windows: GMEM_WINDOWS_*. A demand for windows replaces GMEM_WINDOWS_NONE,
 *	also with _OR_PROCESS, by GMEM_WINDOWS_KEYS or GMEM_WINDOWS_PROCESS
 * @reserved32: 0
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
 * struct gmem_region - a guest's memory, mapped
 * @address: address of the mapping
 * @size: its length in bytes
 * @fd: the file; it stays the region's
 * @backend: GMEM_BACKEND_*
 * @windows: the kind of windows that the region has: GMEM_WINDOWS_*
 * @key: its protection key; valid while GMEM_NO_KEY isn't set in @users
 * @users: how many windows are open; with GMEM_NO_KEY if there is no key
 * @last_use: the value of *@misses when a window was last opened
 * @misses: how often any region had to get a key before a window could open
 *
 * The caller only reads the first five fields. The others are for
 * gmem_window.h. Only the library makes regions; it may add fields at the end.
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
 * @holds: the GMEM_PROTECT_* that are true now
 * @populated: memory that the region's file holds, in bytes, like the following
 * @hidden: the part of @populated that is not in the direct map
 * @lent: the part that is in the direct map because KVM has borrowed it
 * @shared: the part that is shared; all of it with other backends than gmemfs
 * @huge: the part in 2 MiB blocks; 0 with other backends than gmemfs
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
 * @options: the region to make
 * @region: the call sets it to the new region
 *
 * The library tries the backends in their order, and takes the first one that
 * is available and meets @options->demand. If none does, gmem_last_error()
 * gives the reason for each. The mapping is neither in core dumps nor in child
 * processes, even if another thread forks meanwhile.
 *
 * Return: 0; -EINVAL for options that are wrong; -ENOMEM. If no backend will
 * do: -EOPNOTSUPP if one lacked what is demanded, or is guest_memfd of a kernel
 * before 6.18; otherwise the error of the first backend that was tried. With
 * GMEM_WINDOWS_OWN_KEY that may be -EBUSY: all protection keys are taken.
 */
int gmem_region_create(const struct gmem_region_options *options,
		       struct gmem_region **region);

/**
 * gmem_region_destroy() - unmap a region and close its file
 * @region: the region; NULL does nothing
 *
 * No slot of a VM may use it any more, no window may be open, and no other
 * thread may be in a call for it. Then the library forgets its addresses.
 */
void gmem_region_destroy(struct gmem_region *region);

/**
 * gmem_region_protection() - ask the region's file what protects it
 * @region: the region
 * @protection: the call fills it
 *
 * Return: 0, or an error of the kernel if the file doesn't answer.
 */
int gmem_region_protection(const struct gmem_region *region,
			   struct gmem_protection *protection);

/**
 * gmem_region_convert() - make a part of a region private or shared
 * @region: the region
 * @offset: where the part begins in the region
 * @size: its length
 * @attributes: as for gmem_file_convert()
 * @flags: as for gmem_file_convert()
 * @timeout_ms: as for gmem_file_convert()
 * @error_offset: as for gmem_file_convert()
 *
 * A page of a clock (see gmem_vm_write_msr()) stays shared as long as the clock
 * uses it. When its last clock ends, it becomes what the last conversion asked
 * for, and is zeroed if one meanwhile had GMEM_CONVERT_ZERO. A file that has
 * GMEM_FLAG_ZERO_ON_CONVERT zeroes it also when its first clock begins.
 *
 * Return: as gmem_file_convert(), with -EINVAL if the part isn't inside of the
 * region; -EOPNOTSUPP for private if the backend has no private memory.
 */
int gmem_region_convert(struct gmem_region *region, uint64_t offset,
			uint64_t size, uint64_t attributes, uint64_t flags,
			int timeout_ms, uint64_t *error_offset);

/**
 * gmem_region_shared() - get a mapping in which shared memory can be pinned
 * @region: the region
 * @address: set to a mapping of the whole region, which lasts as long as that
 *
 * With gmemfs this is a mapping of the shared view, without windows: its shared
 * pages can be pinned (O_DIRECT and the like), and an access to a private page
 * gets SIGBUS. With other backends it is the region's own mapping.
 *
 * Return: 0, or an error of gmem_file_shared_view() or gmem_file_map().
 */
int gmem_region_shared(struct gmem_region *region, void **address);

/* The same fields, for a program that can't read the struct. */
void *gmem_region_address(const struct gmem_region *region);
uint64_t gmem_region_size(const struct gmem_region *region);
int gmem_region_fd(const struct gmem_region *region);
const char *gmem_region_backend(const struct gmem_region *region);

/* ---- VMs: regions as memory slots, and clocks without the guard ---- */

struct kvm_cpuid2;
struct kvm_run;

/*
 * If the module's guard is off or not available, a guest could crash the host.
 * A VMM prevents this if it does all of the following:
 *  - it changes the VM's slots only by gmem_vm_add() and gmem_vm_remove();
 *  - it calls gmem_vm_trap_clocks() before the first vCPU runs, and
 *    gmem_vm_handle_exit() after each KVM_RUN;
 *  - it calls gmem_vm_write_msr() instead of KVM_SET_MSRS for the MSRs of
 *    GMEM_CLOCK_MSRS, when it restores a VM;
 *  - it calls gmem_cpuid_forbid_nesting() for what it gives to KVM_SET_CPUID2,
 *    and refuses saved registers with EFER.SVME (KVM_SET_SREGS): some versions
 *    of KVM don't compare them with CPUID;
 *  - it uses neither Xen emulation (KVM_XEN_HVM_CONFIG) nor SEV.
 *
 * This is for x86 only: on others, KVM keeps no page of a guest mapped.
 */
#define GMEM_CLOCK_MSRS		{ 0x12, 0x4b564d01 }

/**
 * struct gmem_vm - the library's record of a VM: its slots and its clocks
 *
 * One for each VM. Calls for a vCPU come from the thread that runs the vCPU.
 */
struct gmem_vm;

/**
 * gmem_vm_create() - make the library's record of a VM
 * @vm_fd: the VM; the caller keeps it open until after gmem_vm_destroy()
 * @vm: the call sets it to the record
 *
 * Return: 0; -ENOMEM.
 */
int gmem_vm_create(int vm_fd, struct gmem_vm **vm);

/**
 * gmem_vm_destroy() - free the record of a VM
 * @vm: the record; NULL does nothing. No vCPU of the VM may run any more
 */
void gmem_vm_destroy(struct gmem_vm *vm);

/**
 * gmem_vm_add() - give a VM a part of a region as a slot, or change a slot
 * @vm: the VM
 * @slot: the slot's number, as in struct kvm_userspace_memory_region
 * @guest_address: guest-physical address; a multiple of GMEM_PAGE_SIZE
 * @region: the region; it must outlive the slot
 * @offset: where the part begins in the region
 * @size: its length
 * @flags: KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, both, or 0
 *
 * Return: 0; -EINVAL for a part that isn't whole pages inside of the region, or
 * a wrong address or flag; -ENOMEM; an error of KVM_SET_USER_MEMORY_REGION,
 * such as -EEXIST if there is another slot; or, if a clock's page can't be
 * exposed, an error of gmem_vm_write_msr().
 */
int gmem_vm_add(struct gmem_vm *vm, uint32_t slot, uint64_t guest_address,
		struct gmem_region *region, uint64_t offset, uint64_t size,
		uint32_t flags);

/**
 * gmem_vm_remove() - take a slot away from a VM
 * @vm: the VM
 * @slot: the slot's number
 *
 * Return: 0; -ENOENT if the VM has no such slot; or an error as above.
 */
int gmem_vm_remove(struct gmem_vm *vm, uint32_t slot);

/**
 * gmem_vm_trap_clocks() - make a guest's writes to GMEM_CLOCK_MSRS exit
 * @vm: the VM
 *
 * The call enables KVM_CAP_X86_USER_SPACE_MSR with KVM_MSR_EXIT_REASON_FILTER,
 * and replaces the VM's MSR filter. A VMM with a filter of its own instead
 * enables the capability itself, and denies writes to these MSRs in its filter.
 *
 * Return: 0; -EOPNOTSUPP on other architectures; an error of KVM. In a child
 * process that is -EIO, not -ESTALE.
 */
int gmem_vm_trap_clocks(struct gmem_vm *vm);

/**
 * gmem_vm_handle_exit() - handle a guest's write to one of GMEM_CLOCK_MSRS
 * @vm: the VM
 * @vcpu_fd: the vCPU whose KVM_RUN has just returned
 * @run: its struct kvm_run
 *
 * Return: 1 if the exit was such a write, also if KVM refuses the value and the
 * guest gets #GP; the caller runs the vCPU again. 0 if the exit was another
 * one, which the caller handles. A negative errno of gmem_vm_write_msr() if the
 * write failed otherwise: the guest gets #GP, and the caller may run it again.
 */
int gmem_vm_handle_exit(struct gmem_vm *vm, int vcpu_fd, struct kvm_run *run);

/**
 * gmem_vm_write_msr() - write one of GMEM_CLOCK_MSRS for a vCPU
 * @vm: the VM
 * @vcpu_fd: the vCPU, which isn't running
 * @index: the MSR
 * @value: what to write
 *
 * If the value names a page in a region of gmemfs, the call makes it shared for
 * as long as the vCPU's clock uses it. Then the page becomes what it was.
 *
 * Return: 0; -EINVAL if @index isn't one of these MSRs, or if KVM refuses the
 * value; -ENOMEM; an error of gmem_file_shared_view(), gmem_file_populate(),
 * gmem_file_convert() or gmem_file_map(), if the page can't be exposed; an
 * error of KVM_SET_MSRS; -EOPNOTSUPP on other architectures.
 */
int gmem_vm_write_msr(struct gmem_vm *vm, int vcpu_fd, uint32_t index,
		      uint64_t value);

/**
 * gmem_vcpu_enforce_cpuid() - limit a guest to the KVM features in its CPUID
 * @vcpu_fd: the vCPU
 *
 * Return: 0; an error of KVM; -EOPNOTSUPP on other architectures than x86.
 */
int gmem_vcpu_enforce_cpuid(int vcpu_fd);

/**
 * gmem_cpuid_forbid_nesting() - remove VMX and SVM from a guest's CPUID
 * @cpuid: the table for KVM_SET_CPUID2
 *
 * While a guest runs guests, KVM keeps pages of it mapped that no VMM knows of.
 * Only the module's guard can handle those.
 */
void gmem_cpuid_forbid_nesting(struct kvm_cpuid2 *cpuid);

/* ---- windows, and faults outside of them: see gmem_window.h ---- */

/**
 * struct gmem_window_stats - what windows have cost so far, in this process
 * @keys: how many protection keys the library has for regions
 * @misses: how many windows were opened in a region that had no key then
 * @recycled: how often a region lost its key to another one
 * @waits: how many pauses of 50 us were made because windows used all keys
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
 * gmem_window_stats() - get what windows have cost so far
 * @stats: the call fills it
 */
void gmem_window_stats(struct gmem_window_stats *stats);

/**
 * gmem_region_read() - copy bytes out of a region, in a window of its own
 * @region: the region
 * @offset: where to begin in the region, any byte
 * @data: the buffer to copy to
 * @size: how many bytes; may be 0
 *
 * Return: 0; -ERANGE if not all is in the region; or as gmem_window_open().
 */
int gmem_region_read(struct gmem_region *region, uint64_t offset, void *data,
		     uint64_t size);

/* gmem_region_write() - copy bytes from @data into a region; else as above */
int gmem_region_write(struct gmem_region *region, uint64_t offset,
		      const void *data, uint64_t size);

/**
 * gmem_vcpu_run() - KVM_RUN, with all windows open while it lasts
 * @vcpu_fd: the vCPU
 *
 * KVM accesses the guest's memory with the rights of the thread that calls it.
 * During KVM_RUN the thread has all rights under all protection keys except key
 * 0, also under those that regions get meanwhile. Regions with windows by
 * mprotect() are open for all threads meanwhile. Other ioctls of KVM that
 * access guest memory (KVM_SET_MSRS of a page's address...) need a window, too.
 *
 * Return: 0; an error of mprotect(2); or one of KVM_RUN: -EINTR, -EAGAIN...
 */
int gmem_vcpu_run(int vcpu_fd);

#ifdef __cplusplus
}
#endif

#include <gmem_window.h>

#endif /* GMEM_H */
