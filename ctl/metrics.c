// SPDX-License-Identifier: GPL-2.0
/*
 * gmemctl metrics: all counters, for Prometheus. What can't be read has no
 * sample, because 0 would be an answer.
 */
#include <stdio.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "ctl.h"
#include "inventory.h"
#include "json.h"
#include "kernel.h"
#include "metric.h"
#include "output.h"
#include "text.h"

enum { OPT_OUTPUT };

/* ---- what the module counts ---- */

static const struct {
	const char *file;	/* in /sys/fs/gmemfs */
	enum metric_type type;
	const char *name;
	const char *help;
} counters[] = {
	{ "hidden_bytes", METRIC_GAUGE, "gmemfs_hidden_bytes",
	  "Memory out of the direct map, including what is pooled or spare." },
	{ "lent_bytes", METRIC_GAUGE, "gmemfs_lent_bytes",
	  "Memory that is lent to KVM now." },
	{ "loans", METRIC_COUNTER, "gmemfs_loans_total",
	  "How often a page was lent to KVM." },
	{ "spare_bytes", METRIC_GAUGE, "gmemfs_spare_bytes",
	  "Memory hidden beside single pages, which no file needs now." },
	{ "quarantined_bytes", METRIC_GAUGE, "gmemfs_quarantined_bytes",
	  "Memory that could not be put back into the direct map yet." },
	{ "pinned_bytes", METRIC_GAUGE, "gmemfs_pinned_bytes",
	  "Memory that a file has freed, but that is pinned or lent." },
	{ "device_bytes", METRIC_GAUGE, "gmemfs_device_bytes",
	  "Memory of files that devices have by VFIO, hidden or not." },
	{ "pool/low_bytes", METRIC_GAUGE, "gmemfs_pool_low_bytes",
	  "The size to which the pool is filled." },
	{ "pool/free_bytes", METRIC_GAUGE, "gmemfs_pool_free_bytes",
	  "Memory in the pool that is ready." },
	{ "pool/dirty_bytes", METRIC_GAUGE, "gmemfs_pool_dirty_bytes",
	  "Memory in the pool that has to be zeroed first." },
	{ "pool/hits", METRIC_COUNTER, "gmemfs_pool_hits_total",
	  "Blocks that files have taken from the pool." },
	{ "pool/misses", METRIC_COUNTER, "gmemfs_pool_misses_total",
	  "Blocks that files wanted when the pool had none." },
	{ "pool/refills", METRIC_COUNTER, "gmemfs_pool_refills_total",
	  "Blocks that the pool got from the kernel." },
	{ "pool/scrubs", METRIC_COUNTER, "gmemfs_pool_scrubs_total",
	  "Blocks that were zeroed after use." },
	{ "pool/shrunk", METRIC_COUNTER, "gmemfs_pool_shrunk_total",
	  "Blocks that the pool gave up because the host needed memory." },
};

static void write_counters(struct metric_writer *w)
{
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
		char path[128];
		uint64_t value;

		snprintf(path, sizeof(path), GMEM_SYSFS "/%s",
			 counters[i].file);
		metric_begin(w, counters[i].type, counters[i].name,
			     counters[i].help);
		if (!kernel_number(path, &value))
			metric_sample(w, NULL, value);
		metric_end(w);
	}
}

static void write_info(struct metric_writer *w, const char *mode)
{
	char method[64] = "unknown";
	const struct metric_label labels[] = {
		{ "method", method },
		{ "mode", mode },
		{ "version", GMEMCTL_VERSION },
		{ NULL, NULL }
	};

	kernel_line(GMEM_SYSFS "/direct_map_method", method, sizeof(method));
	metric_begin(w, METRIC_GAUGE, "gmemfs_info",
		     "The kernel's function that hides memory, the guard's mode, and the version of gmemctl.");
	metric_sample(w, labels, 1);
	metric_end(w);
}

