/* SPDX-License-Identifier: MIT */
/*
 * libgmem: files of gmemfs. This is a part of gmem.h, which says what holds for
 * all calls, and which programs include.
 */
#ifndef GMEM_FILE_H
#define GMEM_FILE_H

#include <linux/gmemfs.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * gmem_file_create() - make a file without a name
 * @directory: a directory of a gmemfs mount; NULL for GMEM_DEFAULT_MOUNT
 * @size: length of the file, any number of bytes; it holds no memory yet
 * @flags: GMEM_FLAG_* of the file; they replace those of the mount
 *
 * The kernel removes the file when its last descriptor and mapping are closed.
 *
 * Return: a descriptor, open for reading and writing; -ENOTTY; -EINVAL for
 * flags that are unknown or exclude each other; -ENOSPC if the mount has as
 * many inodes as its nr_inodes= allows; -EFBIG if no file can have that size,
 * or if it is over RLIMIT_FSIZE (with SIGXFSZ); or an error of open(2), such as
 * -ENOENT, -EACCES, -EMFILE or -ENOMEM.
 */
int gmem_file_create(const char *directory, uint64_t size, uint64_t flags);

/**
 * gmem_file_open() - open a file that has a name
 * @path: the file
 * @flags: flags of open(2): O_RDONLY or O_RDWR. O_CREAT, O_EXCL, O_NOFOLLOW and
 *	   O_CLOEXEC may be added, and no others. A file that O_CREAT makes has
 *	   mode 0600 less the umask, size 0 and the mount's flags
 *
 * Outside of a gmemfs the call makes no file, and opens neither a device nor a
 * pipe. To make a file, the caller must have the right to read its directory,
 * too. O_CREAT makes no file through a symbolic link whose target is missing.
 *
 * Return: a descriptor; -ENOTTY, also if @path isn't a regular file; -EINVAL
 * for other flags; or an error of open(2).
 */
int gmem_file_open(const char *path, int flags);

/**
 * gmem_file_info() - ask what a file holds
 * @fd: the file
 * @info: the call fills it; the caller need not zero it
 *
 * Return: 0; -ENOTTY; -EBADF; -EFAULT if @info can't be written to.
 */
int gmem_file_info(int fd, struct gmem_info *info);

/**
 * gmem_file_resize() - change a file's length
 * @fd: the file, open for writing
 * @size: any number of bytes; the file gives back its memory beyond that
 *
 * Return: 0, or an error of ftruncate(2).
 */
int gmem_file_resize(int fd, uint64_t size);

/**
 * gmem_file_map() - map a file's guest view, or its shared view
 * @fd: the file, or its shared view
 * @offset: where the mapping begins in the file; a multiple of GMEM_PAGE_SIZE
 * @size: its length, any number of bytes but 0
 * @prot: PROT_READ, PROT_WRITE, both, or 0
 * @address: set to the mapping's address. For a guest view of 2 MiB or more it
 *	     is a multiple of 2 MiB if @offset is one
 *
 * The VMM gives the guest view to KVM as a memslot. An access gets SIGBUS if it
 * is beyond the file's end, if the mount has reached its size=, or if the host
 * has no block free for GMEM_FLAG_HUGE_ONLY. munmap(2) ends the mapping.
 *
 * Return: 0; -EPERM if the module could not place its guard in KVM; -EINVAL for
 * other values; or an error of mmap(2), such as -EACCES, -EBADF or -ENOMEM.
 */
int gmem_file_map(int fd, uint64_t offset, uint64_t size, int prot,
		  void **address);

/**
 * gmem_file_shared_view() - open a file's shared view
 * @fd: the file, open for reading
 *
 * In its mappings, shared pages are ordinary memory that can be pinned
 * (O_DIRECT, io_uring, vhost...). An access to a private page gets SIGBUS.
 *
 * Return: a descriptor, open for writing if @fd is; -ENOTTY; -EBADF; or an
 * error of open(2), such as -EMFILE or -ENOMEM.
 */
int gmem_file_shared_view(int fd);

/**
 * gmem_file_state() - get the state of each page of a range
 * @fd: the file
 * @offset: where the range begins
 * @size: its length
 * @states: buffer for @size / GMEM_PAGE_SIZE bytes, each of them GMEM_STATE_*
 *
 * Return: 0; -EINVAL if the range isn't whole pages inside of the file;
 * -ENOTTY; -EBADF; -EFAULT if @states can't be written to.
 */
