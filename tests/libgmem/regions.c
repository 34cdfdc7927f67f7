// SPDX-License-Identifier: GPL-2.0
/* libgmem: regions, their backends, and what is said to protect them. */
#include <gmem.h>
#include <linux/kvm.h>
#include <sys/uio.h>

#include "../../ctl/kcore.h"
#include "../module/gmem_test.h"

#ifndef KVM_CAP_GUEST_MEMFD_FLAGS
#define KVM_CAP_GUEST_MEMFD_FLAGS	244
#endif

#define SIZE	((long)(4 * BLOCK))
#define ONLY(b)	(1ULL << GMEM_BACKEND_##b)

static struct gmem_region *make(struct gmem_region_options options)
{
	struct gmem_region *region = NULL;
	int ret;

	if (!options.size)
		options.size = SIZE;
	ret = gmem_region_create(&options, &region);
	if (ret)
		diag("%d: %s", ret, gmem_last_error());
	return region;
}

static void refused(struct gmem_region_options options, int error,
		    const char *word)
{
	struct gmem_region *region = NULL;

	is(gmem_region_create(&options, &region), error, "refused: %s", word);
	ok(!region && strstr(gmem_last_error(), word), "  \"%s\"",
	   gmem_last_error());
}

static struct gmem_protection ask(const struct gmem_region *region)
{
	struct gmem_protection p;

	if (gmem_region_protection(region, &p))
		bail_out("%s", gmem_last_error());
	return p;
}

/* By an observer that has nothing to do with the library. */
static bool gup_works(void *address)
{
	int pipes[2];
	struct iovec iov = { address, 1 };
	bool works;

	must(pipe(pipes));
	works = vmsplice(pipes[1], &iov, 1, 0) == 1;
	close(pipes[0]);
	close(pipes[1]);
	return works;
}

static bool in_direct_map(uint64_t pfn)
{
	struct kcore k;
	struct kcore_leaf leaf;
	bool found;

	if (kcore_open(&k))
		bail_out("kcore: %s", k.error);
	found = kcore_lookup(&k, kcore_direct(&k, pfn), &leaf) == 1;
	kcore_close(&k);
	return found;
}

static void test_gmemfs(void)
{
	const uint64_t all = GMEM_PROTECT_HIDDEN | GMEM_PROTECT_NO_GUP |
			     GMEM_PROTECT_HUGE;
	struct gmem_region *r = make((struct gmem_region_options){
		.demand = GMEM_PROTECT_HIDDEN | GMEM_PROTECT_NO_GUP,
	});
	struct gmem_protection p;

	ok(r, "a region");
	if (!r)
		return;
	is_str(gmem_region_backend(r), "gmemfs", "of gmemfs");
	is(r->size, SIZE, "its size");
	ok(r->address == gmem_region_address(r) &&
	   r->size == gmem_region_size(r) && r->fd == gmem_region_fd(r),
	   "the same, by functions");
	p = ask(r);
	is(p.holds, GMEM_PROTECT_HIDDEN | GMEM_PROTECT_NO_GUP, "protected");
	is(p.populated, 0, "nothing in it yet");
	ok(!in_direct_map(fault_pfn(r->address)), "its memory is hidden");
	ok(!gup_works(r->address), "and can't be pinned");
	memset(r->address, 1, SIZE);
	p = ask(r);
	is(p.populated, SIZE, "populated");
	is(p.hidden, SIZE, "hidden");
	is(p.huge, SIZE, "huge");
	is(p.holds, all, "and that it's huge is said when it's so");
	gmem_region_destroy(r);
	ok(becomes("hidden_bytes", 0), "nothing stays");
	gmem_region_destroy(NULL);
}

