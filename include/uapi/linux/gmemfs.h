/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * gmemfs: guest memory that is not in the kernel's direct map.
 *
 * This header is the whole ABI between gmemfs.ko and user space. No other file
 * defines a flag, an ioctl number or a struct of the ABI. These rules hold for
 * all of it:
 *
 *  - Fields have fixed widths. Structs have no padding: the module asserts
 *    their sizes.
 *  - Sizes and offsets are in bytes.
 *  - The caller sets reserved fields to zero, and the kernel returns them as
 *    zero. The kernel refuses other values with EINVAL, so that a later version
 *    can give these fields a meaning.
 */
#ifndef _UAPI_LINUX_GMEMFS_H
#define _UAPI_LINUX_GMEMFS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* statfs(2) f_type: "gmem" in ASCII. */
#define GMEMFS_MAGIC		0x676d656d

/*
 * A page is the smallest unit of state. A block is the unit in which the module
 * hides memory, where the host has that much contiguous memory.
 */
#define GMEM_PAGE_SIZE		4096UL
#define GMEM_BLOCK_SIZE		(512UL * GMEM_PAGE_SIZE)

/*
 * Flags of a file, in gmem_info.flags. A file gets its flags from its mount or
 * from GMEM_CREATE, and they never change.
 *
 * GMEM_FLAG_KEEP_DIRECT_MAP: the file's memory is never hidden. This flag is
 * for comparison: same code, same mappings, but no protection.
 *
 * GMEM_FLAG_NO_HUGE: the file holds its memory in single pages, never in 2 MiB
 * blocks.
 *
 * GMEM_FLAG_HUGE_ONLY: the file holds its memory in 2 MiB blocks, never in
 * single pages. An operation that needs memory fails if the host has no such
 * block free. This flag excludes GMEM_FLAG_NO_HUGE.
 *
 * GMEM_FLAG_INIT_SHARED: a page is shared until it is converted. Without this
 * flag it is private until then.
 *
 * GMEM_FLAG_ZERO_ON_CONVERT: each conversion of a page zeroes it.
 */
#define GMEM_FLAG_INIT_SHARED		(1ULL << 0)
#define GMEM_FLAG_ZERO_ON_CONVERT	(1ULL << 2)
#define GMEM_FLAG_KEEP_DIRECT_MAP	(1ULL << 3)
#define GMEM_FLAG_NO_HUGE		(1ULL << 4)
#define GMEM_FLAG_HUGE_ONLY		(1ULL << 5)

/**
 * struct gmem_info - what a file holds, the answer of GMEM_GET_INFO
 * @size: length of the file, in bytes
 * @flags: GMEM_FLAG_* of the file
 * @populated: bytes of memory that the file holds, hidden or not
 * @hidden: the part of @populated that is absent from the direct map, in bytes
 * @huge: the part of @populated that is held in 2 MiB blocks, in bytes
 * @map_faults_2m: how many 2 MiB entries page faults have put into user page
 *		   tables so far, in the guest view
 * @map_faults_4k: the same for 4 KiB entries
 * @lent: the part of @populated that is in the direct map only because KVM
 *	  accesses it there (kvm-clock and the like), in bytes; not part of
 *	  @hidden
 * @shared: the part of @populated that userspace wants shared, in bytes
 * @cloned: the part of @populated that the file has in common with other files,
 *	    or with other places of its own, after a clone, in bytes. It counts
 *	    until this file writes to it, also if the others are gone by then
 * @sharers: how many places in files have the part of @cloned that most have,
 *	     this one included: see struct gmem_state. 0 if @cloned is; 1 if no
 *	     other has any of it any more
 * @device: the part of @populated that devices have by VFIO, hidden or not, in
 *	    bytes
 * @missing: bytes that the holder of the file's fault channel hasn't filled
 *	     yet; 0 for a file that has no fault channel
 * @reserved: zero
 *
 * The kernel reads the totals one after the other and does not stop the file's
 * users meanwhile. So the totals are consistent only while no process
 * populates, converts or truncates the file.
 */
