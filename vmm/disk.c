// SPDX-License-Identifier: GPL-2.0
/* A disk's image: opened, and transferred from and to by an io_uring. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "error.h"

#define SECTOR_SIZE	512

static int find_size(struct disk *disk)
{
	struct stat st;
	int block_size;

	disk->block_size = SECTOR_SIZE;
	if (fstat(disk->fd, &st))
		return fail_errno("%s", disk->path);
	if (S_ISREG(st.st_mode)) {
		disk->size = st.st_size;
	} else if (S_ISBLK(st.st_mode)) {
		if (ioctl(disk->fd, BLKGETSIZE64, &disk->size) ||
		    ioctl(disk->fd, BLKSSZGET, &block_size))
			return fail_errno("%s", disk->path);
		disk->block_size = block_size;
	} else {
		return fail("%s is neither a file nor a block device",
			    disk->path);
	}
	if (!disk->size)
		return fail("%s is empty", disk->path);
	if (disk->size % disk->block_size)
		return fail("%s: the size is not a multiple of %u; truncate --size=%%%u rounds it up",
			    disk->path, disk->block_size, disk->block_size);
	return 0;
}

/*
 * The ring is restricted to the operations that a disk needs, because a seccomp
 * filter doesn't see operations of an io_uring.
 */
static int open_ring(struct disk *disk, unsigned int entries)
{
	struct io_uring_restriction allowed[] = {
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_READ },	/* of a kick */
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_READV },
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_WRITEV },
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_FSYNC },
		{ .opcode = IORING_RESTRICTION_SQE_OP,
		  .sqe_op = IORING_OP_FALLOCATE },
	};
	int ret = io_uring_queue_init(entries, &disk->ring,
				      IORING_SETUP_R_DISABLED);

	if (!ret) {
		disk->has_ring = true;
		ret = io_uring_register_restrictions(&disk->ring, allowed,
						     sizeof(allowed) /
						     sizeof(allowed[0]));
	}
	if (!ret)
		ret = io_uring_enable_rings(&disk->ring);
	errno = -ret;
	if (ret)
		return fail_errno("can't use io_uring (is sysctl kernel.io_uring_disabled set?)");
	return 0;
}

int disk_open(struct disk *disk, const struct disk_options *options,
	      unsigned int requests)
{
	int flags = O_CLOEXEC | (options->readonly ? O_RDONLY : O_RDWR) |
		    (options->direct ? O_DIRECT : 0);

	disk->path = options->path;
	/* O_NONBLOCK: opening a pipe would wait for its other end. */
	disk->fd = open(options->path, flags | O_NONBLOCK);
	if (disk->fd < 0)
		return fail_errno("%s%s", disk->path,
				  options->direct ? " with direct=on" : "");
	if (find_size(disk))
		return -1;
	/* With O_NONBLOCK, io_uring would return -EAGAIN instead of waiting. */
	if (fcntl(disk->fd, F_SETFL, flags & O_DIRECT))
		return fail_errno("%s", disk->path);
	/* One more, for disk_read_other(). */
	return open_ring(disk, requests + 1);
}

void disk_close(struct disk *disk)
{
	if (disk->has_ring)
		io_uring_queue_exit(&disk->ring);
	if (disk->fd > 0)
		close(disk->fd);
}

/* Never NULL: the ring has room for all requests that can be under way. */
static struct io_uring_sqe *begin(struct disk *disk)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&disk->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&disk->ring);
	return io_uring_get_sqe(&disk->ring);
}

void disk_transfer(struct disk *disk, bool write, const struct iovec *parts,
		   unsigned int nr_parts, uint64_t offset, void *tag)
{
	struct io_uring_sqe *sqe = begin(disk);

	if (write)
		io_uring_prep_writev(sqe, disk->fd, parts, nr_parts, offset);
	else
		io_uring_prep_readv(sqe, disk->fd, parts, nr_parts, offset);
	io_uring_sqe_set_data(sqe, tag);
}

void disk_flush(struct disk *disk, void *tag)
{
	struct io_uring_sqe *sqe = begin(disk);

	io_uring_prep_fsync(sqe, disk->fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, tag);
}

void disk_zero(struct disk *disk, uint64_t offset, uint64_t size, bool punch,
	       void *tag)
{
	int mode = punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	struct io_uring_sqe *sqe = begin(disk);

	io_uring_prep_fallocate(sqe, disk->fd, mode | FALLOC_FL_KEEP_SIZE,
				offset, size);
	io_uring_sqe_set_data(sqe, tag);
}

void disk_read_other(struct disk *disk, int fd, void *data, uint32_t size,
		     void *tag)
{
	struct io_uring_sqe *sqe = begin(disk);

	io_uring_prep_read(sqe, fd, data, size, 0);
	io_uring_sqe_set_data(sqe, tag);
}

int disk_submit(struct disk *disk, bool wait)
{
	int ret;

	do
		ret = io_uring_submit_and_wait(&disk->ring, wait);
	while (ret == -EINTR || ret == -EAGAIN || ret == -EBUSY);
	if (ret >= 0)
		return 0;
	errno = -ret;
	return fail_errno("%s: io_uring", disk->path);
}

bool disk_next(struct disk *disk, void **tag, int *result)
{
	struct io_uring_cqe *cqe;

	if (io_uring_peek_cqe(&disk->ring, &cqe))
		return false;
	*tag = io_uring_cqe_get_data(cqe);
	*result = cqe->res;
	io_uring_cqe_seen(&disk->ring, cqe);
	return true;
}
