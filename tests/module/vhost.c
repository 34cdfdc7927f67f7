// SPDX-License-Identifier: GPL-2.0
/*
 * vhost-net with the shared view as its guest's memory: rings and packets in
 * shared pages, both ways, with real data; what it sends without a copy is
 * pinned. A packet in a private page is not sent. Needs vhost_net loaded with
 * experimental_zcopytx=1.
 */
#include "gmem_test.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <net/if.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define SIZE		((long)BLOCK)
#define ENTRIES		4
#define ETHERTYPE	0x88b5		/* for experiments */
#define FRAME		1400		/* long enough not to be copied */
#define HEADER		((long)sizeof(struct virtio_net_hdr))

enum { RX, TX, QUEUES };

/* In the file: a page for each ring's parts, then one for each buffer. */
#define RING(q)		((4L * (q)) * (long)PAGE)
#define BUFFER(q)	((8L + (q)) * (long)PAGE)

static int fd, tap_fd, vhost, packets, kick[QUEUES];
static char *guest, *shared;

static void convert(long offset, uint64_t attributes)
{
	struct gmem_attributes set = {
		.offset = offset, .size = PAGE, .attributes = attributes,
	};
	int i;

	/* vhost may hold what it has sent for a moment yet. */
	for (i = 0; i < 3000 && ioctl(fd, GMEM_SET_ATTRIBUTES, &set); i++) {
		set.error_offset = 0;
		usleep(20000);
	}
	ok(i < 3000, "page %ld is converted", offset / (long)PAGE);
}

/* ---- the network ---- */

static void open_tap(void)
{
	struct ifreq ifr = {
		.ifr_name = "gmem0",
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	};
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE),
	};

	tap_fd = must(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
	must(ioctl(tap_fd, TUNSETIFF, &ifr));
	packets = must(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC,
			      htons(ETHERTYPE)));
	must(ioctl(packets, SIOCGIFINDEX, &ifr));
	addr.sll_ifindex = ifr.ifr_ifindex;
	must(ioctl(packets, SIOCGIFFLAGS, &ifr));
	ifr.ifr_flags |= IFF_UP;
	must(ioctl(packets, SIOCSIFFLAGS, &ifr));
	must(bind(packets, (struct sockaddr *)&addr, sizeof(addr)));
}

/* To everybody, from nobody in particular. */
static void write_frame(char *frame, char byte)
{
	memset(frame, 0xff, 6);
	memset(frame + 6, 2, 6);
	frame[12] = (char)(ETHERTYPE >> 8);
	frame[13] = (char)(ETHERTYPE & 0xff);
	memset(frame + 14, byte, FRAME - 14);
}

static bool is_frame(const char *frame, char byte)
{
	return all_bytes(frame, 6, (char)0xff) &&
	       all_bytes(frame + 14, FRAME - 14, byte);
}

/* The length of what came, 0 for nothing within that time. */
static long receive(char *frame, int ms)
{
	struct pollfd poll_it = { .fd = packets, .events = POLLIN };

	if (!poll(&poll_it, 1, ms))
		return 0;
	return must(recv(packets, frame, FRAME + 1, 0));
}

/* ---- the rings: descriptors, available, used ---- */

static struct vring_desc *ring_of(int q)
{
	return (struct vring_desc *)(guest + RING(q));
}

static volatile struct vring_avail *available(int q)
{
	return (struct vring_avail *)(guest + RING(q) + PAGE);
}

static volatile struct vring_used *used(int q)
{
	return (struct vring_used *)(guest + RING(q) + 2 * PAGE);
}

static void offer(int q, long offset, uint32_t len, uint16_t flags)
{
	uint16_t n = available(q)->idx;

	ring_of(q)[n % ENTRIES] = (struct vring_desc){
		.addr = offset, .len = len, .flags = flags,
	};
	available(q)->ring[n % ENTRIES] = n % ENTRIES;
	__sync_synchronize();
	available(q)->idx = n + 1;
	must(eventfd_write(kick[q], 1));
}