int gmem_file_state(int fd, uint64_t offset, uint64_t size, uint8_t *states);

/**
 * gmem_file_populate() - allocate the memory of a range now
 * @fd: the file, open for writing
 * @offset: where the range begins, any byte
 * @size: its length, any number of bytes but 0
 *
 * The file's length doesn't change. After an error it keeps the memory it got.
 *
 * Return: 0; -ENOSPC if the range needs more memory than the mount's size= has
 * left; -ENOMEM if the host has no memory; -EPERM if the module could not place
 * its guard in KVM; -EBUSY while the host hibernates; -EIO for a page with a
 * memory error, or if the direct map can't be changed; -EINTR; -EINVAL; or
 * another error of fallocate(2), such as -EBADF or -EFBIG.
 */
int gmem_file_populate(int fd, uint64_t offset, uint64_t size);

/**
 * gmem_file_punch() - give the memory of a range back
 * @fd: the file, open for writing
 * @offset: where the range begins, any byte
 * @size: its length, any number of bytes but 0
 *
 * The range then reads as zeros. Its pages stay private or shared, as before.
 *
 * Return: 0; -EINVAL; or another error of fallocate(2): -EBADF, -EFBIG.
 */
int gmem_file_punch(int fd, uint64_t offset, uint64_t size);

/**
 * gmem_file_clone() - share another file's memory until one of the two writes
 * @fd: the file that gets it, open for writing
 * @offset: where in @fd; a multiple of GMEM_PAGE_SIZE
 * @from: the file that has it, open for reading, in the same mount; may be @fd
 * @from_offset: where in @from; a multiple of GMEM_PAGE_SIZE
 * @size: how much; a multiple of GMEM_PAGE_SIZE, or up to the end of @from; 0:
 *	  all from @from_offset on
 *
 * What @fd has there is replaced, and it becomes longer if it is too short.
 * Both files may be in use and mapped. What can't be shared is copied. Pages
 * stay private or shared as they were in each file. To copy a range of a clone
 * ahead of use, call gmem_file_populate(). Clones can find out, by the time
 * that accesses take, which shared pages others use: clone within one tenant
 * only.
 *
 * Return: 0; -EXDEV if the files are in different mounts; -EINVAL for other
 * ranges, and ranges of one file that overlap; -ENOSPC if the mount's size= has
 * too little left; -EIO for a page with a memory error that would be copied;
 * -EOPNOTSUPP if they are not files of gmemfs, or the module can't clone; or
 * another error of ioctl_ficlonerange(2), such as -EBADF, -EISDIR, -ETXTBSY,
 * -EFBIG, -ENOMEM and -EINTR.
 */
int gmem_file_clone(int fd, uint64_t offset, int from, uint64_t from_offset,
		    uint64_t size);

/**
 * gmem_file_convert() - make a range private or shared, in place
 * @fd: the file, open for writing
 * @offset: where the range begins
 * @size: its length
 * @attributes: GMEM_ATTRIBUTE_PRIVATE, or 0 for shared
 * @flags: GMEM_CONVERT_ZERO, or 0
 * @timeout_ms: how long to wait for pinned pages, in milliseconds: 0 is not at
 *		all, a negative number is without a limit
 * @error_offset: NULL, or set to an offset in the file: all pages of the range
 *		  before it are converted. On success it is the range's end; on
 *		  an error other than -EINVAL, the conversion stopped there
 *
 * While a page is pinned, the call tries again after pauses that grow from
 * 50 us to 20 ms. To go on after -EAGAIN or -EINTR, the caller makes the same
 * call again, for the whole range or from *@error_offset on.
 *
 * Return: 0; -EAGAIN if a page was still pinned at the end of the time; -EINTR
 * if a signal handler ran during a pause or within the kernel; -ENOMEM; -EIO
 * for a page with a memory error, or if the direct map can't be changed;
 * -ENOSPC if the mount has reached its size=, in which holes' settings count;
 * -EINVAL if the range isn't whole pages inside of the file; -EBADF; -ENOTTY.
 */
int gmem_file_convert(int fd, uint64_t offset, uint64_t size,
		      uint64_t attributes, uint64_t flags, int timeout_ms,
		      uint64_t *error_offset);

#ifdef __cplusplus
}
#endif

#endif /* GMEM_FILE_H */
