// SPDX-License-Identifier: GPL-2.0
/*
 * Faults: tasks wait for missing pages, and the holder of the fault channel
 * reads what they wait for.
 *
 * All that wait for pages of one block have a struct gmem_await in common: one
 * event. It is over when any page of the block was filled, when the file
 * becomes shorter, or when nobody will fill it. Then all of them look again. A
 * page that is missing still is the next event. So no waiting task depends on
 * what the holder did with an earlier event.
 *
 * A task waits with no lock of the file held, and in a page fault without
 * mmap_lock, or the VMA's lock: as the kernel does for userfaultfd. So it can't
 * be in the way of whoever fills, of munmap(), or of the end of its process. It
 * returns VM_FAULT_RETRY then, always: the VMA may be gone. Where that isn't
 * allowed, the access fails. It keeps a reference to the file: that is all that
 * keeps the mount, and this module, while the task is in here.
 *
 * A fatal signal ends every wait; any signal, those of user accesses, read(),
 * write(), and vCPUs in the faults of their guests. The freezer takes a task
 * that waits as it is, even one that holds locks of others (a vCPU's mutex,
 * say): what it waits for can come only after the thaw. So others that wait for
 * such a lock may keep the host from being suspended, but no wait is lost.
 *
 * A task that fills, or reads events, must not wait itself: it may be the one
 * that would answer. Each such task is noted, and its access fails instead.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <uapi/linux/gmemfs.h>

#include "block.h"
#include "faults.h"
#include "gmem_inode.h"
#include "missing.h"
#include "refusal.h"
#include "units.h"

/**
 * struct gmem_await - an event: tasks wait for pages of a block
 * @all: its place among all events of the channel; empty once it is over
 * @unread: its place among those that the holder hasn't read, or empty
 * @refs: tasks that wait, and who reads it now
 * @index: index of the block
 * @touched: the page that was touched first
 * @write: whether that was a write
 * @over: look again
 * @pid: the process that touched it
 * @waiters: who waits
 *
 * All but @waiters changes under the channel's lock.
 */
struct gmem_await {
	struct list_head all;
	struct list_head unread;
	unsigned int refs;
	unsigned long index;
	pgoff_t touched;
	bool write;
	bool over;
	struct pid *pid;
	wait_queue_head_t waiters;
};

/* ---- how a task waits ---- */

/* A vCPU leaves a note for each look-up of KVM, so each has its own bucket. */
#define NOTE_BITS	6

static struct gmem_note_bucket {
	spinlock_t lock;
	struct hlist_head notes;
} ____cacheline_aligned_in_smp note_buckets[1 << NOTE_BITS] = {
	[0 ... (1 << NOTE_BITS) - 1] = {
		.lock = __SPIN_LOCK_UNLOCKED(note_buckets.lock),
	},
};

static struct gmem_note_bucket *gmem_note_bucket(void)
{
	return &note_buckets[hash_ptr(current, NOTE_BITS)];
}

/**
 * gmem_fault_note_begin - this task waits in another way
 * @n: stays on the stack until gmem_fault_note_end()
 * @answers: in which
 */
void gmem_fault_note_begin(struct gmem_fault_note *n, bool answers)
{
	struct gmem_note_bucket *bucket = gmem_note_bucket();

	n->task = current;
	n->answers = answers;
	spin_lock(&bucket->lock);
	hlist_add_head(&n->node, &bucket->notes);
	spin_unlock(&bucket->lock);
}

void gmem_fault_note_end(struct gmem_fault_note *n)
{
	struct gmem_note_bucket *bucket = gmem_note_bucket();

	spin_lock(&bucket->lock);
	hlist_del(&n->node);
	spin_unlock(&bucket->lock);
}

/* Only a task itself adds and removes its notes, so the answer stays true. */
static bool gmem_has_fault_note(bool answers)
{
	struct gmem_note_bucket *bucket = gmem_note_bucket();
	struct gmem_fault_note *n;
	bool found = false;

	spin_lock(&bucket->lock);
	hlist_for_each_entry(n, &bucket->notes, node)
		found |= n->task == current && n->answers == answers;
	spin_unlock(&bucket->lock);
	return found;
}

