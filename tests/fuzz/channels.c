// SPDX-License-Identifier: GPL-2.0
/*
 * channels [STEPS [SEED]]: random steps on a file with a fault channel, and a
 * model of it. A step fills, zeroes, poisons, punches, truncates, writes beyond
 * the end, converts, clones, touches, gives pages to a device or takes them away,
 * closes the channel or opens it again. After each, the answer, the number of missing pages and the
 * contents are as the model says.
 */
#include "../module/channels.h"

#include <linux/falloc.h>
#include <linux/fs.h>

#include "../devices/vfio.h"
#include "../lib/chance.h"

#define IOVA	0x40000000UL

#define BLOCKS	3L
#define SIZE	(BLOCKS * (long)BLOCK)
#define PAGES	(SIZE / (long)PAGE)

enum what {
	NEW,		/* missing, and never filled */
	PUNCHED,	/* missing */
	LOST,		/* missing: it can't be had */
	THERE,
};

static struct {
	enum what what[PAGES];
	char letter[PAGES];	/* of those that are there; 0: zeros */
	bool had[PAGES];	/* a device may have it */
	long pages;		/* of the file */
	bool open;
	bool attached;		/* the file has a channel, open or not */
	bool given;		/* the device has something */
} model;

static uint64_t seed, first_seed;
static int fd, channel, template;
static struct vfio vfio;
static bool has_device;
static char *bytes, *view;
static unsigned long step;

static uint64_t below(uint64_t n)
{
	return chance(&seed) % n;
}

static void wrong(const char *what, long page)
{
	bail_out("seed %llu, step %lu: %s, page %ld",
		 (unsigned long long)first_seed, step, what, page);
}

static bool is_missing(long page)
{
	return model.what[page] != THERE;
}

/* What isn't the channel's, or has none, is a hole where it isn't filled. */
static long count_missing(void)
{
	long page, n = 0;

	for (page = 0; page < PAGES; page++)
		n += is_missing(page);
	return model.attached ? n : 0;
}

static void random_range(long *first, long *nr, long most)
{
	*first = below(most);
	*nr = 1 + below(below(4) ? 16 : PAGES);
	if (*first + *nr > most)
		*nr = most - *first;
}

/* ---- answers ---- */

struct answered {
	long filled;
	long done;
};

/* What an answer does to pages: to new ones, or to all that are missing. */
static struct answered expect(long first, long nr, bool new, bool punched,
			      enum what to, char letter)
{
	struct answered a = {};
	long page;

	for (page = first; page < first + nr && page < model.pages; page++) {
		bool is_new = model.what[page] == NEW ||
			      model.what[page] == LOST;

		a.done++;
		if (!is_missing(page) || (is_new ? !new : !punched) ||
		    model.what[page] == to)
			continue;
		model.what[page] = to;
		model.letter[page] = letter;
		a.filled++;
	}
	return a;
}

static void check_answer(int ret, const struct gmem_fill *fill,
			 struct answered a, long nr, long first)
{
	int error = ret ? errno : 0, want = 0;

	if (a.done < nr)
		want = ENXIO;
	else if (!a.filled)
		want = EEXIST;
	if (error != want)
		wrong(strerror(error), first);
	if ((long)fill->filled != a.filled * (long)PAGE)
		wrong("another number of pages was filled", first);
	if ((long)fill->done != a.done * (long)PAGE)
		wrong("it came to another place", first);
}

static void step_fill(void)
{
	struct gmem_fill fill = { .address = (uintptr_t)bytes };
	char letter = 'a' + below(26);
	long first, nr;
	int ret;

	random_range(&first, &nr, PAGES);
	fill.offset = first * PAGE;
	fill.size = nr * PAGE;
	make_contents(bytes, first * PAGE, nr * PAGE, letter);
	ret = answer(channel, GMEM_FILL, &fill);
	check_answer(ret, &fill, expect(first, nr, true, false, THERE, letter),
		     nr, first);
}

static void step_zero(void)
{
	bool punched = below(2);
	struct gmem_fill fill = { .flags = punched ? GMEM_FILL_PUNCHED : 0 };
	long first, nr;
	int ret;

	random_range(&first, &nr, PAGES);
	fill.offset = first * PAGE;
	fill.size = nr * PAGE;
	ret = answer(channel, GMEM_FILL_ZERO, &fill);
	check_answer(ret, &fill, expect(first, nr, !punched, true, THERE, 0),
		     nr, first);
}

static void step_poison(void)
{
	struct gmem_fill fill = { .flags = GMEM_FILL_POISON };
	long first, nr;
	int ret;

	random_range(&first, &nr, PAGES);
	if (nr > 16)
		nr = 16;
	fill.offset = first * PAGE;
	fill.size = nr * PAGE;
	ret = answer(channel, GMEM_FILL, &fill);
	check_answer(ret, &fill, expect(first, nr, true, false, LOST, 0), nr,
		     first);
}

