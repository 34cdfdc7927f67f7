// SPDX-License-Identifier: GPL-2.0
/* Seals for files of gmemfs that stand for memfds. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "ask.h"
#include "callfilter.h"
#include "complain.h"
#include "seals.h"

#define NAME	"user.gmemctl.seals"

#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x20
#endif

/*
 * Nothing on gmemfs can be executed, because that takes a private mapping that
 * is executable. So the seal against becoming executable holds by itself.
 */
#define KEPT	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_EXEC)
#define KNOWN	(KEPT | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* ---- in the file ---- */

static int format(char *text, size_t room, unsigned int seals)
{
	return snprintf(text, room, "%u", seals);
}

int seals_begin(int fd, unsigned int seals)
{
	char text[16];
	int n = format(text, sizeof(text), seals);

	return fsetxattr(fd, NAME, text, n, 0) ? -errno : 0;
}

/* The file is reached by O_PATH only, which fgetxattr() doesn't take. */
static int get(const struct reach *r, unsigned int *seals)
{
	char path[32], text[16];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->fd);
	n = getxattr(path, NAME, text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	*seals = strtoul(text, NULL, 10) & KEPT;
	return 0;
}

/*
 * That takes the inode's lock, which a thread of the VMM may have while it
 * waits for a file server. Reading the attribute takes no such lock.
 */
static int set(const struct reach *r, unsigned int seals)
{
	char text[16];

	format(text, sizeof(text), seals);
	return ask_set_attribute(r->fd, NAME, text);
}

/* ---- the calls ---- */

/* The file of a call, and its seals. */
struct sealed {
	struct reach at;
	bool write;		/* is the descriptor open for writing? */
	unsigned int seals;
};

/*
 * Return: 0 if it is a file that stands for a memfd; or a negative errno: then
 * the call is the kernel's.
 */
static int reach_sealed(const struct supply *s, const struct notify *n,
			struct sealed *f)
{
	int fd = (int)n->call->data.args[0];
	int err = supply_reach(s, n->call->pid, fd, &f->write, &f->at);

	if (err)
		return err;
	err = get(&f->at, &f->seals);
	if (!err && !notify_waits(n))
		err = -ESRCH;
	if (err)
		reach_leave(&f->at);
	return err;
}

static const char *what_to_do(int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return "run gmemctl as root, or keep the VMM dumpable";
	case -EAGAIN:
		return "raise the user's limit of processes (ulimit -u)";
	case -ETIMEDOUT:
	case -ECANCELED:
		return "the process, or a file server of it, doesn't answer";
	default:
		return "see 'gmemctl check'";
	}
}

/* In the order in which the kernel looks. Return: 0 or -errno. */
static int add(const struct sealed *f, uint64_t more)
{
	int err;

	if (!f->write)
		return -EPERM;
	if (more & ~(uint64_t)KNOWN)
		return -EINVAL;
	if (f->seals & F_SEAL_SEAL)
		return -EPERM;
	if (more & ~(uint64_t)KEPT) {
		complain("a file of gmemfs can't be sealed against writing (fcntl(F_ADD_SEALS)): if the program needs that seal, keep this memfd an ordinary one by --name");
		return -EINVAL;
	}
	err = set(&f->at, f->seals | more);
	if (err)
		complain("a file's seals can't be kept (%s), so fcntl(F_ADD_SEALS) fails with EBUSY; %s",
			 strerror(-err), what_to_do(err));
	return err ? -EBUSY : 0;
}

/* The kernel takes the lower half of the argument, and so does this. */
static void answer_sealed(struct notify *n, const struct sealed *f)
{
	int err;

	if ((unsigned int)n->call->data.args[1] == F_GET_SEALS) {
		notify_value(n, f->seals);
		return;
	}
	err = add(f, (uint32_t)n->call->data.args[2]);
	if (err)
		notify_error(n, -err);
	else
		notify_value(n, 0);
}

/* These errors mean that it's another file, or that the process has ended. */
static bool is_of_others(int err)
{
	return err == -ENOENT || err == -ENODATA || err == -ESRCH ||
	       err == -EOPNOTSUPP;
}

void seals_answer_fcntl(const struct supply *s, struct notify *n)
{
	struct sealed f;
	int err = reach_sealed(s, n, &f);

	if (err) {
		if (!is_of_others(err) && notify_waits(n))
			complain("process %u uses seals of a file, and which file can't be seen (%s): on a hidden file it gets EINVAL; %s",
				 n->call->pid, strerror(-err), what_to_do(err));
		notify_pass(n);
		return;
	}
	answer_sealed(n, &f);
	reach_leave(&f.at);
}

static bool is_sealed(const struct sealed *f, uint64_t length)
{
	struct stat st;

	if (!(f->seals & (F_SEAL_SHRINK | F_SEAL_GROW)))
		return false;
	if (fstat(f->at.fd, &st))
		return false;
	return (length < (uint64_t)st.st_size && f->seals & F_SEAL_SHRINK) ||
	       (length > (uint64_t)st.st_size && f->seals & F_SEAL_GROW);
}

void seals_answer_ftruncate(const struct supply *s, struct notify *n)
{
	uint64_t length = callfilter_length(&n->call->data);
	bool sealed = false;
	struct sealed f;

	if (!reach_sealed(s, n, &f)) {
		sealed = f.write && (int64_t)length >= 0 &&
			 is_sealed(&f, length);
		reach_leave(&f.at);
	}
	if (sealed)
		notify_error(n, EPERM);
	else
		notify_pass(n);
}
