// SPDX-License-Identifier: GPL-2.0
/*
 * One run of a guest: create its parts, enter the sandbox, start the threads,
 * wait for the end, stop the threads, free the parts.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acpi.h"
#include "convert.h"
#include "error.h"
#include "generation.h"
#include "machine.h"
#include "memfile.h"
#include "power.h"
#include "report.h"
#include "sandbox.h"
#include "signals.h"
#include "snapshot.h"
#include "status.h"

/* ---- boot ---- */

static int open_images(struct machine *m, const struct options *options)
{
	/* O_NONBLOCK: opening a pipe without a writer would wait. */
	m->boot.kernel_fd = open(options->kernel,
				 O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (m->boot.kernel_fd < 0)
		return fail_errno("%s", options->kernel);
	if (!options->initrd)
		return 0;
	m->boot.initrd_fd = open(options->initrd,
				 O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (m->boot.initrd_fd < 0)
		return fail_errno("%s", options->initrd);
	return 0;
}

/* This comes first, because a wrong path is the most frequent mistake. */
static int open_files(struct machine *m, const struct options *options)
{
	if (options->restore ? snapshot_open(m, options) :
			       open_images(m, options))
		return -1;
	if (!options->snapshot)
		return 0;
	m->snapshot_fd = snap_create(options->snapshot);
	return m->snapshot_fd < 0 ? -1 : 0;
}

static void close_files(struct machine *m)
{
	if (m->boot.kernel_fd >= 0)
		close(m->boot.kernel_fd);
	if (m->boot.initrd_fd >= 0)
		close(m->boot.initrd_fd);
	m->boot.kernel_fd = -1;
	m->boot.initrd_fd = -1;
}

#define SWIOTLB_SLAB	2048

/*
 * There is no PCI: without pci=off, the kernel looks for it, which takes long.
 * The user's --append comes last, so that it overrides these arguments.
 */
static char *command_line(const struct options *options)
{
	uint64_t slabs = options->memory.shared_io / SWIOTLB_SLAB;
	char pool[48] = "", *line;

	if (slabs)
		snprintf(pool, sizeof(pool), "swiotlb=%llu,force ",
			 (unsigned long long)slabs);
	if (asprintf(&line, "pci=off %s%s", pool, options->append) >= 0)
		return line;
	fail("no memory for the command line");
	return NULL;
}

static int load(struct machine *m, const struct options *options)
{
	char *line = command_line(options);
	uint64_t entry;
	int ret;

	if (!line)
		return -1;
	m->boot.command_line = line;
	ret = acpi_put(&m->vm.guest, options->cpus, m->nr_virtio,
		       &m->boot.acpi_address);
	if (!ret)
		ret = generation_renew(&m->vm.guest);
	if (!ret)
		ret = boot_load(&m->vm.guest, &m->boot, &entry);
	free(line);
	return ret ? ret : vcpu_set_entry(&m->vcpus[0], entry);
}

/* ---- parts ---- */

static int create_vcpus(struct machine *m, unsigned int cpus)
{
	while (m->nr_vcpus < cpus) {
		struct vcpu *vcpu = &m->vcpus[m->nr_vcpus];

		if (vcpu_create(vcpu, &m->vm, m->nr_vcpus++, cpus))
			return -1;
	}
	return 0;
}

/* The guest sees the disks in this order: /dev/vda, ... */
static int add_disks(struct machine *m, const struct options *options)
{
	m->disks = calloc(DISKS_MAX, sizeof(*m->disks));
	if (!m->disks)
		return fail("no memory for disks");
	while (m->nr_disks < options->nr_disks) {
		unsigned int i = m->nr_disks++;

		if (blk_add(&m->disks[i], &m->vm, m->nr_virtio++,
			    &options->disks[i]))
			return -1;
	}
	return 0;
}

static int add_net(struct machine *m, const struct net_options *options)
{
	if (!options->given)
		return 0;
	m->net = calloc(1, sizeof(*m->net));
	if (!m->net)
		return fail("no memory for a network");
	return net_add(m->net, &m->vm, m->nr_virtio++, options);
}

static int add_devices(struct machine *m, const struct options *options)
{
	if (power_add(&m->vm) ||
	    serial_add(&m->serial, &m->vm, STDOUT_FILENO) ||
	    add_disks(m, options))
		return -1;
	if (rng_add(&m->rng, &m->vm, m->nr_virtio++))
		return -1;
	if (balloon_add(&m->balloon, &m->vm, m->nr_virtio++))
		return -1;
	return add_net(m, &options->net);
}

static int create(struct machine *m, const struct options *options,
		  struct warnings *warnings)
{
	vm_init(&m->vm);
	m->vm.warnings = warnings;
	if (open_files(m, options) || vm_create(&m->vm, &options->memory) ||
	    convert_enable(&m->vm) || create_vcpus(m, options->cpus) ||
	    add_devices(m, options))
		return -1;
	return options->restore ? snapshot_restore(m) : load(m, options);
}

/* Without a region, vm_create() has undone what it did. */
static int create_or_undo(struct machine *m, const struct options *options,
			  struct warnings *warnings)
{
	if (!create(m, options, warnings))
		return 0;
	if (m->vm.region)
		memfile_undo(&options->memory);
	return -1;
}

static int start_devices(struct machine *m)
{
	for (unsigned int i = 0; i < m->nr_disks; i++)
		if (blk_start(&m->disks[i]))
			return -1;
	if (rng_start(&m->rng) || balloon_start(&m->balloon))
		return -1;
	if (m->net && net_start(m->net))
		return -1;
	if (m->control.fd >= 0 && control_start(&m->control))
		return -1;
	return terminal_start(&m->terminal, &m->vm, &m->serial);
}

static int start(struct machine *m, const struct options *options,
		 const struct user *user)
{
	const struct sandbox_options sandbox = {
		.memory_fd = gmem_region_fd(m->vm.region),
		.snapshot_fd = m->snapshot_fd,
		.namespaces = options->namespaces, .user = *user,
	};

	/* In the sandbox, nothing is open that isn't used any more. */
	close_files(m);
	vm_leave_kvm(&m->vm);
	if (options->sandbox && sandbox_enter(&sandbox))
		return -1;
	if (start_devices(m))
		return -1;
	if (options->restore)
		snapshot_go_on(m);
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		if (vcpu_start(&m->vcpus[i]))
			return -1;
	return 0;
}

static void tell(struct machine *m)
{
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_tell(&m->vcpus[i]);
	for (unsigned int i = 0; i < m->nr_disks; i++)
		virtio_tell_end(&m->disks[i].virtio);
	virtio_tell_end(&m->rng.virtio);
	virtio_tell_end(&m->balloon.virtio);
	if (m->net)
		virtio_tell_end(&m->net->virtio);
}

/*
 * vm_end() has been called. All threads are told to end, and then have
 * THREAD_PATIENCE_MS together. Return: 0, or -1 if a thread doesn't end
 */
static int stop(struct machine *m)
{
	int ret = 0;

	tell(m);
	threads_end_within(THREAD_PATIENCE_MS);
	/* It may be making a snapshot, for which it uses the other threads. */
	ret |= control_stop(&m->control);
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		ret |= vcpu_stop(&m->vcpus[i]);
	for (unsigned int i = 0; i < m->nr_disks; i++)
		ret |= virtio_stop(&m->disks[i].virtio);
	ret |= virtio_stop(&m->rng.virtio);
	ret |= virtio_stop(&m->balloon.virtio);
	if (m->net)
		ret |= virtio_stop(&m->net->virtio);
	ret |= terminal_stop(&m->terminal);
	return ret;
}

static void destroy(struct machine *m)
{
	for (unsigned int i = 0; i < m->nr_disks; i++)
		blk_remove(&m->disks[i]);
	free(m->disks);
	close_files(m);
	snap_close(&m->restored);
	if (m->snapshot_fd >= 0)
		close(m->snapshot_fd);
	virtio_remove(&m->rng.virtio);
	virtio_remove(&m->balloon.virtio);
	if (m->net)
		net_remove(m->net);
	free(m->net);
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_destroy(&m->vcpus[i]);
	vm_destroy(&m->vm);
}

/* ---- one run ---- */

/*
 * Opening a file may wait for ever, for a file server that doesn't answer. So a
 * thread watches for signals meanwhile, and may simply end the process, because
 * nothing of the machine is outside of it yet.
 */
static int create_watched(struct machine *m, const struct options *options,
			  struct warnings *warnings)
{
	struct thread watch = {};
	int ret = signals_watch(&watch);

	if (!ret)
		ret = create_or_undo(m, options, warnings);
	/* The watching thread ends first: the sandbox wants a single thread. */
	return signals_unwatch(&watch) || ret ? -1 : 0;
}

/* A signal ends the guest at once, like a power cut. */
static void wait_for_end(struct vm *vm, int signals)
{
	struct pollfd fds[] = {
		{ .fd = vm->end_fd, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			break;
	if (fds[1].revents)
		vm_end(vm, VM_QUIT);
}

enum vm_end machine_run(const struct options *options, const struct user *user,
			int control_fd, struct warnings *warnings)
{
	struct machine *m = calloc(1, sizeof(*m));
	int signals = signals_open();
	enum vm_end end = VM_FAILED;

	if (!m || signals < 0) {
		fail_errno("can't start the machine");
		free(m);
		return end;
	}
	m->boot.kernel_fd = -1;
	m->boot.initrd_fd = -1;
	m->snapshot_fd = -1;
	m->control = (struct control){
		.fd = control_fd, .vm = &m->vm, .answer = report_answer,
		.arg = m,
	};
	if (!create_watched(m, options, warnings)) {
		if (start(m, options, user))
			vm_end(&m->vm, VM_FAILED);
		wait_for_end(&m->vm, signals);
		/* A thread that didn't end still uses the parts: free none. */
		if (stop(m))
			_exit(STATUS_FAILED);
		end = m->vm.end;
	}
	destroy(m);
	close(signals);
	free(m);
	return end;
}