/* ---- a device ---- */

static void take(void)
{
	if (!model.given)
		return;
	must(vfio_unmap(&vfio, IOVA, SIZE));
	memset(model.had, 0, sizeof(model.had));
	model.given = false;
}

/* Why can't a device have the page? */
static int why_not(long page)
{
	if (page >= model.pages)
		return EFAULT;
	if (model.what[page] == LOST)
		return EHWPOISON;
	return is_missing(page) ? EBUSY : 0;
}

static void step_give(void)
{
	long first, nr, page;
	int error, want = 0;

	if (!has_device)
		return;
	if (model.given) {
		take();
		return;
	}
	random_range(&first, &nr, PAGES);
	for (page = first; page < first + nr && !want; page++)
		want = why_not(page);
	error = vfio_map(&vfio, view + first * PAGE, IOVA + first * PAGE,
			 nr * PAGE, VFIO_RW) ? errno : 0;
	if (error != want)
		wrong(strerror(error), first);
	model.given = !error;
	for (page = first; page < first + nr && !error; page++)
		model.had[page] = true;
}

static bool has_page(long page)
{
	uint8_t byte;
	struct gmem_state get = {
		.offset = page * PAGE, .size = PAGE,
		.states = (uintptr_t)&byte,
	};

	must(ioctl(fd, GMEM_GET_STATE, &get));
	return byte & GMEM_STATE_POPULATED;
}

/*
 * Pages were punched. A part of a contiguous block that a device has stays, as
 * zeros. What else is contiguous, the model doesn't know.
 */
static void keep_had(long first, long end)
{
	for (; first < end && first < model.pages; first++) {
		if (!model.had[first])
			continue;
		model.had[first] = has_page(first);
		if (model.had[first])
			model.what[first] = THERE;
	}
}

/* ---- what else is done ---- */

static void lose(long first, long end)
{
	for (; first < end; first++) {
		model.what[first] = model.attached ? PUNCHED : THERE;
		model.letter[first] = 0;
	}
}

static void step_punch(void)
{
	long first, nr;

	random_range(&first, &nr, PAGES);
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		       first * PAGE, nr * PAGE));
	lose(first, first + nr);
	keep_had(first, first + nr);
}

static void step_truncate(void)
{
	long pages = 1 + below(PAGES);

	take();
	must(ftruncate(fd, pages * PAGE));
	if (pages < model.pages)
		lose(pages, PAGES);
	model.pages = pages;
	if (below(2)) {
		must(ftruncate(fd, SIZE));
		model.pages = PAGES;
	}
}

/* What is beyond the end can't be filled, so nobody waits for it. */
static void step_grow(void)
{
	long page;

	if (model.pages == PAGES)
		return;
	page = model.pages + below(PAGES - model.pages);
	make_contents(bytes, page * PAGE, PAGE, 'b');
	if (pwrite(fd, bytes, PAGE, page * PAGE) != (ssize_t)PAGE)
		wrong("a write beyond the end", page);
	model.what[page] = THERE;
	model.letter[page] = 'b';
	model.pages = page + 1;
}

/* The template has t in all of its pages. */
static void step_clone(void)
{
	struct file_clone_range range = { .src_fd = template };
	long first, nr, page;

	random_range(&first, &nr, model.pages);
	range.src_offset = range.dest_offset = first * PAGE;
	range.src_length = nr * PAGE;
	must(ioctl(fd, FICLONERANGE, &range));
	for (page = first; page < first + nr; page++) {
		model.what[page] = THERE;
		model.letter[page] = 't';
	}
}

static void step_convert(void)
{
	long first, nr;

	/* What a device has can't become private. */
	take();
	random_range(&first, &nr, model.pages);
	if (below(2))
		must(set_shared(fd, first * PAGE, nr * PAGE));
	else
		must(set_private(fd, first * PAGE, nr * PAGE));
}

static bool any_new(void)
{
	long page;

	for (page = 0; page < PAGES; page++)
		if (model.what[page] == NEW || model.what[page] == LOST)
			return true;
	return false;
}

static void step_close(void)
{
	long page;

	close(channel);
	model.open = false;
	if (any_new())
		return;
	/* All was filled or punched: holes are holes again. */
	model.attached = false;
	for (page = 0; page < PAGES; page++)
		if (is_missing(page)) {
			model.what[page] = THERE;
			model.letter[page] = 0;
		}
}

