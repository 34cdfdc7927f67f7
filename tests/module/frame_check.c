// SPDX-License-Identifier: GPL-2.0
/*
 * The frame check finds what was changed behind the module's back, and says
 * what and where: a hidden page in the direct map, an exposed one that isn't, a
 * word that is another's. Run by frame_check.sh, beside meddler.ko.
 */
#include "gmem_test.h"

#include <sys/klog.h>

#define CHECK		"/sys/module/gmemfs/parameters/frame_check"
#define MEDDLER		"/sys/module/meddler/parameters/"
#define LOG_SIZE	(1 << 20)

static char kernel_log[LOG_SIZE];

static int run_check(void)
{
	return write_text(CHECK, "1");
}

static bool kernel_said(const char *text)
{
	int size = must(klogctl(3, kernel_log, LOG_SIZE - 1));

	kernel_log[size] = '\0';
	return strstr(kernel_log, text);
}

static void meddle(const char *how, uint64_t pfn)
{
	char path[64], value[32];

	snprintf(path, sizeof(path), MEDDLER "%s", how);
	snprintf(value, sizeof(value), "%llu", (unsigned long long)pfn);
	must(write_text(path, value));
}

static void finds(uint64_t pfn, const char *how, const char *undo,
		  const char *what)
{
	char where[160];

	snprintf(where, sizeof(where), "frame check: %s (pfn 0x%llx,", what,
		 (unsigned long long)pfn);
	ok(!kernel_said(where), "nobody has said so before: %s", what);
	meddle(how, pfn);
	is_errno(run_check(), EUCLEAN, "%s: it is found", how);
	ok(kernel_said(where), "and the kernel says: %s", where);
	meddle(undo, pfn);
	is(run_check(), 0, "and all is well again");
}

int main(void)
{
	int fd = new_file(BLOCK);
	char *p = map(fd, BLOCK);
	uint64_t pfn = fault_pfn(p);
	uint64_t start = pfn & ~511UL;

	is(run_check(), 0, "a page is hidden, and all is well");
	finds(start + 1, "expose", "hide", "a hidden page is in the direct map");
	finds(start + 511, "expose", "hide",
	      "a hidden page is in the direct map");

	is(set_shared(fd, 8 * PAGE, PAGE), 0,
	   "a page is shared");
	is(run_check(), 0, "and all is well");
	finds(start + 8, "hide", "expose", "an exposed page is absent");

	meddle("flip", start + 3);
	is_errno(run_check(), EUCLEAN, "a word that is another's is found");
	meddle("flip", start + 3);
	is(run_check(), 0, "and all is well again");
	munmap(p, BLOCK);
	close(fd);
	is(run_check(), 0, "the file is gone, and all is well");
	return done_testing();
}
