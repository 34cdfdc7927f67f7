// SPDX-License-Identifier: GPL-2.0
/*
 * model [SECONDS [SEED [STEPS [EVERY]]]]: random sequences of all that can be
 * done with a file, by several processes, against a model of it in memory.
 *
 * One process knows the model and says who does what next; the others do it,
 * by mappings and descriptors of their own, and report what they saw. So a
 * seed gives the same sequence each time. Compared are contents, what is wanted
 * of each page, what GMEM_GET_STATE says it is, and whether the kernel's page
 * tables, read through /proc/kcore, agree.
 *
 * A failure prints the seed and the step: model 0 SEED STEPS 1 stops there, and
 * looks at everything after each step on the way.
 */
#include "../module/gmem_test.h"

#include <time.h>

#include "../../ctl/kcore.h"

#define WORKERS		3
#define PAGES		(4 * 512L)
#define SIZE		(PAGES * (long)PAGE)
#define PIPES		4

enum op {
	OP_STORE,		/* by the guest view */
	OP_STORE_SHARED,	/* by the shared view: SIGBUS if private */
	OP_LOAD,
	OP_LOAD_SHARED,
	OP_READ,
	OP_WRITE,
	OP_PUNCH,
	OP_ZERO,
	OP_ALLOCATE,
	OP_TRUNCATE,
	OP_SHARE,
	OP_UNSHARE,
	OP_PIN,
	OP_UNPIN,
	OP_REMAP,
	OP_FORK_STORE,
	OP_KINDS
};

static const char *const op_names[] = {
	"store", "store shared", "load", "load shared", "read", "write",
	"punch", "zero", "allocate", "truncate", "share", "unshare", "pin",
	"unpin", "remap", "store in a child",
};

/* What is asked of a worker, and its answer. In memory that all share. */
struct order {
	enum op op;
	long offset, size;
	uint8_t byte;
	bool zero;
	unsigned int pipe;

	long result;		/* bytes, or -errno, or the signal */
	uint64_t error_offset;
	uint8_t data[SIZE];
};

struct model {
	long size;
	uint8_t bytes[SIZE];
	bool shared[PAGES];
	int pins[PAGES];
	long pipe_page[PIPES];	/* or -1 */
};

static struct order *order;
static struct model model;
static int file_fd, pipes[PIPES][2], to_worker[WORKERS][2], from_worker[2];
static pid_t workers[WORKERS];
static uint64_t seed;
static unsigned long step;
static unsigned long counts[OP_KINDS];

static uint64_t chance(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed * 0x2545f4914f6cdd1dUL >> 8) % n;
}

/* ---- workers ---- */

static char *guest_view, *shared_view;

static void worker_map(void)
{
	int view = must(ioctl(file_fd, GMEM_SHARED_VIEW, 0));

	if (guest_view) {
		munmap(guest_view, SIZE);
		munmap(shared_view, SIZE);
	}
	guest_view = map(file_fd, SIZE);
	shared_view = map(view, SIZE);
	close(view);
}

/* Return: bytes done before a signal; -SIGBUS if that was none. */
static long by_mapping(char *at, bool store)
{
	static volatile long done;

	if (sigsetjmp(fault_jump, 1))
		return done ? done : -SIGBUS;
	for (done = 0; done < order->size; done++) {
		if (store)
			at[done] = order->byte;
		else
			order->data[done] = at[done];
	}
	return done;
}

