/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-net: the other end of a tap, by copies or by the host's vhost-net. */
#ifndef NET_H
#define NET_H

#include <linux/virtio_net.h>

#include "error.h"
#include "options.h"
#include "vhost.h"
#include "virtio.h"

/* Header and 64 KiB, as offloading has them. */
#define NET_PACKET_MAX	(sizeof(struct virtio_net_hdr_v1) + 65550)

struct net_counters {
	uint64_t packets_received, bytes_received;
	uint64_t packets_sent, bytes_sent;
	uint64_t dropped;
};

struct net {
	struct virtio virtio;
	struct seldom said;
	struct virtio_net_config config;
	int tap_fd;
	struct vhost vhost;
	bool receives;		/* there is room for what the tap has */
	bool is_gone;		/* the tap: only the thread looks */
	struct net_counters counters;	/* with the device's lock */
	char packet[NET_PACKET_MAX];
};

/* Return: 0, or -1 said why. net_remove() may be called after either. */
int net_add(struct net *net, struct vm *vm, unsigned int slot,
	    const struct net_options *options);
/* The same with @tap_fd set, as the tests have it. */
int net_attach(struct net *net, struct vm *vm, unsigned int slot,
	       const struct net_options *options);
int net_start(struct net *net);
/* After virtio_stop(). */
void net_remove(struct net *net);

#endif
