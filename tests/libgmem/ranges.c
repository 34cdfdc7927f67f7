// SPDX-License-Identifier: GPL-2.0
/*
 * ranges: every function that takes a range, a size or flags is given the same
 * bad values, refuses them, and has done nothing.
 *
 * That it is every function is seen too: what the library exports is in one of
 * the lists in here.
 */
#include <linux/kvm.h>

#include "../module/gmem_test.h"
#include "libgmem_test.h"

#define SIZE		(4 * PAGE)
#define LIBRARY		"/opt/gmemfs/lib/libgmem.so.0"
#define ONLY(b)		(1ULL << GMEM_BACKEND_##b)
#define PRIVATE		GMEM_ATTRIBUTE_PRIVATE

static struct gmem_region *region, *ordinary;
static struct gmem_vm *vm;
static uint64_t stopped_at;

/* A file without memory that has a fault channel, and one without memory. */
static int lacking, channel, bare;

static int create(struct gmem_region_options options)
{
	struct gmem_region *r;
	int ret = gmem_region_create(&options, &r);

	if (!ret)
		gmem_region_destroy(r);
	return ret;
}

/* ---- ranges ---- */

/* What a range may be all the same, by function. */
#define ANY_BYTE	1	/* of no whole pages */
#define BEYOND		2	/* beyond the file's end */
#define NOTHING		4	/* no byte at all */

struct bad {
	const char *what;
	uint64_t offset;
	uint64_t size;
	unsigned int kind;
};

static const struct bad bads[] = {
	{ "nothing", PAGE, 0, NOTHING },
	{ "up to where addresses end", PAGE, -PAGE, 0 },
	{ "around to the beginning", 2 * PAGE, -PAGE, 0 },
	{ "all of 2^64 but a page", 0, -PAGE, 0 },
	{ "all of 2^64 but a byte", 0, -1ULL, 0 },
	{ "half of 2^64", 0, 1ULL << 63, 0 },
	{ "from the middle of 2^64", 1ULL << 63, PAGE, 0 },
	{ "from the last page of 2^64", -PAGE, PAGE, 0 },
	{ "across 2^63", (1ULL << 63) - PAGE, 2 * PAGE, 0 },
	{ "behind the end", SIZE, PAGE, BEYOND },
	{ "across the end", SIZE - PAGE, 2 * PAGE, BEYOND },
	{ "from within a page", 1, PAGE, ANY_BYTE },
	{ "to within a page", 0, PAGE - 1, ANY_BYTE },
};

struct call {
	const char *name;
	int (*make)(uint64_t offset, uint64_t size);
	unsigned int may;
	int error;
};

/* Closes what should not have been mapped. */
static int call_map(uint64_t offset, uint64_t size)
{
	void *p;
	int ret = gmem_file_map(region->fd, offset, size, PROT_READ, &p);

	if (!ret)
		munmap(p, size);
	return ret;
}

static int call_state(uint64_t offset, uint64_t size)
{
	static uint8_t states[SIZE / PAGE];

	return gmem_file_state(region->fd, offset, size, states);
}

static int call_populate(uint64_t offset, uint64_t size)
{
	return gmem_file_populate(region->fd, offset, size);
}

static int call_punch(uint64_t offset, uint64_t size)
{
	return gmem_file_punch(region->fd, offset, size);
}

static int call_file_convert(uint64_t offset, uint64_t size)
{
	return gmem_file_convert(region->fd, offset, size, PRIVATE, 0, 0,
				 &stopped_at);
}

static int call_convert(uint64_t offset, uint64_t size)
{
	return gmem_region_convert(region, offset, size, PRIVATE, 0, 0,
				   &stopped_at);
}

static int call_convert_ordinary(uint64_t offset, uint64_t size)
{
	return gmem_region_convert(ordinary, offset, size, 0, 0, 0,
				   &stopped_at);
}

static int call_add(uint64_t offset, uint64_t size)
{
	int ret = gmem_vm_add(vm, 1, 0, region, offset, size, 0);

	if (!ret)
		gmem_vm_remove(vm, 1);
	return ret;
}