static bool gmem_is_answering(void)
{
	return gmem_has_fault_note(true);
}

static bool gmem_is_interruptible(void)
{
	return gmem_has_fault_note(false);
}

/* ---- events ---- */

static struct gmem_await *gmem_await_new(pgoff_t pgoff, bool write)
{
	struct gmem_await *a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);

	if (!a)
		return NULL;
	INIT_LIST_HEAD(&a->all);
	INIT_LIST_HEAD(&a->unread);
	a->index = pgoff >> GMEM_BLOCK_ORDER;
	a->touched = pgoff;
	a->write = write;
	a->pid = get_pid(task_tgid(current));
	init_waitqueue_head(&a->waiters);
	return a;
}

static void gmem_await_free(struct gmem_await *a)
{
	put_pid(a->pid);
	kfree(a);
}

static struct gmem_await *gmem_await_find(struct gmem_channel *c, pgoff_t pgoff)
{
	struct gmem_await *a;

	list_for_each_entry(a, &c->faults, all)
		if (a->index == pgoff >> GMEM_BLOCK_ORDER)
			return a;
	return NULL;
}

/*
 * Must nobody wait for a page any more, as it is the file's end now, or an
 * ordinary hole? What makes it so changes before gmem_faults_over() takes the
 * lock: so no wait begins after that, and none is forgotten.
 */
static bool gmem_await_is_late(struct inode *inode, struct gmem_channel *c,
			       pgoff_t pgoff)
{
	lockdep_assert_held(&c->lock);
	return c->holder == GMEM_HOLDER_DONE ||
	       gmem_beyond_end(inode, pgoff);
}

/*
 * Wait for a page from now on. Return: 0 with *@await set, NULL if the caller
 * must look again; -EHWPOISON; or -EIO if nobody will fill it.
 */
static int gmem_await_join(struct inode *inode, struct gmem_channel *c,
			   pgoff_t pgoff, struct gmem_await **new,
			   struct gmem_await **await)
{
	struct gmem_await *a;
	int ret;

	lockdep_assert_held(&c->lock);
	*await = NULL;
	if (gmem_await_is_late(inode, c, pgoff))
		return 0;
	ret = gmem_channel_lacks(c, pgoff);
	if (ret != GMEM_MISSING)
		return ret;
	if (c->holder == GMEM_HOLDER_GONE)
		return -EIO;
	a = gmem_await_find(c, pgoff);
	if (!a) {
		a = *new;
		*new = NULL;
		list_add_tail(&a->all, &c->faults);
		list_add_tail(&a->unread, &c->unread);
	}
	a->refs++;
	*await = a;
	return 0;
}

/* The same, without the lock. -ENOMEM: no memory. */
static int gmem_await_begin(struct inode *inode, struct gmem_channel *c,
			    pgoff_t pgoff, bool write,
			    struct gmem_await **await)
{
	struct gmem_await *new = gmem_await_new(pgoff, write);
	bool added;
	int ret;

	if (!new)
		return -ENOMEM;
	spin_lock(&c->lock);
	ret = gmem_await_join(inode, c, pgoff, &new, await);
	added = !new;
	spin_unlock(&c->lock);
	if (added)
		wake_up_interruptible_poll(&c->readers, EPOLLIN | EPOLLRDNORM);
	else
		gmem_await_free(new);
	return ret;
}

static void gmem_await_put(struct gmem_channel *c, struct gmem_await *a)
{
	bool last;

	spin_lock(&c->lock);
	last = !--a->refs;
	if (last) {
		list_del(&a->all);
		list_del(&a->unread);
	}
	spin_unlock(&c->lock);
	if (last)
		gmem_await_free(a);
}

