// SPDX-License-Identifier: GPL-2.0
/*
 * ioctls [SECONDS [SEED]]: random ioctls with random structs at random
 * addresses, by several processes on the same files.
 *
 * Most of what is generated is nearly right, as what is wrong in many ways is
 * refused at the first. Checked is each answer: that what must be refused is,
 * with the errno that the header says, and that what is accepted can be. That
 * the kernel survives is for hostvm to see, and at the end nothing may be
 * hidden any more.
 *
 * Where the kernel tells which code a call runs, that is counted, to see
 * whether more calls would come to more. It isn't used to choose them: when
 * those that came to something new were kept and changed, it took longer to get
 * to the others.
 */
#include "../module/gmem_test.h"

#include <limits.h>
#include <linux/falloc.h>
#include <time.h>

#include "../lib/chance.h"
#include "../lib/kcov.h"

#define WORKERS		3
#define BLOCKS		4
#define SIZE		((long)(BLOCKS * BLOCK))
#define PAGES		(SIZE / (long)PAGE)
#define ATTRIBUTES	GMEM_ATTRIBUTE_PRIVATE
#define CREATE_FLAGS	(GMEM_FLAG_INIT_SHARED | GMEM_FLAG_ZERO_ON_CONVERT | \
			 GMEM_FLAG_KEEP_DIRECT_MAP | GMEM_FLAG_NO_HUGE | \
			 GMEM_FLAG_HUGE_ONLY)

enum command {
	INFO, CREATE, CONVERT, STATE, VIEW, USERFAULT, FILL, ZERO, COMMANDS
};
/* WAITS is a file on which a channel may be opened, and that nobody touches. */
enum target {
	WRITABLE, READ_ONLY, SHARED, DIRECTORY, FOREIGN, WAITS, CHANNEL, CLOSED,
	TARGETS
};

/* What an argument points to. Only GOOD is there for sure, and writable. */
enum place { GOOD, AT_THE_END, READABLE, OWN_PAGES, NOWHERE, PLACES };

static const unsigned int numbers[COMMANDS] = {
	GMEM_GET_INFO, GMEM_CREATE, GMEM_SET_ATTRIBUTES, GMEM_GET_STATE,
	GMEM_SHARED_VIEW, GMEM_USERFAULT, GMEM_FILL, GMEM_FILL_ZERO,
};

static const char *const names[COMMANDS] = {
	"GMEM_GET_INFO", "GMEM_CREATE", "GMEM_SET_ATTRIBUTES", "GMEM_GET_STATE",
	"GMEM_SHARED_VIEW", "GMEM_USERFAULT", "GMEM_FILL", "GMEM_FILL_ZERO",
};

union argument {
	struct gmem_info info;
	struct gmem_create create;
	struct gmem_attributes convert;
	struct gmem_state state;
	struct gmem_userfault userfault;
	struct gmem_fill fill;
	__u64 words[16];
};

struct call {
	enum target target;
	enum command command;	/* or COMMANDS: a number that isn't one */
	unsigned int number;
	enum place place;
	union argument said;	/* what is there before, if anything can be */
	unsigned long address;
};

/* Shared with the workers. */
static struct {
	unsigned long calls[COMMANDS + 1];
	unsigned long taken[COMMANDS + 1];
	unsigned long refused[COMMANDS + 1];
	unsigned long places;	/* in the module, that calls have come to */
	unsigned long last_new;	/* the call that came to the last one */
	unsigned char seen[KCOV_PLACES];
} *counts;

static uint64_t seed;
static int targets[TARGETS];
static int filled;	/* the file of CHANNEL */
static char *good, *at_the_end, *readable, *own_pages, *nowhere;

static uint64_t below(uint64_t n)
{
	return chance(&seed) % n;
}

/* ---- what is there to be pointed at ---- */

