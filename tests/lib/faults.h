/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's fault injection: the nth allocation, or copy to or from the
 * caller, that a thread makes in a call fails. After gmem_test.h.
 */
#ifndef FAULTS_H
#define FAULTS_H

#define DEBUGFS		"/sys/kernel/debug"
#define FAIL_NTH	"/proc/thread-self/fail-nth"
/* No call makes so many: the module has gone round in circles. */
#define FAULTS_MOST	3000

static inline void need_faults(void)
{
	if (access(FAIL_NTH, W_OK) || access(DEBUGFS "/failslab", F_OK))
		skip_all("this kernel injects no faults; hostvm's debug does");
}

static inline void set_fault(const char *kind, const char *name,
			     const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", kind, name);
	must(write_text(path, value));
}

/* Only what the module does, or has others do: its code is on the stack. */
static inline void only_within(unsigned long start, unsigned long end)
{
	static const char *const kinds[] = {
		"failslab", "fail_page_alloc", "fail_usercopy",
	};
	char text[32];
	unsigned int i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		snprintf(text, sizeof(text), "%#lx", start);
		set_fault(kinds[i], "require-start", text);
		snprintf(text, sizeof(text), "%#lx", end);
		set_fault(kinds[i], "require-end", text);
		set_fault(kinds[i], "verbose", "0");
	}
	/* By default only what may not sleep fails. */
	set_fault("failslab", "ignore-gfp-wait", "N");
	set_fault("fail_page_alloc", "ignore-gfp-wait", "N");
	set_fault("fail_page_alloc", "ignore-gfp-highmem", "N");
	set_fault("fail_page_alloc", "min-order", "0");
}

static inline void only_module(void)
{
	unsigned long size, start;
	char line[256];
	FILE *f = fopen("/proc/modules", "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "gmemfs %lu %*s %*s %*s %lx", &size,
			   &start) == 2 && start) {
			fclose(f);
			only_within(start, start + size);
			return;
		}
	}
	bail_out("where is gmemfs?");
}

static inline void fail_nth(int n)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", n);
	must(write_text(FAIL_NTH, text));
}

/*
 * Has it failed? And no more of that. If anything may fail, not only what the
 * module does, then each call here may: so it had not failed before, and
 * nothing will any more.
 */
static inline bool has_failed(void)
{
	int nth = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	char text[16] = "";
	bool failed = false;

	if (nth < 0 && (errno == ENOMEM || errno == EFAULT))
		return false;
	must(nth);
	if (read(nth, text, sizeof(text) - 1) > 0) {
		failed = !atoi(text);
		if (pwrite(nth, "0", 1, 0) < 0 && errno != EFAULT)
			bail_out("%s: %s", FAIL_NTH, strerror(errno));
	} else if (errno != EFAULT) {
		bail_out("%s: %s", FAIL_NTH, strerror(errno));
	}
	close(nth);
	return failed;
}

#endif /* FAULTS_H */
