// SPDX-License-Identifier: GPL-2.0
/*
 * KVM looks a guest's page up while the pages beside it are unmapped all the
 * time: by clones of the file, private mappings, conversions, holes, and copies
 * on write of another guest. KVM_RUN doesn't fail, and no store is lost.
 *
 * KVM does a fault, and then looks at the page table once. A trace of the stack
 * between the two makes the time in which the entry can go again longer.
 */
#include "small_vm.h"

#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define SIZE	(2 * BLOCK)
#define TURNS	20		/* of the guest's loop, in a run */
#define PAGES	7		/* that a guest counts in */
#define BESIDE	((long)BLOCK / 2)	/* in the same 2 MiB */
#define SECONDS	3
#define EVENT	TRACING "/events/gmem/fault_done"

struct counter {
	struct small_vm vm;
	unsigned int first;	/* page */
	atomic_ulong runs;
	bool may_fail;		/* with EFAULT */
	int error;
};

static atomic_bool stop;

/* ---- guests that count ---- */

/* In real mode: TURNS times inc word [page] for each page; hlt; once more. */
static void put_code(int fd, long where, unsigned int first)
{
	unsigned char code[64] = { 0xb9, TURNS, 0 };	/* mov cx, TURNS */
	unsigned int n = 3, i;

	for (i = 0; i < PAGES; i++) {
		code[n++] = 0xff;	/* inc word [...] */
		code[n++] = 0x06;
		code[n++] = 0;
		code[n++] = (first + i) * (PAGE >> 8);
	}
	code[n] = 0xe2;			/* loop */
	code[n + 1] = 3 - (n + 2);
	n += 2;
	code[n++] = 0xf4;		/* hlt */
	code[n] = 0xeb;			/* jmp to the start */
	code[n + 1] = -(n + 2);
	must(pwrite(fd, code, sizeof(code), where));
}

static struct counter make_counter(int fd, char *mem, unsigned int first)
{
	struct counter c = { .vm = make_vm(mem, SIZE), .first = first };
	struct kvm_regs regs = { .rflags = 2, .rip = first * 64 };

	put_code(fd, regs.rip, first);
	must(ioctl(c.vm.vcpu, KVM_SET_REGS, &regs));
	return c;
}

static int run_to_halt(const struct counter *c)
{
	int ret;

	do
		ret = ioctl(c->vm.vcpu, KVM_RUN, 0);
	while (ret && c->may_fail && errno == EFAULT);
	return ret;
}

static void *count(void *arg)
{
	struct counter *c = arg;

	while (!atomic_load(&stop)) {
		if (run_to_halt(c)) {
			c->error = errno;
			break;
		}
		if (c->vm.run->exit_reason != KVM_EXIT_HLT) {
			c->error = -(int)c->vm.run->exit_reason;
			break;
		}
		atomic_fetch_add(&c->runs, 1);
	}
	return NULL;
}

static bool counted(int fd, const struct counter *c)
{
	unsigned int want = (c->runs * TURNS) & 0xffff, i;
	uint16_t word;

	for (i = 0; i < PAGES; i++) {
		must(pread(fd, &word, sizeof(word), (c->first + i) * PAGE));
		if (word != want)
			return false;
	}
	return true;
}

/* ---- what unmaps ---- */

struct storm {
	const char *what;
	void (*once)(int fd, int other);
};

static void clone_it(int fd, int other)
{
	must(ioctl(other, FICLONE, fd));
}

static void map_privately(int fd, int other)
{
	void *p = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
			    0));

	(void)other;
	munmap(p, SIZE);
}

static void convert_beside(int fd, int other)
{
	(void)other;
	must(set_shared(fd, BESIDE, PAGE));
	must(set_private(fd, BESIDE, PAGE));
}

static void punch_beside(int fd, int other)
{
	(void)other;
	must(pwrite(fd, "x", 1, BESIDE));
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BESIDE,
		       PAGE));
}

/* Whatever has it cloned makes the next stores copies, page by page. */
static void clone_and_store(int fd, int other)
{
	must(ioctl(other, FICLONE, fd));
	must(pwrite(fd, "x", 1, BESIDE));
}

static const struct storm storms[] = {
	{ "cloned all the time", clone_it },
	{ "mapped privately all the time", map_privately },
	{ "a page beside is converted", convert_beside },
	{ "a page beside is punched", punch_beside },
	{ "cloned, and a page beside is written to", clone_and_store },
};

