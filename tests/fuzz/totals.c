// SPDX-License-Identifier: GPL-2.0
/*
 * What all files together take: what each says of itself (GMEM_GET_INFO)
 * against the totals of the module and of the mount.
 *
 * Memory in common is in each file's numbers, and once in the totals: so these
 * have bounds. Without clones and private mappings, the bounds of what is
 * hidden and lent are one number.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define BLOCK_PAGES	512L

/* A block of a private mapping: all that is in common, and a copy of each. */
#define MOST_OF_BLOCK	(2 * (long)BLOCK)

/* KVM has borrowed so much at most, each place being in two pages. */
#define MOST_LENT	(2 * PAGE_BYTES * MACHINES * VCPUS * PLACE_KINDS)

/**
 * struct sums - of all files that have a descriptor, in bytes
 * @unused: of blocks that are in common, what is no file's, or one's
 * @nameless: how many other files there are
 */
struct sums {
	long populated, hidden, lent, cloned;
	long unused;
	long nameless;
};

static long others_hidden;	/* what files of other mounts have */

static long sysfs_number(const char *name)
{
	char path[128], text[64] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/fs/gmemfs/%s", name);
	fd = must_do(open(path, O_RDONLY | O_CLOEXEC));
	must_do(read(fd, text, sizeof(text) - 1));
	close(fd);
	return strtol(text, NULL, 10);
}

/* Where the file ends inside the block, something may be in use behind that. */
static long unused_of_block(const struct file *f, const uint8_t *states,
			    long block)
{
	const uint8_t both = GMEM_STATE_HUGE | GMEM_STATE_CLONED;
	bool inside = (block + 1) * (long)BLOCK <= f->size;
	long first = block * BLOCK_PAGES, i, used = 0;

	for (i = first; i < first + BLOCK_PAGES; i++)
		used += (states[i] & both) == both;
	return used || !inside ? (BLOCK_PAGES - used) * PAGE_BYTES : 0;
}

static void add_file(struct sums *s, const struct file *f)
{
	struct gmem_info info = {};
	uint8_t states[PAGES];
	long block;

	must_do(ioctl(f->fd, GMEM_GET_INFO, &info));
	s->populated += info.populated;
	s->hidden += info.hidden;
	s->lent += info.lent;
	s->cloned += info.cloned;
	get_states_of(f, states);
	for (block = 0; info.cloned && block < BLOCKS; block++)
		s->unused += unused_of_block(f, states, block);
}

static struct sums add_up(void)
{
	struct sums s = { .nameless = private_files() };
	int i;

	for (i = 0; i < FILES; i++)
		add_file(&s, &model->files[i]);
	return s;
}

static bool is_between(long value, long low, long high)
{
	return value >= low && value <= high;
}

/* What is in common is one page at least, if there is any. */
static long once(const struct sums *s, long all)
{
	return all - s->cloned + (s->cloned ? PAGE_BYTES : 0);
}

static long most_private(const struct sums *s)
{
	return s->nameless * BLOCKS * MOST_OF_BLOCK;
}

static long hidden_now(void)
{
	return sysfs_number("hidden_bytes") - sysfs_number("spare_bytes");
}

/* Before there is any file of ours. */
void note_others(void)
{
	others_hidden = hidden_now();
}

static bool hidden_is_right(const struct sums *s)
{
	long hidden = hidden_now() - others_hidden;
	long high = s->hidden + s->unused + most_private(s);

	return hidden >= once(s, s->hidden) &&
	       (model->pool || has_lost_memory() || hidden <= high);
}

static bool lent_is_right(const struct sums *s)
{
	return is_between(sysfs_number("lent_bytes"), s->lent,
			  s->lent + (s->nameless ? MOST_LENT : 0));
}

/* Besides its memory, each block may count a page for itself. */
static bool used_is_right(const struct sums *s)
{
	long blocks = (FILES + s->nameless) * BLOCKS;
	long high = s->populated + s->unused + most_private(s) +
		    blocks * PAGE_BYTES;

	return is_between(mount_used() * PAGE_BYTES, once(s, s->populated),
			  high);
}

const char *fault_of_totals(void)
{
	struct sums s = add_up();

	if (!hidden_is_right(&s))
		return "the module's total of what is hidden";
	if (!lent_is_right(&s))
		return "the module's total of what is lent";
	if (!used_is_right(&s))
		return "what the mount counts in size=";
	if (mount_inodes() != FILES + s.nameless)
		return "what the mount counts in nr_inodes=";
	return NULL;
}

void say_totals(void)
{
	struct sums s = add_up();

	say("the files have %ld, hidden %ld, lent %ld, cloned %ld, and %ld unused; there are %ld without a name",
	    s.populated, s.hidden, s.lent, s.cloned, s.unused, s.nameless);
	say("the module: hidden %ld, %ld of it others', spare %ld, lent %ld; the mount (%s): %ld pages, %ld inodes",
	    sysfs_number("hidden_bytes"), others_hidden,
	    sysfs_number("spare_bytes"),
	    sysfs_number("lent_bytes"), mount_options(), mount_used(),
	    mount_inodes());
}
