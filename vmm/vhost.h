/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host kernel's vhost-net in a device thread's place. It reaches the
 * guest's memory as system calls do, by the VMM's mapping, so that may be
 * hidden; but its worker has no windows.
 */
#ifndef VHOST_H
#define VHOST_H

#include "virtio.h"

struct vhost {
	int fd;
};

/* Before the sandbox. Return: 0, or -1 said why */
int vhost_open(struct vhost *vhost, struct vm *vm);

/*
 * In the sandbox: the kernel adds its worker to our threads, and a process that
 * has several can't have a user namespace any more. Return: 0, or -1 said why
 */
int vhost_start(struct vhost *vhost);

/* The driver is ready: queues are handed over. Return: 0, or -1 said why */
int vhost_begin(struct vhost *vhost, struct virtio *virtio, int tap_fd);

/* They are taken back. When it returns, nothing of them is in use. */
void vhost_end(struct vhost *vhost);

#endif