/* An event is over. Whoever waits has a reference, so it stays until then. */
static void gmem_await_over(struct gmem_await *a)
{
	list_del_init(&a->all);
	list_del_init(&a->unread);
	WRITE_ONCE(a->over, true);
	wake_up_all(&a->waiters);
}

/**
 * gmem_faults_over - who waits for a page of a range looks again
 * @c: the channel
 * @first: first page
 * @end: page after the last
 */
void gmem_faults_over(struct gmem_channel *c, pgoff_t first, pgoff_t end)
{
	unsigned long last = (end - 1) >> GMEM_BLOCK_ORDER;
	struct gmem_await *a, *next;

	spin_lock(&c->lock);
	list_for_each_entry_safe(a, next, &c->faults, all)
		if (a->index >= first >> GMEM_BLOCK_ORDER && a->index <= last)
			gmem_await_over(a);
	spin_unlock(&c->lock);
}

/*
 * gmem_faults_over_in - the same of a file, which may have no channel; the
 *			 caller holds its i_rwsem or its invalidate_lock
 */
void gmem_faults_over_in(struct inode *inode, pgoff_t first, pgoff_t end)
{
	if (gmem_has_channel(inode) && first < end)
		gmem_faults_over(gmem_i(inode)->channel, first, end);
}

/* Pages whose bits are cleared at a time, under a spinlock: 128 MiB. */
#define GMEM_FILLED_MOST	(64 * GMEM_BLOCK_PAGES)

/**
 * gmem_faults_filled - what is missing of a range was brought
 * @inode: the file, which may have no channel; the caller holds its
 *	   invalidate_lock
 * @first: first page
 * @end: page after the last
 */
void gmem_faults_filled(struct inode *inode, pgoff_t first, pgoff_t end)
{
	struct gmem_channel *c = gmem_i(inode)->channel;
	pgoff_t at;

	if (!c || first >= end)
		return;
	for (at = first; at < end; at += GMEM_FILLED_MOST) {
		gmem_channel_fill(c, at, min(at + GMEM_FILLED_MOST, end));
		cond_resched();
	}
	gmem_faults_over(c, first, end);
}

/**
 * gmem_faults_zero - a page, if it is missing, is zeros
 * @inode: the file; the caller holds its invalidate_lock
 * @block: its block
 * @slot: where the page is
 */
void gmem_faults_zero(struct inode *inode, const struct gmem_block *block,
		      unsigned int slot)
{
	pgoff_t pgoff = (block->index << GMEM_BLOCK_ORDER) + slot;

	if (!gmem_missing(inode, pgoff))
		return;
	gmem_channel_fill(gmem_i(inode)->channel, pgoff, pgoff + 1);
	gmem_faults_over(gmem_i(inode)->channel, pgoff, pgoff + 1);
}

/* ---- waiting ---- */

/*
 * Is a process over that a kernel thread does something for? The kernel forgets
 * the owner of an address space when no process has it any more, even if kernel
 * threads still do. Until then a thread of it that is being killed may wait for
 * the kernel thread: for vhost's, or for an asynchronous page fault of KVM.
 */
static bool gmem_mm_is_over(struct mm_struct *mm)
{
#ifdef CONFIG_MEMCG
	const struct task_struct *owner;
	bool over;

	/* An owner is freed after a grace period: so its signals stay. */
	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	over = !owner || READ_ONCE(owner->signal->flags) & SIGNAL_GROUP_EXIT;
	rcu_read_unlock();
	return over;
#else
	return atomic_read(&mm->mm_users) <= 1;
#endif
}

/*
 * A kernel thread gets no signals. The process that it does this for may wait
 * for it when it is killed: so it looks whether that still lives.
 */
static void gmem_await_as_kthread(struct gmem_await *a, struct mm_struct *mm)
{
	while (!gmem_mm_is_over(mm) &&
	       !wait_event_idle_timeout(a->waiters, READ_ONCE(a->over), HZ / 4))
		;
}

static int gmem_await_as_user(struct gmem_await *a, unsigned int state)
{
	return wait_event_state(a->waiters, READ_ONCE(a->over),
				(state | TASK_FREEZABLE_UNSAFE));
}