struct gmem_info {
	__u64 size;
	__u64 flags;
	__u64 populated;
	__u64 hidden;
	__u64 huge;
	__u64 map_faults_2m;
	__u64 map_faults_4k;
	__u64 lent;
	__u64 shared;
	__u64 cloned;
	__u64 sharers;
	__u64 device;
	__u64 missing;
	__u64 reserved[3];
};

/**
 * struct gmem_create - the file to make, argument of GMEM_CREATE
 * @size: its length in bytes; need not be a multiple of the page size
 * @flags: GMEM_FLAG_* of the file; they replace those of the mount
 * @reserved: zero
 */
struct gmem_create {
	__u64 size;
	__u64 flags;
	__u64 reserved[6];
};

/*
 * No in-tree driver uses ioctl type 0xB9 (Documentation/userspace-api/ioctl/
 * ioctl-number.rst in 6.12).
 */
#define GMEM_IOC_TYPE		0xB9

/*
 * GMEM_GET_INFO: fill a struct gmem_info. The caller zeroes the whole struct
 * before the call.
 *
 * Errors: EFAULT for a bad pointer; EINVAL if a byte of the struct is not zero.
 */
#define GMEM_GET_INFO		_IOWR(GMEM_IOC_TYPE, 0x00, struct gmem_info)

/*
 * GMEM_CREATE, on a directory of a mount: make a file without a name and open
 * it, as open(O_TMPFILE) does. The file has mode 0600 less the umask. It holds
 * no memory yet. It is removed when the last descriptor and mapping of it are
 * closed, unless linkat(2) has given it a name.
 *
 * Returns a file descriptor, O_RDWR and O_CLOEXEC. Errors: EFAULT for a bad
 * pointer; EINVAL for unknown flags, flags that exclude each other, or reserved
 * fields that are set; EFBIG for a size that no file can have or that is over
 * RLIMIT_FSIZE (with SIGXFSZ); ENOSPC if the mount has as many inodes as its
 * nr_inodes allows; EBUSY if a fanotify listener has already changed the file;
 * and the errors of open(O_TMPFILE), such as EACCES, EROFS, EMFILE and ENOMEM.
 */
#define GMEM_CREATE		_IOW(GMEM_IOC_TYPE, 0x01, struct gmem_create)

/*
 * Userspace wants the page private. The value is the same as that of KVM's
 * attribute (KVM_MEMORY_ATTRIBUTE_PRIVATE in linux/kvm.h).
 */
#define GMEM_ATTRIBUTE_PRIVATE	(1ULL << 3)

/* gmem_attributes.flags: zero each page that changes. */
#define GMEM_CONVERT_ZERO	(1ULL << 0)

/**
 * struct gmem_attributes - private or shared, for GMEM_SET_ATTRIBUTES
 * @offset: start of the range in the file, in bytes; a multiple of
 *	    GMEM_PAGE_SIZE
 * @size: its length in bytes; a multiple of GMEM_PAGE_SIZE, not 0
 * @attributes: GMEM_ATTRIBUTE_PRIVATE, or 0 for shared
 * @flags: GMEM_CONVERT_*
 * @error_offset: the caller sets 0. After an error other than EINVAL, EBADF and
 *		  EFAULT it is the offset in the file, in bytes, at which the
 *		  conversion stopped
 * @reserved: zero
 */
struct gmem_attributes {
	__u64 offset;
	__u64 size;
	__u64 attributes;
	__u64 flags;
	__u64 error_offset;
	__u64 reserved[3];
};

