// SPDX-License-Identifier: GPL-2.0
/* virtio-net: the tap, and packets between it and the guest. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "error.h"
#include "net.h"

#define RECEIVE		0
#define SEND		1

/* How many packets are handled before other threads get the lock. */
#define BATCH		64

static struct net *net_of(struct virtio *v)
{
	return (struct net *)((char *)v - offsetof(struct net, virtio));
}

/* ---- the tap ---- */

static int open_tap(struct net *n, const struct net_options *options)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI |
					      IFF_VNET_HDR };

	size_t length = strlen(options->tap);

	if (length >= sizeof(request.ifr_name))
		return fail("--net: the name of an interface has at most %zu characters, not '%s'",
			    sizeof(request.ifr_name) - 1, options->tap);
	memcpy(request.ifr_name, options->tap, length + 1);
	n->tap_fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (n->tap_fd < 0)
		return fail_errno("/dev/net/tun");
	if (ioctl(n->tap_fd, TUNSETIFF, &request))
		return fail_errno("can't open the tap %s (to make it: ip tuntap add dev %s mode tap user USER vnet_hdr)",
				  options->tap, options->tap);
	return 0;
}

/* TUNGETIFF doesn't report IFF_NO_PI: its bit means IFF_NOFILTER there. */
static int take_tap(struct net *n, int fd)
{
	struct ifreq request = {};

	n->tap_fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (n->tap_fd < 0 || ioctl(n->tap_fd, TUNGETIFF, &request))
		return fail_errno("--net: fd %d is not a tap", fd);
	if (!(request.ifr_flags & IFF_TAP) ||
	    !(request.ifr_flags & IFF_VNET_HDR))
		return fail("--net: fd %d must be a tap with IFF_VNET_HDR and IFF_NO_PI",
			    fd);
	/* In the sandbox, the tap needs to be open only once. */
	if (fd > STDERR_FILENO)
		close(fd);
	return 0;
}

static int set_tap(struct net *n)
{
	int size = sizeof(struct virtio_net_hdr_v1);

	if (ioctl(n->tap_fd, TUNSETVNETHDRSZ, &size))
		return fail_errno("tap: TUNSETVNETHDRSZ");
	if (fcntl(n->tap_fd, F_SETFL, O_NONBLOCK))
		return fail_errno("tap: O_NONBLOCK");
	return 0;
}

/* Tell the tap which offloads the guest accepts. */
static void set_offload(struct net *n)
{
	const struct virtio *v = &n->virtio;
	unsigned int flags = 0;

	if (virtio_has(v, VIRTIO_NET_F_GUEST_CSUM)) {
		flags = TUN_F_CSUM;
		if (virtio_has(v, VIRTIO_NET_F_GUEST_TSO4))
			flags |= TUN_F_TSO4;
		if (virtio_has(v, VIRTIO_NET_F_GUEST_TSO6))
			flags |= TUN_F_TSO6;
	}
	if (ioctl(n->tap_fd, TUNSETOFFLOAD, flags))
		warn_seldom(&v->vm->warnings->tap_offload,
			    "tap: TUNSETOFFLOAD: %s", strerror(errno));
}

/* ---- to the guest ---- */

/* Return: 1 if there was a packet, 0 if there is none, or an error */
static int receive(struct net *n, struct virtqueue *queue,
		   const struct chain *chain)
{
	struct virtio_net_hdr_v1 *header = (void *)n->packet;
	ssize_t size = read(n->tap_fd, n->packet, sizeof(n->packet));
	int ret;

	if (size < (ssize_t)sizeof(*header)) {
		virtqueue_unpop(queue);
		return 0;
	}
	if ((uint64_t)size > chain->in_size) {
		n->counters.dropped++;
		virtqueue_unpop(queue);
		return 1;
	}
	header->num_buffers = 1;
	ret = chain_write(chain, 0, n->packet, size);
	if (!ret)
		ret = virtqueue_push(queue, chain, size);
	n->counters.packets_received++;
	n->counters.bytes_received += size - sizeof(*header);
	return ret ? ret : 1;
}

static int receive_some(struct virtio *v, unsigned int index,
			struct virtqueue *queue)
{
	struct net *n = net_of(v);
	struct chain chain;
	int ret = 1;

	(void)index;
	n->receives = true;
	for (unsigned int i = 0; i < BATCH && ret > 0; i++) {
		ret = virtqueue_pop(queue, &chain);
		if (ret > 0) {
			ret = receive(n, queue, &chain);
		} else if (!ret) {
			ret = virtqueue_wait(queue);
			n->receives = ret > 0;
		}
	}
	return ret;
}

/* ---- from the guest ---- */

static int send_packet(struct net *n, const struct chain *chain)
{
	uint64_t size = chain->out_size;
	int ret;

	if (size < sizeof(struct virtio_net_hdr_v1) ||
	    size > sizeof(n->packet)) {
		n->counters.dropped++;
		return 0;
	}
	ret = chain_read(chain, 0, n->packet, size);
	if (ret)
		return ret;
	/* The kernel checks the header; a wrong packet is dropped. */
	if (write(n->tap_fd, n->packet, size) != (ssize_t)size) {
		n->counters.dropped++;
		return 0;
	}
	n->counters.packets_sent++;
	n->counters.bytes_sent += size - sizeof(struct virtio_net_hdr_v1);
	return 0;
}

