// SPDX-License-Identifier: GPL-2.0
/*
 * Snapshots of a machine: when it stops, in which order its parts are saved,
 * and how a new one gets their state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devstate.h"
#include "error.h"
#include "generation.h"
#include "kvmstate.h"
#include "snapfile.h"
#include "snapshot.h"

/* How long requests of disks may take that are under way. */
#define DRAIN_MS	10000
#define DRAIN_STEP_MS	5

/* A guest that shares single pages here and there can have more. */
#define RANGES_MAX	65536

/* What the options of both machines must agree on, and the memory's mark. */
struct snap_machine {
	uint64_t memory_size;
	uint64_t shared_io;
	uint32_t cpus;
	uint32_t nr_disks;
	uint32_t has_net;
	uint32_t reserved;
	uint8_t generation[GENERATION_SIZE];
};

/* ---- devices ---- */

#define DEVICES_MAX	(DISKS_MAX + 3)

static unsigned int list_devices(struct machine *m, struct virtio **list)
{
	unsigned int nr = 0;

	while (nr < m->nr_disks) {
		list[nr] = &m->disks[nr].virtio;
		nr++;
	}
	list[nr++] = &m->rng.virtio;
	list[nr++] = &m->balloon.virtio;
	if (m->net)
		list[nr++] = &m->net->virtio;
	return nr;
}

static void for_each_device(struct machine *m, void (*call)(struct virtio *v))
{
	struct virtio *list[DEVICES_MAX];
	unsigned int nr = list_devices(m, list);

	for (unsigned int i = 0; i < nr; i++)
		call(list[i]);
}

static bool disks_are_busy(struct machine *m)
{
	for (unsigned int i = 0; i < m->nr_disks; i++)
		if (blk_is_busy(&m->disks[i]))
			return true;
	return false;
}

static int drain(struct machine *m)
{
	const struct timespec step = { .tv_nsec = DRAIN_STEP_MS * 1000000L };

	for (int ms = 0; ms < DRAIN_MS; ms += DRAIN_STEP_MS) {
		if (vm_has_ended(&m->vm))
			return fail("the guest ends: no snapshot was made");
		if (!disks_are_busy(m))
			return 0;
		nanosleep(&step, NULL);
	}
	return fail("a disk has requests under way for more than %d s: no snapshot was made; try again",
		    DRAIN_MS / 1000);
}

/* ---- memory ---- */

static int save_machine(struct machine *m, struct snap_writer *w)
{
	struct snap_machine s = {
		.memory_size = m->vm.region->size,
		.shared_io = m->vm.io_pool.size,
		.cpus = m->nr_vcpus, .nr_disks = m->nr_disks,
		.has_net = !!m->net,
	};

	/* The guest may have written there: so the memory gets a new mark. */
	if (generation_renew(&m->vm.guest))
		return -1;
	if (generation_get(&m->vm.guest, s.generation))
		return fail("can't read the generation ID");
	snap_put(w, SNAP_MACHINE, 0, &s, sizeof(s));
	return 0;
}

static int save_shared(struct machine *m, struct snap_writer *w)
{
	const struct guest *guest = &m->vm.guest;
	unsigned int nr = guest_list_shared(guest, NULL, 0);
	struct guest_range *list;

	if (nr > RANGES_MAX)
		return fail("the guest shares its memory in %u pieces, and a snapshot has room for %u",
			    nr, RANGES_MAX);
	list = calloc(nr + 1, sizeof(*list));
	if (!list)
		return fail("no memory for the list of shared pages");
	guest_list_shared(guest, list, nr);
	snap_put(w, SNAP_SHARED, 0, list, nr * sizeof(*list));
	free(list);
	return 0;
}

