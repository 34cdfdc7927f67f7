// SPDX-License-Identifier: GPL-2.0
/* gmemctl status: the module, its memory, the guard, the direct map. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "inventory.h"
#include "json.h"
#include "kernel.h"
#include "table.h"
#include "text.h"

struct status {
	struct inventory inv;
	struct gmem_info sum;	/* of all files */
	char method[64];
	char mode[32];
	enum guard_state guard;
	unsigned int hooks;
	uint64_t splits_2m;
	uint64_t splits_1g;
	uint64_t map_4k;	/* of the direct map */
	uint64_t map_2m;
	uint64_t map_1g;
};

static uint64_t field(const char *path, const char *word)
{
	uint64_t value = 0;

	kernel_field(path, word, &value);
	return value;
}

static void read_status(struct status *s)
{
	memset(s, 0, sizeof(*s));
	inventory_read(&s->inv);
	inventory_add_up(&s->inv, &s->sum);
	kernel_line(GMEM_SYSFS "/direct_map_method", s->method,
		    sizeof(s->method));
	s->guard = kernel_guard(s->mode, sizeof(s->mode), &s->hooks);
	s->splits_2m = field("/proc/vmstat", "direct_map_level2_splits");
	s->splits_1g = field("/proc/vmstat", "direct_map_level3_splits");
	s->map_4k = field("/proc/meminfo", "DirectMap4k") << 10;
	s->map_2m = field("/proc/meminfo", "DirectMap2M") << 10;
	s->map_1g = field("/proc/meminfo", "DirectMap1G") << 10;
}

/* ---- JSON ---- */

static void json_memory(struct json *j, const struct status *s)
{
	json_object(j, "memory");
	json_number(j, "hidden", kernel_gmemfs("hidden_bytes"));
	json_number(j, "lent", kernel_gmemfs("lent_bytes"));
	json_number(j, "loans", kernel_gmemfs("loans"));
	json_number(j, "spare", kernel_gmemfs("spare_bytes"));
	json_number(j, "quarantined", kernel_gmemfs("quarantined_bytes"));
	json_number(j, "pinned", kernel_gmemfs("pinned_bytes"));
	json_number(j, "device", kernel_gmemfs("device_bytes"));
	json_end(j);
	json_object(j, "files");
	json_number(j, "count", s->inv.nr_files);
	json_number(j, "size", s->sum.size);
	json_number(j, "populated", s->sum.populated);
	json_number(j, "hidden", s->sum.hidden);
	json_number(j, "exposed", file_exposed(&s->sum));
	json_number(j, "lent", s->sum.lent);
	json_number(j, "shared", s->sum.shared);
	json_number(j, "huge", s->sum.huge);
	json_number(j, "cloned", s->sum.cloned);
	json_number(j, "device", s->sum.device);
	json_number(j, "missing", s->sum.missing);
	inventory_json_reasons(&s->inv, j);
	json_end(j);
}

static void json_pool(struct json *j)
{
	static const char *const names[] = {
		"low_bytes", "free_bytes", "dirty_bytes", "hits", "misses",
		"refills", "scrubs", "shrunk",
	};

	json_object(j, "pool");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[64];

		snprintf(path, sizeof(path), "pool/%s", names[i]);
		json_number(j, names[i], kernel_gmemfs(path));
	}
	json_end(j);
}

static void json_mounts(struct json *j, const struct inventory *inv)
{
	json_array(j, "mounts");
	for (size_t i = 0; i < inv->nr_mounts; i++) {
		const struct mount_point *m = &inv->mounts[i];

		json_object(j, NULL);
		json_string(j, "directory", m->dir);
		json_string(j, "options", m->options);
		json_number(j, "limit", m->limit);
		json_number(j, "used", m->used);
		json_number(j, "inodes", m->files);
		json_end(j);
	}
	json_end(j);
}

static void print_json(const struct status *s)
{
	struct json j;

	json_begin(&j, stdout, false);
	json_bool(&j, "loaded", true);
	json_string(&j, "direct_map_method", s->method);
	json_object(&j, "guard");
	json_string(&j, "mode", s->mode);
	json_string(&j, "state", kernel_guard_name(s->guard));
	json_number(&j, "hooks", s->hooks);
	json_end(&j);
	json_memory(&j, s);
	json_pool(&j);
	json_object(&j, "direct_map");
	json_number(&j, "splits_2m", s->splits_2m);
	json_number(&j, "splits_1g", s->splits_1g);
	json_number(&j, "mapped_4k", s->map_4k);
	json_number(&j, "mapped_2m", s->map_2m);
	json_number(&j, "mapped_1g", s->map_1g);
	json_end(&j);
	json_mounts(&j, &s->inv);
	json_finish(&j);
}

/* ---- text ---- */

static void line(const char *name, const char *value, const char *remark)
{
	printf("%-12s ", name);
	if (*remark)
		printf("%8s  %s\n", value, remark);
	else
		printf("%8s\n", value);
}

