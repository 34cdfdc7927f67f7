// SPDX-License-Identifier: GPL-2.0
/*
 * The witness from inside: /proc/kcore finds the pages of a file made with
 * direct_map=kept, contents and page table entry, and doesn't find hidden ones.
 * It reads the page tables too, so that a page of zeros isn't taken for an
 * absent one.
 *
 * "witness outside" makes files of both kinds, says where their pages are and
 * keeps them: tests/module/witness-outside.t then asks the emulator.
 */
#include "gmem_test.h"

#include "../../ctl/kcore.h"

#define KEPT "/run/kept"

static void fill(char *p, size_t size, uint64_t seed)
{
	uint64_t *word = (uint64_t *)p;
	size_t i;

	for (i = 0; i < size / 8; i++)
		word[i] = seed + i * 0x9e3779b97f4a7c15;
}

/* Does the direct map have an entry for this frame? */
static bool mapped(const struct kcore *k, uint64_t pfn)
{
	struct kcore_leaf leaf;
	int ret = kcore_lookup(k, kcore_direct(k, pfn), &leaf);

	if (ret < 0)
		bail_out("kcore_lookup: %s", strerror(-ret));
	if (ret && leaf.paddr + (kcore_direct(k, pfn) - leaf.vaddr) !=
		   pfn << KCORE_PAGE_SHIFT)
		bail_out("the direct map is not where we think");
	return ret;
}

static bool readable(const struct kcore *k, uint64_t pfn, const char *want)
{
	static char buf[PAGE] __attribute__((aligned(4096)));

	if (kcore_read(k, kcore_direct(k, pfn), buf, sizeof(buf)))
		return false;
	return !memcmp(buf, want, sizeof(buf));
}

static void test_kind(const struct kcore *k, const char *dir, size_t size,
		      bool expect, const char *what)
{
	int fd = new_file_in(dir, size), seen = 0, present = 0, pages, i;
	uint64_t pfn;
	char *p = map(fd, size);

	pfn = fault_pfn(p);
	fill(p, size, 0x1234567 + size);
	pages = size / PAGE;
	for (i = 0; i < pages; i++) {
		present += mapped(k, pfn + i);
		seen += readable(k, pfn + i, p + i * PAGE);
	}
	is(present, expect ? pages : 0, "%s: pages in the direct map", what);
	is(seen, expect ? pages : 0, "%s: pages the kernel can read", what);

	must(ftruncate(fd, 0));
	present = 0;
	for (i = 0; i < pages; i++)
		present += mapped(k, pfn + i);
	is(present, pages, "%s: all in the direct map when freed", what);
	munmap(p, size);
	close(fd);
}

static void test_inside(void)
{
	struct kcore k;
	int ret = kcore_open(&k);

	if (ret)
		bail_out("kcore: %s", k.error);
	test_kind(&k, KEPT, BLOCK, true, "kept, 2 MiB");
	test_kind(&k, MNT, BLOCK, false, "hidden, 2 MiB");
	test_kind(&k, KEPT, PAGE, true, "kept, one page");
	test_kind(&k, MNT, PAGE, false, "hidden, one page");
	kcore_close(&k);
}

static void serve_outside(void)
{
	int kept = new_file_in(KEPT, BLOCK + PAGE);
	int hidden = new_file(BLOCK + PAGE);
	char *p = map(kept, BLOCK + PAGE), *q = map(hidden, BLOCK + PAGE);
	struct kcore k;

	if (kcore_open(&k))
		bail_out("kcore: %s", k.error);
	printf("base %llx\n", (unsigned long long)k.page_offset);
	printf("kept-block %llx\n", (unsigned long long)fault_pfn(p));
	printf("kept-page %llx\n", (unsigned long long)fault_pfn(p + BLOCK));
	printf("hidden-block %llx\n", (unsigned long long)fault_pfn(q));
	printf("hidden-page %llx\n", (unsigned long long)fault_pfn(q + BLOCK));
	printf("ready\n");
	fflush(stdout);
	/* Ended by the one who asks, by ending the emulator. */
	sleep(300);
	tap_finished = true;
	exit(0);
}

int main(int argc, char **argv)
{
	must(mkdir(KEPT, 0700));
	must(mount("none", KEPT, "gmemfs", 0, "direct_map=kept"));
	if (argc > 1 && !strcmp(argv[1], "outside"))
		serve_outside();
	test_inside();
	must(umount(KEPT));
	return done_testing();
}