/*
 * GMEM_SET_ATTRIBUTES: make a range private or shared, in place. Contents stay,
 * unless GMEM_CONVERT_ZERO or the file's GMEM_FLAG_ZERO_ON_CONVERT is set: then
 * the pages that change are zeroed. Mappings of the guest view are not changed.
 * The call converts holes too: a page that fills a hole later is private or
 * shared as set here. The setting lasts as long as the file, also where a hole
 * is punched or the file is truncated.
 *
 * A shared page that is pinned (O_DIRECT, io_uring, vhost, VFIO...) can't be
 * made private. A private page that a device has by VFIO can become shared, but
 * then not private again until the device has let go.
 * The call stops there: all pages before @error_offset are converted, and none
 * from there on. With guard=deny, a page that KVM has borrowed stops the call
 * in the same way. The caller goes on with the same call, or with the range
 * from @error_offset on.
 *
 * Errors that set @error_offset: EAGAIN, the page there is pinned; EIO, it has
 * a memory error, or the direct map can't be changed; ENOSPC, the mount has
 * reached its size= (the settings of holes count in it); EPERM, KVM could not
 * be hooked, so no memory is hidden; EBUSY, the host hibernates; ENOMEM; EINTR.
 *
 * Other errors: EINVAL for a range that isn't whole pages inside of the file,
 * for unknown bits, or if a reserved field or @error_offset is set; EBADF if
 * the file isn't open for writing; EFAULT for a bad pointer.
 */
#define GMEM_SET_ATTRIBUTES	_IOWR(GMEM_IOC_TYPE, 0x02, \
				      struct gmem_attributes)

/*
 * States of a page: one byte a page in the answer of GMEM_GET_STATE. SHARED is
 * what userspace wants. EXPOSED says that the page is in the direct map now.
 *
 * A page is EXPOSED but not SHARED while KVM has borrowed it (LENT), or if its
 * file has GMEM_FLAG_KEEP_DIRECT_MAP.
 *
 * A page is PINNED while somebody has a reference to it beside the module, its
 * mappings and KVM's loan. If it is not SHARED, then a device has it by VFIO:
 * nothing else can pin a private page. A page that is SHARED and PINNED may be
 * had by a device, by software (O_DIRECT and the like), or by both.
 *
 * A page is SHARED but not EXPOSED if it is a hole or POISONED. It can also be
 * so if it got its memory as part of a 2 MiB block, or if the direct map could
 * not be changed during a conversion; the next access by the shared view
 * exposes it.
 */
#define GMEM_STATE_POPULATED	(1U << 0)	/* not a hole */
#define GMEM_STATE_SHARED	(1U << 1)	/* userspace wants it shared */
#define GMEM_STATE_EXPOSED	(1U << 2)	/* in the direct map */
#define GMEM_STATE_PINNED	(1U << 3)	/* has further references */
#define GMEM_STATE_LENT		(1U << 4)	/* KVM has borrowed it */
#define GMEM_STATE_HUGE		(1U << 5)	/* in a 2 MiB block */
#define GMEM_STATE_POISONED	(1U << 6)	/* has a memory error */
#define GMEM_STATE_CLONED	(1U << 7)	/* others have or had it, too */

/**
 * struct gmem_state - a range, and a buffer for the states of its pages
 * @offset: start of the range in the file, in bytes; a multiple of
 *	    GMEM_PAGE_SIZE
 * @size: its length in bytes; a multiple of GMEM_PAGE_SIZE, not 0
 * @states: address of a buffer of @size / GMEM_PAGE_SIZE bytes
 * @sharers: 0; or the address of another such buffer, for how many places in
 *	     files have each page: 0 for a hole, 1 if only this one has it, 255
 *	     for 255 or more. A page of a 2 MiB block counts the places that
 *	     have the block, also those that have written to this page since
 * @reserved: zero
 */
struct gmem_state {
	__u64 offset;
	__u64 size;
	__u64 states;
	__u64 sharers;
	__u64 reserved[4];
};