/* Begin again: with the channel that there was, or with an empty file. */
static void step_open(void)
{
	long page;

	take();
	if (model.pages != PAGES)
		must(ftruncate(fd, SIZE));
	model.pages = PAGES;
	if (!model.attached) {
		must(set_private(fd, 0, SIZE));
		must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, SIZE));
		for (page = 0; page < PAGES; page++)
			model.what[page] = NEW;
	}
	channel = open_channel(fd, SIZE, below(2) ? GMEM_FAULT_REATTACH : 0);
	no_wait(channel);
	model.open = true;
	model.attached = true;
}

/* ---- looks ---- */

static bool is_right(const char *p, long page)
{
	return model.letter[page] ? has_contents(p, page, model.letter[page])
				  : all_bytes(p, PAGE, 0);
}

static void look(long page)
{
	char copy[PAGE];

	if (page >= model.pages || model.what[page] == NEW ||
	    model.what[page] == PUNCHED)
		return;
	if (model.what[page] == LOST) {
		if (pread(fd, copy, PAGE, page * PAGE) >= 0 || errno != EIO)
			wrong("what can't be had can be read", page);
		return;
	}
	if (below(2)) {
		if (!is_right(view + page * PAGE, page))
			wrong("other contents by the mapping", page);
	} else if (pread(fd, copy, PAGE, page * PAGE) != (ssize_t)PAGE ||
		   !is_right(copy, page)) {
		wrong("other contents by read()", page);
	}
}

static int touches(void *arg)
{
	return *(volatile char *)(view + *(long *)arg * PAGE + PAGE - 1);
}

/* Somebody waits for a missing page, and it is filled. */
static void step_touch(void)
{
	long page = below(model.pages);
	struct pollfd poll_fd = { .fd = channel, .events = POLLIN };
	struct gmem_fault fault;
	struct toucher t;

	if (model.what[page] != NEW && model.what[page] != PUNCHED)
		return;
	t = start_toucher(touches, &page);
	must(poll(&poll_fd, 1, -1));
	if (read(channel, &fault, sizeof(fault)) != sizeof(fault) ||
	    (long)fault.touched != page * (long)PAGE)
		wrong("no event", page);
	if (!(fault.flags & GMEM_FAULT_PUNCHED) != (model.what[page] == NEW))
		wrong("the event doesn't know what was punched", page);
	if (fault.flags & GMEM_FAULT_PUNCHED) {
		must(fill_punched(channel, page * PAGE, PAGE));
		model.letter[page] = 0;
	} else {
		must(fill_with(channel, page * PAGE, PAGE, 'w'));
		model.letter[page] = 'w';
	}
	model.what[page] = THERE;
	if (end_of(&t) != model.letter[page])
		wrong("who waited has seen something else", page);
}

/* ---- all ---- */

static void one_step(void)
{
	switch (below(model.open ? 27 : 5)) {
	case 0:
		step_convert();
		break;
	case 1:
		step_punch();
		break;
	case 2:
		if (model.open)
			step_close();
		else
			step_open();
		break;
	case 3:
		step_clone();
		break;
	case 4:
		step_give();
		break;
	case 5:
		step_truncate();
		break;
	case 6:
	case 7:
		step_touch();
		break;
	case 8:
		step_poison();
		break;
	case 9:
	case 10:
	case 11:
		step_zero();
		break;
	case 12:
	case 13:
		step_grow();
		break;
	default:
		step_fill();
	}
	if (missing(fd) != count_missing() * (long)PAGE)
		wrong("another number of pages is missing", count_missing());
}

static void run(int file, unsigned long steps, const char *what)
{
	int i;

	fd = file;
	view = map(fd, SIZE);
	memset(&model, 0, sizeof(model));
	model.pages = PAGES;
	step_open();
	for (step = 0; step < steps; step++) {
		one_step();
		for (i = 0; i < 8; i++)
			look(below(PAGES));
	}
	pass("%s: %lu steps", what, steps);
	take();
	if (model.open)
		close(channel);
	munmap(view, SIZE);
	close(fd);
}

int main(int argc, char **argv)
{
	unsigned long steps = argc > 1 ? strtoul(argv[1], NULL, 0) : 2000;
	long page;

	first_seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	if (!first_seed)
		first_seed = getpid();
	seed = first_seed;
	diag("seed %llu", (unsigned long long)first_seed);
	has_device = vfio_give_away(NVME_ADDRESS);
	if (has_device)
		vfio_open(&vfio, NVME_ADDRESS);
	else
		diag("without a device: hostvm/run --device nvme");
	bytes = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	template = new_file(SIZE);
	for (page = 0; page < PAGES; page++) {
		make_contents(bytes, page * PAGE, PAGE, 't');
		must(pwrite(template, bytes, PAGE, page * PAGE));
	}
	run(new_file(SIZE), steps, "2 MiB");
	run(new_singles(SIZE), steps, "single pages");
	close(template);
	if (has_device)
		vfio_close(&vfio);
	nothing_is_left();
	return done_testing();
}
