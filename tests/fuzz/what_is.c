// SPDX-License-Identifier: GPL-2.0
/*
 * What is: the states of pages and the totals must fit the model, and each
 * other.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#define FRAME_CHECK	"/sys/module/gmemfs/parameters/frame_check"

/* What KVM gives back a moment after a process is dead may take that long. */
#define SETTLE_TRIES	600
#define SETTLE_US	100000

unsigned long lent_seen;

static uint8_t states[PAGES];

static void get_states(long first, long pages)
{
	struct gmem_state get = {
		.offset = first * PAGE, .size = pages * PAGE,
		.states = (uintptr_t)states + first,
	};

	if (pages)
		must_do(ioctl(file_fd, GMEM_GET_STATE, &get));
}

/* ---- page by page ---- */

static bool has(long page, unsigned int bit)
{
	return states[page] & bit;
}

static const char *fault_of_kept(long page)
{
	if (has(page, GMEM_STATE_LENT) && !may_be_lent(page))
		return "lent to nobody";
	if (has(page, GMEM_STATE_POPULATED) && !has(page, GMEM_STATE_EXPOSED))
		return "hidden, but the file keeps all";
	return NULL;
}

static const char *fault_of_hidden(long page)
{
	bool lent = has(page, GMEM_STATE_LENT);
	bool exposed = has(page, GMEM_STATE_EXPOSED);

	if (exposed && !lent && !model.shared[page])
		return "private, and exposed without a reason";
	if (lent && !exposed)
		return "lent, and not exposed";
	if (lent && !may_be_lent(page))
		return "lent to nobody";
	return NULL;
}

static const char *fault_of_page(long page)
{
	if (has(page, GMEM_STATE_SHARED) != model.shared[page])
		return "not what is wanted";
	if (has(page, GMEM_STATE_PINNED) !=
	    (model.pins[page] || devices_of(page)))
		return "pinned or not pinned";
	return is_kept() ? fault_of_kept(page) : fault_of_hidden(page);
}

static const char *fault_of_file(long *page)
{
	const char *fault = NULL;

	get_states(0, pages_of_file());
	for (*page = 0; *page < pages_of_file() && !fault; (*page)++)
		fault = fault_of_page(*page);
	(*page)--;
	return fault;
}

/* ---- totals ---- */

static long count(unsigned int mask, unsigned int want)
{
	long page, n = 0;

	for (page = 0; page < pages_of_file(); page++)
		n += (states[page] & mask) == want;
	return n * PAGE_BYTES;
}

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

/*
 * Holes in a block have memory, hidden or not, and no state; and so has what
 * was allocated beyond the file's end.
 */
static const char *fault_of_totals(void)
{
	const unsigned int bits = GMEM_STATE_POPULATED | GMEM_STATE_EXPOSED;
	const unsigned int lent = GMEM_STATE_LENT | GMEM_STATE_SHARED;
	const unsigned int mine = GMEM_STATE_POPULATED | GMEM_STATE_SHARED;
	long more = SIZE - pages_of_file() * PAGE_BYTES;
	struct gmem_info info = {};
	long hidden;
	/* Only what would be hidden otherwise; but beyond the end, too. */
	long least_lent = is_kept() ? 0 : count(lent, GMEM_STATE_LENT);
	long most_lent = is_kept() ? 0 : count(GMEM_STATE_LENT,
					       GMEM_STATE_LENT) + more;

	must_do(ioctl(file_fd, GMEM_GET_INFO, &info));
	if ((long)info.shared < count(mine, mine) ||
	    (long)info.shared > count(mine, mine) + more)
		return "the total of what is shared";
	if ((long)info.hidden < count(bits, GMEM_STATE_POPULATED) ||
	    info.hidden + count(bits, bits) > info.populated)
		return "the total of what is hidden";
	if ((long)info.lent < least_lent || (long)info.lent > most_lent)
		return "the total of what is lent";
	if (sysfs_number("lent_bytes") != (long)info.lent)
		return "the module's total of what is lent";
	hidden = sysfs_number("hidden_bytes") - sysfs_number("spare_bytes");
	if (hidden < (long)info.hidden ||
	    (!model.pool && !has_lost_memory() && hidden != (long)info.hidden))
		return "the module's total of what is hidden";
	return NULL;
}