/*
 * GMEM_GET_STATE: write the state of each page of a range to a buffer, and how
 * many have it, if asked. The kernel reads them in pieces, so that users of the
 * file don't wait for the whole call. So they are not all from one moment; and
 * other files may change how many have a page at any time.
 *
 * Errors: EINVAL for a range that isn't whole pages inside of the file, or for
 * a reserved field that is set; EFAULT for a bad pointer; EINTR for a fatal
 * signal.
 */
#define GMEM_GET_STATE		_IOW(GMEM_IOC_TYPE, 0x03, struct gmem_state)

/*
 * GMEM_SHARED_VIEW: open the shared view of a file. The argument is 0.
 *
 * Returns a file descriptor, O_CLOEXEC, for writing if the file's descriptor
 * is. In its mappings, shared pages are ordinary pages that can be pinned, and
 * an access to a private page gets SIGBUS. Otherwise the descriptor works like
 * one of the file. Opening its /proc/PID/fd/N opens the shared view again.
 *
 * Errors: EINVAL for another argument; EBADF if the file isn't open for
 * reading; and the errors of open(2).
 */
#define GMEM_SHARED_VIEW	_IO(GMEM_IOC_TYPE, 0x04)

/*
 * gmem_userfault.flags: if the channel's descriptor is closed while pages are
 * missing, whoever touches one waits until somebody opens the channel again.
 * Without this flag such an access gets SIGBUS, or EIO.
 */
#define GMEM_FAULT_REATTACH	(1ULL << 0)

/**
 * struct gmem_userfault - what a fault channel is for, for GMEM_USERFAULT
 * @offset: start of the range in the file, in bytes; a multiple of
 *	    GMEM_PAGE_SIZE
 * @size: its length in bytes, not 0; a multiple of GMEM_PAGE_SIZE, unless the
 *	  range ends where the file ends
 * @flags: GMEM_FAULT_REATTACH, or 0
 * @reserved: zero
 */
struct gmem_userfault {
	__u64 offset;
	__u64 size;
	__u64 flags;
	__u64 reserved[5];
};

/*
 * GMEM_USERFAULT: open the fault channel of a file. From then on, the pages of
 * the range that have no memory are *missing*. Whoever touches a missing page
 * waits until the holder of the channel has filled it: by any mapping, read(),
 * write(), KVM for its guest, vhost, in any process. A page that is punched, or
 * cut off by a truncate, is missing then, too, whether or not it was filled. It
 * should be zeros: GMEM_FILL doesn't fill it.
 *
 * read(2) of the channel returns as many struct gmem_fault as there are and as
 * fit. It waits for one, unless the descriptor is O_NONBLOCK (EAGAIN). A buffer
 * that is smaller than one of them is EINVAL. poll(2) reports POLLIN.
 *
 * A file has one channel, and that has one holder. When the channel is closed
 * after each page was filled or punched, the file has no channel any more, and
 * what was punched is zeros. Otherwise GMEM_USERFAULT with the same range
 * opens the channel again, or with what is left of it if the file is shorter
 * now. What is still waited for is then reported once more.
 *
 * Returns a file descriptor, O_RDWR and O_CLOEXEC, which keeps the file and its
 * mount in use. Errors: EBADF if the file isn't open for writing; EINVAL for a
 * range that isn't whole pages inside of the file, that differs from the range
 * of the channel that is to be opened again, unknown flags, or reserved fields
 * that are set; EBUSY if the channel has a holder; EFBIG for a range of more
 * than 16 TiB; ENOSPC, the mount reached its size= (three bits for each page
 * count in it); EFAULT; ENOMEM; EMFILE; ENFILE.
 */
#define GMEM_USERFAULT		_IOW(GMEM_IOC_TYPE, 0x05, struct gmem_userfault)

/*
 * gmem_fault.flags
 *
 * GMEM_FAULT_WRITE: the first access is a write.
 *
 * GMEM_FAULT_PUNCHED: the page that was touched was punched: the answer is
 * GMEM_FILL_ZERO, with GMEM_FILL_PUNCHED.
 */
