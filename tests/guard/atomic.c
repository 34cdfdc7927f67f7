// SPDX-License-Identifier: GPL-2.0
/*
 * atomic [hold]: KVM unmaps a page with preemption off: SEV-ES and SNP guests'
 * GHCB. Nothing that may sleep, and no edit of the direct map, may be done in
 * there; the page must be hidden soon after. unmapper.ko does what only those
 * guests make KVM do. "hold": leaves a page mapped, whose VM has lost its
 * memory.
 */
#include "kvm.h"
#include "../module/gmem_test.h"

#define UNMAP	"/sys/module/unmapper/parameters/unmap"
#define HOLD	"/sys/module/unmapper/parameters/hold"
#define SIZE	(2 * BLOCK)
#define ROUNDS	200

static struct vm vm;
static int fd;

static bool have_mapped(const char *how, unsigned int page)
{
	char text[32];

	snprintf(text, sizeof(text), "%d %#lx", vm.vcpus[0].fd,
		 GUEST_FILE / PAGE + page);
	return !write_text(how, text);
}

static bool map_and_unmap(unsigned int page)
{
	return have_mapped(UNMAP, page);
}

static bool seen(const char *what)
{
	char text[64] = "";
	int in = must(open(UNMAP, O_RDONLY | O_CLOEXEC));

	must(read(in, text, sizeof(text) - 1));
	close(in);
	return strstr(text, what);
}

static long lent_within(unsigned int tenths)
{
	while (tenths-- && sysfs("lent_bytes"))
		usleep(100000);
	return sysfs("lent_bytes");
}

static void test_one(void)
{
	ok(map_and_unmap(3), "KVM maps and unmaps a page");
	ok(seen("mapped 1"), "it was lent for that");
	ok(seen("stayed 1"), "with preemption off, it isn't hidden");
	is(lent_within(600), 0, "but soon after");
	is(get_info(fd).hidden, SIZE, "all of the file is hidden");
}

static void test_many(void)
{
	unsigned int i, done = 0, stayed = 0;

	for (i = 0; i < ROUNDS; i++) {
		done += map_and_unmap(i);
		stayed += seen("stayed 1");
	}
	is(done, ROUNDS, "so it does with many, one after the other");
	is(stayed, ROUNDS, "none of which is hidden with preemption off");
	is(lent_within(600), 0, "all are hidden again");
}

/* The file goes while pages of it are with the worker, or before that. */
static void test_gone(void)
{
	unsigned int i, done = 0;

	for (i = 0; i < ROUNDS; i++) {
		done += map_and_unmap(i);
		must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       0, SIZE));
	}
	is(done, ROUNDS, "each time it is punched right after");
	is(lent_within(600), 0, "nothing stays lent");
}

static void hold(char *mem)
{
	ok(have_mapped(HOLD, 3), "KVM maps a page and keeps it");
	munmap(mem, SIZE);
	close(fd);
	ok(becomes("hidden_bytes", 0), "its file is gone");
}

int main(int argc, char **argv)
{
	char *mem;

	fd = new_file(SIZE);
	mem = map(fd, SIZE);
	memset(mem, 1, SIZE);
	vm_make(&vm, 1, false);
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));

	if (argc > 1 && !strcmp(argv[1], "hold")) {
		hold(mem);
		return done_testing();
	}
	test_one();
	test_many();
	test_gone();

	vm_free(&vm);
	munmap(mem, SIZE);
	close(fd);
	nothing_is_left();
	return done_testing();
}