static void say_totals(const char *fault)
{
	struct gmem_info info = {};

	must_do(ioctl(file_fd, GMEM_GET_INFO, &info));
	say("step %lu: %s: the file has %llu, hidden %llu, lent %llu, shared %llu; the module hidden %ld, spare %ld, lent %ld; by page populated %ld, exposed %ld, lent %ld",
	    step, fault, info.populated, info.hidden, info.lent, info.shared,
	    sysfs_number("hidden_bytes"), sysfs_number("spare_bytes"),
	    sysfs_number("lent_bytes"),
	    count(GMEM_STATE_POPULATED, GMEM_STATE_POPULATED),
	    count(GMEM_STATE_EXPOSED, GMEM_STATE_EXPOSED),
	    count(GMEM_STATE_LENT, GMEM_STATE_LENT));
}

bool check_states(void)
{
	const char *fault = NULL, *total = NULL;
	int tries = SETTLE_TRIES;
	long page;

	do {
		fault = fault_of_file(&page);
		total = fault ? NULL : fault_of_totals();
	} while ((fault || total) && tries-- && !usleep(SETTLE_US));
	lent_seen += count(GMEM_STATE_LENT, GMEM_STATE_LENT) / PAGE_BYTES;
	if (fault)
		say("step %lu: page %ld is %#x: %s; the model says shared %d, pins %d, devices %d",
		    step, page, states[page], fault, model.shared[page],
		    model.pins[page], devices_of(page));
	if (total)
		say_totals(total);
	return !fault && !total;
}

/* ---- what KVM holds ---- */

static bool held_is_exposed(struct place *p)
{
	long page = p->offset / PAGE_BYTES;

	if (!p->held || page >= pages_of_file())
		return true;
	get_states(page, 1);
	if (has(page, GMEM_STATE_EXPOSED))
		return true;
	p->held = false;
	/* Nothing is lent: KVM must have been told, or dies of it. */
	if (model.deny)
		return true;
	say("step %lu: KVM has page %ld mapped, and it is hidden: its state is %#x",
	    step, page, states[page]);
	return false;
}

/* Where KVM has written, it will write again: that must not be hidden. */
bool check_held(void)
{
	int m, vcpu, kind;

	for (m = 0; m < MACHINES; m++)
		for (vcpu = 0; vcpu < VCPUS; vcpu++)
			for (kind = 0; kind < PLACE_KINDS; kind++)
				if (!held_is_exposed(&model.machines[m]
						     .places[vcpu][kind]))
					return false;
	return true;
}

/* ---- contents ---- */

bool check_contents(void)
{
	static uint8_t data[SIZE];
	long i;

	if (pread(file_fd, data, SIZE, 0) != model.size) {
		say("step %lu: the file isn't as long as the model", step);
		return false;
	}
	spare_places(data, 0, model.size);
	if (!memcmp(data, model.bytes, model.size))
		return true;
	for (i = 0; data[i] == model.bytes[i]; i++)
		;
	say("step %lu: the file isn't as the model is: at %ld, of page %ld, it is %#x and not %#x",
	    step, i, i / PAGE_BYTES, data[i], model.bytes[i]);
	return false;
}

/* ---- the module's own opinion ---- */

bool has_frame_check(void)
{
	return !access(FRAME_CHECK, W_OK);
}

bool check_frames(void)
{
	int fd, err = 0;

	if (!has_frame_check())
		return true;
	fd = must_do(open(FRAME_CHECK, O_WRONLY | O_CLOEXEC));
	if (write(fd, "1", 1) != 1)
		err = errno;
	close(fd);
	if (!err)
		return true;
	say("step %lu: frame_check says: %s", step, strerror(err));
	return false;
}
