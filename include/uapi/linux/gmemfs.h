/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * gmemfs: guest memory that is not in the kernel's direct map.
 *
 * This header is the whole ABI between gmemfs.ko and user space. No other file
 * defines a flag, an ioctl number or a struct of it. Its rules:
 *
 *   - fields have fixed widths, and structs have no padding (static_assert()s
 *     in module/ check the sizes);
 *   - sizes and offsets are in bytes;
 *   - reserved fields must be zero in the caller's struct, and are zero in the
 *     answer. A reserved field that is set is refused with EINVAL, so that
 *     later versions can give it a meaning.
 */
#ifndef _UAPI_LINUX_GMEMFS_H
#define _UAPI_LINUX_GMEMFS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* statfs(2) f_type: "gmem" in ASCII. */
#define GMEMFS_MAGIC		0x676d656d

/*
 * A page is the smallest unit that has a state. Where possible, memory is
 * hidden in blocks.
 */
#define GMEM_PAGE_SIZE		4096UL
#define GMEM_BLOCK_SIZE		(512UL * GMEM_PAGE_SIZE)

/*
 * Flags of a file, in gmem_info.flags. A file gets them from its mount, or from
 * GMEM_CREATE, and keeps them.
 *
 * GMEM_FLAG_KEEP_DIRECT_MAP: never hide the file's memory. It is for
 * comparison: the same code and the same mappings, but no protection.
 *
 * GMEM_FLAG_NO_HUGE: hold the memory in single pages, never in 2 MiB blocks.
 *
 * GMEM_FLAG_HUGE_ONLY: hold the memory in 2 MiB blocks, never in single pages.
 * If the host has no such block free, an operation that needs memory fails.
 * Excludes GMEM_FLAG_NO_HUGE.
 *
 * GMEM_FLAG_INIT_SHARED: pages are shared until they are converted. Without it
 * they are private.
 *
 * GMEM_FLAG_ZERO_ON_CONVERT: a page is zeroed when it is converted.
 */
#define GMEM_FLAG_INIT_SHARED		(1ULL << 0)
#define GMEM_FLAG_ZERO_ON_CONVERT	(1ULL << 2)
#define GMEM_FLAG_KEEP_DIRECT_MAP	(1ULL << 3)
#define GMEM_FLAG_NO_HUGE		(1ULL << 4)
#define GMEM_FLAG_HUGE_ONLY		(1ULL << 5)

/**
 * struct gmem_info - what a file holds: the answer of GMEM_GET_INFO
 * @size: length of the file
 * @flags: the file's GMEM_FLAG_*
 * @populated: memory that the file holds, hidden or not
 * @hidden: the part of @populated that is absent from the direct map
 * @huge: the part of @populated that is held in 2 MiB blocks
 * @map_faults_2m: 2 MiB entries that faults have put into user page tables
 * @map_faults_4k: 4 KiB entries that faults have put into user page tables
 * @lent: the part of @populated that is in the direct map only because KVM
 *	  has to reach it there (kvm-clock and the like); not part of @hidden
 * @shared: the part of @populated that userspace wants shared
 * @reserved: zero
 *
 * The totals are read one after the other, without stopping the file's users.
 * So they agree with each other only while nobody fills or truncates the file.
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
	__u64 reserved[7];
};

/**
 * struct gmem_create - the file to make: the argument of GMEM_CREATE
 * @size: its length, which need not be in whole pages
 * @flags: GMEM_FLAG_*, instead of those of the mount
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
 * GMEM_GET_INFO: fill a struct gmem_info. The caller must set all of it to
 * zero.
 *
 * Errors: EFAULT for a bad pointer, EINVAL if anything in the struct is set.
 */
#define GMEM_GET_INFO		_IOWR(GMEM_IOC_TYPE, 0x00, struct gmem_info)

/*
 * GMEM_CREATE, on a directory of a mount: make a file without a name and open
 * it, as open(O_TMPFILE) does. The file has mode 0600 less the umask, and no
 * memory yet. It is freed with its last user unless linkat(2) gives it a name.
 *
 * Returns a file descriptor, O_RDWR and O_CLOEXEC. Errors: EFAULT for a bad
 * pointer; EINVAL for unknown flags, flags that exclude each other, or reserved
 * fields that are set; EFBIG for a size that no file can have or that is over
 * RLIMIT_FSIZE (with SIGXFSZ); ENOSPC if the mount has reached nr_inodes=;
 * EBUSY if another process (a fanotify listener) has opened the new file and
 * changed it; and those of open(O_TMPFILE), such as EACCES, EROFS, EMFILE and
 * ENOMEM.
 */
