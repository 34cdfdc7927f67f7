// SPDX-License-Identifier: GPL-2.0
/*
 * numa: memory comes from the node that the task's policy says, or that of the
 * mapping (mbind), from the pool or not. Needs a host with two nodes.
 */
#include "gmem_test.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>

#define NODES	2

static unsigned long first_pfn[NODES];

/* Where each node's memory begins: its lowest zone in /proc/zoneinfo. */
static void read_nodes(void)
{
	FILE *f = fopen("/proc/zoneinfo", "re");
	unsigned long pfn;
	char line[128];
	int node = -1, n;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %d,", &n) == 1)
			node = n;
		if (sscanf(line, " start_pfn: %lu", &pfn) == 1 && pfn &&
		    node >= 0 && node < NODES && !first_pfn[node])
			first_pfn[node] = pfn;
	}
	if (f)
		fclose(f);
}

/* The node that a page, touched now for the first time, came from. */
static int node_of(char *p)
{
	return fault_pfn(p) >= first_pfn[1];
}

static void set_policy(int mode, unsigned long nodes)
{
	must(syscall(SYS_set_mempolicy, mode, nodes ? &nodes : NULL,
		     nodes ? 8 : 0));
}

static void bind_mapping(char *p, size_t size, int mode, unsigned long nodes)
{
	must(syscall(SYS_mbind, p, size, mode, &nodes, 8, 0));
}

static void pin_to_cpu_of_node(int node)
{
	unsigned long cpus = 1UL << node;	/* as hostvm shares them out */

	must(syscall(SYS_sched_setaffinity, 0, sizeof(cpus), &cpus));
}

static void test_task_policy(size_t size, const char *what)
{
	int node, fd;
	char *p;

	for (node = 0; node < NODES; node++) {
		fd = new_file(size);
		p = map(fd, size);
		set_policy(MPOL_BIND, 1UL << node);
		is(node_of(p), node, "%s: a task bound to node %d", what, node);
		set_policy(MPOL_DEFAULT, 0);
		munmap(p, size);
		close(fd);
	}
	for (node = 0; node < NODES; node++) {
		fd = new_file(size);
		p = map(fd, size);
		pin_to_cpu_of_node(node);
		is(node_of(p), node, "%s: a task on a CPU of node %d", what,
		   node);
		munmap(p, size);
		close(fd);
	}
}

static void test_mbind(size_t size, const char *what)
{
	int fd = new_file(size), node;
	char *p;

	pin_to_cpu_of_node(0);
	for (node = NODES - 1; node >= 0; node--) {
		p = map(fd, size);
		bind_mapping(p, size, MPOL_BIND, 1UL << node);
		is(node_of(p), node, "%s: a mapping bound to node %d", what,
		   node);
		munmap(p, size);
		must(ftruncate(fd, 0));
		must(ftruncate(fd, size));
	}
	p = map(fd, size);
	bind_mapping(p, size, MPOL_PREFERRED, 2);
	is(node_of(p), 1, "%s: a mapping that prefers node 1", what);
	munmap(p, size);
	close(fd);
}

static void test_interleave(void)
{
	int fd = new_file(4 * BLOCK), i, want = -1;
	char *p = map(fd, 4 * BLOCK);
	bool turns = true;

	bind_mapping(p, 4 * BLOCK, MPOL_INTERLEAVE, 3);
	for (i = 0; i < 4; i++) {
		int node = node_of(p + i * BLOCK);

		turns = turns && (want < 0 || node == want);
		want = !node;
	}
	ok(turns, "interleaved: nodes take turns, block by block");
	munmap(p, 4 * BLOCK);
	close(fd);
}

static void set_node_low(int node, long bytes)
{
	char path[64], text[32];

	snprintf(path, sizeof(path), "/sys/fs/gmemfs/node%d/low_bytes", node);
	snprintf(text, sizeof(text), "%ld", bytes);
	must(write_text(path, text));
	snprintf(path, sizeof(path), "node%d/free_bytes", node);
	ok(becomes(path, bytes), "the pool of node %d has %ld bytes", node,
	   bytes);
}

static void test_pool(void)
{
	int fd = new_file(2 * BLOCK);
	char *p = map(fd, 2 * BLOCK);
	long hits;

	set_node_low(1, 4 * BLOCK);
	is(sysfs("node0/free_bytes"), 0, "only that node has a pool");
	hits = sysfs("pool/hits");
	pin_to_cpu_of_node(0);
	is(node_of(p), 0, "who is on node 0 gets its memory");
	is(sysfs("pool/hits"), hits, "and nothing of the other's pool");
	bind_mapping(p + BLOCK, BLOCK, MPOL_BIND, 2);
	is(node_of(p + BLOCK), 1, "who asks for node 1 gets that");
	is(sysfs("pool/hits"), hits + 1, "from the pool");
	munmap(p, 2 * BLOCK);
	close(fd);
	set_node_low(1, 0);
}

/* ---- spare pages ---- */

#define CPUSET	"/sys/fs/cgroup/gmem-numa"

/* Touches single pages in a task of the cpuset. Return: its exit status. */
static int touch_in_cpuset(char *p, long pages)
{
	pid_t pid = must(fork());
	int status;

	if (!pid) {
		must(write_text(CPUSET "/cgroup.procs", "0"));
		while (pages--)
			p[pages * PAGE] = 1;
		_exit(0);
	}
	must(waitpid(pid, &status, 0));
	return status;
}

/*
 * A task on a CPU of node 0 that may have memory of node 1 only: what is hidden
 * for it doesn't pile up there, out of everybody's sight.
 */
static void test_cpuset(void)
{
	long pages = BLOCK / PAGE - 1, spare;
	/* Less than a block, so these are single pages. */
	int fd = new_file(pages * PAGE);
	char *p = map(fd, pages * PAGE);

	if (!have_cgroup(CPUSET, "cpuset")) {
		skip(2, "no cpusets in this kernel");
		goto out;
	}
	must(write_text(CPUSET "/cpuset.mems", "1"));
	pin_to_cpu_of_node(0);
	is(touch_in_cpuset(p, pages), 0,
	   "a task with memory of the other node touches single pages");
	spare = sysfs("spare_bytes");
	ok(spare <= (long)(NODES * BLOCK), "%ld KiB are spare", spare / 1024);
out:
	munmap(p, pages * PAGE);
	close(fd);
}

int main(void)
{
	read_nodes();
	if (!first_pfn[1])
		bail_out("this host has one node");
	test_task_policy(BLOCK, "2 MiB");
	test_task_policy(PAGE, "4 KiB");
	test_mbind(BLOCK, "2 MiB");
	test_mbind(PAGE, "4 KiB");
	test_interleave();
	test_pool();
	test_cpuset();
	/* What the worker has in hand is in no pool any more. */
	ok(becomes("hidden_bytes", 0), "nothing stays hidden");
	return done_testing();
}
