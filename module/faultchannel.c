// SPDX-License-Identifier: GPL-2.0
/*
 * The fault channel: a descriptor by which its holder learns who waits for
 * missing pages of a file (missing.c, faults.c), and fills them (fill.c).
 *
 * Whoever may write to a file may hold its channel: the holder decides what the
 * file's users read. A channel has one holder, and one range. The file keeps
 * the channel when that is closed, unless each page was filled once.
 *
 * The channel's descriptor has the file open. So its inode stays, and its
 * mount. The i_rwsem orders the coming and going of holders.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include <uapi/linux/gmemfs.h>

#include "charge.h"
#include "faultchannel.h"
#include "faults.h"
#include "fill.h"
#include "gmem_inode.h"
#include "missing.h"
#include "unmap.h"

static_assert(sizeof(struct gmem_userfault) == 64);
static_assert(sizeof(struct gmem_fault) == 64);

/* Of the range: so that its map has at most 512 MiB. */
#define GMEM_CHANNEL_MOST	(16ULL * SZ_1T)

/**
 * struct gmem_holding - an open channel
 * @c: the channel, with a reference
 * @file: the file
 */
struct gmem_holding {
	struct gmem_channel *c;
	struct file *file;
};

static struct inode *gmem_held_inode(const struct gmem_holding *h)
{
	return file_inode(h->file);
}

/* ---- events ---- */

/* Return: how many bytes were copied; 0 if there is no event. */
static ssize_t gmem_channel_read_some(struct gmem_holding *h,
				      struct iov_iter *to)
{
	struct gmem_fault fault;
	struct gmem_await *a;
	ssize_t done = 0;
	bool copied;

	while (iov_iter_count(to) >= sizeof(fault)) {
		a = gmem_faults_take(h->c, i_size_read(gmem_held_inode(h)),
				     &fault);
		if (!a)
			break;
		copied = copy_to_iter_full(&fault, sizeof(fault), to);
		gmem_faults_taken(h->c, a, copied);
		if (!copied)
			return done ?: -EFAULT;
		done += sizeof(fault);
	}
	return done;
}

static ssize_t gmem_channel_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct gmem_holding *h = iocb->ki_filp->private_data;
	struct gmem_channel *c = h->c;
	struct gmem_fault_note note;
	ssize_t ret;

	if (iov_iter_count(to) < sizeof(struct gmem_fault))
		return -EINVAL;
	do {
		/* The caller's memory may be what is missing. */
		gmem_fault_note_begin(&note, true);
		ret = gmem_channel_read_some(h, to);
		gmem_fault_note_end(&note);
		if (ret)
			return ret;
		if (iocb->ki_flags & IOCB_NOWAIT ||
		    iocb->ki_filp->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_state(c->readers, !list_empty(&c->unread),
				       (TASK_INTERRUPTIBLE | TASK_FREEZABLE));
	} while (!ret);
	return ret;
}

static __poll_t gmem_channel_poll(struct file *file, poll_table *wait)
{
	struct gmem_holding *h = file->private_data;

	poll_wait(file, &h->c->readers, wait);
	return list_empty(&h->c->unread) ? 0 : EPOLLIN | EPOLLRDNORM;
}

/* ---- answers ---- */

static long gmem_channel_ioctl(struct file *file, unsigned int cmd,
			       unsigned long arg)
{
	struct gmem_holding *h = file->private_data;
	void __user *user = (void __user *)arg;
	struct gmem_fault_note note;
	long ret = -ENOTTY;

	gmem_fault_note_begin(&note, true);
	switch (cmd) {
	case GMEM_FILL:
		ret = gmem_fill(gmem_held_inode(h), h->c, user);
		break;
	case GMEM_FILL_ZERO:
		ret = gmem_fill_zero(gmem_held_inode(h), h->c, user);
		break;
	}
	gmem_fault_note_end(&note);
	return ret;
}

/* ---- a holder comes ---- */

/* Return: the first page, or an errno. Sets @nr to how many there are. */
static int gmem_userfault_range(struct inode *inode,
				const struct gmem_userfault *userfault,
				pgoff_t *first, unsigned long *nr)
{
	u64 size = i_size_read(inode);
	u64 end = userfault->offset + userfault->size;

	if (!userfault->size || end < userfault->offset || end > size ||
	    userfault->offset % PAGE_SIZE || (end % PAGE_SIZE && end != size))
		return -EINVAL;
	if (userfault->size > GMEM_CHANNEL_MOST)
		return -EFBIG;
	*first = userfault->offset >> PAGE_SHIFT;
	*nr = DIV_ROUND_UP_ULL(end, PAGE_SIZE) - *first;
	return 0;
}

/*
 * A channel that nobody holds gets this holder. The range is the channel's, as
 * far as the file has it still: it may have been truncated.
 */
static int gmem_channel_hold_again(struct inode *inode, struct gmem_channel *c,
				   pgoff_t first, unsigned long nr,
				   bool reattach)
{
	pgoff_t size = DIV_ROUND_UP(i_size_read(inode), PAGE_SIZE);
	int ret = 0;

	spin_lock(&c->lock);
	if (c->holder == GMEM_HOLDER) {
		ret = -EBUSY;
	} else if (c->first != first ||
		   first + nr != min(first + c->nr, size)) {
		ret = -EINVAL;
	} else {
		c->holder = GMEM_HOLDER;
		c->reattach = reattach;
		gmem_faults_unread_all(c);
	}
	spin_unlock(&c->lock);
	return ret;
}

