/* SPDX-License-Identifier: GPL-2.0 */
/* One run of a guest, from its boot to its end: all parts put together. */
#ifndef MACHINE_H
#define MACHINE_H

#include "balloon.h"
#include "blk.h"
#include "boot.h"
#include "control.h"
#include "generation.h"
#include "layout.h"
#include "net.h"
#include "options.h"
#include "rng.h"
#include "serial.h"
#include "snapfile.h"
#include "terminal.h"
#include "user.h"
#include "vcpu.h"
#include "vm.h"

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
	struct balloon balloon;
	struct net *net;	/* NULL: none */
	unsigned int nr_virtio;	/* how many virtio slots are in use */
	struct control control;
	int snapshot_fd;	/* of snap_create(); negative: none */
	struct snap_reader restored;	/* the snapshot that it begins with */
	uint8_t generation[GENERATION_SIZE];	/* in that snapshot */
};

/*
 * Run a guest to its end. @control_fd is of control_listen(), or negative.
 * @warnings are in memory that all runs of the guest share.
 */
enum vm_end machine_run(const struct options *options, const struct user *user,
			int control_fd, struct warnings *warnings);

#endif