static long in_child(void)
{
	pid_t pid = must(fork());
	int status;

	if (!pid) {
		order->result = by_mapping(guest_view + order->offset, true);
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	return order->result;
}

static long convert(uint64_t attributes)
{
	struct gmem_attributes set = {
		.offset = order->offset, .size = order->size,
		.attributes = attributes,
		.flags = order->zero ? GMEM_CONVERT_ZERO : 0,
	};
	long ret = ioctl(file_fd, GMEM_SET_ATTRIBUTES, &set) ? -errno : 0;

	order->error_offset = set.error_offset;
	return ret;
}

static long allocate(int mode)
{
	return fallocate(file_fd, mode, order->offset, order->size) ? -errno
								    : 0;
}

static long pin(void)
{
	struct iovec iov = { shared_view + order->offset, PAGE };
	long n = vmsplice(pipes[order->pipe][1], &iov, 1, SPLICE_F_NONBLOCK);

	return n < 0 ? -errno : n;
}

static long use_pwrite(void)
{
	long n;

	memset(order->data, order->byte, order->size);
	n = pwrite(file_fd, order->data, order->size, order->offset);
	return n < 0 ? -errno : n;
}

static long obey(void)
{
	switch (order->op) {
	case OP_STORE:
		return by_mapping(guest_view + order->offset, true);
	case OP_STORE_SHARED:
		return by_mapping(shared_view + order->offset, true);
	case OP_LOAD:
		return by_mapping(guest_view + order->offset, false);
	case OP_LOAD_SHARED:
		return by_mapping(shared_view + order->offset, false);
	case OP_READ:
		return pread(file_fd, order->data, order->size, order->offset);
	case OP_WRITE:
		return use_pwrite();
	case OP_PUNCH:
		return allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	case OP_ZERO:
		return allocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
	case OP_ALLOCATE:
		return allocate(FALLOC_FL_KEEP_SIZE);
	case OP_TRUNCATE:
		return ftruncate(file_fd, order->offset) ? -errno : 0;
	case OP_SHARE:
		return convert(0);
	case OP_UNSHARE:
		return convert(GMEM_ATTRIBUTE_PRIVATE);
	case OP_PIN:
		return pin();
	case OP_UNPIN:
		return read(pipes[order->pipe][0], order->data, PAGE);
	case OP_REMAP:
		worker_map();
		return 0;
	case OP_FORK_STORE:
		return in_child();
	default:
		return -EINVAL;
	}
}

static _Noreturn void work(int me)
{
	struct sigaction act = {
		.sa_handler = on_fault, .sa_flags = SA_NODEFER,
	};
	char byte;

	sigaction(SIGBUS, &act, NULL);
	worker_map();
	for (;;) {
		must(read(to_worker[me][0], &byte, 1));
		order->result = obey();
		must(write(from_worker[1], &byte, 1));
	}
}

static long ask(void)
{
	char byte = 0;

	must(write(to_worker[chance(WORKERS)][1], &byte, 1));
	if (read(from_worker[0], &byte, 1) != 1)
		bail_out("a worker died at step %lu", step);
	return order->result;
}

/* ---- the model ---- */

static bool wrong(const char *what)
{
	diag("step %lu: %s at %ld, %ld bytes: %s; it says %ld", step,
	     op_names[order->op], order->offset, order->size, what,
	     order->result);
	return false;
}

static long pages_of_file(void)
{
	return (model.size + (long)PAGE - 1) / (long)PAGE;
}

/* What an access by mapping gets: bytes up to the end of the last page. */
static long mapped_bytes(bool by_shared_view)
{
	long end = pages_of_file() * (long)PAGE, at;

	if (end > order->offset + order->size)
		end = order->offset + order->size;
	for (at = order->offset; at < end; at++)
		if (by_shared_view && !model.shared[at / PAGE])
			break;
	return at > order->offset ? at - order->offset : -SIGBUS;
}

static bool check_store(bool by_shared_view)
{
	long want = mapped_bytes(by_shared_view);

	if (order->result != want)
		return wrong("stored more or less than it should");
	if (want > 0)
		memset(model.bytes + order->offset, order->byte, want);
	return true;
}

static bool same_as_model(long offset, long size)
{
	return !memcmp(order->data, model.bytes + offset, size);
}

static bool check_load(bool by_shared_view)
{
	long want = mapped_bytes(by_shared_view);

	if (order->result != want)
		return wrong("loaded more or less than it should");
	if (want > 0 && !same_as_model(order->offset, want))
		return wrong("wrong contents");
	return true;
}

static bool check_read(void)
{
	long want = model.size - order->offset;

	if (want > order->size)
		want = order->size;
	if (order->result != (want > 0 ? want : 0))
		return wrong("read more or less than it should");
	return want <= 0 || same_as_model(order->offset, want) ||
	       wrong("wrong contents");
}

static bool check_write(void)
{
	if (order->result != order->size)
		return wrong("didn't write all");
	memset(model.bytes + order->offset, order->byte, order->size);
	if (model.size < order->offset + order->size)
		model.size = order->offset + order->size;
	return true;
}

static bool check_zeroed(void)
{
	if (order->result)
		return wrong("should work");
	memset(model.bytes + order->offset, 0, order->size);
	return true;
}

/* What is wanted of pages beyond the end stays. */
static bool check_truncate(void)
{
	if (order->result)
		return wrong("should work");
	if (order->offset <= model.size)
		memset(model.bytes + order->offset, 0, SIZE - order->offset);
	model.size = order->offset;
	return true;
}

static bool answers(long want)
{
	return order->result == want || wrong("the wrong answer");
}

static void convert_model(long first, long end, bool shared)
{
	for (; first < end; first++) {
		if (order->zero && model.shared[first] != shared)
			memset(model.bytes + first * PAGE, 0, PAGE);
		model.shared[first] = shared;
	}
}

static bool check_convert(bool shared)
{
	long first = order->offset / PAGE, want = 0, at;
	long end = first + order->size / PAGE;

	if (end > pages_of_file())
		return answers(-EINVAL);
	for (at = first; at < end; at++) {
		if (!shared && model.pins[at]) {
			want = -EAGAIN;
			break;
		}
	}
	if (!answers(want))
		return false;
	if (want && (long)order->error_offset != at * (long)PAGE)
		return wrong("the wrong error_offset");
	convert_model(first, at, shared);
	return true;
}

static bool check_pin(void)
{
	long page = order->offset / PAGE;
	bool there = order->offset < model.size && model.shared[page];

	if (!answers(there ? (long)PAGE : -EFAULT))
		return false;
	if (there) {
		model.pins[page]++;
		model.pipe_page[order->pipe] = page;
	}
	return true;
}

/* A pinned page is the file's: a pipe shows it as it is now. */
static bool same_as_page(long page)
{
	return !memcmp(order->data, model.bytes + page * PAGE, PAGE);
}

static bool check_unpin(void)
{
	long page = model.pipe_page[order->pipe];

	model.pipe_page[order->pipe] = -1;
	if (order->result != (long)PAGE)
		return wrong("nothing in the pipe");
	if (!same_as_page(page))
		return wrong("wrong contents in the pipe");
	model.pins[page]--;
	return true;
}

static bool check(void)
{
	switch (order->op) {
	case OP_STORE:
	case OP_FORK_STORE:
		return check_store(false);
	case OP_STORE_SHARED:
		return check_store(true);
	case OP_LOAD:
		return check_load(false);
	case OP_LOAD_SHARED:
		return check_load(true);
	case OP_READ:
		return check_read();
	case OP_WRITE:
		return check_write();
	case OP_PUNCH:
	case OP_ZERO:
		return check_zeroed();
	case OP_ALLOCATE:
	case OP_REMAP:
		return !order->result || wrong("should work");
	case OP_TRUNCATE:
		return check_truncate();
	case OP_SHARE:
		return check_convert(true);
	case OP_UNSHARE:
		return check_convert(false);
	case OP_PIN:
		return check_pin();
	case OP_UNPIN:
		return check_unpin();
	default:
		return false;
	}
}

/* ---- choosing ---- */

/* Pages, often a few, sometimes whole blocks. */
static void choose_pages(void)
{
	long first, n = chance(4) ? 1 + chance(20) : 512 * (1 + chance(4));

	first = n < 512 ? (long)chance(PAGES) : 512 * (long)chance(4);
	if (first + n > PAGES)
		n = PAGES - first;
	order->offset = first * PAGE;
	order->size = n * PAGE;
}

static void choose_bytes(void)
{
	order->offset = chance(SIZE);
	order->size = 1 + chance(chance(4) ? 3 * PAGE : 300000);
	if (order->offset + order->size > SIZE)
		order->size = SIZE - order->offset;
}

/* The pipe decides: one that is full is emptied, else a page goes into it. */
static void choose_pin(void)
{
	order->pipe = chance(PIPES);
	order->op = model.pipe_page[order->pipe] < 0 ? OP_PIN : OP_UNPIN;
	order->offset = chance(PAGES) * PAGE;
	order->size = PAGE;
}

static bool has_pins(long offset, long size)
{
	long page = offset / PAGE, end = (offset + size + PAGE - 1) / PAGE;

	for (; page < end; page++)
		if (model.pins[page])
			return true;
	return false;
}

static void choose_op(void)
{
	order->op = chance(OP_KINDS);
	order->byte = chance(256);
	order->zero = !chance(4);
	switch (order->op) {
	case OP_SHARE:
	case OP_UNSHARE:
	case OP_ALLOCATE:
		choose_pages();
		return;
	case OP_PIN:
	case OP_UNPIN:
		choose_pin();
		return;
	case OP_TRUNCATE:
		choose_bytes();
		/* Mostly large: there must be something to work on. */
		order->offset = chance(3) ? SIZE : order->offset;
		return;
	case OP_PUNCH:
	case OP_ZERO:
		if (chance(2))
			choose_pages();
		else
			choose_bytes();
		return;
	default:
		choose_bytes();
	}
}

/*
 * A pinned page that the file gives up may stay its own or not, that depends on
 * how its block got its memory: so that isn't done here but in module/convert.
 */
static void choose(void)
{
	choose_op();
	if (order->op == OP_PUNCH && has_pins(order->offset, order->size))
		order->op = OP_LOAD;
	if (order->op == OP_TRUNCATE &&
	    has_pins(order->offset, SIZE - order->offset))
		order->op = OP_READ;
}

/* ---- what is ---- */

static bool check_states(void)
{
	static uint8_t states[PAGES];
	long pages = pages_of_file(), i;
	struct gmem_state get = {
		.size = pages * PAGE, .states = (uintptr_t)states,
	};

	if (!pages)
		return true;
	must(ioctl(file_fd, GMEM_GET_STATE, &get));
	for (i = 0; i < pages; i++) {
		bool shared = states[i] & GMEM_STATE_SHARED;
		bool exposed = states[i] & GMEM_STATE_EXPOSED;

		if (shared != model.shared[i] || (exposed && !shared) ||
		    !!(states[i] & GMEM_STATE_PINNED) != !!model.pins[i]) {
			diag("step %lu, %s at %ld, %ld bytes: page %ld is %#x, the model says shared %d, pins %d",
			     step, op_names[order->op], order->offset,
			     order->size, i, states[i], model.shared[i],
			     model.pins[i]);
			return false;
		}
	}
	return true;
}

static bool check_contents(void)
{
	static uint8_t data[SIZE];

	if (pread(file_fd, data, SIZE, 0) == model.size &&
	    !memcmp(data, model.bytes, model.size))
		return true;
	diag("step %lu: the file isn't as the model is", step);
	return false;
}

/* Does the kernel's page table say the same as GMEM_GET_STATE? */
static bool check_witness(struct kcore *k)
{
	long pages = model.size / (long)PAGE, page;
	uint8_t state;
	struct gmem_state get = { .size = PAGE, .states = (uintptr_t)&state };
	uint64_t pfn;
	bool mapped;
	char *p;

	if (!pages)
		return true;
	/* Not by chance(): how often this is done must not change what is. */
	page = step * 7919 % pages;
	p = must(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file_fd,
		      page * PAGE));
	pfn = fault_pfn(p);
	get.offset = page * PAGE;
	must(ioctl(file_fd, GMEM_GET_STATE, &get));
	mapped = kcore_has_frame(k, pfn);
	munmap(p, PAGE);
	if (mapped == !!(state & GMEM_STATE_EXPOSED))
		return true;
	diag("step %lu: page %ld, frame %#lx: the kernel has it mapped: %d, its state is %#x",
	     step, page, pfn, mapped, state);
	return false;
}