/*
 * The kernel repeats an access of its own at once if there is a signal that
 * isn't fatal: such a wait must go on then, unless gmem_fault_may_wait() ends
 * it.
 */
static unsigned int gmem_fault_state(const struct vm_fault *vmf)
{
	const unsigned int user = FAULT_FLAG_USER | FAULT_FLAG_INTERRUPTIBLE;

	return (vmf->flags & user) == user || gmem_is_interruptible() ?
	       TASK_INTERRUPTIBLE : TASK_KILLABLE;
}

/* In a look-up of KVM, the first fault after a signal fails: see borrow.c. */
static bool gmem_fault_may_wait(const struct vm_fault *vmf)
{
	if (signal_pending(current) && gmem_is_interruptible())
		return false;
	if (current->flags & (PF_EXITING | PF_DUMPCORE))
		return false;
	if (current->flags & PF_KTHREAD && gmem_mm_is_over(vmf->vma->vm_mm))
		return false;
	return vmf->flags & FAULT_FLAG_ALLOW_RETRY && !gmem_is_answering();
}

/* Called with the fault's lock held, and returns without it. */
static void gmem_fault_sleep(struct vm_fault *vmf, struct gmem_channel *c,
			     struct gmem_await *a)
{
	struct file *file = get_file(vmf->vma->vm_file);
	unsigned int state = gmem_fault_state(vmf);
	struct mm_struct *mm = vmf->vma->vm_mm;

	mmgrab(mm);
	release_fault_lock(vmf);
	if (a && current->flags & PF_KTHREAD)
		gmem_await_as_kthread(a, mm);
	else if (a)
		gmem_await_as_user(a, state);
	mmdrop(mm);
	if (a)
		gmem_await_put(c, a);
	/* The kernel drops the last reference once this task has left. */
	fput(file);
}

/* The fault's lock is held, so there is a file. */
static vm_fault_t gmem_fault_failed(struct vm_fault *vmf,
				    const struct gmem_channel *c, int err)
{
	if (READ_ONCE(c->holder) == GMEM_HOLDER_GONE)
		gmem_refusal_say(file_inode(vmf->vma->vm_file),
				 GMEM_REFUSED_FILLER);
	return err == -EHWPOISON ? VM_FAULT_HWPOISON : vmf_error(err);
}

/**
 * gmem_faults_wait - wait in a page fault
 * @vmf: the fault; the file's invalidate_lock isn't held
 * @c: the file's channel, with a reference, which this drops
 *
 * Return: VM_FAULT_RETRY: the fault's lock isn't held any more, nor may @vmf's
 * VMA be used, unless the fault is one that doesn't wait; VM_FAULT_NOPAGE: try
 * again; or an error.
 */
vm_fault_t gmem_faults_wait(struct vm_fault *vmf, struct gmem_channel *c)
{
	vm_fault_t ret = VM_FAULT_RETRY;
	struct gmem_await *a = NULL;
	int err = -EIO;

	/*
	 * For ->pfn_mkwrite() the kernel doesn't know VM_FAULT_RETRY. The entry
	 * was of a page that was punched meanwhile, and is gone.
	 */
	if (vmf->flags & FAULT_FLAG_MKWRITE) {
		ret = VM_FAULT_NOPAGE;
		goto put;
	}
	/* The kernel asks again, and waits then: there is no event yet. */
	if (vmf->flags & FAULT_FLAG_RETRY_NOWAIT)
		goto put;
	if (gmem_fault_may_wait(vmf))
		err = gmem_await_begin(file_inode(vmf->vma->vm_file), c,
				       vmf->pgoff,
				       vmf->flags & FAULT_FLAG_WRITE, &a);
	if (err) {
		ret = gmem_fault_failed(vmf, c, err);
		goto put;
	}
	gmem_fault_sleep(vmf, c, a);
put:
	gmem_channel_put(c);
	return ret;
}

