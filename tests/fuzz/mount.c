// SPDX-License-Identifier: GPL-2.0
/*
 * The mount of a life: made with a cow= of its own, and gone when its files
 * are. What it counts in size= and nr_inodes= must be nothing then.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "fuzz.h"

/* More than all files and private mappings can take. */
#define OPTIONS	"size=2g,nr_inodes=100000,cow="

#define SETTLE_TRIES	600
#define SETTLE_US	100000

static const char *const policies[] = {
	OPTIONS "auto", OPTIONS "page", OPTIONS "block",
};

static const char *options;
static long inodes_before;

const char *mount_options(void)
{
	return options;
}

static struct statfs totals(void)
{
	struct statfs fs;

	must_do(statfs(TOP, &fs));
	return fs;
}

/* Pages that count in size=. */
long mount_used(void)
{
	struct statfs fs = totals();

	return fs.f_blocks - fs.f_bfree;
}

/* Files, without the root. */
long mount_inodes(void)
{
	struct statfs fs = totals();

	return fs.f_files - fs.f_ffree - inodes_before;
}

void mount_one(void)
{
	options = policies[below(3)];
	mkdir(TOP, 0755);
	must_do(mount("gmemfs", TOP, "gmemfs", 0, options));
	inodes_before = 0;
	inodes_before = mount_inodes();
}

/* Processes that were killed may take a moment to let go of it. */
bool unmount_one(void)
{
	int tries = SETTLE_TRIES, busy;

	while ((mount_used() || mount_inodes()) && tries--)
		usleep(SETTLE_US);
	if (tries < 0)
		say("the files are gone, and the mount counts %ld pages and %ld inodes",
		    mount_used(), mount_inodes());
	do {
		busy = umount(TOP);
	} while (busy && errno == EBUSY && tries-- > 0 && !usleep(SETTLE_US));
	if (busy)
		say("umount: %s", strerror(errno));
	return !busy && tries >= 0;
}
