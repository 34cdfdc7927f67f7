// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "acpi.h"
#include "boot.h"
#include "error.h"
#include "layout.h"
#include "machine.h"
#include "power.h"
#include "serial.h"
#include "terminal.h"
#include "vcpu.h"

struct machine {
	struct vm vm;
	struct vcpu vcpus[CPUS_MAX];
	unsigned int nr_vcpus;
	struct serial serial;
	struct terminal terminal;
	unsigned int nr_virtio;
};

/* ---- boot ---- */

static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_errno("%s", path);
	return fd;
}

static int load_with(struct machine *m, const struct options *options,
		     const struct boot *boot)
{
	uint64_t entry;

	if (boot_load(&m->vm.guest, boot, &entry))
		return -1;
	(void)options;
	return vcpu_set_entry(&m->vcpus[0], entry);
}

/* There is no PCI: without the argument, the kernel looks for it at length. */
static char *command_line(const struct options *options)
{
	char *line;

	if (asprintf(&line, "pci=off %s", options->append) >= 0)
		return line;
	fail("no memory for the command line");
	return NULL;
}

static int load(struct machine *m, const struct options *options)
{
	struct boot boot = { .kernel_fd = -1, .initrd_fd = -1 };
	char *line = command_line(options);
	int ret = -1;

	boot.command_line = line;
	boot.kernel_fd = open_file(options->kernel);
	if (options->initrd)
		boot.initrd_fd = open_file(options->initrd);
	if (line && boot.kernel_fd >= 0 &&
	    (!options->initrd || boot.initrd_fd >= 0) &&
	    !acpi_put(&m->vm.guest, options->cpus, m->nr_virtio,
		      &boot.acpi_address))
		ret = load_with(m, options, &boot);
	if (boot.initrd_fd >= 0)
		close(boot.initrd_fd);
	if (boot.kernel_fd >= 0)
		close(boot.kernel_fd);
	free(line);
	return ret;
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

static int create(struct machine *m, const struct options *options)
{
	if (vm_create(&m->vm, &options->memory) ||
	    create_vcpus(m, options->cpus) || power_add(&m->vm) ||
	    serial_add(&m->serial, &m->vm, STDOUT_FILENO))
		return -1;
	return load(m, options);
}

static int start(struct machine *m)
{
	if (terminal_start(&m->terminal, &m->vm, &m->serial))
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
	terminal_stop(&m->terminal);
}

static void destroy(struct machine *m)
{
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

/* Blocked before there are threads, which get that from us. */
static int block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

enum vm_end machine_run(const struct options *options)
{
	struct machine *m = calloc(1, sizeof(*m));
	int signals = block_signals();
	enum vm_end end = VM_FAILED;

	if (!m || signals < 0) {
		fail_errno("can't begin");
		free(m);
		return end;
	}
	if (!create(m, options)) {
		if (start(m))
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
