/* SPDX-License-Identifier: GPL-2.0 */
/* virtio-net on a tap: packets are copied here, or by the host's vhost-net. */
#ifndef NET_H
#define NET_H

#include <linux/virtio_net.h>

#include "options.h"
#include "vhost.h"
#include "virtio.h"

/* A header and 64 KiB, which packets have with offloading. */
#define NET_PACKET_MAX	(sizeof(struct virtio_net_hdr_v1) + 65550)

struct net_counters {
	uint64_t packets_received, bytes_received;
	uint64_t packets_sent, bytes_sent;
	uint64_t dropped;
};

struct net {
	struct virtio virtio;
	struct virtio_net_config config;
	int tap_fd;
	struct vhost vhost;
	bool receives;		/* the guest has buffers for packets */
	bool is_gone;		/* the tap; only the device's thread uses it */
	struct net_counters counters;	/* under the device's lock */
	char packet[NET_PACKET_MAX];
};

/* Return: 0, or -1 after fail(). net_remove() may be called after either. */
int net_add(struct net *net, struct vm *vm, unsigned int slot,
	    const struct net_options *options);
/* The same, if the caller has set @tap_fd, as tests do. */
int net_attach(struct net *net, struct vm *vm, unsigned int slot,
	       const struct net_options *options);
int net_start(struct net *net);
/* After virtio_stop(). */
void net_remove(struct net *net);

#endif
