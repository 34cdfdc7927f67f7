// SPDX-License-Identifier: GPL-2.0
/* Answers memfd_create(2) with files of gmemfs. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <linux/memfd.h>
#include <string.h>
#include <unistd.h>

#include "complain.h"
#include "memfd.h"
#include "seals.h"
#include "text.h"

/* Linux 6.3 and later; older headers don't have them. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U
#define MFD_EXEC	0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC	0x20
#endif

#define PLAIN_FLAGS	(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | \
			 MFD_NOEXEC_SEAL | MFD_EXEC)

/* Which page size of hugetlbfs. It means nothing to gmemfs. */
#define SIZE_FLAGS	((unsigned int)MFD_HUGE_MASK << MFD_HUGE_SHIFT)

/* What the kernel allows for a name, and the zero at its end. */
#define NAME_ROOM	250

/* ---- which ---- */

/*
 * If the name can't be read, or there is an error of fnmatch(), the memory is
 * hidden: better too much of it than too little.
 */
static bool is_wanted(const struct notify *n, const char *pattern)
{
	char name[NAME_ROOM];
	ssize_t got;

	if (!pattern)
		return true;
	got = notify_read(n, n->call->data.args[0], name, sizeof(name));
	if (got > 0 && memchr(name, '\0', got))
		return fnmatch(pattern, name, FNM_EXTMATCH) != FNM_NOMATCH;
	if (notify_waits(n))
		complain("process %u: the name of a memfd can't be read (%s), so its memory is hidden without regard to --name",
			 n->call->pid, strerror(got < 0 ? -got : EFAULT));
	return true;
}

/*
 * A flag that this program doesn't know is refused as by a kernel that doesn't
 * know it: if it were left to a kernel that does, the memory would not be
 * hidden, and nobody would know.
 */
static bool are_flags_known(unsigned int flags)
{
	unsigned int known = PLAIN_FLAGS;

	if (flags & MFD_HUGETLB)
		known |= SIZE_FLAGS;
	if (flags & MFD_EXEC && flags & MFD_NOEXEC_SEAL)
		return false;
	return !(flags & ~known);
}

/* ---- the file ---- */

/* As memfd_create() does. */
static unsigned int first_seals(unsigned int flags)
{
	if (flags & MFD_NOEXEC_SEAL)
		return F_SEAL_EXEC;
	return flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
}

static const char *what_to_do(int err)
{
	switch (err) {
	case -ENOSPC:
		return "the mount is full: remount with more size=, nr_inodes=";
	case -EROFS:
		return "remount it with rw";
	case -EMFILE:
		return "raise the limit of gmemctl's open files (ulimit -n)";
	case -ENFILE:
		return "too many files are open: see /proc/sys/fs/file-max";
	case -ENOMEM:
		return "free some memory, or 'gmemctl release' the pool";
	default:
		return "see 'gmemctl check'";
	}
}

/* Return: one of the errors that memfd_create() may have. */
static int refuse(const struct supply *s, int err)
{
	complain("memfd_create() fails, because a file can't be made in %s: %s; %s",
		 text_safe(s->path), strerror(-err), what_to_do(err));
	return err == -EMFILE || err == -ENFILE ? ENFILE : ENOMEM;
}

static int make(const struct supply *s, unsigned int flags)
{
	int fd = supply_file(s);
	int err;

	if (fd < 0)
		return fd;
	err = seals_begin(fd, first_seals(flags));
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* With EMFILE it's the process that has too many files, and it knows that. */
static void give(struct notify *n, int fd, bool cloexec)
{
	int err = notify_file(n, fd, cloexec);

	if (err && err != -EMFILE && err != -ESRCH)
		complain("process %u can't be given a file of gmemfs, so memfd_create() fails: %s; a security module may forbid it",
			 n->call->pid, strerror(-err));
}

void memfd_answer(const struct supply *s, const char *pattern,
		  struct notify *n)
{
	unsigned int flags = n->call->data.args[1];
	int fd;

	if (!is_wanted(n, pattern)) {
		notify_pass(n);
		return;
	}
	if (!are_flags_known(flags)) {
		notify_error(n, EINVAL);
		return;
	}
	fd = make(s, flags);
	if (fd < 0) {
		notify_error(n, refuse(s, fd));
		return;
	}
	give(n, fd, flags & MFD_CLOEXEC);
	close(fd);
}
