/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host kernel's vhost-net, instead of a device's thread. It accesses the
 * guest's memory as system calls do, through the VMM's mapping. So the memory
 * may be hidden. But its worker thread has no windows.
 */
#ifndef VHOST_H
#define VHOST_H

#include "virtio.h"

struct vhost {
	int fd;
};

/* Before the sandbox. Return: 0, or -1 after fail() */
int vhost_open(struct vhost *vhost, struct vm *vm);

/*
 * In the sandbox: the kernel adds its worker to the process's threads, and a
 * process with several threads can't make a user namespace any more. Return: 0,
 * or -1 after fail()
 */
int vhost_start(struct vhost *vhost);

/*
 * The driver is ready: vhost takes over the queues. Return: 0, or -1 after
 * fail()
 */
int vhost_begin(struct vhost *vhost, struct virtio *virtio, int tap_fd);

/* vhost gives the queues back, and doesn't use them any more afterwards. */
void vhost_end(struct vhost *vhost);

/*
 * The same, and set how far vhost has come in each queue, so that vhost_begin()
 * goes on there, or the device itself. Return: 0, or -1 after fail()
 */
int vhost_hold(struct vhost *vhost, struct virtio *virtio);

#endif
