/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * gmemfs: guest memory that is not in the kernel's direct map.
 *
 * This header is the whole ABI between gmemfs.ko and user space. Nothing else
 * defines a flag, an ioctl number or a struct of it. Rules for all of it:
 *
 *  - fields have fixed widths and structs no padding (module/file.c checks);
 *  - sizes and offsets are in bytes;
 *  - reserved fields must be zero when passed in and are zero when passed out;
 *    anything else is refused with EINVAL, so that they can get a meaning.
 */
#ifndef _UAPI_LINUX_GMEMFS_H
#define _UAPI_LINUX_GMEMFS_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* statfs(2) f_type: "gmem" in ASCII. */
#define GMEMFS_MAGIC		0x676d656d

/* Smallest unit of state, and the unit memory is hidden in where it can be. */
#define GMEM_PAGE_SIZE		4096UL
#define GMEM_BLOCK_SIZE		(512UL * GMEM_PAGE_SIZE)

/*
 * Flags of a file, in gmem_info.flags. A file gets them from its mount, or from
 * GMEM_CREATE, and keeps them.
 *
 * GMEM_FLAG_KEEP_DIRECT_MAP: never hide this file's memory. Made for
 * comparison: same code, same mappings, but no protection.
 *
 * GMEM_FLAG_NO_HUGE: hold the memory in single pages, never in 2 MiB blocks.
 *
 * GMEM_FLAG_HUGE_ONLY: hold the memory in 2 MiB blocks, never in single pages.
 * What needs memory fails where the host has no such block free. Not together
 * with GMEM_FLAG_NO_HUGE.
 */
#define GMEM_FLAG_KEEP_DIRECT_MAP	(1ULL << 3)
#define GMEM_FLAG_NO_HUGE		(1ULL << 4)
#define GMEM_FLAG_HUGE_ONLY		(1ULL << 5)

/**
 * struct gmem_info - what a file holds, answer of GMEM_GET_INFO
 * @size: length of the file
 * @flags: GMEM_FLAG_* in force
 * @populated: memory the file holds, whether hidden or not
 * @hidden: the part of @populated that is absent from the direct map
 * @huge: the part of @populated that is held in 2 MiB blocks
 * @map_faults_2m: 2 MiB entries that faults put into user page tables so far
 * @map_faults_4k: 4 KiB entries that faults put into user page tables so far
 * @lent: the part of @populated that is in the direct map because KVM itself
 *	  has to reach it there (kvm-clock and the like); not part of @hidden
 * @reserved: zero
 *
 * The totals are read one after the other and without stopping the file's
 * users: they agree with each other only while nobody fills or truncates it.
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
	__u64 reserved[8];
};

/**
 * struct gmem_create - what file to make, argument of GMEM_CREATE
 * @size: its length, not only in whole pages
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
 * GMEM_GET_INFO: fill a struct gmem_info. All of the struct must be zero on
 * the way in.
 *
 * Errors: EFAULT for a bad pointer, EINVAL if anything in the struct is set.
 */
#define GMEM_GET_INFO		_IOWR(GMEM_IOC_TYPE, 0x00, struct gmem_info)

/*
 * GMEM_CREATE, on a directory of a mount: make a file without a name and open
 * it, as open(O_TMPFILE) does. The file has mode 0600 less the umask, takes no
 * memory yet, and goes with its last user unless linkat(2) gives it a name.
 *
 * Returns a file descriptor, O_RDWR and O_CLOEXEC. Errors: EFAULT for a bad
 * pointer; EINVAL for unknown flags, flags that exclude each other, or reserved
 * fields that are set; EFBIG for a size that no file can have or that is over
 * RLIMIT_FSIZE (with SIGXFSZ); ENOSPC when the mount has its nr_inodes; and
 * those of open(O_TMPFILE), such as EACCES, EROFS, EMFILE and ENOMEM.
 */
#define GMEM_CREATE		_IOW(GMEM_IOC_TYPE, 0x01, struct gmem_create)

#endif /* _UAPI_LINUX_GMEMFS_H */