static void test_demands(void)
{
	struct gmem_region *r = make((struct gmem_region_options){
		.demand = GMEM_PROTECT_HUGE,
	});

	ok(r, "2 MiB blocks demanded");
	is(get_info(r->fd).flags, GMEM_FLAG_HUGE_ONLY, "so the file has those");
	is(ask(r).holds & GMEM_PROTECT_HUGE, GMEM_PROTECT_HUGE, "it is said");
	gmem_region_destroy(r);

	r = make((struct gmem_region_options){
		.flags = GMEM_FLAG_KEEP_DIRECT_MAP,
	});
	ok(r, "a file that isn't hidden");
	is(ask(r).holds, GMEM_PROTECT_NO_GUP, "is not said to be");
	gmem_region_destroy(r);
	refused((struct gmem_region_options){
		.size = SIZE, .flags = GMEM_FLAG_KEEP_DIRECT_MAP,
		.demand = GMEM_PROTECT_HIDDEN,
	}, -EOPNOTSUPP, "gmemfs: its memory is not kept out of the direct map");
	refused((struct gmem_region_options){
		.size = SIZE, .backends = ONLY(MEMFD),
		.demand = GMEM_PROTECT_NO_GUP,
	}, -EOPNOTSUPP, "memfd: get_user_pages() can pin");
	refused((struct gmem_region_options){
		.size = SIZE, .directory = "/tmp",
		.demand = GMEM_PROTECT_HIDDEN,
	}, -EOPNOTSUPP, "gmemfs: /tmp: this directory is not in a gmemfs mount");
	ok(becomes("hidden_bytes", 0), "nothing stays");
}

static void test_memfd(void)
{
	struct gmem_region *r = make((struct gmem_region_options){
		.directory = "/tmp",
	});
	struct gmem_protection p;
	void *shared;
	uint64_t at;

	ok(r, "no gmemfs, no VM, no demand");
	is_str(gmem_region_backend(r), "memfd", "that's memfd");
	memset(r->address, 1, BLOCK);
	p = ask(r);
	is(p.holds, 0, "nothing protects it");
	is(p.populated, BLOCK, "it's populated");
	is(p.shared, BLOCK, "all of that is shared");
	ok(gup_works(r->address), "it can be pinned");
	is(gmem_region_shared(r, &shared), 0, "its shared mapping");
	ok(shared == r->address, "is its mapping");
	is(gmem_region_convert(r, 0, SIZE, 0, 0, 0, &at), 0, "made shared");
	is(at, SIZE, "all of it");
	is(gmem_region_convert(r, 0, PAGE, GMEM_ATTRIBUTE_PRIVATE, 0, 0, &at),
	   -EOPNOTSUPP, "but not private");
	is(at, 0, "none of it");
	is(gmem_region_convert(r, 0, 2 * SIZE, 0, 0, 0, NULL), -EINVAL,
	   "nor beyond its end");
	gmem_region_destroy(r);
}

/* ---- KVM's guest_memfd, where the kernel has one that can be mapped ---- */

/* Of ordinary memory, by the kernel's own interface. */
static uint64_t pagemap_pfn(const void *address)
{
	int fd = must(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
	uint64_t entry = 0;

	must(pread(fd, &entry, sizeof(entry),
		   (off_t)((uintptr_t)address / PAGE * sizeof(entry))));
	close(fd);
	return entry & ((1ULL << 55) - 1);
}

static void test_guest_memfd_pages(struct gmem_region_options options)
{
	struct gmem_region *r = make(options);
	struct gmem_protection p;
	char *mem = r->address;

	is_str(gmem_region_backend(r), "guest_memfd", "of guest_memfd");
	is(ask(r).populated, 0, "nothing in it yet");
	memset(mem, 1, BLOCK);
	mem[SIZE - 1] = 2;
	p = ask(r);
	is(p.holds, 0, "nothing protects it");
	is(p.populated, BLOCK + PAGE, "it's populated");
	is(p.shared, p.populated, "all of that is shared");
	ok(in_direct_map(pagemap_pfn(mem)), "as the direct map shows");
	ok(gup_works(mem), "it can be pinned");
	ok(mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, r->fd, 0) == MAP_FAILED,
	   "KVM refuses a private mapping");
	is(gmem_file_resize(r->fd, 2 * SIZE), -EINVAL, "and another size");
	is(gmem_file_punch(r->fd, 0, BLOCK), 0, "a hole");
	is(ask(r).populated, PAGE, "has no memory any more");
	ok(all_bytes(mem, BLOCK, 0), "and is zeros");
	is(gmem_file_populate(r->fd, 0, SIZE), 0, "populated by the call");
	is(ask(r).populated, SIZE, "all of it");
	is(mem[SIZE - 1], 2, "what was there is");
	gmem_region_destroy(r);
}

