/* SPDX-License-Identifier: GPL-2.0 */
/* read(2), write(2), lseek(2): rw.c. */
#ifndef GMEMFS_RW_H
#define GMEMFS_RW_H

#include <linux/types.h>

struct file;
struct iov_iter;
struct kiocb;

ssize_t gmem_read_iter(struct kiocb *iocb, struct iov_iter *to);
ssize_t gmem_write_iter(struct kiocb *iocb, struct iov_iter *from);
loff_t gmem_llseek(struct file *file, loff_t offset, int whence);

#endif /* GMEMFS_RW_H */