#define GMEM_FAULT_WRITE	(1ULL << 0)
#define GMEM_FAULT_PUNCHED	(1ULL << 1)

/**
 * struct gmem_fault - somebody waits, what read(2) of a fault channel returns
 * @offset: start of the block in the file, in bytes; or where the channel's
 *	    range begins in it
 * @size: its length in bytes: up to the end of the block, of the channel's
 *	  range, or of the page in which the file ends
 * @touched: offset in the file of the page that was touched first, in bytes
 * @flags: GMEM_FAULT_*
 * @pid: the process that waits, as seen by the reader; 0 if it can't see it.
 *	 Of several, the first
 * @reserved32: zero
 * @reserved: zero
 *
 * All that touch a block while one waits for it are one event. There is another
 * event if a fill has brought a part of the block, and somebody waits for the
 * rest. An event that wasn't read yet is taken back when the block is filled,
 * or when nobody waits any more.
 */
struct gmem_fault {
	__u64 offset;
	__u64 size;
	__u64 touched;
	__u64 flags;
	__u32 pid;
	__u32 reserved32;
	__u64 reserved[3];
};

/*
 * gmem_fill.flags
 *
 * GMEM_FILL_POISON, of GMEM_FILL: the pages can't be had. Whoever touches one
 * gets SIGBUS as for a memory error (BUS_MCEERR_AR), or EIO, until it is filled
 * after all. @address is 0.
 *
 * GMEM_FILL_PUNCHED, of GMEM_FILL_ZERO: fill only what was punched.
 */
#define GMEM_FILL_POISON	(1ULL << 0)
#define GMEM_FILL_PUNCHED	(1ULL << 1)

/**
 * struct gmem_fill - a range of a file, and what to fill it with
 * @offset: start of the range in the file, in bytes; a multiple of
 *	    GMEM_PAGE_SIZE
 * @size: its length in bytes, not 0; a multiple of GMEM_PAGE_SIZE, unless the
 *	  range ends where the file ends
 * @address: where the contents are in the caller's memory; 0 if there are none
 * @flags: GMEM_FILL_*
 * @done: set to how far the call came from @offset on, in bytes: all of @size,
 *	  unless it returns an error. The caller sets 0
 * @filled: set to how many bytes of these were missing and are filled now. The
 *	    caller sets 0
 * @reserved: zero
 */
struct gmem_fill {
	__u64 offset;
	__u64 size;
	__u64 address;
	__u64 flags;
	__u64 done;
	__u64 filled;
	__u64 reserved[2];
};

/*
 * GMEM_FILL, on a fault channel: fill the missing pages of a range, and wake
 * who waits for them. Pages that aren't missing, and those that were punched,
 * are left as they are. Nobody sees a page before all of it is filled. Nobody
 * need have touched it before.
 *
 * The contents can't be in memory that is missing itself, in whichever file: a
 * fill doesn't wait for a fill (EFAULT).
 *
 * Errors set @done and @filled, except EINVAL and EFAULT for the struct itself:
 * EEXIST, there was nothing to fill in the range; ENXIO, the file ends there,
 * as it was truncated; EFAULT, the contents can't be read; ENOSPC, the mount
 * has reached its size=; ENOMEM; EINTR; EIO, EPERM and EBUSY as of
 * GMEM_SET_ATTRIBUTES.
 *
 * EINVAL: the range isn't whole pages inside of the channel's range; unknown
 * flags; reserved fields, @done or @filled are set.
 */
#define GMEM_FILL		_IOWR(GMEM_IOC_TYPE, 0x06, struct gmem_fill)

/*
 * GMEM_FILL_ZERO, on a fault channel: the same with zeros, also of what was
 * punched. Takes no memory until a page is touched. @address is 0.
 */
#define GMEM_FILL_ZERO		_IOWR(GMEM_IOC_TYPE, 0x07, struct gmem_fill)

#endif /* _UAPI_LINUX_GMEMFS_H */