static struct gmem_channel *gmem_channel_make(struct inode *inode,
					      pgoff_t first, unsigned long nr,
					      bool reattach)
{
	struct gmem_channel *c = gmem_channel_new(inode, first, nr);
	int ret;

	if (IS_ERR(c))
		return c;
	c->reattach = reattach;
	ret = gmem_channel_attach(inode, c);
	if (!ret)
		return c;
	gmem_uncharge_bookkeeping(inode, c->bytes);
	gmem_channel_put(c);
	return ERR_PTR(ret);
}

/* Return: the file's channel, with a reference for its new holder. */
static struct gmem_channel *
gmem_channel_hold(struct inode *inode, const struct gmem_userfault *userfault)
{
	bool reattach = userfault->flags & GMEM_FAULT_REATTACH;
	struct gmem_channel *c = gmem_i(inode)->channel;
	unsigned long nr;
	pgoff_t first;
	int ret;

	lockdep_assert_held_write(&inode->i_rwsem);
	ret = gmem_userfault_range(inode, userfault, &first, &nr);
	if (ret)
		return ERR_PTR(ret);
	if (!c)
		c = gmem_channel_make(inode, first, nr, reattach);
	else
		ret = gmem_channel_hold_again(inode, c, first, nr, reattach);
	if (ret)
		return ERR_PTR(ret);
	if (!IS_ERR(c))
		refcount_inc(&c->refs);
	return c;
}

/* ---- the holder goes ---- */

static void gmem_channel_release_locked(struct inode *inode,
					struct gmem_channel *c)
{
	enum gmem_holder holder = c->reattach ? GMEM_HOLDER_AWAITED
					      : GMEM_HOLDER_GONE;

	lockdep_assert_held_write(&inode->i_rwsem);
	if (gmem_channel_detach(inode))
		holder = GMEM_HOLDER_DONE;
	spin_lock(&c->lock);
	WRITE_ONCE(c->holder, holder);
	spin_unlock(&c->lock);
	/* If it is done, who waits for what was punched finds a hole. */
	if (holder != GMEM_HOLDER_AWAITED)
		gmem_faults_over(c, c->first, c->first + c->nr);
	if (holder == GMEM_HOLDER_DONE)
		gmem_channel_put(c);
}

static int gmem_channel_release(struct inode *unused, struct file *file)
{
	struct gmem_holding *h = file->private_data;
	struct inode *inode = gmem_held_inode(h);

	if (h->c) {
		inode_lock(inode);
		gmem_channel_release_locked(inode, h->c);
		inode_unlock(inode);
		gmem_channel_put(h->c);
	}
	fput(h->file);
	kfree(h);
	return 0;
}

/* gmem_channel_evict - the file goes, and nobody holds its channel */
void gmem_channel_evict(struct inode *inode)
{
	struct gmem_channel *c = gmem_i(inode)->channel;

	gmem_i(inode)->channel = NULL;
	if (c)
		gmem_channel_put(c);
}

static void gmem_channel_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct gmem_holding *h = file->private_data;
	struct gmem_channel *c = h->c;

	seq_printf(m, "gmem-offset:\t%llu\n", (u64)c->first << PAGE_SHIFT);
	seq_printf(m, "gmem-size:\t%llu\n", (u64)c->nr << PAGE_SHIFT);
	seq_printf(m, "gmem-missing:\t%llu kB\n",
		   (u64)READ_ONCE(c->nr_missing) << (PAGE_SHIFT - 10));
}

static const struct file_operations gmem_channel_operations = {
	.owner		= THIS_MODULE,
	.read_iter	= gmem_channel_read_iter,
	.poll		= gmem_channel_poll,
	.unlocked_ioctl	= gmem_channel_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.show_fdinfo	= gmem_channel_show_fdinfo,
	.release	= gmem_channel_release,
	.llseek		= noop_llseek,
};

/* ---- GMEM_USERFAULT ---- */

/* A descriptor's file, which holds no channel yet. */
static struct file *gmem_channel_file(struct file *of)
{
	struct gmem_holding *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);
	struct file *file;

	if (!h)
		return ERR_PTR(-ENOMEM);
	h->file = get_file(of);
	file = anon_inode_getfile("[gmem-channel]", &gmem_channel_operations, h,
				  O_RDWR);
	if (IS_ERR(file)) {
		fput(of);
		kfree(h);
		return file;
	}
	file->f_mode |= FMODE_NOWAIT;	/* for io_uring */
	return file;
}

static int gmem_userfault_hold(struct gmem_holding *h,
			       const struct gmem_userfault *userfault)
{
	struct inode *inode = gmem_held_inode(h);
	struct gmem_channel *c;

	/* So that a vCPU that waits can be stopped: borrow.c. */
	gmem_unmap_expect();
	inode_lock(inode);
	c = gmem_channel_hold(inode, userfault);
	inode_unlock(inode);
	if (IS_ERR(c))
		return PTR_ERR(c);
	h->c = c;
	return 0;
}

/**
 * gmem_userfault - GMEM_USERFAULT: see the header of the ABI
 * @file: the file, open for writing
 * @arg: a struct gmem_userfault
 *
 * Return: a file descriptor, or an errno.
 */
long gmem_userfault(struct file *file, void __user *arg)
{
	struct gmem_userfault userfault;
	struct file *channel;
	int fd, ret;

	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (copy_from_user(&userfault, arg, sizeof(userfault)))
		return -EFAULT;
	if (userfault.flags & ~GMEM_FAULT_REATTACH ||
	    memchr_inv(userfault.reserved, 0, sizeof(userfault.reserved)))
		return -EINVAL;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	channel = gmem_channel_file(file);
	ret = PTR_ERR_OR_ZERO(channel);
	if (ret)
		goto put_fd;
	ret = gmem_userfault_hold(channel->private_data, &userfault);
	if (ret)
		goto put_file;
	fd_install(fd, channel);
	return fd;

put_file:
	fput(channel);
put_fd:
	put_unused_fd(fd);
	return ret;
}