static void test_guest_memfd_shared(struct gmem_region_options options)
{
	struct gmem_region *r = make(options);
	void *shared;
	uint64_t at;

	is(gmem_region_shared(r, &shared), 0, "its shared mapping");
	ok(shared == r->address, "is its mapping");
	is(gmem_region_convert(r, 0, SIZE, 0, 0, 0, &at), 0, "made shared");
	is(gmem_region_convert(r, 0, PAGE, GMEM_ATTRIBUTE_PRIVATE, 0, 0, &at),
	   -EOPNOTSUPP, "but not private");
	gmem_region_destroy(r);
}

static void slot_refused(struct gmem_vm *vm, unsigned int slot,
			 struct gmem_region *r, uint32_t flags, int error,
			 const char *why)
{
	is(gmem_vm_add(vm, slot, 2 * SIZE * slot, r, 0, SIZE, flags), error,
	   "slot refused: %s", why);
	ok(strstr(gmem_last_error(), error == -EINVAL ? "guest_memfd" :
		  "KVM refuses"), "  \"%s\"", gmem_last_error());
}

static void test_guest_memfd_slots(struct gmem_region_options options, int kvm)
{
	int other_fd = must(ioctl(kvm, KVM_CREATE_VM, 0));
	struct gmem_region *r = make(options);
	struct gmem_vm *vm, *other;

	must(gmem_vm_create(options.vm_fd, &vm));
	must(gmem_vm_create(other_fd, &other));
	slot_refused(vm, 0, r, KVM_MEM_READONLY, -EINVAL, "read-only");
	slot_refused(vm, 0, r, KVM_MEM_LOG_DIRTY_PAGES, -EINVAL, "dirty log");
	slot_refused(other, 0, r, 0, -EINVAL, "another VM");
	is(gmem_vm_add(vm, 0, 0, r, 0, SIZE, 0), 0, "a slot of it");
	slot_refused(vm, 0, r, 0, -EINVAL, "changed");
	slot_refused(vm, 1, r, 0, -EEXIST, "the same memory twice");
	is(gmem_vm_remove(vm, 0), 0, "removed");
	is(gmem_vm_add(vm, 1, SIZE, r, BLOCK, BLOCK, 0), 0, "elsewhere");
	is(gmem_vm_remove(vm, 1), 0, "removed");
	gmem_vm_destroy(vm);
	gmem_vm_destroy(other);
	gmem_region_destroy(r);
	close(other_fd);
}

static void test_guest_memfd_demands(struct gmem_region_options options)
{
	options.demand = GMEM_PROTECT_HIDDEN;
	refused(options, -EOPNOTSUPP,
		"guest_memfd: its memory is not kept out of the direct map");
	options.demand = GMEM_PROTECT_NO_GUP;
	refused(options, -EOPNOTSUPP,
		"guest_memfd: get_user_pages() can pin");
	options.demand = GMEM_PROTECT_HUGE;
	refused(options, -EOPNOTSUPP,
		"guest_memfd: its memory is not only in 2 MiB");
}

