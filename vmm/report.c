// SPDX-License-Identifier: GPL-2.0
/* The answers of --control: collects the state of all parts. */
#include <string.h>

#include "json.h"
#include "machine.h"
#include "options.h"
#include "report.h"
#include "snapshot.h"

/* ---- memory ---- */

static void report_protection(struct json *json, uint64_t holds)
{
	json_open(json, "protected_by", '[');
	for (unsigned int i = 0; protection_names[i]; i++)
		if (holds & protection_bits[i])
			json_text(json, NULL, protection_names[i]);
	json_close(json, ']');
}

static void report_memory(struct json *json, const struct vm *vm)
{
	struct gmem_protection p = {};

	json_open(json, "memory", '{');
	json_text(json, "backend", gmem_region_backend(vm->region));
	json_number(json, "size", vm->region->size);
	if (!gmem_region_protection(vm->region, &p)) {
		json_number(json, "populated", p.populated);
		json_number(json, "hidden", p.hidden);
		json_number(json, "lent", p.lent);
		json_number(json, "shared", p.shared);
		json_number(json, "huge", p.huge);
		report_protection(json, p.holds);
	}
	json_close(json, '}');
}

static uint64_t counted(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void report_conversions(struct json *json, struct vm *vm)
{
	const struct guest *guest = &vm->guest;

	json_open(json, "conversions", '{');
	json_number(json, "to_shared_pages", counted(&guest->made_shared));
	json_number(json, "to_private_pages", counted(&guest->made_private));
	json_number(json, "failed", counted(&guest->not_converted));
	json_number(json, "io_pool_bytes", io_pool_known(&vm->io_pool));
	json_close(json, '}');
}

/* ---- vCPUs ---- */

static void report_exits(struct json *json, const struct machine *m)
{
	static const char *const names[VCPU_EXITS] = {
		[EXIT_PORT] = "port", [EXIT_MMIO] = "mmio",
		[EXIT_HYPERCALL] = "hypercall", [EXIT_CLOCK] = "clock",
		[EXIT_OTHER] = "other",
	};

	json_open(json, "exits", '{');
	for (unsigned int i = 0; i < VCPU_EXITS; i++) {
		uint64_t sum = 0;

		for (unsigned int j = 0; j < m->nr_vcpus; j++)
			sum += __atomic_load_n(&m->vcpus[j].exits[i],
					       __ATOMIC_RELAXED);
		json_number(json, names[i], sum);
	}
	json_close(json, '}');
}

/* ---- devices ---- */

static void report_disk(struct json *json, struct blk *b)
{
	struct blk_counters n;

	virtio_lock(&b->virtio);
	n = b->counters;
	virtio_unlock(&b->virtio);
	json_open(json, NULL, '{');
	json_text(json, "path", b->disk.path);
	json_number(json, "size", b->disk.size);
	json_number(json, "reads", n.reads);
	json_number(json, "writes", n.writes);
	json_number(json, "flushes", n.flushes);
	json_number(json, "zeroes", n.zeroes);
	json_number(json, "bytes_read", n.bytes_read);
	json_number(json, "bytes_written", n.bytes_written);
	json_number(json, "zero_copy", n.zero_copy);
	json_number(json, "copied", n.copied);
	json_number(json, "fell_back", n.fell_back);
	json_number(json, "failed", n.failed);
	json_close(json, '}');
}

static void report_disks(struct json *json, struct machine *m)
{
	json_open(json, "disks", '[');
	for (unsigned int i = 0; i < m->nr_disks; i++)
		report_disk(json, &m->disks[i]);
	json_close(json, ']');
}

static void report_balloon(struct json *json, struct balloon *b)
{
	json_open(json, "balloon", '{');
	virtio_lock(&b->virtio);
	json_number(json, "wanted_pages", b->config.num_pages);
	json_number(json, "actual_pages", b->config.actual);
	json_number(json, "inflated_pages", b->inflated);
	json_number(json, "deflated_pages", b->deflated);
	json_number(json, "refused_pages", b->refused);
	virtio_unlock(&b->virtio);
	json_close(json, '}');
}

/* Packets that vhost handles are not counted. */
static void report_net(struct json *json, struct net *n)
{
	struct net_counters c;

	if (!n)
		return;
	virtio_lock(&n->virtio);
	c = n->counters;
	virtio_unlock(&n->virtio);
	json_open(json, "net", '{');
	json_text(json, "by", n->vhost.fd >= 0 ? "vhost" : "gmemvm");
	json_number(json, "packets_received", c.packets_received);
	json_number(json, "bytes_received", c.bytes_received);
	json_number(json, "packets_sent", c.packets_sent);
	json_number(json, "bytes_sent", c.bytes_sent);
	json_number(json, "dropped", c.dropped);
	json_close(json, '}');
}

/* ---- commands ---- */

static const char *state_of(const struct vm *vm)
{
	return vm_has_ended(vm) ? "ending" : "running";
}

static void answer_status(struct machine *m, struct json *json)
{
	json_open(json, NULL, '{');
	json_text(json, "state", state_of(&m->vm));
	json_number(json, "cpus", m->nr_vcpus);
	report_memory(json, &m->vm);
	report_conversions(json, &m->vm);
	report_exits(json, m);
	report_disks(json, m);
	report_balloon(json, &m->balloon);
	report_net(json, m->net);
	json_close(json, '}');
}

static void answer_error(struct json *json, const char *error)
{
	json_open(json, NULL, '{');
	json_text(json, "error", error);
	json_close(json, '}');
}

static void answer_balloon(struct machine *m, const char *size,
			   struct json *json)
{
	uint64_t bytes;

	if (parse_size(size, &bytes) || balloon_set(&m->balloon, bytes)) {
		answer_error(json, "balloon SIZE: SIZE must be like 64M, and at most the guest's memory");
		return;
	}
	json_open(json, NULL, '{');
	json_number(json, "wanted_bytes", bytes);
	json_close(json, '}');
}

static void answer_snapshot(struct machine *m, struct json *json)
{
	int64_t size;

	if (m->snapshot_fd < 0) {
		answer_error(json, "snapshot: gmemvm must be started with --snapshot=FILE");
		return;
	}
	size = snapshot_take(m);
	if (size < 0) {
		answer_error(json, vm_has_ended(&m->vm) ?
			     "snapshot: it could not be made: the guest ends" :
			     "snapshot: it could not be made, and the guest runs on; gmemvm's messages say why");
		return;
	}
	json_open(json, NULL, '{');
	json_number(json, "snapshot_bytes", size);
	json_close(json, '}');
}

void report_answer(void *machine, const char *command, FILE *to)
{
	static const char balloon[] = "balloon ";
	struct json json = { .file = to };

	if (!*command || !strcmp(command, "status"))
		answer_status(machine, &json);
	else if (!strncmp(command, balloon, sizeof(balloon) - 1))
		answer_balloon(machine, command + sizeof(balloon) - 1, &json);
	else if (!strcmp(command, "snapshot"))
		answer_snapshot(machine, &json);
	else
		answer_error(&json, "the commands are: status, balloon SIZE, snapshot");
}