static bool used_within_a_while(int q, uint16_t idx)
{
	int i;

	for (i = 0; i < 6000 && used(q)->idx != idx; i++)
		usleep(10000);
	return used(q)->idx == idx;
}

static void set_memory(void)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region;
	} memory = {
		.head.nregions = 1,
		.region = {
			.memory_size = SIZE,
			.userspace_addr = (uintptr_t)shared,
		},
	};

	must(ioctl(vhost, VHOST_SET_MEM_TABLE, &memory));
}

static void set_ring(unsigned int q)
{
	struct vhost_vring_state num = { .index = q, .num = ENTRIES };
	struct vhost_vring_state base = { .index = q };
	struct vhost_vring_addr addr = {
		.index = q,
		.desc_user_addr = (uintptr_t)shared + RING(q),
		.avail_user_addr = (uintptr_t)shared + RING(q) + PAGE,
		.used_user_addr = (uintptr_t)shared + RING(q) + 2 * PAGE,
	};
	struct vhost_vring_file file = { .index = q };

	kick[q] = must(eventfd(0, EFD_CLOEXEC));
	file.fd = kick[q];
	must(ioctl(vhost, VHOST_SET_VRING_NUM, &num));
	must(ioctl(vhost, VHOST_SET_VRING_BASE, &base));
	must(ioctl(vhost, VHOST_SET_VRING_ADDR, &addr));
	must(ioctl(vhost, VHOST_SET_VRING_KICK, &file));
	file.fd = tap_fd;
	must(ioctl(vhost, VHOST_NET_SET_BACKEND, &file));
}

static void open_vhost(void)
{
	uint64_t features = 0;
	unsigned int q;

	vhost = must(open("/dev/vhost-net", O_RDWR | O_CLOEXEC));
	must(ioctl(vhost, VHOST_SET_OWNER, NULL));
	must(ioctl(vhost, VHOST_SET_FEATURES, &features));
	set_memory();
	for (q = 0; q < QUEUES; q++)
		set_ring(q);
}

/* ---- the tests ---- */

static void put_packet(char byte)
{
	memset(guest + BUFFER(TX), 0, HEADER);
	write_frame(guest + BUFFER(TX) + HEADER, byte);
}

static void test_send(char byte)
{
	char frame[FRAME + 1];

	put_packet(byte);
	offer(TX, BUFFER(TX), HEADER + FRAME, 0);
	is(receive(frame, 60000), FRAME, "a packet in a shared page is sent");
	ok(is_frame(frame, byte), "with its contents");
}

static void test_receive(char byte)
{
	char frame[FRAME];

	offer(RX, BUFFER(RX), PAGE, VRING_DESC_F_WRITE);
	write_frame(frame, byte);
	is(send(packets, frame, FRAME, 0), FRAME, "a packet to the guest");
	ok(used_within_a_while(RX, 1), "is there");
	ok(is_frame(guest + BUFFER(RX) + HEADER, byte), "with its contents");
}

static void test_private(void)
{
	char frame[FRAME + 1];

	put_packet('p');
	convert(BUFFER(TX), GMEM_ATTRIBUTE_PRIVATE);
	offer(TX, BUFFER(TX), HEADER + FRAME, 0);
	is(receive(frame, 1000), 0, "a packet in a private page isn't sent");
}

int main(void)
{
	struct gmem_attributes all = { .size = SIZE };
	int view;

	fd = new_file(SIZE);
	guest = map(fd, SIZE);
	view = must(ioctl(fd, GMEM_SHARED_VIEW, 0));
	shared = map(view, SIZE);
	must(ioctl(fd, GMEM_SET_ATTRIBUTES, &all));
	open_tap();
	open_vhost();

	test_send('a');
	test_receive('b');
	test_private();
	close(vhost);
	close(tap_fd);
	munmap(shared, SIZE);
	munmap(guest, SIZE);
	close(view);
	close(fd);
	nothing_is_left();
	ok(becomes("pinned_bytes", 0), "nothing stays pinned");
	return done_testing();
}
