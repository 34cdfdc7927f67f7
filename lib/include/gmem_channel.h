/* SPDX-License-Identifier: MIT */
/*
 * libgmem: fault channels, by which a file's memory comes when it is touched.
 * This is a part of gmem.h, which says what holds for all calls, and which
 * programs include.
 */
#ifndef GMEM_CHANNEL_H
#define GMEM_CHANNEL_H

#include <linux/gmemfs.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * gmem_channel_open() - open a file's fault channel
 * @fd: the file, open for writing
 * @offset: where the range begins; a multiple of GMEM_PAGE_SIZE
 * @size: its length; a multiple of GMEM_PAGE_SIZE, or up to the file's end; 0:
 *	  to the file's end
 * @flags: GMEM_FAULT_REATTACH, or 0
 *
 * From then on, whoever touches a page of the range that has no memory waits
 * until it is filled. close(2) ends that. Unless each page was filled or punched
 * by then, or GMEM_FAULT_REATTACH was given, who waits gets SIGBUS. The descriptor
 * can be polled for reading.
 *
 * Return: a descriptor; -EBADF if @fd isn't open for writing; -EBUSY if the
 * channel is open; -EINVAL for a range that isn't whole pages in the file, or
 * another than that of the channel that is opened again; -EFBIG for more than
 * 16 TiB; -ENOSPC; -ENOTTY, also if the module is too old; -EMFILE; -ENOMEM.
 */
int gmem_channel_open(int fd, uint64_t offset, uint64_t size, uint64_t flags);

/**
 * gmem_channel_read() - read what is waited for
 * @channel: the channel
 * @faults: room for @count of them
 * @count: how many at most, not 0
 *
 * Waits for one, unless the descriptor is O_NONBLOCK.
 *
 * Return: how many; -EAGAIN; -EINTR for a signal; -EBADF; -EINVAL; -EFAULT.
 */
int gmem_channel_read(int channel, struct gmem_fault *faults,
		      unsigned int count);

/**
 * gmem_channel_fill() - fill what is missing of a range
 * @channel: the channel
 * @offset: where the range begins in the file
 * @size: its length; whole pages, or up to the file's end
 * @from: the contents
 *
 * What isn't missing, or was punched, stays as it is. Nobody sees a page before
 * all of it is filled. The call goes on after a signal.
 *
 * Return: 0, also if nothing was missing; -ENXIO if the file ends before, as it
 * was truncated; -EFAULT if @from can't be read, also because it is missing
 * itself; -EINVAL; -ENOSPC; -ENOMEM; -EIO; -EPERM; -EBUSY; -EBADF; -ENOTTY.
 */
int gmem_channel_fill(int channel, uint64_t offset, uint64_t size,
		      const void *from);

/*
 * gmem_channel_zero() - the same with zeros, which take no memory, also where
 *			 the file was punched
 */
int gmem_channel_zero(int channel, uint64_t offset, uint64_t size);

/*
 * gmem_channel_zero_punched() - the same only where it was: the answer to an
 *				 event with GMEM_FAULT_PUNCHED
 */
int gmem_channel_zero_punched(int channel, uint64_t offset, uint64_t size);

/* gmem_channel_poison() - the same for what can't be had: SIGBUS, or EIO */
int gmem_channel_poison(int channel, uint64_t offset, uint64_t size);

/* Fill all of the file ahead, from its start on, while nobody waits. */
#define GMEM_PAGER_AHEAD	(1ULL << 0)

/**
 * struct gmem_pager_options - where a file's memory comes from
 * @load: puts @size bytes of the contents at @offset of the file to @to, which
 *	  is memory of the library's. Return: 0; 1 for zeros, whatever is at
 *	  @to; or a negative errno if they can't be had
 * @context: for @load
 * @flags: GMEM_PAGER_*
 * @reserved: 0
 */
struct gmem_pager_options {
	int (*load)(void *context, uint64_t offset, void *to, uint64_t size);
	void *context;
	uint64_t flags;
	uint64_t reserved[5];
};

struct gmem_pager;

/**
 * gmem_pager_start() - have a thread that fills a file when it is touched
 * @fd: the file, open for writing; the pager keeps it open itself
 * @options: where its memory comes from
 * @pager: set to the pager
 *
 * The thread calls @options->load for one block of 2 MiB after another, blocks
 * that somebody waits for first. A block for which that fails is poisoned. What
 * was punched is zeros. No signal is handled in the thread.
 *
 * Return: 0; -EINVAL; -ENOMEM; -EAGAIN if there can be no thread; or an error
 * of gmem_channel_open().
 */
int gmem_pager_start(int fd, const struct gmem_pager_options *options,
		     struct gmem_pager **pager);

/**
 * gmem_pager_wait() - wait until all was filled
 * @pager: the pager
 *
 * Return: 0; -EIO if some of it couldn't be had; or the error that has ended
 * the pager.
 */
int gmem_pager_wait(struct gmem_pager *pager);

/**
 * gmem_pager_stop() - end a pager
 * @pager: the pager, or NULL; not valid afterwards. No other thread uses it
 *
 * If anything is missing then, whoever touches it gets SIGBUS.
 *
 * Return: 0; -EIO or another error as gmem_pager_wait(), but 0 if the pager
 * wasn't complete.
 */
int gmem_pager_stop(struct gmem_pager *pager);

#ifdef __cplusplus
}
#endif

#endif /* GMEM_CHANNEL_H */