/* As far as this kernel has it; and what is said where it hasn't. */
static void test_guest_memfd(void)
{
	struct gmem_region_options options = {
		.size = SIZE, .backends = ONLY(GUEST_MEMFD),
	};
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));

	refused(options, -ENODEV, "needs a VM");
	options.vm_fd = kvm;
	refused(options, -EINVAL, "not a VM");
	options.vm_fd = must(ioctl(kvm, KVM_CREATE_VM, 0));
	if (ioctl(options.vm_fd, KVM_CHECK_EXTENSION,
		  KVM_CAP_GUEST_MEMFD_FLAGS) < 3) {
		refused(options, -EOPNOTSUPP, "6.18");
	} else {
		test_guest_memfd_pages(options);
		test_guest_memfd_shared(options);
		test_guest_memfd_slots(options, kvm);
		test_guest_memfd_demands(options);
	}
	close(options.vm_fd);
	options.vm_fd = must(open("/dev/null", O_RDWR | O_CLOEXEC));
	refused(options, -ENOTTY, "not a VM");
	close(options.vm_fd);
	close(kvm);
}

/* ---- options ---- */

static void test_bad_options(void)
{
	refused((struct gmem_region_options){ .size = 0 }, -EINVAL, "size");
	refused((struct gmem_region_options){ .size = 1 }, -EINVAL, "size");
	refused((struct gmem_region_options){
		.size = SIZE, .demand = 1ULL << 40 }, -EINVAL, "demand");
	refused((struct gmem_region_options){
		.size = SIZE, .backends = 1ULL << 40 }, -EINVAL, "backends");
	refused((struct gmem_region_options){
		.size = SIZE, .reserved = { 0, 0, 1 } }, -EINVAL, "reserved");
	refused((struct gmem_region_options){
		.size = SIZE, .fd = 1, .backends = ONLY(MEMFD) }, -EINVAL,
		"backends");
}

static void test_given_file(void)
{
	int fd = new_file(SIZE);
	struct gmem_region *r = make((struct gmem_region_options){ .fd = fd });

	ok(r && r->fd != fd, "a region of a file that was there");
	((char *)r->address)[7] = 7;
	gmem_region_destroy(r);
	is(get_info(fd).populated, BLOCK, "it is that file, and still there");
	refused((struct gmem_region_options){ .size = 2 * SIZE, .fd = fd },
		-EINVAL, "bytes long");
	refused((struct gmem_region_options){
		.size = SIZE, .fd = fd, .demand = GMEM_PROTECT_HUGE },
		-EOPNOTSUPP, "huge=always");
	refused((struct gmem_region_options){
		.size = SIZE, .fd = fd, .flags = GMEM_FLAG_NO_HUGE },
		-EINVAL, "flags");
	close(fd);
}

static void test_convert(void)
{
	struct gmem_region *r = make((struct gmem_region_options){});
	char *p = r->address;
	void *shared, *again;

	memset(p, 9, SIZE);
	is(gmem_region_convert(r, PAGE, PAGE, 0, 0, 0, NULL), 0, "shared");
	is(ask(r).shared, PAGE, "it is said");
	is(ask(r).holds & GMEM_PROTECT_HIDDEN, GMEM_PROTECT_HIDDEN,
	   "what is private is hidden still");
	is(gmem_region_shared(r, &shared), 0, "its shared view");
	is(gmem_region_shared(r, &again), 0, "asked for twice");
	ok(shared == again && shared != r->address, "is one");
	ok(gup_works((char *)shared + PAGE), "where shared pages are pinned");
	ok(!gup_works(shared), "private ones are not");
	ok(!gup_works(p + PAGE), "nor any by the region's mapping");
	is(gmem_region_convert(r, 0, SIZE, GMEM_ATTRIBUTE_PRIVATE, 0, 1000,
			       NULL), 0, "and back");
	is(ask(r).hidden, SIZE, "all is hidden");
	is(p[PAGE], 9, "with its contents");
	gmem_region_destroy(r);
	ok(becomes("hidden_bytes", 0), "nothing stays");
}

int main(void)
{
	int before = descriptors();

	test_gmemfs();
	test_demands();
	test_memfd();
	test_guest_memfd();
	test_bad_options();
	test_given_file();
	test_convert();
	is(descriptors(), before, "no descriptor is left");
	return done_testing();
}