/**
 * gmem_faults_wait_io - wait in read() or write()
 * @inode: the file; the caller holds none of its locks
 * @pgoff: a page that was missing
 * @write: for write()
 *
 * Return: 0: look again; -EIO, it can't be had, or nobody will fill it;
 * -ERESTARTSYS for a signal; -ENOMEM.
 */
int gmem_faults_wait_io(struct inode *inode, pgoff_t pgoff, bool write)
{
	struct gmem_channel *c = NULL;
	struct gmem_await *a;
	int ret;

	if (current->flags & PF_KTHREAD || gmem_is_answering())
		return -EIO;
	filemap_invalidate_lock_shared(inode->i_mapping);
	if (gmem_has_channel(inode))
		c = gmem_channel_get(inode);
	filemap_invalidate_unlock_shared(inode->i_mapping);
	if (!c)
		return 0;
	ret = gmem_await_begin(inode, c, pgoff, write, &a);
	if (!ret && a) {
		ret = gmem_await_as_user(a, TASK_INTERRUPTIBLE);
		gmem_await_put(c, a);
	}
	gmem_channel_put(c);
	return ret == -EHWPOISON ? -EIO : ret;
}

/* ---- for the holder ---- */

static void gmem_fault_describe(struct gmem_channel *c,
				const struct gmem_await *a, loff_t size,
				struct gmem_fault *fault)
{
	pgoff_t start = a->index << GMEM_BLOCK_ORDER;
	pgoff_t first = max(start, c->first);
	pgoff_t end = min3(start + GMEM_BLOCK_PAGES, c->first + c->nr,
			   (pgoff_t)DIV_ROUND_UP(size, PAGE_SIZE));

	*fault = (struct gmem_fault){
		.offset = (u64)first << PAGE_SHIFT,
		.size = (u64)(max(end, first + 1) - first) << PAGE_SHIFT,
		.touched = (u64)a->touched << PAGE_SHIFT,
		.flags = (a->write ? GMEM_FAULT_WRITE : 0) |
			 (gmem_channel_is_new(c, a->touched) ?
			  0 : GMEM_FAULT_PUNCHED),
		.pid = pid_vnr(a->pid),
	};
}

/**
 * gmem_faults_take - take the next event that wasn't read
 * @c: the channel
 * @size: the file's size
 * @fault: set to what it says
 *
 * Return: NULL if there is none; or for gmem_faults_taken().
 */
struct gmem_await *gmem_faults_take(struct gmem_channel *c, loff_t size,
				    struct gmem_fault *fault)
{
	struct gmem_await *a;

	spin_lock(&c->lock);
	a = list_first_entry_or_null(&c->unread, struct gmem_await, unread);
	if (a) {
		list_del_init(&a->unread);
		a->refs++;
		gmem_fault_describe(c, a, size, fault);
	}
	spin_unlock(&c->lock);
	return a;
}

/**
 * gmem_faults_taken - the event was read; or it couldn't be delivered
 * @c: the channel
 * @a: what gmem_faults_take() has returned
 * @delivered: which
 */
void gmem_faults_taken(struct gmem_channel *c, struct gmem_await *a,
		       bool delivered)
{
	spin_lock(&c->lock);
	if (!delivered && !a->over && list_empty(&a->unread))
		list_add(&a->unread, &c->unread);
	spin_unlock(&c->lock);
	/* Another task may be able to read it. */
	if (!delivered)
		wake_up_interruptible_poll(&c->readers,
					   EPOLLIN | EPOLLRDNORM);
	gmem_await_put(c, a);
}

/*
 * gmem_faults_unread_all - there is a new holder, which has read no event; the
 *			    caller holds the channel's lock
 */
void gmem_faults_unread_all(struct gmem_channel *c)
{
	struct gmem_await *a;

	lockdep_assert_held(&c->lock);
	list_for_each_entry(a, &c->faults, all)
		if (list_empty(&a->unread))
			list_add_tail(&a->unread, &c->unread);
}