static int call_read(uint64_t offset, uint64_t size)
{
	char byte;

	return gmem_region_read(region, offset, &byte, size);
}

static int call_write(uint64_t offset, uint64_t size)
{
	return gmem_region_write(region, offset, "x", size);
}

/* Closes what should not have been opened. No size: all that is left. */
static int call_channel_open(uint64_t offset, uint64_t size)
{
	int ret = gmem_channel_open(bare, offset, size, 0);

	if (ret < 0)
		return ret;
	close(ret);
	return 0;
}

static int call_channel_fill(uint64_t offset, uint64_t size)
{
	static char from[SIZE];

	return gmem_channel_fill(channel, offset, size, from);
}

static int call_channel_zero(uint64_t offset, uint64_t size)
{
	return gmem_channel_zero(channel, offset, size);
}

static int call_channel_zero_punched(uint64_t offset, uint64_t size)
{
	return gmem_channel_zero_punched(channel, offset, size);
}

static int call_channel_poison(uint64_t offset, uint64_t size)
{
	return gmem_channel_poison(channel, offset, size);
}

static const struct call calls[] = {
	{ "gmem_file_map", call_map, BEYOND, -EINVAL },
	{ "gmem_file_state", call_state, 0, -EINVAL },
	{ "gmem_file_populate", call_populate, ANY_BYTE | BEYOND, -EINVAL },
	{ "gmem_file_punch", call_punch, ANY_BYTE | BEYOND, -EINVAL },
	{ "gmem_file_convert", call_file_convert, 0, -EINVAL },
	{ "gmem_region_convert", call_convert, 0, -EINVAL },
	{ "gmem_region_convert, ordinary memory", call_convert_ordinary, 0,
	  -EINVAL },
	{ "gmem_region_read", call_read, ANY_BYTE | NOTHING, -ERANGE },
	{ "gmem_region_write", call_write, ANY_BYTE | NOTHING, -ERANGE },
	{ "gmem_vm_add", call_add, 0, -EINVAL },
	{ "gmem_channel_open", call_channel_open, NOTHING, -EINVAL },
	{ "gmem_channel_fill", call_channel_fill, 0, -EINVAL },
	{ "gmem_channel_zero", call_channel_zero, 0, -EINVAL },
	{ "gmem_channel_zero_punched", call_channel_zero_punched, 0, -EINVAL },
	{ "gmem_channel_poison", call_channel_poison, 0, -EINVAL },
};

#define NR(array)	(sizeof(array) / sizeof((array)[0]))

/* A mapping may end within a page. */
static bool is_bad_for(const struct bad *bad, const struct call *call)
{
	if (call->make == call_map && bad->size == PAGE - 1)
		return false;
	return !(bad->kind & call->may);
}

static uint8_t state_of(unsigned int page)
{
	uint8_t state;

	good(gmem_file_state(region->fd, page * PAGE, PAGE, &state));
	return state;
}

/* All of it is shared and populated, as it was made, or lacking. */
static bool is_untouched(void)
{
	struct gmem_info info = get_info(region->fd);

	return get_info(lacking).missing == SIZE && !get_info(bare).missing &&
	       info.size == SIZE && info.populated == SIZE &&
	       info.shared == SIZE && state_of(1) & GMEM_STATE_SHARED;
}

static void test_call(const struct call *call)
{
	unsigned int i, right = 0, tried = 0;
	int ret;

	for (i = 0; i < NR(bads); i++) {
		const struct bad *bad = &bads[i];

		if (!is_bad_for(bad, call))
			continue;
		tried++;
		stopped_at = bad->offset;
		ret = call->make(bad->offset, bad->size);
		if (ret == call->error && stopped_at == bad->offset &&
		    *gmem_last_error() && is_untouched())
			right++;
		else
			diag("%s: %d, stopped at %#lx", bad->what, ret,
			     stopped_at);
	}
	ok(tried >= 4 && right == tried, "%s: %u bad ranges are refused",
	   call->name, tried);
}