static void write_module(struct metric_writer *w)
{
	char mode[32];
	unsigned int hooks;
	enum guard_state guard = kernel_guard(mode, sizeof(mode), &hooks);

	write_info(w, mode);
	metric_begin(w, METRIC_GAUGE, "gmemfs_guard_hooked",
		     "Whether the guard's hooks are in KVM.");
	if (guard != GUARD_UNKNOWN)
		metric_sample(w, NULL, guard == GUARD_HOOKED);
	metric_end(w);
	metric_begin(w, METRIC_GAUGE, "gmemfs_guard_hooks",
		     "Functions of KVM that the guard has hooked.");
	if (guard != GUARD_UNKNOWN)
		metric_sample(w, NULL, hooks);
	metric_end(w);
	write_counters(w);
}

/* ---- the direct map ---- */

struct field {
	const char *word;	/* in a file of /proc */
	const char *size;	/* of the entries that it counts */
};

static const struct field splits[] = {
	{ "direct_map_level2_splits", "2M" },
	{ "direct_map_level3_splits", "1G" },
	{ NULL, NULL }
};

static const struct field mapped[] = {
	{ "DirectMap4k", "4K" },
	{ "DirectMap2M", "2M" },
	{ "DirectMap1G", "1G" },
	{ NULL, NULL }
};

static void write_fields(struct metric_writer *w, const char *path,
			 const struct field *fields, uint64_t unit)
{
	for (; fields->word; fields++) {
		const struct metric_label labels[] = {
			{ "size", fields->size }, { NULL, NULL }
		};
		uint64_t value;

		if (!kernel_field(path, fields->word, &value))
			metric_sample(w, labels, value * unit);
	}
	metric_end(w);
}

static void write_direct_map(struct metric_writer *w)
{
	metric_begin(w, METRIC_COUNTER, "gmemfs_direct_map_splits_total",
		     "Entries of the direct map that were split since the host booted, by anybody.");
	write_fields(w, "/proc/vmstat", splits, 1);
	metric_begin(w, METRIC_GAUGE, "gmemfs_direct_map_bytes",
		     "The direct map, by the size of its entries.");
	write_fields(w, "/proc/meminfo", mapped, 1024);
}

/* ---- files and mounts ---- */

static void write_files(struct metric_writer *w, const struct inventory *inv)
{
	struct gmem_info sum;

	inventory_add_up(inv, &sum);
	metric_gauge(w, "gmemfs_files", "Files in all mounts.", inv->nr_files);
	metric_gauge(w, "gmemfs_files_complete",
		     "Whether gmemctl could look at all files.", inv->complete);
	metric_gauge(w, "gmemfs_files_size_bytes", "Length of all files.",
		     sum.size);
	metric_gauge(w, "gmemfs_files_populated_bytes",
		     "Memory that files hold.", sum.populated);
	metric_gauge(w, "gmemfs_files_hidden_bytes",
		     "Memory of files that is out of the direct map.",
		     sum.hidden);
	metric_gauge(w, "gmemfs_files_exposed_bytes",
		     "Memory of files that is in the direct map, and isn't lent.",
		     file_exposed(&sum));
	metric_gauge(w, "gmemfs_files_lent_bytes",
		     "Memory of files that is lent to KVM.", sum.lent);
	metric_gauge(w, "gmemfs_files_shared_bytes",
		     "Memory of files that is marked as shared.", sum.shared);
	metric_gauge(w, "gmemfs_files_huge_bytes",
		     "Memory of files that is in blocks of 2 MiB.", sum.huge);
	metric_gauge(w, "gmemfs_files_cloned_bytes",
		     "Memory of files that they have in common with others; it counts in each.",
		     sum.cloned);
	metric_gauge(w, "gmemfs_files_missing_bytes",
		     "What is still to be filled over files' fault channels.",
		     sum.missing);
}

enum mount_metric {
	MOUNT_INFO,
	MOUNT_LIMIT,
	MOUNT_USED,
	MOUNT_INODES,
	MOUNT_METRICS
};

static const struct {
	const char *name;
	const char *help;
} mount_metrics[MOUNT_METRICS] = {
	[MOUNT_INFO] = { "gmemfs_mount_info", "The options of a mount." },
	[MOUNT_LIMIT] = { "gmemfs_mount_limit_bytes",
			  "Memory that the files of a mount may hold." },
	[MOUNT_USED] = { "gmemfs_mount_used_bytes",
			 "Memory of a mount that counts towards its limit." },
	[MOUNT_INODES] = { "gmemfs_mount_inodes",
			   "Inodes of a mount, and further names of files." },
};

