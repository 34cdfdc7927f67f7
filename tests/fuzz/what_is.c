// SPDX-License-Identifier: GPL-2.0
/*
 * What is: the states of a file's pages and its totals must fit the model, and
 * each other.
 */
#include <fcntl.h>

#include "fuzz.h"

#define FRAME_CHECK	"/sys/module/gmemfs/parameters/frame_check"

/* What KVM gives back a moment after a process is dead may take that long. */
#define SETTLE_TRIES	600
#define SETTLE_US	100000

unsigned long lent_seen, cloned_seen;

static uint8_t states[PAGES];

static void get_states(long first, long pages)
{
	struct gmem_state get = {
		.offset = first * PAGE, .size = pages * PAGE,
		.states = (uintptr_t)states + first,
	};

	if (pages)
		must_do(ioctl(file->fd, GMEM_GET_STATE, &get));
}

/* ---- page by page ---- */

/* None beyond the file's end. */
void get_states_of(const struct file *f, uint8_t *to)
{
	long size = (f->size + PAGE_BYTES - 1) & -PAGE_BYTES;
	struct gmem_state get = { .size = size, .states = (uintptr_t)to };

	memset(to, 0, PAGES);
	if (size)
		must_do(ioctl(f->fd, GMEM_GET_STATE, &get));
}

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

	if (exposed && !lent && !file->shared[page])
		return "private, and exposed without a reason";
	if (lent && !exposed)
		return "lent, and not exposed";
	if (lent && !may_be_lent(page))
		return "lent to nobody";
	return NULL;
}

static const char *fault_of_page(long page)
{
	const char *fault = fault_of_cloned(page, states[page]);

	if (fault)
		return fault;
	if (has(page, GMEM_STATE_SHARED) != file->shared[page])
		return "not what is wanted";
	if (has(page, GMEM_STATE_PINNED) !=
	    (file->pins[page] || devices_of(page)))
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

/*
 * Holes in a block have memory, hidden or not, and no state; and so has what
 * was allocated beyond the file's end.
 */
static const char *fault_of_info(void)
{
	const unsigned int bits = GMEM_STATE_POPULATED | GMEM_STATE_EXPOSED;
	const unsigned int lent = GMEM_STATE_LENT | GMEM_STATE_SHARED;
	const unsigned int mine = GMEM_STATE_POPULATED | GMEM_STATE_SHARED;
	long more = SIZE - pages_of_file() * PAGE_BYTES;
	long cloned = count(GMEM_STATE_CLONED, GMEM_STATE_CLONED);
	struct gmem_info info = {};
	/* Only what would be hidden otherwise; but beyond the end, too. */
	long least_lent = is_kept() ? 0 : count(lent, GMEM_STATE_LENT);
	long most_lent = is_kept() ? 0 : count(GMEM_STATE_LENT,
					       GMEM_STATE_LENT) + more;

	must_do(ioctl(file->fd, GMEM_GET_INFO, &info));
	if ((long)info.shared < count(mine, mine) ||
	    (long)info.shared > count(mine, mine) + more)
		return "the total of what is shared";
	if ((long)info.hidden < count(bits, GMEM_STATE_POPULATED) ||
	    info.hidden + count(bits, bits) > info.populated)
		return "the total of what is hidden";
	if ((long)info.lent < least_lent || (long)info.lent > most_lent)
		return "the total of what is lent";
	if ((long)info.cloned < cloned || (long)info.cloned > cloned + more)
		return "the total of what is cloned";
	if ((long)info.huge < count(GMEM_STATE_HUGE, GMEM_STATE_HUGE) ||
	    info.huge > info.populated)
		return "the total of what is in blocks";
	return NULL;
}

static void say_info(const char *fault)
{
	struct gmem_info info = {};

	must_do(ioctl(file->fd, GMEM_GET_INFO, &info));
	say("step %lu: file %ld: %s: it has %llu, hidden %llu, lent %llu, shared %llu, cloned %llu, in blocks %llu; by page populated %ld, exposed %ld, lent %ld, cloned %ld",
	    step, (long)(file - model->files), fault, info.populated,
	    info.hidden, info.lent, info.shared, info.cloned, info.huge,
	    count(GMEM_STATE_POPULATED, GMEM_STATE_POPULATED),
	    count(GMEM_STATE_EXPOSED, GMEM_STATE_EXPOSED),
	    count(GMEM_STATE_LENT, GMEM_STATE_LENT),
	    count(GMEM_STATE_CLONED, GMEM_STATE_CLONED));
}

static void say_page(const char *fault, long page)
{
	say("step %lu: file %ld, page %ld is %#x: %s; the model says shared %d, pins %d, devices %d, cloned %d, maybe %d",
	    step, (long)(file - model->files), page, states[page], fault,
	    file->shared[page], file->pins[page], devices_of(page),
	    file->is_cloned[page], file->may_be_cloned[page]);
}

bool check_states(void)
{
	const char *fault = NULL, *total = NULL;
	int tries = SETTLE_TRIES;
	long page;

	do {
		fault = fault_of_file(&page);
		total = fault ? NULL : fault_of_info();
	} while ((fault || total) && tries-- && !usleep(SETTLE_US));
	lent_seen += count(GMEM_STATE_LENT, GMEM_STATE_LENT) / PAGE_BYTES;
	cloned_seen += count(GMEM_STATE_CLONED, GMEM_STATE_CLONED) / PAGE_BYTES;
	if (fault)
		say_page(fault, page);
	if (total)
		say_info(total);
	return !fault && !total;
}

/* ---- all files together ---- */

bool check_totals(void)
{
	int tries = SETTLE_TRIES;
	const char *fault;

	do {
		fault = fault_of_totals();
	} while (fault && tries-- && !usleep(SETTLE_US));
	if (!fault)
		return true;
	say("step %lu: %s", step, fault);
	say_totals();
	return false;
}

/* ---- what KVM holds ---- */

/* Of a VM that has the file as memory. */
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
	if (model->deny)
		return true;
	say("step %lu: KVM has file %ld, page %ld mapped, and it is hidden: its state is %#x",
	    step, (long)(file - model->files), page, states[page]);
	return false;
}

static bool machine_is_exposed(struct machine *m)
{
	struct place *p = m->places[0];
	bool good = true;
	int i;

	file = &model->files[m->file];
	for (i = 0; i < VCPUS * PLACE_KINDS && good; i++)
		good = held_is_exposed(p++);
	return good;
}

/* Where KVM has written, it will write again: that must not be hidden. */
bool check_held(void)
{
	struct file *was = file;
	bool good = true;
	int m;

	for (m = 0; m < MACHINES && good; m++)
		good = machine_is_exposed(&model->machines[m]);
	file = was;
	return good;
}

/* ---- contents ---- */

bool check_contents(void)
{
	static uint8_t data[SIZE];
	long i;

	if (pread(file->fd, data, SIZE, 0) != file->size) {
		say("step %lu: file %ld isn't as long as the model", step,
		    (long)(file - model->files));
		return false;
	}
	spare_places(data, 0, file->size);
	if (!memcmp(data, file->bytes, file->size))
		return true;
	for (i = 0; data[i] == file->bytes[i]; i++)
		;
	say("step %lu: file %ld isn't as the model is: at %ld, of page %ld, it is %#x and not %#x",
	    step, (long)(file - model->files), i, i / PAGE_BYTES, data[i],
	    file->bytes[i]);
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