static bool check_all(struct kcore *k)
{
	return check_states() && check_contents() && check_witness(k);
}

/* ---- main ---- */

static void start_workers(void)
{
	int i;

	must(pipe(from_worker));
	for (i = 0; i < PIPES; i++) {
		must(pipe(pipes[i]));
		model.pipe_page[i] = -1;
	}
	for (i = 0; i < WORKERS; i++) {
		must(pipe(to_worker[i]));
		workers[i] = must(fork());
		if (!workers[i])
			work(i);
	}
}

static void stop_workers(void)
{
	int i;

	for (i = 0; i < WORKERS; i++) {
		kill(workers[i], SIGKILL);
		waitpid(workers[i], NULL, 0);
	}
}

static bool run(time_t end, unsigned long steps, unsigned long every,
		struct kcore *k)
{
	while (steps ? step < steps : time(NULL) < end) {
		step++;
		choose();
		counts[order->op]++;
		ask();
		if (!check())
			return false;
		if (!(step % every) && !check_all(k))
			return false;
	}
	return check_all(k);
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 60;
	unsigned long steps = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	unsigned long every = argc > 4 ? strtoul(argv[4], NULL, 0) : 64;
	uint64_t first_seed, others_hidden;
	struct timespec now;
	struct kcore k;
	int i;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = argc > 2 ? strtoul(argv[2], NULL, 0)
			: (uint64_t)now.tv_nsec << 16 | 1;
	first_seed = seed;
	if (kcore_open(&k))
		bail_out("kcore: %s", k.error);
	order = must(mmap(NULL, sizeof(*order), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	others_hidden = sysfs("hidden_bytes");
	file_fd = new_file(SIZE);
	model.size = SIZE;
	start_workers();

	ok(run(time(NULL) + seconds, steps, every, &k),
	   "the file and its model agree, seed %lu", first_seed);
	diag("%lu steps, seed %lu", step, first_seed);
	for (i = 0; i < OP_KINDS; i++)
		diag("%8lu %s", counts[i], op_names[i]);
	ok(steps || counts[OP_UNSHARE] > 0, "there was time for something");
	stop_workers();
	for (i = 0; i < PIPES; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	close(file_fd);
	for (i = 0; i < 50 && sysfs("pinned_bytes"); i++)
		usleep(100000);
	is(sysfs("hidden_bytes"), others_hidden,
	   "no more is hidden than before");
	is(sysfs("pinned_bytes"), 0, "nothing is pinned");
	is(sysfs("quarantined_bytes"), 0, "nothing is in quarantine");
	return done_testing();
}