/* Return: 1 if there may be more, 0, or an error */
static int send_some(struct virtio *v, unsigned int index,
		     struct virtqueue *queue)
{
	struct net *n = net_of(v);
	struct chain chain;
	int ret;

	(void)index;
	for (unsigned int i = 0; i < BATCH; i++) {
		ret = virtqueue_pop(queue, &chain);
		if (!ret)
			ret = virtqueue_wait(queue);
		else if (ret > 0)
			ret = send_packet(n, &chain) ?:
			      virtqueue_push(queue, &chain, 0) ?: 1;
		if (ret <= 0)
			return ret;
	}
	return 1;
}

/* ---- the thread ---- */

/* Return: is there more to send? */
static bool handle_events(struct net *n)
{
	bool more;

	virtio_begin_piece(&n->virtio);
	n->receives = false;
	virtio_use(&n->virtio, RECEIVE, receive_some);
	more = virtio_use(&n->virtio, SEND, send_some);
	virtio_end_piece(&n->virtio);
	return more;
}

/* A tap that is gone stays ready for ever, with nothing to read. */
static void see_end(struct net *n, short revents)
{
	if (!(revents & (POLLERR | POLLHUP | POLLNVAL)) || revents & POLLIN)
		return;
	n->is_gone = true;
	warn_seldom(&n->virtio.vm->warnings->tap_gone,
		    "--net: the tap is gone, so the guest has no network any more; start gmemvm again with another tap");
}

static void *net_thread(void *arg)
{
	struct net *n = arg;
	struct pollfd fds[] = {
		{ .fd = n->virtio.kick_fd, .events = POLLIN },
		{ .fd = n->tap_fd, .events = POLLIN },
	};
	uint64_t kicks;
	bool more = false;

	while (!virtio_is_stopping(&n->virtio)) {
		/* poll() leaves out negative descriptors. */
		fds[1].fd = n->receives && !n->is_gone ? n->tap_fd : -1;
		if (poll(fds, 2, more ? 0 : -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents & POLLIN &&
		    read(fds[0].fd, &kicks, sizeof(kicks)) != sizeof(kicks))
			break;
		see_end(n, fds[1].revents);
		more = handle_events(n);
	}
	return NULL;
}

/* ---- all ---- */

static void begin(struct virtio *v)
{
	struct net *n = net_of(v);

	set_offload(n);
	if (n->vhost.fd >= 0 && vhost_begin(&n->vhost, v, n->tap_fd))
		vm_end(v->vm, VM_FAILED);
}

static void quiesce(struct virtio *v)
{
	struct net *n = net_of(v);

	if (n->vhost.fd >= 0)
		vhost_end(&n->vhost);
}

/*
 * vhost knows how far it has come in the queues; this device must know, too: a
 * clone may have no vhost. An interrupt of vhost's may be on its way.
 */
static void hold(struct virtio *v)
{
	struct net *n = net_of(v);

	if (n->vhost.fd < 0)
		return;
	__atomic_fetch_or(&v->irq_status, VIRTIO_MMIO_INT_VRING,
			  __ATOMIC_RELEASE);
	if (vhost_hold(&n->vhost, v))
		vm_end(v->vm, VM_FAILED);
}

int net_attach(struct net *n, struct vm *vm, unsigned int slot,
	       const struct net_options *options)
{
	n->vhost.fd = -1;
	if (options->vhost && vhost_open(&n->vhost, vm))
		return -1;
	memcpy(n->config.mac, options->mac, sizeof(n->config.mac));
	n->virtio = (struct virtio){
		.name = "net", .id = VIRTIO_ID_NET, .nr_queues = 2,
		.features = 1ULL << VIRTIO_NET_F_MAC |
			    1ULL << VIRTIO_NET_F_CSUM |
			    1ULL << VIRTIO_NET_F_HOST_TSO4 |
			    1ULL << VIRTIO_NET_F_HOST_TSO6 |
			    1ULL << VIRTIO_NET_F_GUEST_CSUM |
			    1ULL << VIRTIO_NET_F_GUEST_TSO4 |
			    1ULL << VIRTIO_NET_F_GUEST_TSO6,
		.config = &n->config, .config_size = sizeof(n->config.mac),
		.begin = begin, .quiesce = quiesce, .hold = hold,
		.past_us = options->vhost,
	};
	if (options->platform)
		n->virtio.features |= 1ULL << VIRTIO_F_ACCESS_PLATFORM;
	return virtio_add(&n->virtio, vm, slot);
}

int net_add(struct net *n, struct vm *vm, unsigned int slot,
	    const struct net_options *options)
{
	n->vhost.fd = -1;
	n->tap_fd = -1;
	if ((options->tap ? open_tap(n, options) : take_tap(n, options->fd)) ||
	    set_tap(n))
		return -1;
	return net_attach(n, vm, slot, options);
}

int net_start(struct net *n)
{
	if (n->vhost.fd >= 0)
		return vhost_start(&n->vhost);
	return virtio_start(&n->virtio, net_thread, n);
}

void net_remove(struct net *n)
{
	if (n->vhost.fd >= 0)
		close(n->vhost.fd);
	if (n->tap_fd >= 0)
		close(n->tap_fd);
	virtio_remove(&n->virtio);
}
