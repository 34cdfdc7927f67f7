// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acpi.h"
#include "blk.h"
#include "boot.h"
#include "convert.h"
#include "error.h"
#include "layout.h"
#include "machine.h"
#include "power.h"
#include "rng.h"
#include "sandbox.h"
#include "serial.h"
#include "signals.h"
#include "terminal.h"
#include "vcpu.h"

struct machine {
	struct boot boot;
	struct vm vm;
	struct vcpu vcpus[CPUS_MAX];
	unsigned int nr_vcpus;
	struct serial serial;
	struct terminal terminal;
	struct blk *disks;
	unsigned int nr_disks;
	struct rng rng;
	unsigned int nr_virtio;	/* slots that are taken */
};

/* ---- boot ---- */

/* Before anything else, as it's what is most often wrong. */
static int open_files(struct machine *m, const struct options *options)
{
	m->boot.initrd_fd = -1;
	m->boot.kernel_fd = open(options->kernel, O_RDONLY | O_CLOEXEC);
	if (m->boot.kernel_fd < 0)
		return fail_errno("%s", options->kernel);
	if (!options->initrd)
		return 0;
	m->boot.initrd_fd = open(options->initrd, O_RDONLY | O_CLOEXEC);
	if (m->boot.initrd_fd < 0)
		return fail_errno("%s", options->initrd);
	return 0;
}

static void close_files(struct machine *m)
{
	if (m->boot.kernel_fd >= 0)
		close(m->boot.kernel_fd);
	if (m->boot.initrd_fd >= 0)
		close(m->boot.initrd_fd);
}

/* There is no PCI: without the argument, the kernel looks for it at length. */
static int load(struct machine *m, const struct options *options)
{
	uint64_t entry;
	char *line;
	int ret;

	if (asprintf(&line, "pci=off %s", options->append) < 0)
		return fail("no memory for the command line");
	m->boot.command_line = line;
	ret = acpi_put(&m->vm.guest, options->cpus, m->nr_virtio,
		       &m->boot.acpi_address);
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

/* The guest knows them in this order: /dev/vda, ... */
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

static int add_devices(struct machine *m, const struct options *options)
{
	if (power_add(&m->vm) ||
	    serial_add(&m->serial, &m->vm, STDOUT_FILENO) ||
	    add_disks(m, options))
		return -1;
	return rng_add(&m->rng, &m->vm, m->nr_virtio++);
}

static int create(struct machine *m, const struct options *options)
{
	vm_init(&m->vm);
	if (open_files(m, options) || vm_create(&m->vm, &options->memory) ||
	    convert_enable(&m->vm) || create_vcpus(m, options->cpus) ||
	    add_devices(m, options))
		return -1;
	return load(m, options);
}

static int start_devices(struct machine *m)
{
	for (unsigned int i = 0; i < m->nr_disks; i++)
		if (blk_start(&m->disks[i]))
			return -1;
	if (rng_start(&m->rng))
		return -1;
	return terminal_start(&m->terminal, &m->vm, &m->serial);
}

static int start(struct machine *m, const struct options *options)
{
	if (options->sandbox && sandbox_enter())
		return -1;
	if (start_devices(m))
		return -1;
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		if (vcpu_start(&m->vcpus[i]))
			return -1;
	return 0;
}

/* vm_end() has been called. */
static void stop(struct machine *m)
{
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_stop(&m->vcpus[i]);
	for (unsigned int i = 0; i < m->nr_disks; i++)
		virtio_stop(&m->disks[i].virtio);
	virtio_stop(&m->rng.virtio);
	terminal_stop(&m->terminal);
}

static void destroy(struct machine *m)
{
	for (unsigned int i = 0; i < m->nr_disks; i++)
		blk_remove(&m->disks[i]);
	free(m->disks);
	close_files(m);
	virtio_remove(&m->rng.virtio);
	for (unsigned int i = 0; i < m->nr_vcpus; i++)
		vcpu_destroy(&m->vcpus[i]);
	vm_destroy(&m->vm);
}

/* ---- a life ---- */

/* A signal from outside ends the guest as if its plug were pulled. */
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

enum vm_end machine_run(const struct options *options)
{
	struct machine *m = calloc(1, sizeof(*m));
	int signals = signals_open();
	enum vm_end end = VM_FAILED;

	if (!m || signals < 0) {
		fail_errno("can't begin");
		free(m);
		return end;
	}
	if (!create(m, options)) {
		if (start(m, options))
			vm_end(&m->vm, VM_FAILED);
		wait_for_end(&m->vm, signals);
		stop(m);
		end = m->vm.end;
	}
	destroy(m);
	close(signals);
	free(m);
	return end;
}