/* ---- sizes, and where a guest has memory ---- */

/* What is bad for all comes first. */
static const uint64_t numbers[] = {
	1ULL << 63, -PAGE, -1ULL, (1ULL << 63) + 1, PAGE + 1, 1, 0,
};

static int size_file_create(uint64_t size)
{
	int fd = gmem_file_create(NULL, size, 0);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int size_resize(uint64_t size)
{
	return gmem_file_resize(region->fd, size);
}

static int size_create(uint64_t size)
{
	return create((struct gmem_region_options){ .size = size });
}

static int size_create_ordinary(uint64_t size)
{
	return create((struct gmem_region_options){
		.size = size, .backends = ONLY(MEMFD) });
}

/* Two pages, so that the second is beyond all addresses. */
static int guest_address(uint64_t address)
{
	int ret = gmem_vm_add(vm, 1, address, region, 0, 2 * PAGE, 0);

	if (!ret)
		gmem_vm_remove(vm, 1);
	return ret;
}

struct number {
	const char *name;
	int (*make)(uint64_t number);
	unsigned int bad;	/* so many of the numbers */
	int error;
};

static const struct number takes_number[] = {
	{ "gmem_file_create", size_file_create, 4, -EFBIG },
	{ "gmem_file_resize", size_resize, 4, -EINVAL },
	{ "gmem_region_create", size_create, 7, -EINVAL },
	{ "gmem_region_create, ordinary memory", size_create_ordinary, 7,
	  -EINVAL },
	{ "gmem_vm_add, guest_address", guest_address, 6, -EINVAL },
};

static void test_number(const struct number *n)
{
	unsigned int i, right = 0;
	int ret;

	for (i = 0; i < n->bad; i++) {
		ret = n->make(numbers[i]);
		if (ret == n->error && is_untouched())
			right++;
		else
			diag("%#lx: %d", numbers[i], ret);
	}
	is(right, n->bad, "%s: so many bad numbers are refused", n->name);
}

/* ---- flags ---- */

static int flags_map(uint64_t bits)
{
	void *p;
	int ret = gmem_file_map(region->fd, 0, SIZE, (int)bits, &p);

	if (!ret)
		munmap(p, SIZE);
	return ret;
}

static int flags_file_create(uint64_t bits)
{
	int fd = gmem_file_create(NULL, SIZE, bits);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int flags_open(uint64_t bits)
{
	int fd = gmem_file_open(MNT "/named", (int)bits);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int flags_file_attributes(uint64_t bits)
{
	return gmem_file_convert(region->fd, 0, PAGE, bits, 0, 0, NULL);
}

static int flags_file_convert(uint64_t bits)
{
	return gmem_file_convert(region->fd, 0, PAGE, 0, bits, 0, NULL);
}

static int flags_attributes(uint64_t bits)
{
	return gmem_region_convert(region, 0, PAGE, bits, 0, 0, NULL);
}

static int flags_convert(uint64_t bits)
{
	return gmem_region_convert(region, 0, PAGE, 0, bits, 0, NULL);
}

static int flags_ordinary_attributes(uint64_t bits)
{
	return gmem_region_convert(ordinary, 0, PAGE, bits, 0, 0, NULL);
}

static int flags_ordinary_convert(uint64_t bits)
{
	return gmem_region_convert(ordinary, 0, PAGE, 0, bits, 0, NULL);
}

static int flags_create(uint64_t bits)
{
	return create((struct gmem_region_options){
		.size = SIZE, .flags = bits });
}

static int flags_create_ordinary(uint64_t bits)
{
	return create((struct gmem_region_options){
		.size = SIZE, .flags = bits, .backends = ONLY(MEMFD) });
}

static int flags_demand(uint64_t bits)
{
	return create((struct gmem_region_options){
		.size = SIZE, .demand = bits });
}

static int flags_backends(uint64_t bits)
{
	return create((struct gmem_region_options){
		.size = SIZE, .backends = bits | ONLY(MEMFD) });
}

static int flags_windows(uint64_t bits)
{
	return create((struct gmem_region_options){
		.size = SIZE, .windows = bits });
}

static int flags_reserved(uint64_t bits)
{
	return create((struct gmem_region_options){
		.size = SIZE, .reserved32 = bits });
}

static int flags_add(uint64_t bits)
{
	int ret = gmem_vm_add(vm, 1, 0, region, 0, PAGE, bits);

	if (!ret)
		gmem_vm_remove(vm, 1);
	return ret;
}

static int flags_window(uint64_t bits)
{
	struct gmem_window w;
	int ret = gmem_window_open(&w, region, (int)bits);

	if (!ret)
		gmem_window_close(&w);
	return ret;
}

static int flags_channel(uint64_t bits)
{
	int ret = gmem_channel_open(bare, 0, SIZE, bits);

	if (ret < 0)
		return ret;
	close(ret);
	return 0;
}

static int load_nothing(void *context, uint64_t offset, void *to, uint64_t size)
{
	(void)context;
	(void)offset;
	(void)to;
	(void)size;
	return 1;
}

static int flags_pager(uint64_t bits)
{
	struct gmem_pager_options options = {
		.load = load_nothing, .flags = bits,
	};
	struct gmem_pager *pager;
	int ret = gmem_pager_start(bare, &options, &pager);

	if (!ret)
		gmem_pager_stop(pager);
	return ret;
}

struct flags {
	const char *name;
	int (*make)(uint64_t bits);
	uint64_t known;
	unsigned int width;
};

static const struct flags flags[] = {
	{ "gmem_file_map, prot", flags_map, PROT_READ | PROT_WRITE, 32 },
	{ "gmem_file_create, flags", flags_file_create, 0x3d, 64 },
	{ "gmem_file_open, flags", flags_open, O_RDWR | O_CREAT | O_EXCL |
	  O_CLOEXEC | O_NOFOLLOW, 32 },
	{ "gmem_file_convert, attributes", flags_file_attributes, PRIVATE, 64 },
	{ "gmem_file_convert, flags", flags_file_convert, 1, 64 },
	{ "gmem_region_convert, attributes", flags_attributes, PRIVATE, 64 },
	{ "gmem_region_convert, flags", flags_convert, 1, 64 },
	{ "ordinary memory, attributes", flags_ordinary_attributes, PRIVATE,
	  64 },
	{ "ordinary memory, flags", flags_ordinary_convert, 1, 64 },
	{ "gmem_region_create, flags", flags_create, 0x3d, 64 },
	{ "gmem_region_create, flags, ordinary memory", flags_create_ordinary,
	  0x3d, 64 },
	{ "gmem_region_create, demand", flags_demand, 0x1f, 64 },
	{ "gmem_region_create, backends", flags_backends, 0x7, 64 },
	{ "gmem_region_create, windows", flags_windows, 0x103, 32 },
	{ "gmem_region_create, reserved32", flags_reserved, 0, 32 },
	{ "gmem_vm_add, flags", flags_add, KVM_MEM_LOG_DIRTY_PAGES |
	  KVM_MEM_READONLY, 32 },
	{ "gmem_window_open, mode", flags_window, GMEM_WRITE, 32 },
	{ "gmem_channel_open, flags", flags_channel, GMEM_FAULT_REATTACH, 64 },
	{ "gmem_pager_start, flags", flags_pager, GMEM_PAGER_AHEAD, 64 },
};

static void test_flags(const struct flags *f)
{
	unsigned int i, right = 0, tried = 0;
	uint64_t wrong = 0;

	for (i = 0; i < f->width; i++) {
		if (f->known >> i & 1)
			continue;
		tried++;
		if (f->make(1ULL << i) == -EINVAL && is_untouched())
			right++;
		else
			wrong |= 1ULL << i;
	}
	if (wrong)
		diag("%s: not refused: %#lx", f->name, wrong);
	ok(right == tried, "%s: %u unknown bits are refused", f->name, tried);
}

/* ---- that these are all ---- */

/* The kernel checks the range of gmem_file_clone(): see files.c. */
static const char *const without[] = {
	"gmem_channel_read", "gmem_cpuid_forbid_nesting",
	"gmem_fault_describe", "gmem_fault_install", "gmem_file_clone",
	"gmem_file_info", "gmem_file_shared_view", "gmem_last_error",
	"gmem_pager_stop", "gmem_pager_wait", "gmem_region_address",
	"gmem_region_backend", "gmem_region_destroy", "gmem_region_fd", "gmem_region_protection",
	"gmem_region_shared", "gmem_region_size", "gmem_vcpu_enforce_cpuid",
	"gmem_vcpu_run", "gmem_vm_create", "gmem_vm_destroy",
	"gmem_vm_handle_exit", "gmem_vm_remove", "gmem_vm_trap_clocks",
	"gmem_vm_write_msr", "gmem_window_close_slowly", "gmem_window_stats",
};

/* In gmem_window_open(), which is inline. */
#define INLINE	"gmem_window_open_slowly"

static bool begins(const char *name, const char *with)
{
	size_t len = strlen(with);

	return !strncmp(name, with, len) && (!name[len] || name[len] == ',');
}

static bool is_listed(const char *symbol)
{
	unsigned int i;

	for (i = 0; i < NR(without); i++)
		if (!strcmp(without[i], symbol))
			return true;
	for (i = 0; i < NR(calls); i++)
		if (begins(calls[i].name, symbol))
			return true;
	for (i = 0; i < NR(takes_number); i++)
		if (begins(takes_number[i].name, symbol))
			return true;
	for (i = 0; i < NR(flags); i++)
		if (begins(flags[i].name, symbol))
			return true;
	return !strcmp(symbol, INLINE);
}

static void test_all_there(void)
{
	FILE *f = popen("nm -D --defined-only --format=just-symbols " LIBRARY,
			"re");
	unsigned int listed = 0, all = 0;
	char symbol[100];

	while (f && fgets(symbol, sizeof(symbol), f)) {
		symbol[strcspn(symbol, "@\n")] = 0;
		if (strncmp(symbol, "gmem_", 5))
			continue;
		all++;
		if (is_listed(symbol))
			listed++;
		else
			diag("%s is in no list", symbol);
	}
	ok(f && !pclose(f) && all > 30 && listed == all,
	   "all of %u functions are in here", all);
}

static int must_have(int fd)
{
	if (fd < 0)
		bail_out("%s", gmem_last_error());
	return fd;
}

static void set_up(void)
{
	struct gmem_region_options options = {
		.size = SIZE, .backends = ONLY(GMEMFS),
	};
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));

	good(gmem_region_create(&options, &region));
	options.backends = ONLY(MEMFD);
	good(gmem_region_create(&options, &ordinary));
	good(gmem_vm_create(must(ioctl(kvm, KVM_CREATE_VM, 0)), &vm));
	good(gmem_file_populate(region->fd, 0, SIZE));
	good(gmem_region_convert(region, 0, SIZE, 0, 0, 0, NULL));
	close(must(open(MNT "/named", O_RDWR | O_CREAT, 0600)));
	lacking = must_have(gmem_file_create(NULL, SIZE, 0));
	channel = must_have(gmem_channel_open(lacking, 0, 0, 0));
	bare = must_have(gmem_file_create(NULL, SIZE, 0));
}

int main(void)
{
	unsigned int i;

	set_up();
	for (i = 0; i < NR(calls); i++)
		test_call(&calls[i]);
	for (i = 0; i < NR(takes_number); i++)
		test_number(&takes_number[i]);
	for (i = 0; i < NR(flags); i++)
		test_flags(&flags[i]);
	test_all_there();
	must(unlink(MNT "/named"));
	close(channel);
	close(lacking);
	close(bare);
	gmem_vm_destroy(vm);
	gmem_region_destroy(ordinary);
	gmem_region_destroy(region);
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
	return done_testing();
}