static int restore_shared(struct machine *m, struct snap_reader *r)
{
	size_t size = 0;
	const struct guest_range *list;
	int ret;

	list = snap_next(r, SNAP_SHARED, 0, &size, RANGES_MAX * sizeof(*list));
	if (!list)
		return -1;
	if (size % sizeof(*list))
		return snap_bad(r, "the list of shared pages");
	ret = guest_share_only(&m->vm.guest, list, size / sizeof(*list));
	if (ret == -EINVAL)
		return snap_bad(r, "the list of shared pages");
	if (ret)
		return fail("--restore: can't share memory: %s",
			    strerror(-ret));
	return 0;
}

/* ---- saving ---- */

static void save_devices(struct machine *m, struct snap_writer *w)
{
	struct balloon_state balloon;
	struct io_pool_state pool;
	struct virtio_state plain;
	struct serial_state serial;
	struct blk_state disk;

	io_pool_save(&m->vm.io_pool, &pool);
	snap_put(w, SNAP_IO_POOL, 0, &pool, sizeof(pool));
	for (unsigned int i = 0; i < m->nr_disks; i++) {
		blk_save(&m->disks[i], &disk);
		snap_put(w, SNAP_DISK, i, &disk, sizeof(disk));
	}
	virtio_save(&m->rng.virtio, &plain);
	snap_put(w, SNAP_RNG, 0, &plain, sizeof(plain));
	balloon_save(&m->balloon, &balloon);
	snap_put(w, SNAP_BALLOON, 0, &balloon, sizeof(balloon));
	if (m->net) {
		virtio_save(&m->net->virtio, &plain);
		snap_put(w, SNAP_NET, 0, &plain, sizeof(plain));
	}
	serial_save(&m->serial, &serial);
	snap_put(w, SNAP_SERIAL, 0, &serial, sizeof(serial));
}

/* Interrupt controllers come before devices, which raise interrupts anew. */
static int save(struct machine *m, struct snap_writer *w)
{
	struct kvm_chips chips;

	snap_begin(w);
	if (save_machine(m, w) || save_shared(m, w) ||
	    kvmstate_read_chips(&m->vm, &chips) ||
	    kvmstate_save_clock(&m->vm, w))
		return -1;
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		if (kvmstate_save_vcpu(&m->vcpus[i], w))
			return -1;
	snap_put(w, SNAP_CHIPS, 0, &chips, sizeof(chips));
	save_devices(m, w);
	return snap_finish(w);
}

static int64_t save_to_file(struct machine *m)
{
	struct snap_writer w;
	int64_t size = -1;

	if (!save(m, &w) && !snap_store(&w, m->snapshot_fd))
		size = w.size;
	snap_free(&w);
	return size;
}

int64_t snapshot_take(struct machine *m)
{
	int64_t size = -1;

	if (vcpu_pause(m->vcpus, m->nr_vcpus))
		return -1;
	for_each_device(m, virtio_hold);
	if (!drain(m))
		size = save_to_file(m);
	if (size >= 0) {
		vm_end(&m->vm, VM_SAVED);
		return size;
	}
	for_each_device(m, virtio_release);
	vcpu_go_on(&m->vm);
	return -1;
}

/* ---- restoring ---- */

/* Each message says which option makes the machine that of the snapshot. */
static int check_machine(const struct snap_machine *s, const struct options *o)
{
	if (s->memory_size != o->memory.size)
		return fail("--restore: the snapshot is of a guest with %llu MiB of memory: give --memory=size=%lluM",
			    (unsigned long long)s->memory_size >> 20,
			    (unsigned long long)s->memory_size >> 20);
	if (!s->shared_io && o->memory.shared_io)
		return fail("--restore: the snapshot is of a guest without an I/O pool: leave out shared-io");
	if (s->shared_io != o->memory.shared_io)
		return fail("--restore: the snapshot is of a guest with an I/O pool of %llu KiB: give --memory=shared-io=%lluK",
			    (unsigned long long)s->shared_io >> 10,
			    (unsigned long long)s->shared_io >> 10);
	if (s->cpus != o->cpus)
		return fail("--restore: the snapshot is of a guest with %u vCPUs: give --cpus=%u",
			    s->cpus, s->cpus);
	if (s->nr_disks != o->nr_disks)
		return fail("--restore: the snapshot is of a guest with %u disks: give --disk as often",
			    s->nr_disks);
	if (!s->has_net != !o->net.given)
		return fail("--restore: the snapshot is of a guest with%s a network: give %s",
			    s->has_net ? "" : "out",
			    s->has_net ? "--net" : "no --net");
	return 0;
}