static char *pages(size_t size, int protection)
{
	return must(mmap(NULL, size, protection,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void make_targets(void)
{
	char path[64];

	targets[WRITABLE] = new_file(SIZE);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", targets[WRITABLE]);
	targets[READ_ONLY] = must(open(path, O_RDONLY));
	targets[SHARED] = must(ioctl(targets[WRITABLE], GMEM_SHARED_VIEW, 0));
	targets[DIRECTORY] = must(open(MNT, O_RDONLY | O_DIRECTORY));
	targets[FOREIGN] = must(open("/dev/shm", O_TMPFILE | O_RDWR, 0600));
	targets[WAITS] = new_file(SIZE);
	filled = new_file(SIZE);
	targets[CHANNEL] = must(ioctl(filled, GMEM_USERFAULT,
				      &(struct gmem_userfault){
					      .size = SIZE }));
	targets[CLOSED] = 9999;
}

static void make_places(void)
{
	char *two = pages(2 * PAGE, PROT_READ | PROT_WRITE);

	good = pages(PAGE, PROT_READ | PROT_WRITE);
	must(mprotect(two + PAGE, PAGE, PROT_NONE));
	at_the_end = two + PAGE;
	readable = pages(PAGE, PROT_READ);
	own_pages = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			      targets[WRITABLE], 0));
	nowhere = pages(PAGE, PROT_NONE);
}

/* ---- what is said ---- */

static uint64_t odd_number(void)
{
	static const uint64_t odd[] = {
		1, 4095, 4097, LONG_MAX, 1UL << 63, ULONG_MAX,
		ULONG_MAX & ~4095UL,
		1UL << 31, 1UL << 32, SIZE - 1, SIZE + 1, SIZE + 4096,
		BLOCK + 4096, 0xffff888000000000UL,
	};

	return below(4) ? odd[below(sizeof(odd) / sizeof(*odd))]
			: chance(&seed);
}

static void say_range(__u64 *offset, __u64 *size)
{
	long first = below(PAGES);
	long end = first + 1 + below(below(2) ? 8 : PAGES);

	if (!below(4))
		first = first / 512 * 512;
	*offset = first * PAGE;
	*size = ((end < PAGES ? end : PAGES) - first) * PAGE;
}

static union argument right_argument(enum command command)
{
	union argument a = { .words = { 0 } };

	switch (command) {
	case CREATE:
		a.create.size = below(3) ? below(SIZE) : odd_number();
		if (below(2))
			a.create.flags = chance(&seed) & CREATE_FLAGS;
		break;
	case CONVERT:
		say_range(&a.convert.offset, &a.convert.size);
		a.convert.attributes = below(2) ? ATTRIBUTES : 0;
		a.convert.flags = below(4) ? 0 : GMEM_CONVERT_ZERO;
		break;
	case STATE:
		say_range(&a.state.offset, &a.state.size);
		a.state.states = (unsigned long)(below(8) ? good : own_pages);
		if (!below(3))
			a.state.sharers = a.state.states;
		break;
	case USERFAULT:
		a.userfault.size = SIZE;
		a.userfault.flags = below(2) ? GMEM_FAULT_REATTACH : 0;
		break;
	case FILL:
		say_range(&a.fill.offset, &a.fill.size);
		a.fill.flags = below(8) ? 0 : GMEM_FILL_POISON;
		if (!a.fill.flags)
			a.fill.address = (unsigned long)own_pages;
		break;
	case ZERO:
		say_range(&a.fill.offset, &a.fill.size);
		a.fill.flags = below(4) ? 0 : GMEM_FILL_PUNCHED;
		break;
	default:
		break;
	}
	return a;
}

static unsigned long place_address(enum place place)
{
	static const unsigned long wild[] = {
		0, 1, ULONG_MAX, 0xffff888000000000UL, 0xffffffff81000000UL,
		0x00007ffffffff000UL, 0x0000800000000000UL,
	};

	switch (place) {
	case GOOD:
		return (unsigned long)good +
		       below(PAGE - sizeof(union argument));
	case AT_THE_END:
		return (unsigned long)at_the_end -
		       below(sizeof(union argument));
	case READABLE:
		return (unsigned long)readable;
	case OWN_PAGES:
		return (unsigned long)own_pages + below(SIZE - PAGE);
	default:
		return below(2) ? (unsigned long)nowhere :
		       wild[below(sizeof(wild) / sizeof(*wild))];
	}
}

static bool is_command(unsigned int number)
{
	for (int i = 0; i < COMMANDS; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

/* A channel must not be opened where workers touch the memory. */
static enum target target_for(enum command command, enum target target)
{
	if (command == CREATE && below(4))
		return DIRECTORY;
	if ((command == FILL || command == ZERO) && below(4))
		return CHANNEL;
	if (command == USERFAULT && (target == WRITABLE || target == SHARED))
		return WAITS;
	return target;
}

static struct call next_call(void)
{
	struct call c = {
		.target = below(3) ? WRITABLE : (enum target)below(TARGETS),
		.command = (enum command)below(COMMANDS),
		.place = below(4) ? GOOD : (enum place)below(PLACES),
	};

	c.target = target_for(c.command, c.target);
	c.number = numbers[c.command];
	c.said = right_argument(c.command);
	if (!below(3))
		c.said.words[below(16)] = odd_number();
	if (!below(16)) {
		while (is_command(c.number))
			c.number ^= 1U << below(32);
		c.command = COMMANDS;
	}
	c.address = place_address(c.place);
	if (c.command == VIEW && below(4))
		c.address = 0;
	return c;
}

/* ---- what must come of it ---- */

/* A kind that excludes another, or a bit that means nothing. */
static bool flags_are_wrong(uint64_t flags)
{
	return flags & ~CREATE_FLAGS ||
	       (flags & GMEM_FLAG_NO_HUGE && flags & GMEM_FLAG_HUGE_ONLY);
}

static bool range_is_wrong(uint64_t offset, uint64_t size)
{
	return !size || offset % PAGE || size % PAGE || offset > SIZE ||
	       size > SIZE - offset;
}

static bool any(const __u64 *reserved, int n)
{
	while (n--)
		if (reserved[n])
			return true;
	return false;
}

static bool fill_is_wrong(const struct gmem_fill *fill, bool contents)
{
	uint64_t flag = contents ? GMEM_FILL_POISON : GMEM_FILL_PUNCHED;

	return range_is_wrong(fill->offset, fill->size) ||
	       fill->flags & ~flag || fill->done || fill->filled ||
	       any(fill->reserved, 2) ||
	       ((fill->flags || !contents) && fill->address);
}

/* By what the header says. A file's length never changes here. */
static bool is_wrong(const struct call *c)
{
	const union argument *a = &c->said;

	switch (c->command) {
	case INFO:
		return any(a->words, sizeof(a->info) / 8);
	case CREATE:
		return flags_are_wrong(a->create.flags) ||
		       any(a->create.reserved, 6);
	case CONVERT:
		return range_is_wrong(a->convert.offset, a->convert.size) ||
		       a->convert.attributes & ~ATTRIBUTES ||
		       a->convert.flags & ~GMEM_CONVERT_ZERO ||
		       a->convert.error_offset || any(a->convert.reserved, 3);
	case STATE:
		return range_is_wrong(a->state.offset, a->state.size) ||
		       any(a->state.reserved, 4);
	case USERFAULT:
		return range_is_wrong(a->userfault.offset, a->userfault.size) ||
		       a->userfault.flags & ~GMEM_FAULT_REATTACH ||
		       any(a->userfault.reserved, 5);
	case FILL:
	case ZERO:
		return fill_is_wrong(&a->fill, c->command == FILL);
	default:
		return c->address != 0;
	}
}

static bool is_for(enum command command, enum target target)
{
	bool fills = command == FILL || command == ZERO;

	if (target == DIRECTORY)
		return command == CREATE;
	if (target == CHANNEL)
		return fills;
	return (target <= SHARED || target == WAITS) && command != CREATE &&
	       command != COMMANDS && !fills;
}

static bool may_be(int error, const struct call *c)
{
	switch (error) {
	case ENOMEM:
	case EINTR:
		return true;
	case EAGAIN:	/* another's buffer is pinned just then */
		return c->command == CONVERT;
	case EFAULT:	/* also of the pages that are to take the states */
		return c->place != GOOD || c->command == STATE ||
		       c->command == FILL;
	case EEXIST:	/* it was filled before */
		return c->command == FILL || c->command == ZERO;
	case EBUSY:	/* another worker has it open just then */
		return c->command == USERFAULT;
	case EFBIG:
		return c->command == CREATE && c->said.create.size > SIZE;
	default:
		return false;
	}
}

static bool is_right(const struct call *c, int result, int error)
{
	if (c->target == CLOSED)
		return result < 0 && error == EBADF;
	/* Numbers of another type may be the kernel's, for all files. */
	if (c->command == COMMANDS && _IOC_TYPE(c->number) != GMEM_IOC_TYPE)
		return true;
	if (!is_for(c->command, c->target))
		return result < 0 && error == ENOTTY;
	if (result < 0 && may_be(error, c))
		return true;
	if (c->command == USERFAULT && c->target == READ_ONLY)
		return result < 0 && error == EBADF;
	/* Another range than that for which it was opened first. */
	if (c->command == USERFAULT && result < 0 && error == EINVAL)
		return true;
	if (c->command == CONVERT && c->target == READ_ONLY)
		return result < 0 && (error == EBADF ||
				      (error == EINVAL && is_wrong(c)));
	if (c->command == VIEW)
		return is_wrong(c) ? result < 0 && error == EINVAL
				   : result >= 0;
	if (c->place == GOOD && is_wrong(c))
		return result < 0 && error == EINVAL;
	return c->place == GOOD ? result >= 0 : result >= 0 || error == EINVAL;
}

/* ---- doing it ---- */

/* As much of it as there is room for. */
static void put(const struct call *c)
{
	size_t room = sizeof(c->said);

	if (c->place == AT_THE_END &&
	    (unsigned long)at_the_end - c->address < room)
		room = (unsigned long)at_the_end - c->address;
	if (c->address && c->place != READABLE && c->place != NOWHERE)
		memcpy((void *)c->address, &c->said, room);
}

static unsigned long all_calls(void)
{
	unsigned long all = 0;

	for (int i = 0; i <= COMMANDS; i++)
		all += __atomic_load_n(&counts->calls[i], __ATOMIC_RELAXED);
	return all;
}

static void count_places(void)
{
	unsigned long new_ones = kcov_note(counts->seen);

	if (!new_ones)
		return;
	__atomic_add_fetch(&counts->places, new_ones, __ATOMIC_RELAXED);
	__atomic_store_n(&counts->last_new, all_calls(), __ATOMIC_RELAXED);
}

static bool once(void)
{
	struct call c = next_call();
	int result, error;

	put(&c);
	/* Else there would be nothing left to fill. */
	if (!below(256))
		must(fallocate(filled, FALLOC_FL_PUNCH_HOLE |
			       FALLOC_FL_KEEP_SIZE, below(PAGES) * PAGE,
			       (1 + below(64)) * PAGE));
	kcov_forget();
	result = ioctl(targets[c.target], c.number, c.address);
	error = errno;
	__atomic_add_fetch(&counts->calls[c.command], 1, __ATOMIC_RELAXED);
	count_places();
	__atomic_add_fetch(result < 0 ? &counts->refused[c.command] :
			   &counts->taken[c.command], 1, __ATOMIC_RELAXED);
	if (result > 2 && (c.command == CREATE || c.command == VIEW ||
			   c.command == USERFAULT))
		close(result);
	if (is_right(&c, result, error))
		return true;
	diag("command %d (0x%x) on target %d, at place %d (0x%lx): %d, %s",
	     c.command, c.number, c.target, c.place, c.address, result,
	     result < 0 ? strerror(error) : "taken");
	for (int i = 0; i < 16; i++)
		diag("  word %d: 0x%llx", i,
		     (unsigned long long)c.said.words[i]);
	return false;
}

static pid_t start_worker(uint64_t its_seed, time_t end)
{
	pid_t pid = must(fork());

	if (pid)
		return pid;
	seed = its_seed;
	make_places();
	kcov_start();
	while (time(NULL) < end)
		for (int i = 0; i < 100; i++)
			if (!once())
				_exit(1);
	_exit(0);
}

static void test_calls(uint64_t first_seed, int seconds)
{
	time_t end = time(NULL) + seconds;
	pid_t workers[WORKERS];
	int status;

	for (int i = 0; i < WORKERS; i++)
		workers[i] = start_worker(first_seed + i, end);
	for (int i = 0; i < WORKERS; i++) {
		must(waitpid(workers[i], &status, 0));
		is(status, 0, "worker %d: each answer is right", i);
	}
	for (int i = 0; i < COMMANDS; i++) {
		diag("%s: %lu, %lu taken", names[i], counts->calls[i],
		     counts->taken[i]);
		ok(counts->taken[i] && counts->refused[i],
		   "%s was taken, and refused", names[i]);
	}
	ok(counts->refused[COMMANDS], "numbers that are no command were refused");
}

static void test_places(void)
{
	if (!have_kcov()) {
		skip(1, "this kernel doesn't tell what it runs; hostvm's debug does");
		return;
	}
	ok(counts->places,
	   "calls came to %lu places in the module, to the last by %lu of %lu",
	   counts->places, counts->last_new, all_calls());
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 10;
	uint64_t first_seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;

	if (!first_seed)
		first_seed = (uint64_t)time(NULL) << 8;
	diag("seed %llu, %d s", (unsigned long long)first_seed, seconds);
	counts = must(mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	make_targets();
	test_calls(first_seed, seconds);
	test_places();
	for (int i = WRITABLE; i < CLOSED; i++)
		close(targets[i]);
	close(filled);
	ok(becomes("hidden_bytes", 0), "afterwards nothing is hidden");
	return done_testing();
}