#define GMEM_CREATE		_IOW(GMEM_IOC_TYPE, 0x01, struct gmem_create)

/*
 * What userspace wants of a page. The value is that of KVM's attribute of the
 * same name (KVM_MEMORY_ATTRIBUTE_PRIVATE in linux/kvm.h).
 */
#define GMEM_ATTRIBUTE_PRIVATE	(1ULL << 3)

/* gmem_attributes.flags: zero the pages that change. */
#define GMEM_CONVERT_ZERO	(1ULL << 0)

/**
 * struct gmem_attributes - private or shared: the argument of
 *			    GMEM_SET_ATTRIBUTES
 * @offset: where the range begins, in whole pages
 * @size: its length, in whole pages and not 0
 * @attributes: GMEM_ATTRIBUTE_PRIVATE, or 0 for shared
 * @flags: GMEM_CONVERT_*
 * @error_offset: must be 0. After any error except EINVAL, EBADF and EFAULT it
 *		  is set to where the conversion stopped.
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
 * the pages that change are zeroed. Guest views keep what they have mapped.
 * Holes are converted, too: memory that fills them later is as wanted. The
 * attribute stays as long as the file, also where a hole is punched or the file
 * is truncated.
 *
 * A page that somebody has pinned (O_DIRECT, io_uring, vhost...) can't become
 * private: everything before @error_offset is converted then, and nothing from
 * there on. With guard=deny, the same goes for a page that KVM has borrowed.
 * The same call goes on from where it stopped.
 *
 * Errors with @error_offset: EAGAIN if a page is pinned; EIO if a page has a
 * memory error; ENOSPC if the mount's size= is reached, because the attributes
 * of holes count in it; ENOMEM; EINTR. Others: EINVAL for a range that isn't
 * whole pages inside the file, for unknown bits, and for reserved fields that
 * are set; EBADF if the file isn't open for writing; EFAULT for a bad pointer.
 */
#define GMEM_SET_ATTRIBUTES	_IOWR(GMEM_IOC_TYPE, 0x02, \
				      struct gmem_attributes)

/*
 * States of a page, one byte for each page in the answer of GMEM_GET_STATE.
 * SHARED is what userspace wants. EXPOSED is what the page actually is: present
 * in the direct map. A page is EXPOSED but not SHARED while KVM borrows it
 * (LENT), and in a file with GMEM_FLAG_KEEP_DIRECT_MAP. A page is SHARED but
 * not EXPOSED if it got its memory as part of 2 MiB, or could not be exposed in
 * a conversion; it is exposed when somebody uses it through the shared view.
 */
#define GMEM_STATE_POPULATED	(1U << 0)	/* not a hole */
#define GMEM_STATE_SHARED	(1U << 1)	/* wanted shared */
#define GMEM_STATE_EXPOSED	(1U << 2)	/* in the direct map */
#define GMEM_STATE_PINNED	(1U << 3)	/* somebody has a reference */
#define GMEM_STATE_LENT		(1U << 4)	/* KVM has borrowed it */
#define GMEM_STATE_HUGE		(1U << 5)	/* in a 2 MiB block */
#define GMEM_STATE_POISONED	(1U << 6)	/* it has a memory error */

/**
 * struct gmem_state - where to put the states of a range's pages
 * @offset: where the range begins, in whole pages
 * @size: its length, in whole pages and not 0
 * @states: address of @size / GMEM_PAGE_SIZE bytes
 * @reserved: zero
 */
struct gmem_state {
	__u64 offset;
	__u64 size;
	__u64 states;
	__u64 reserved[5];
};

/*
 * GMEM_GET_STATE: get the state of each page of a range. The range is read in
 * parts, so that the file's users aren't stopped for all of it.
 *
 * Errors: EINVAL for a range that isn't whole pages inside the file, or for a
 * reserved field that is set; EFAULT for a bad pointer; EINTR.
 */
#define GMEM_GET_STATE		_IOW(GMEM_IOC_TYPE, 0x03, struct gmem_state)

/*
 * GMEM_SHARED_VIEW: open the shared view of a file. The argument must be 0.
 * Returns a file descriptor (close-on-exec), with the access that the file was
 * opened with. In its mappings, shared pages are ordinary pages that can be
 * pinned, and private pages give SIGBUS. Otherwise it behaves like the file
 * itself. Opening /proc/PID/fd/N of it gives a shared view, too.
 *
 * Errors: EINVAL for another argument; EBADF if the file isn't open for
 * reading; and those of open(2).
 */
#define GMEM_SHARED_VIEW	_IO(GMEM_IOC_TYPE, 0x04)

#endif /* _UAPI_LINUX_GMEMFS_H */
