// SPDX-License-Identifier: GPL-2.0
/*
 * model [SECONDS [SEED [STEPS [EVERY [WITHOUT]]]]]: random sequences of all
 * that can be done with a few files and their clones, by several processes and
 * by KVM for their VMs, against a model of them in memory.
 *
 * One process knows the model and says who does what next; the others do it,
 * by mappings, descriptors and VMs of their own, and report what they saw. So a
 * seed gives the same sequence each time. Compared are contents, what is wanted
 * of each page, what GMEM_GET_STATE says it is, and whether the kernel's page
 * tables, read through /proc/kcore, agree. Where KVM has a page mapped for
 * itself, it must be in the direct map: if it isn't, the host is about to die.
 *
 * A few files in a mount of their own have a life of some hundred steps, with a
 * seed of its own, from which it's decided how they are made. A failure prints
 * that seed, the step, and the steps before: model 0 SEED STEPS 1 stops there,
 * and looks at everything after each step on the way. WITHOUT names kinds of
 * steps to leave out, with commas between them; and "held", the check of what
 * KVM has mapped, without which the host dies a little later; "shared first",
 * memory that was shared before it was there; "silence": then each step is
 * printed before it's done.
 *
 * Here are lives, and what comes of them; in steps.c, which kinds of steps
 * there are, and where they go. worker.c, worker_clone.c and worker_vm.c do
 * them, people.c has these come and go. The model is in of_file.c, clones.c,
 * privates.c and of_vm.c; what_is.c, cloned.c and totals.c compare it with what
 * the module says. device.c is all about a device that VFIO gives pages to, if
 * the host has a spare one.
 */
#include "../module/gmem_test.h"

#include <time.h>

#include "../../ctl/kcore.h"
#include "fuzz.h"
#include "../guard/kvm.h"

#define RING	24

struct order *order;
struct model *model;
struct file *file;
int pipes[PIPES][2];
unsigned long step;

static uint64_t seed;
static const char *without = "";
static unsigned long counts[OP_KINDS], worked[OP_KINDS];
static unsigned long all_steps, lives;
static char ring[RING][240];

void say(const char *fmt, ...)
{
	va_list ap;

	fputs("# ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}

void give_up(const char *fmt, ...)
{
	va_list ap;

	fputs("Bail out! ", stdout);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf(" (step %lu)\n", step);
	fflush(stdout);
	tap_finished = true;
	_exit(1);
}

uint64_t below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed * 0x2545f4914f6cdd1dUL >> 8) % n;
}

