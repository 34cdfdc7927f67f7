// SPDX-License-Identifier: GPL-2.0
/* System calls that wait for an answer: gets them and answers them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ask.h"
#include "ctl.h"
#include "notify.h"

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* A later kernel may write more than this program knows of. */
int notify_begin(struct notify *n, int listener)
{
	struct seccomp_notif_sizes sizes;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes))
		return -errno;
	n->fd = listener;
	n->call_size = larger(sizes.seccomp_notif, sizeof(*n->call));
	n->answer_size = larger(sizes.seccomp_notif_resp, sizeof(*n->answer));
	n->call = ctl_alloc(1, n->call_size);
	n->answer = ctl_alloc(1, n->answer_size);
	return 0;
}

int notify_next(struct notify *n)
{
	memset(n->call, 0, n->call_size);
	return ioctl(n->fd, SECCOMP_IOCTL_NOTIF_RECV, n->call) ? -errno : 0;
}

bool notify_waits(const struct notify *n)
{
	return !ioctl(n->fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &n->call->id);
}

/* An error means that the thread has been killed: there is nobody to tell. */
static void answer(struct notify *n, int64_t value, int err, uint32_t flags)
{
	memset(n->answer, 0, n->answer_size);
	n->answer->id = n->call->id;
	n->answer->val = value;
	n->answer->error = -err;
	n->answer->flags = flags;
	ioctl(n->fd, SECCOMP_IOCTL_NOTIF_SEND, n->answer);
}

void notify_pass(struct notify *n)
{
	answer(n, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

void notify_value(struct notify *n, int64_t value)
{
	answer(n, value, 0, 0);
}

void notify_error(struct notify *n, int err)
{
	answer(n, 0, err, 0);
}

/*
 * FLAG_SEND makes it one step: a thread that is killed in between can't have
 * got a descriptor of which its process knows nothing.
 */
int notify_file(struct notify *n, int fd, bool cloexec)
{
	struct seccomp_notif_addfd add = {
		.id = n->call->id,
		.flags = SECCOMP_ADDFD_FLAG_SEND,
		.srcfd = fd,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};

	int err;

	if (ioctl(n->fd, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0)
		return 0;
	err = errno;
	if (!notify_waits(n))
		return -ESRCH;
	notify_error(n, err);
	return -err;
}

ssize_t notify_read(const struct notify *n, uint64_t address, void *to,
		    size_t size)
{
	return ask_memory(n->call->pid, address, to, size);
}
