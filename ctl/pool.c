// SPDX-License-Identifier: GPL-2.0
/* gmemctl reserve and release: sets the size of the pool of ready blocks. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "json.h"
#include "kernel.h"
#include "progress.h"
#include "text.h"

#define DEFAULT_TIMEOUT	60.0
#define LOOK_SECONDS	0.1

enum { OPT_NODE, OPT_TIMEOUT, OPT_NO_WAIT };

struct pool {
	char dir[32];		/* in /sys/fs/gmemfs */
	uint64_t want;
	uint64_t low;
	uint64_t clean;
	uint64_t dirty;
	double timeout;
	bool wait;
};

static uint64_t pool_value(const struct pool *p, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", p->dir, name);
	return kernel_gmemfs(path);
}

static void pool_read(struct pool *p)
{
	p->low = pool_value(p, "low_bytes");
	p->clean = pool_value(p, "free_bytes");
	p->dirty = pool_value(p, "dirty_bytes");
}

/* ---- waiting ---- */

static bool settled(const struct pool *p)
{
	return p->low ? p->clean >= p->low : !(p->clean + p->dirty);
}

/* Return: true if the pool has settled. The timeout is for each progress. */
static bool wait_until_settled(struct pool *p)
{
	double deadline = ctl_now() + p->timeout;
	struct progress bar;
	uint64_t at_first, before;

	pool_read(p);
	at_first = p->clean + p->dirty;
	progress_begin(&bar, p->low ? "filling" : "emptying");
	while (!settled(p) && ctl_now() < deadline) {
		before = p->clean + p->dirty;
		if (p->low)
			progress_show(&bar, p->clean, p->low);
		else
			progress_show(&bar, at_first - before, at_first);
		ctl_sleep(LOOK_SECONDS);
		pool_read(p);
		if (p->clean + p->dirty != before)
			deadline = ctl_now() + p->timeout;
	}
	progress_end(&bar);
	return settled(p);
}

/* ---- the commands ---- */

static int set_low(const struct pool *p)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), GMEM_SYSFS "/%s/low_bytes", p->dir);
	err = kernel_write(path, p->want);
	switch (err) {
	case 0:
		return CTL_OK;
	case -EINVAL:
		return ctl_error("the host has less memory than %s",
				 text_size(p->want));
	case -EOPNOTSUPP:
		return ctl_error("this kernel can have no pool, because gmemfs can't charge the pool's memory to cgroups");
	case -EACCES:
	case -EPERM:
		return ctl_error("only root may change the pool");
	case -ENOENT:
		return ctl_error("the host has no memory in that node; see %s",
				 GMEM_SYSFS);
	}
	return ctl_error("%s: %s", path, strerror(-err));
}

static void print_json(const struct pool *p)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_number(&j, "low_bytes", p->low);
	json_number(&j, "free_bytes", p->clean);
	json_number(&j, "dirty_bytes", p->dirty);
	json_bool(&j, "settled", settled(p));
	json_finish(&j);
}

static int report(const struct ctl_call *call, const struct pool *p)
{
	if (call->json)
		print_json(p);
	else if (p->low)
		printf("pool: %s ready of %s wanted\n", text_size(p->clean),
		       text_size(p->low));
	else
		printf("pool: none; %s still to be given back\n",
		       text_size(p->clean + p->dirty));
	if (!p->wait || settled(p))
		return CTL_OK;
	ctl_error("no progress for %.0f s: %s; gmemfs continues in the background",
		  p->timeout, p->low ? "the host has no memory to spare" :
				       "the pool still has memory");
	return CTL_TIMEOUT;
}

static int parse_call(const struct ctl_call *call, struct pool *p)
{
	const char *node = call->values[OPT_NODE];
	const char *timeout = call->values[OPT_TIMEOUT];
	size_t digits = node ? strspn(node, "0123456789") : 0;

	p->timeout = DEFAULT_TIMEOUT;
	p->wait = !call->values[OPT_NO_WAIT];
	snprintf(p->dir, sizeof(p->dir), "pool");
	if (node && (!digits || node[digits] || digits > 4))
		return ctl_usage(call, "--node: must be a number, not '%s'",
				 text_safe(node));
	if (node)
		snprintf(p->dir, sizeof(p->dir), "node%d", atoi(node));
	if (timeout && text_parse_seconds(timeout, &p->timeout))
		return ctl_usage(call, "--timeout: must be 0 to 2000000 seconds, not '%s'",
				 text_safe(timeout));
	return 0;
}

static int change(const struct ctl_call *call, struct pool *p)
{
	int status = parse_call(call, p);

	if (status)
		return status;
	if (!kernel_gmemfs_loaded())
		return ctl_not_loaded();
	status = set_low(p);
	if (status)
		return status;
	if (p->wait)
		wait_until_settled(p);
	else
		pool_read(p);
	return report(call, p);
}

static int reserve(const struct ctl_call *call)
{
	struct pool p = { 0 };

	if (text_parse_size(call->args[0], &p.want) || !p.want)
		return ctl_usage(call, "SIZE must be like 512M or 4G, not '%s'",
				 text_safe(call->args[0]));
	return change(call, &p);
}

static int release(const struct ctl_call *call)
{
	struct pool p = { 0 };

	return change(call, &p);
}

static const struct ctl_option options[] = {
	[OPT_NODE] = { "node", "N",
		       "only for this NUMA node (default: for all nodes)" },
	[OPT_TIMEOUT] = { "timeout", "SECONDS",
			  "give up after so long without progress (60)" },
	[OPT_NO_WAIT] = { "no-wait", NULL,
			  "don't wait: gmemfs does it in the background" },
	{ NULL, NULL, NULL }
};

const struct ctl_command reserve_command = {
	.name = "reserve",
	.arguments = "SIZE",
	.summary = "fill the pool: memory that is ready, zeroed and hidden",
	.details = "Sets the size of the pool, and waits until the pool is filled. Guests that start\n"
		   "get their memory from it at once. SIZE is rounded up to 2M. The kernel takes\n"
		   "memory of the pool back when the host runs short of memory.",
	.min_args = 1,
	.max_args = 1,
	.options = options,
	.run = reserve,
};

const struct ctl_command release_command = {
	.name = "release",
	.arguments = "",
	.summary = "give the pool's memory back to the host",
	.details = "Empties the pool, and waits until its memory is given back.",
	.options = options,
	.run = release,
};