/* So that children have no copy, which would be as large. */
void *shared_memory(size_t size)
{
	return must(mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

/* The step, or what is checked, is about that one. */
void use_file(unsigned int nr)
{
	order->file = nr;
	file = &model->files[nr];
}

bool each_file(bool (*check)(void))
{
	struct file *was = file;
	bool good = true;
	int i;

	for (i = 0; i < FILES && good; i++) {
		file = &model->files[i];
		good = check();
	}
	file = was;
	return good;
}

/* Names in a list, with commas between them. */
bool is_left_out(const char *name)
{
	size_t n = strlen(name);
	const char *at = without;

	while (at && (at = strstr(at, name))) {
		if ((at == without || at[-1] == ',') &&
		    (!at[n] || at[n] == ','))
			return true;
		at += n;
	}
	return false;
}

/* ---- what was done ---- */

static void note_files(char *line)
{
	size_t n = strlen(line);

	n += snprintf(line + n, sizeof(ring[0]) - n, ", file %u", order->file);
	if (order->op == OP_CLONE || order->op == OP_CLONE_RANGE ||
	    order->op == OP_COPY_RANGE)
		snprintf(line + n, sizeof(ring[0]) - n,
			 ", from file %u at %ld (page %ld)", order->source,
			 order->source_offset,
			 order->source_offset / PAGE_BYTES);
}

/* Before it's done: if the host dies of it, that is the last line. */
static void note_step(void)
{
	char *line = ring[step % RING];

	snprintf(line, sizeof(ring[0]),
		 "step %lu: worker %d: %s at %ld, %ld bytes (page %ld), vCPU %u, slot %u%s%s%s",
		 step, order->worker, kinds[order->op].name, order->offset,
		 order->size, order->offset / PAGE_BYTES, order->vcpu,
		 order->slot, order->off ? ", off" : "",
		 order->zero ? ", zero" : "",
		 order->other_way ? ", the other way" : "");
	note_files(line);
	if (is_left_out("silence"))
		say("%s", line);
}

static void note_result(void)
{
	char *line = ring[step % RING];
	size_t n = strlen(line);

	snprintf(line + n, sizeof(ring[0]) - n, ": %ld", order->result);
}

static void say_files(uint64_t life_seed)
{
	say("life %lu: seed %lu, files with flags %#lx, %#lx, %#lx, %s", lives,
	    life_seed, model->files[0].flags, model->files[1].flags,
	    model->files[2].flags, mount_options());
}

static void say_last_steps(uint64_t life_seed)
{
	unsigned long i = step > RING ? step - RING + 1 : 1;

	say_files(life_seed);
	say("the last steps:");
	for (; i <= step; i++)
		say("  %s", ring[i % RING]);
}

bool wrong(const char *what)
{
	say("step %lu: %s at %ld, %ld bytes: %s; it says %ld, port %#x", step,
	    kinds[order->op].name, order->offset, order->size, what,
	    order->result, order->port);
	return false;
}

/* ---- checks ---- */

/* Does the kernel's page table say the same as GMEM_GET_STATE? */
static bool check_witness(struct kcore *k)
{
	const struct file *f = &model->files[step % FILES];
	long pages = f->size / PAGE_BYTES, page;
	uint8_t state;
	struct gmem_state get = { .size = PAGE, .states = (uintptr_t)&state };
	uint64_t pfn;
	bool mapped;
	char *p;

	if (!pages)
		return true;
	/* Not by below(): how often this is done must not change what is. */
	page = step * 7919 % pages;
	p = must(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, f->fd,
		      page * PAGE));
	pfn = fault_pfn(p);
	get.offset = page * PAGE;
	must(ioctl(f->fd, GMEM_GET_STATE, &get));
	mapped = kcore_has_frame(k, pfn);
	munmap(p, PAGE);
	if (mapped == !!(state & GMEM_STATE_EXPOSED))
		return true;
	say("step %lu: file %ld, page %ld, frame %#lx: the kernel has it mapped: %d, its state is %#x",
	    step, (long)(f - model->files), page, pfn, mapped, state);
	return false;
}

static bool check_all(struct kcore *k)
{
	return each_file(check_states) && check_totals() &&
	       each_file(check_contents) && check_witness(k);
}

/* ---- a life ---- */

/* @hidden: nothing of it is shared from the start. */
static uint64_t choose_flags(bool hidden)
{
	static const uint64_t huge[] = {
		0, GMEM_FLAG_NO_HUGE, GMEM_FLAG_HUGE_ONLY,
	};
	uint64_t flags = huge[below(3)];

	if (below(2) && !hidden && !is_left_out("shared first"))
		flags |= GMEM_FLAG_INIT_SHARED;
	if (!below(4))
		flags |= GMEM_FLAG_ZERO_ON_CONVERT;
	if (!below(6))
		flags |= GMEM_FLAG_KEEP_DIRECT_MAP;
	return flags;
}

/* Some files are shared while they are one hole. */
static void share_all(struct file *f)
{
	must(set_shared(f->fd, 0, SIZE));
	memset(f->shared, true, sizeof(f->shared));
}

static void make_file(struct file *f, int dir, bool hidden)
{
	struct gmem_create create = {
		.size = SIZE, .flags = choose_flags(hidden),
	};

	f->fd = must(ioctl(dir, GMEM_CREATE, &create));
	f->flags = create.flags;
	f->size = SIZE;
	if (create.flags & GMEM_FLAG_INIT_SHARED)
		memset(f->shared, true, sizeof(f->shared));
	else if (!hidden && !below(3) && !is_left_out("shared first"))
		share_all(f);
}

/* Files that are hidden from the start share most with their clones. */
static void make_files(void)
{
	int dir = must(open(TOP, O_RDONLY | O_DIRECTORY)), i;
	bool hidden = below(2);

	for (i = 0; i < FILES; i++)
		make_file(&model->files[i], dir, hidden);
	close(dir);
}

static void begin_life(void)
{
	int i;

	memset(model, 0, sizeof(*model));
	step = 0;
	mount_one();
	note_others();
	make_files();
	for (i = 0; i < WORKERS; i++)
		model->file_of[i] = below(FILES);
	use_file(0);
	for (i = 0; i < PIPES; i++) {
		must(pipe(pipes[i]));
		model->pipe_page[i] = -1;
	}
	start_workers();
}

/* What was changed for the whole module is as it was. */
static bool end_life(void)
{
	bool good;
	int i;

	stop_workers();
	unmap_device();
	for (i = 0; i < PIPES; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	for (i = 0; i < FILES; i++)
		close(model->files[i].fd);
	good = unmount_one();
	if (model->deny)
		must(write_text("/sys/module/gmemfs/parameters/guard",
				"lend"));
	if (model->pool)
		must(write_text("/sys/fs/gmemfs/pool/low_bytes", "0"));
	return good;
}

static bool settles(const char *name, long want)
{
	int i;

	for (i = 0; i < 600 && sysfs(name) != want; i++)
		usleep(100000);
	if (sysfs(name) == want)
		return true;
	say("the files are gone, and %s is %ld, not %ld", name, sysfs(name),
	    want);
	return false;
}

static bool nothing_left(long others_hidden)
{
	return settles("hidden_bytes", others_hidden) &&
	       settles("lent_bytes", 0) && settles("pinned_bytes", 0) &&
	       settles("device_bytes", 0) &&
	       settles("quarantined_bytes", 0) && check_frames();
}

/* A worker that dies may have died of an oops, and of locks that it held. */
static void do_step(uint64_t life_seed)
{
	const struct kind *kind = &kinds[order->op];

	note_step();
	look_before();
	order->written = 0;
	if (kind->flags & HERE) {
		order->result = kind->obey();
	} else if (!ask_worker()) {
		say_last_steps(life_seed);
		give_up("seed %lu: a worker died, or doesn't answer",
			life_seed);
	}
	note_result();
	look_after();
	if (kind->flags & MOVES)
		forget_held();
}

static bool one_step(uint64_t life_seed)
{
	const struct kind *kind;

	step++;
	all_steps++;
	choose_step();
	kind = &kinds[order->op];
	do_step(life_seed);
	order->worked = order->result >= 0;
	if (!kind->check())
		return false;
	counts[order->op]++;
	worked[order->op] += order->worked;
	return is_left_out("held") || check_held();
}

static bool live(uint64_t life_seed, unsigned long steps, unsigned long every,
		 time_t end, struct kcore *k)
{
	bool good = true;

	while (good && step < steps && time(NULL) < end) {
		good = one_step(life_seed) &&
		       (step % 8 || check_frames()) &&
		       (step % every || check_all(k));
	}
	return good && check_all(k);
}

static bool one_life(uint64_t life_seed, unsigned long most,
		     unsigned long every, time_t end, struct kcore *k)
{
	long others_hidden = sysfs("hidden_bytes");
	unsigned long steps;

	lives++;
	seed = life_seed;
	steps = 100 + below(200);
	begin_life();
	say_files(life_seed);
	if (most && steps > most)
		steps = most;
	if (!live(life_seed, steps, every, end, k)) {
		say_last_steps(life_seed);
		end_life();
		return false;
	}
	return end_life() && nothing_left(others_hidden);
}

/* ---- what came of it ---- */

static void say_counts(void)
{
	static const char *const places[PLACE_KINDS] = {
		"a clock", "", "a Xen vCPU info", "a Xen time", "",
		"an event", "a VMCB",
	};
	int i;

	say("%lu steps in %lu lives of %d files", all_steps, lives, FILES);
	for (i = 0; i < OP_KINDS; i++)
		say("%8lu %s, %lu of them worked", counts[i], kinds[i].name,
		    worked[i]);
	for (i = 0; i < PLACE_KINDS; i++)
		if (*places[i])
			say("%8lu times KVM wrote %s", placed[i], places[i]);
	say("%8lu events for orphans, and none was written", orphans_asked);
	say("%8lu children faulted in what they stored to", children_faulted);
	say("%8lu pages seen lent", lent_seen);
	say("%8lu pages seen cloned", cloned_seen);
	say("%8lu stores by guests to what a source had in common, %lu to what a target had",
	    guests_copied[0], guests_copied[1]);
}

static bool all_worked(bool tell)
{
	bool good = lent_seen && orphans_asked && children_faulted &&
		    placed[PLACE_CLOCK] && placed[PLACE_XEN_INFO] &&
		    placed[PLACE_XEN_TIME] && placed[PLACE_XEN_SHARED] &&
		    placed[PLACE_VMCB] && clones_worked(tell);
	int i;

	for (i = 0; i < OP_KINDS; i++) {
		if (kinds[i].flags & OPTIONAL ? counts[i] : worked[i])
			continue;
		if (is_left_out(kinds[i].name))
			continue;
		if (tell)
			say("never worked: %s", kinds[i].name);
		good = false;
	}
	return good;
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 60;
	uint64_t life_seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	unsigned long steps = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	unsigned long every = argc > 4 ? strtoul(argv[4], NULL, 0) : 0;
	time_t end = time(NULL) + (steps ? 100000 : seconds);
	time_t last = time(NULL) + (on_debugging_kernel() ? 20 : 8) * seconds;
	struct timespec now;
	struct kcore k;
	char *list;
	bool good;

	without = argc > 5 ? argv[5] : "";
	clock_gettime(CLOCK_REALTIME, &now);
	if (!life_seed)
		life_seed = ((uint64_t)now.tv_nsec << 16 | 1) & INT64_MAX;
	if (kcore_open(&k))
		bail_out("kcore: %s", k.error);
	if (!open_device()) {
		say("without a device: hostvm/run --device nvme");
		must(asprintf(&list, "%s,map for a device,unmap for a device",
			      without));
		without = list;
	}
	order = shared_memory(sizeof(*order));
	model = shared_memory(sizeof(*model));
	privates_init();
	vm_keep_one();
	if (!has_frame_check())
		say("without frame_check: the module doesn't compare its records with the page tables");

	do {
		good = one_life(life_seed++, steps, every ? every : 64, end,
				&k);
		/* A slow machine gets the time that it needs for all of it. */
		if (good && !steps && time(NULL) >= end && !all_worked(false))
			end = time(NULL) < last ? time(NULL) + 10 : end;
	} while (good && !steps && time(NULL) < end);
	ok(good, "the files and their model agree, seed %lu", life_seed - 1);
	if (good) {
		say_counts();
		ok(steps || all_worked(true), "each kind of step has worked");
	}
	return done_testing();
}