static void print_guard(const struct status *s)
{
	static const enum colour colours[] = {
		[GUARD_UNKNOWN] = COLOUR_YELLOW,
		[GUARD_OFF] = COLOUR_RED,
		[GUARD_NO_KVM] = COLOUR_YELLOW,
		[GUARD_HOOKED] = COLOUR_GREEN,
		[GUARD_NOT_HOOKED] = COLOUR_RED,
	};

	printf("%-12s ", "guard");
	text_paint(stdout, colours[s->guard], kernel_guard_name(s->guard));
	switch (s->guard) {
	case GUARD_HOOKED:
		printf(", %u functions of kvm; mode %s\n", s->hooks, s->mode);
		break;
	case GUARD_OFF:
		printf(": any guest with hidden memory can crash this host\n");
		break;
	case GUARD_NOT_HOOKED:
		printf(": nothing can be hidden; dmesg says why\n");
		break;
	case GUARD_NO_KVM:
		printf(" to hook yet; mode %s\n", s->mode);
		break;
	case GUARD_UNKNOWN:
		printf(": tracefs can't be read; mode %s\n", s->mode);
	}
}

static void print_memory(const struct status *s)
{
	const struct gmem_info *sum = &s->sum;
	char remark[128];

	snprintf(remark, sizeof(remark), "in %zu file%s, %s of it in blocks of 2 MiB",
		 s->inv.nr_files, s->inv.nr_files == 1 ? "" : "s",
		 text_size(sum->huge));
	line("populated", text_size(sum->populated), remark);
	line("hidden", text_size(kernel_gmemfs("hidden_bytes")),
	     "out of the direct map, including what is pooled or spare");
	snprintf(remark, sizeof(remark), "in the direct map; %s are marked as shared",
		 text_size(sum->shared));
	line("exposed", text_size(file_exposed(sum)), remark);
	snprintf(remark, sizeof(remark), "to KVM now; %" PRIu64 " loans so far",
		 kernel_gmemfs("loans"));
	line("lent", text_size(kernel_gmemfs("lent_bytes")), remark);
	snprintf(remark, sizeof(remark), "ready, of %s wanted; %s to be zeroed; %"
		 PRIu64 " hits, %" PRIu64 " misses",
		 text_size(kernel_gmemfs("pool/low_bytes")),
		 text_size(kernel_gmemfs("pool/dirty_bytes")),
		 kernel_gmemfs("pool/hits"), kernel_gmemfs("pool/misses"));
	line("pooled", text_size(kernel_gmemfs("pool/free_bytes")), remark);
	line("spare", text_size(kernel_gmemfs("spare_bytes")),
	     "hidden beside single pages, for the next that is needed");
	line("quarantined", text_size(kernel_gmemfs("quarantined_bytes")),
	     "could not be put back into the direct map yet");
	line("pinned", text_size(kernel_gmemfs("pinned_bytes")),
	     "freed by its file, but still pinned, or lent to KVM");
	line("devices", text_size(kernel_gmemfs("device_bytes")),
	     "have devices by VFIO, hidden or not");
	snprintf(remark, sizeof(remark), "of 2M entries, %" PRIu64
		 " of 1G; mapped by 4K: %s, 2M: %s, 1G: %s", s->splits_1g,
		 text_size(s->map_4k), text_size(s->map_2m),
		 text_size(s->map_1g));
	printf("%-12s %8" PRIu64 "  %s\n", "splits", s->splits_2m, remark);
}

static void print_mounts(const struct inventory *inv)
{
	static const char *const headers[] = {
		"MOUNT", ">USED", ">LIMIT", ">INODES", "OPTIONS", NULL
	};
	struct table t;

	if (!inv->nr_mounts) {
		printf("\nno mounts\n");
		return;
	}
	putchar('\n');
	table_begin(&t, headers);
	for (size_t i = 0; i < inv->nr_mounts; i++) {
		const struct mount_point *m = &inv->mounts[i];

		table_cell(&t, "%s", text_safe(m->dir));
		table_cell(&t, "%s", text_size(m->used));
		table_cell(&t, "%s", m->limit ? text_size(m->limit) : "none");
		table_cell(&t, "%" PRIu64, m->files);
		table_cell(&t, "%s", text_safe(m->options));
	}
	table_print(&t, stdout, 0);
}

static void print_text(const struct status *s)
{
	printf("%-12s loaded, hides memory by %s()\n", "gmemfs", s->method);
	print_guard(s);
	print_memory(s);
	print_mounts(&s->inv);
	inventory_print_reasons(&s->inv);
}

static int run(const struct ctl_call *call)
{
	struct status s;

	if (!kernel_gmemfs_loaded()) {
		if (!call->json)
			return ctl_not_loaded();
		puts("{\n  \"loaded\": false\n}");
		return CTL_NOT_LOADED;
	}
	read_status(&s);
	if (call->json)
		print_json(&s);
	else
		print_text(&s);
	inventory_free(&s.inv);
	return CTL_OK;
}

static const struct ctl_option options[] = { { NULL, NULL, NULL } };

const struct ctl_command status_command = {
	.name = "status",
	.arguments = "",
	.summary = "show what is loaded, mounted, hidden, exposed, lent and pooled",
	.details = "Shows the memory of all mounts, whether the guard is in place, and by which sizes\n"
		   "of pages the direct map is mapped. Exposed memory is in the direct map, because\n"
		   "it is shared or because the mount has direct_map=kept.",
	.options = options,
	.run = run,
};
