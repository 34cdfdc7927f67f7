// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel did while something was measured.
 *
 * perf counts events at tracepoints, and at probes that host-fill sets at
 * functions, because neither tlb:tlb_flush nor /proc/interrupts counts flushes
 * of kernel addresses.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counters.h"
#include "text.h"

#define MAX_CPUS	256
#define TRACED		"/sys/kernel/tracing/events/"

static const char *const event_names[EVENTS] = {
	[EVENT_CPA_FLUSH]	= "bench/cpa_flush",
	[EVENT_FLUSH_ALL]	= "bench/flush_tlb_all",
	[EVENT_FLUSH_RANGE]	= "bench/flush_tlb_kernel_range",
	[EVENT_EDIT]		= "bench/edit",
	[EVENT_HIDE]		= "gmemfs/gmem_hide",
	[EVENT_EXPOSE]		= "gmemfs/gmem_expose",
};

/* perf counts an event on one CPU or for one process, not for all. */
static struct {
	int own;
	int cpu[MAX_CPUS];
} events[EVENTS];

static int cpus;

static int64_t event_id(enum event e)
{
	char path[128];

	snprintf(path, sizeof(path), TRACED "%s/id", event_names[e]);
	return file_number(path);
}

static int event_open(int64_t id, pid_t pid, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
		.inherit = cpu < 0,
	};
	int fd = syscall(SYS_perf_event_open, &attr, pid, cpu, -1,
			 PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		die("perf_event_open");
	return fd;
}

static void event_start(enum event e)
{
	int64_t id = event_id(e);
	int cpu;

	events[e].own = -1;
	if (id < 0)
		return;
	events[e].own = event_open(id, 0, -1);
	for (cpu = 0; cpu < cpus; cpu++)
		events[e].cpu[cpu] = event_open(id, -1, cpu);
}

void counters_start(void)
{
	int e;

	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
	for (e = 0; e < EVENTS; e++)
		event_start(e);
}

static int64_t event_count(int fd)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		die("reading a perf event");
	return count;
}

static void events_read(struct counters *c)
{
	int e, cpu;

	for (e = 0; e < EVENTS; e++) {
		c->own[e] = -1;
		c->all[e] = -1;
		if (events[e].own < 0)
			continue;
		c->own[e] = event_count(events[e].own);
		c->all[e] = 0;
		for (cpu = 0; cpu < cpus; cpu++)
			c->all[e] += event_count(events[e].cpu[cpu]);
	}
}

struct counters counters_read(void)
{
	struct counters c;

	/* Each CPU keeps a part of these figures to itself until this. */
	file_number("/proc/sys/vm/stat_refresh");
	c.splits_2m = file_field("/proc/vmstat", "direct_map_level2_splits");
	c.splits_1g = file_field("/proc/vmstat", "direct_map_level3_splits");
	c.slab = file_field("/proc/meminfo", "Slab") * 1024;
	c.user_tables = file_field("/proc/meminfo", "PageTables") * 1024;
	events_read(&c);
	return c;
}

/*
 * cpa_flush() ends a change of the direct map. It flushes itself, or calls
 * flush_tlb_all(). So the larger of the two counts has each flush once, as long
 * as no other code calls flush_tlb_all(). If one of the three can't be counted,
 * the others prove nothing, so the result is -1.
 */
static int64_t broadcasts(const int64_t *from, const int64_t *to)
{
	int64_t cpa = to[EVENT_CPA_FLUSH] - from[EVENT_CPA_FLUSH];
	int64_t all = to[EVENT_FLUSH_ALL] - from[EVENT_FLUSH_ALL];

	if (to[EVENT_CPA_FLUSH] < 0 || to[EVENT_FLUSH_ALL] < 0 ||
	    to[EVENT_FLUSH_RANGE] < 0)
		return -1;
	return (cpa > all ? cpa : all) +
	       to[EVENT_FLUSH_RANGE] - from[EVENT_FLUSH_RANGE];
}

static void print_count(const char *key, int64_t count)
{
	if (count >= 0)
		printf(" %s=%lld", key, (long long)count);
}

static void print_change(const char *key, int64_t from, int64_t to)
{
	if (from >= 0 && to >= 0)
		printf(" %s=%lld", key, (long long)(to - from));
}

void counters_print(const struct counters *from, const struct counters *to)
{
	print_count("broadcasts", broadcasts(from->all, to->all));
	print_count("own_broadcasts", broadcasts(from->own, to->own));
	print_change("edits", from->all[EVENT_EDIT], to->all[EVENT_EDIT]);
	print_change("hides", from->all[EVENT_HIDE], to->all[EVENT_HIDE]);
	print_change("exposes", from->all[EVENT_EXPOSE],
		     to->all[EVENT_EXPOSE]);
	print_change("splits_2m", from->splits_2m, to->splits_2m);
	print_change("splits_1g", from->splits_1g, to->splits_1g);
	print_change("slab", from->slab, to->slab);
	print_change("user_tables", from->user_tables, to->user_tables);
}