int snapshot_open(struct machine *m, const struct options *options)
{
	struct snap_machine s;

	if (snap_open(&m->restored, options->restore) ||
	    snap_get(&m->restored, SNAP_MACHINE, 0, &s, sizeof(s)) ||
	    check_machine(&s, options))
		return -1;
	_Static_assert(sizeof(m->generation) == sizeof(s.generation),
		       "the same ID");
	memcpy(m->generation, s.generation, sizeof(s.generation));
	return 0;
}

/* Memory of another time would crash the guest, or worse. */
static int check_memory(struct machine *m)
{
	uint8_t id[GENERATION_SIZE];

	if (!generation_get(&m->vm.guest, id) &&
	    !memcmp(id, m->generation, sizeof(id)))
		return 0;
	return fail("--restore: the template isn't the memory of this snapshot, or was used since: give the file that was --memory=file= when the snapshot was made");
}

static int restore_disks(struct machine *m, struct snap_reader *r)
{
	struct blk_state disk;

	for (unsigned int i = 0; i < m->nr_disks; i++)
		if (snap_get(r, SNAP_DISK, i, &disk, sizeof(disk)) ||
		    blk_restore(&m->disks[i], &disk))
			return -1;
	return 0;
}

static int restore_virtio(struct virtio *v, struct snap_reader *r,
			  enum snap_kind kind)
{
	struct virtio_state plain;

	if (snap_get(r, kind, 0, &plain, sizeof(plain)))
		return -1;
	return virtio_restore(v, &plain);
}

static int restore_balloon(struct machine *m, struct snap_reader *r)
{
	struct balloon_state balloon;

	if (snap_get(r, SNAP_BALLOON, 0, &balloon, sizeof(balloon)))
		return -1;
	return balloon_restore(&m->balloon, &balloon);
}

static int restore_devices(struct machine *m, struct snap_reader *r)
{
	struct io_pool_state pool;
	struct serial_state serial;

	if (snap_get(r, SNAP_IO_POOL, 0, &pool, sizeof(pool)))
		return -1;
	if (io_pool_restore(&m->vm.io_pool, &pool))
		return snap_bad(r, "the I/O pool");
	if (restore_disks(m, r) ||
	    restore_virtio(&m->rng.virtio, r, SNAP_RNG) ||
	    restore_balloon(m, r))
		return -1;
	if (m->net && restore_virtio(&m->net->virtio, r, SNAP_NET))
		return -1;
	if (snap_get(r, SNAP_SERIAL, 0, &serial, sizeof(serial)))
		return -1;
	if (serial_restore(&m->serial, &serial))
		return snap_bad(r, "the serial port");
	return 0;
}

/* The generation ID changes last, when the interrupt controllers are there. */
int snapshot_restore(struct machine *m)
{
	struct snap_reader *r = &m->restored;

	if (check_memory(m) || restore_shared(m, r) ||
	    kvmstate_restore_clock(&m->vm, r))
		return -1;
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		if (kvmstate_restore_vcpu(&m->vcpus[i], r))
			return -1;
	if (kvmstate_restore_chips(&m->vm, r) || restore_devices(m, r) ||
	    snap_end(r) || generation_renew(&m->vm.guest))
		return -1;
	generation_tell(&m->vm);
	snap_close(r);
	return kvmstate_start_clocks(m->vcpus, m->nr_vcpus);
}

void snapshot_go_on(struct machine *m)
{
	for_each_device(m, virtio_release);
}