/* A trace of the stack at the end of each fault that KVM does. */
static bool slow_faults(bool on)
{
	static bool there;

	if (on) {
		there = !write_text(TRACING "/kprobe_events",
				    "r:gmem/fault_done fixup_user_fault\n") &&
			!write_text(EVENT "/trigger", "stacktrace\n") &&
			!write_text(EVENT "/enable", "1\n");
		return there;
	}
	if (there) {
		write_text(EVENT "/enable", "0\n");
		write_text(EVENT "/trigger", "!stacktrace\n");
		write_text(TRACING "/kprobe_events", "-:gmem/fault_done\n");
		write_text(TRACING "/trace", "\n");
	}
	return there;
}

static void check(int fd, const struct counter *c, const char *who)
{
	is(c->error, 0, "  %s never fails", who);
	ok(c->runs > 0, "  and runs (%lu times)", c->runs);
	ok(counted(fd, c), "  and none of its stores is lost");
}

static void run_storm(const struct storm *storm)
{
	int fd = new_file(SIZE), other = new_file(SIZE);
	char *mem = map(fd, SIZE);
	struct counter one = make_counter(fd, mem, 1);
	struct counter two = make_counter(fd, mem, 1 + PAGES);
	unsigned long times = 0;
	pthread_t t1, t2;
	time_t end;

	atomic_store(&stop, false);
	must(pthread_create(&t1, NULL, count, &one) ? -1 : 0);
	must(pthread_create(&t2, NULL, count, &two) ? -1 : 0);
	end = time(NULL) + SECONDS;
	for (; time(NULL) < end || times < 50; times++)
		storm->once(fd, other);
	/* Both have had their turn, however slow the host is. */
	while ((!one.runs && !one.error) || (!two.runs && !two.error))
		storm->once(fd, other);
	atomic_store(&stop, true);
	pthread_join(t1, NULL);
	pthread_join(t2, NULL);
	ok(times >= 50, "%s: %lu times", storm->what, times);
	check(fd, &one, "a guest");
	check(fd, &two, "the other guest");
	free_vm(&one.vm);
	free_vm(&two.vm);
	munmap(mem, SIZE);
	close(other);
	close(fd);
}

/* ---- a shared view in the guest's memory ---- */

#define FLIPPED	(3L * PAGE)	/* one of those in which the guest counts */

/*
 * A guest can't have a private page by a shared view, and stops. KVM doesn't
 * forget a reference when the guest view is back while it looks: the page can
 * be converted, and goes.
 */
static void test_flipped(void)
{
	int fd = new_file(SIZE), view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	char *mem = map(fd, SIZE);
	struct counter one = make_counter(fd, mem, 1);
	unsigned long times;
	pthread_t thread;
	time_t end;

	one.may_fail = true;
	atomic_store(&stop, false);
	must(pthread_create(&thread, NULL, count, &one) ? -1 : 0);
	end = time(NULL) + SECONDS;
	for (times = 0; time(NULL) < end || !one.runs; times++) {
		must(mmap(mem + FLIPPED, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, view, FLIPPED));
		must(mmap(mem + FLIPPED, PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_FIXED, fd, FLIPPED));
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	is(one.error, 0, "a page is mapped by a shared view and back, %lu times",
	   times);
	ok(counted(fd, &one), "  and no store is lost");
	is(set_shared(fd, FLIPPED, PAGE), 0, "  and nobody has a reference");
	is(set_private(fd, FLIPPED, PAGE), 0, "    neither when it is shared");
	free_vm(&one.vm);
	munmap(mem, SIZE);
	close(view);
	close(fd);
	ok(becomes("pinned_bytes", 0), "  and it goes");
}

/*
 * Look-ups that began before the first of all unmappings are KVM's own: that is
 * before any guest here.
 */
static void unmap_once(void)
{
	int fd = new_file(BLOCK);
	char *mem = map(fd, BLOCK);

	mem[0] = 'x';
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		       PAGE));
	munmap(mem, BLOCK);
	close(fd);
}

int main(void)
{
	unsigned int i;

	unmap_once();
	if (!slow_faults(true))
		diag("no kprobe event here: what is looked for is rare");
	for (i = 0; i < sizeof(storms) / sizeof(*storms); i++)
		run_storm(&storms[i]);
	test_flipped();
	slow_faults(false);
	nothing_is_left();
	return done_testing();
}