/* Return: false if the mount can't be reached, or doesn't count this. */
static bool mount_value(const struct mount_point *m, enum mount_metric which,
			uint64_t *value)
{
	switch (which) {
	case MOUNT_LIMIT:
		*value = m->limit;
		return m->limit;
	case MOUNT_USED:
		*value = m->used;
		return m->limit;
	case MOUNT_INODES:
		*value = m->files;
		return m->counted;
	default:
		*value = 1;
		return true;
	}
}

/*
 * Mounts may cover each other, and so have one directory: hence the device. A
 * directory in another mount namespace isn't named: its users choose it, and
 * each new name would be a new series.
 */
static void write_mount(struct metric_writer *w, const struct mount_point *m,
			enum mount_metric which)
{
	char device[32];
	const struct metric_label labels[] = {
		{ "device", device },
		{ "directory", m->ours ? m->dir : "" },
		{ which == MOUNT_INFO ? "options" : NULL, m->options },
		{ NULL, NULL }
	};
	uint64_t value;

	snprintf(device, sizeof(device), "%u:%u", major(m->dev),
		 minor(m->dev));
	if (mount_value(m, which, &value))
		metric_sample(w, labels, value);
}

static void write_mounts(struct metric_writer *w, const struct inventory *inv)
{
	for (int which = 0; which < MOUNT_METRICS; which++) {
		metric_begin(w, METRIC_GAUGE, mount_metrics[which].name,
			     mount_metrics[which].help);
		for (size_t i = 0; i < inv->nr_mounts; i++)
			write_mount(w, &inv->mounts[i], which);
		metric_end(w);
	}
}

/* ---- the command ---- */

static void write_metrics(struct metric_writer *w, const struct inventory *inv)
{
	write_module(w);
	write_direct_map(w);
	write_files(w, inv);
	write_mounts(w, inv);
}

static void write_json(FILE *out, const struct inventory *inv)
{
	struct json j;
	struct metric_writer w = { .out = out, .json = &j };

	json_begin(&j, out, false);
	json_array(&j, "metrics");
	write_metrics(&w, inv);
	json_end(&j);
	inventory_json_reasons(inv, &j);
	json_finish(&j);
}

/* The format is UTF-8, but a terminal may be one for another code. */
static void write_text(FILE *out, const struct inventory *inv)
{
	struct metric_writer w = {
		.out = out,
		.ascii = isatty(fileno(out)) && !text_is_utf8(),
	};

	write_metrics(&w, inv);
}

static void print(const struct ctl_call *call, const struct inventory *inv,
		  FILE *out)
{
	if (call->json)
		write_json(out, inv);
	else
		write_text(out, inv);
}

static int replace_file(const struct ctl_call *call,
			const struct inventory *inv)
{
	struct output_new new;

	if (output_begin(call->values[OPT_OUTPUT], &new))
		return CTL_FAILED;
	print(call, inv, new.out);
	return output_end(&new);
}

static int run(const struct ctl_call *call)
{
	struct inventory inv;
	int status = CTL_OK;

	if (!kernel_gmemfs_loaded())
		return ctl_not_loaded();
	inventory_read(&inv);
	if (call->values[OPT_OUTPUT])
		status = replace_file(call, &inv);
	else
		print(call, &inv, stdout);
	inventory_free(&inv);
	return status;
}

static const struct ctl_option options[] = {
	[OPT_OUTPUT] = { "output", "FILE",
			 "write to this file, all at once" },
	{ NULL, NULL, NULL }
};

const struct ctl_command metrics_command = {
	.name = "metrics",
	.arguments = "",
	.summary = "print what is counted, for Prometheus",
	.details = "Prints the counters of the module, of the direct map, of all files together, and\n"
		   "of each mount, in Prometheus' text format. The option --output is for the\n"
		   "textfile collector of node_exporter.",
	.options = options,
	.run = run,
};
