// SPDX-License-Identifier: GPL-2.0
/*
 * What a thread of gmemvm's waits for is gone, or can't be had: a tap, a
 * descriptor for a client, poll() itself. It neither spins, nor keeps others
 * from what they want. Without KVM.
 */
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../../vmm/control.h"
#include "../../vmm/layout.h"
#include "../../vmm/net.h"
#include "../../vmm/serial.h"
#include "../lib/tap.h"
#include "driver.h"

#define MEMORY		(64ULL << 20)
#define TIME_LIMIT_S	300
#define LOOK_US		500000
#define FEW		50	/* calls meanwhile; who spins makes thousands */

static struct vm vm;

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- calls, counted ---- */

static unsigned long polls;
static bool poll_fails;

int __real_poll(struct pollfd *fds, nfds_t nr, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout);

int __wrap_poll(struct pollfd *fds, nfds_t nr, int timeout)
{
	__atomic_fetch_add(&polls, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&poll_fails, __ATOMIC_RELAXED)) {
		errno = EINVAL;
		return -1;
	}
	return __real_poll(fds, nr, timeout);
}

static unsigned long polls_in_a_while(void)
{
	unsigned long before = __atomic_load_n(&polls, __ATOMIC_RELAXED);

	usleep(LOOK_US);
	return __atomic_load_n(&polls, __ATOMIC_RELAXED) - before;
}

static void is_few(unsigned long n, const char *what)
{
	ok(n <= FEW, "%s: %lu calls of poll()", what, n);
}

/* ---- the tap ---- */

#define RX_RING		0x0
#define TX_RING		0x10000
#define AVAILABLE	0x1000
#define USED		0x2000
#define DATA		0x3000
#define PACKET		(sizeof(struct virtio_net_hdr_v1) + 60)

static const struct driver_queue queues[] = {
	{ RX_RING, RX_RING + AVAILABLE, RX_RING + USED, 8 },
	{ TX_RING, TX_RING + AVAILABLE, TX_RING + USED, 8 },
};

/* All entries of a ring are 0: the chain that begins there. */
static void offer(uint64_t ring, uint16_t flags, uint16_t nr)
{
	const struct vring_desc chain = { ring + DATA, PACKET, flags, 0 };

	must(!guest_write(&vm.guest, ring, &chain, sizeof(chain)) &&
	     !guest_store_index(&vm.guest, ring + AVAILABLE + 2, nr), "a chain");
}

static uint64_t dropped(struct net *net)
{
	uint64_t n;

	virtio_lock(&net->virtio);
	n = net->counters.dropped;
	virtio_unlock(&net->virtio);
	return n;
}

static void test_sending(struct net *net)
{
	int tries = 1200;

	offer(TX_RING, 0, 2);
	driver_kick(&net->virtio);
	while (dropped(net) < 2 && tries--)
		usleep(50000);
	is(dropped(net), 2, "what the guest sends is taken, and lost");
}

/* What is on stderr meanwhile. */
static int stderr_is, said[2];

static void listen_to_stderr(void)
{
	stderr_is = dup(STDERR_FILENO);
	must(!pipe2(said, O_NONBLOCK) &&
	     dup2(said[1], STDERR_FILENO) == STDERR_FILENO, "stderr");
}

static char text[1 << 16];

static void read_said(void)
{
	ssize_t size;

	must(dup2(stderr_is, STDERR_FILENO) == STDERR_FILENO, "stderr");
	size = read(said[0], text, sizeof(text) - 1);
	text[size < 0 ? 0 : size] = '\0';
}

static unsigned int times_said(const char *what)
{
	unsigned int n = 0;

	for (char *at = text; (at = strstr(at, what)); at++)
		n++;
	return n;
}

/* As a tap whose interface was deleted: an error, and nothing to be read. */
static void test_tap(void)
{
	const struct net_options options = {};
	static struct net net;
	int fds[2];

	must(!pipe2(fds, O_NONBLOCK), "a pipe");
	net.tap_fd = fds[1];
	must(!net_attach(&net, &vm, 0, &options) && !net_start(&net),
	     "a network");
	listen_to_stderr();
	driver_begin(&vm, 0, 1ULL << VIRTIO_F_VERSION_1, queues, 2);
	offer(RX_RING, VRING_DESC_F_WRITE, 1);
	driver_kick(&net.virtio);
	is_few(polls_in_a_while(), "a tap that says nothing");
	close(fds[0]);
	is_few(polls_in_a_while(), "one that is gone");
	test_sending(&net);
	is_few(polls_in_a_while(), "then");
	for (int i = 0; i < 20; i++)
		driver_begin(&vm, 0, 1ULL << VIRTIO_F_VERSION_1, queues, 2);
	read_said();
	is(times_said("the tap is gone"), 1, "the user is told, once");
	is(times_said("TUNSETOFFLOAD"), 1,
	   "and once that it does less, however often the guest begins anew");
	is(virtio_stop(&net.virtio), 0, "and the thread ends");
	net_remove(&net);
}

/* ---- the control socket ---- */

static void answer(void *arg, const char *command, FILE *to)
{
	(void)arg;
	fprintf(to, "%zu", strlen(command));
}

static int listen_anywhere(struct sockaddr_un *address, socklen_t *size)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	*size = sizeof(address->sun_family);
	must(!bind(fd, (struct sockaddr *)address, *size) && !listen(fd, 8),
	     "a socket");
	*size = sizeof(*address);
	must(!getsockname(fd, (struct sockaddr *)address, size), "its name");
	return fd;
}

/* All below that are open, so there are no others; poll() needs some, too. */
static void limit_descriptors(rlim_t limit)
{
	struct rlimit limits;

	must(!getrlimit(RLIMIT_NOFILE, &limits), "a limit");
	limits.rlim_cur = limit ? limit : limits.rlim_max;
	must(!setrlimit(RLIMIT_NOFILE, &limits), "a limit");
}

static void talk(int client)
{
	char text[16] = "";

	must(send(client, "status\n", 7, 0) == 7, "a line");
	must(read(client, text, sizeof(text) - 1) >= 0, "an answer");
	is_str(text, "6\n", "with descriptors, the client gets its answer");
}

static void end_vm(void)
{
	uint64_t one = 1;

	__atomic_store_n(&vm.end, VM_QUIT, __ATOMIC_RELEASE);
	must(write(vm.end_fd, &one, sizeof(one)) == sizeof(one), "an event");
}

static void test_control(void)
{
	struct control control = { .vm = &vm, .answer = answer };
	struct sockaddr_un address;
	socklen_t size;
	int client = socket(AF_UNIX, SOCK_STREAM, 0);

	control.fd = listen_anywhere(&address, &size);
	must(!control_start(&control), "the control socket");
	is_few(polls_in_a_while(), "nobody asks");
	limit_descriptors(control.fd);
	must(!connect(client, (struct sockaddr *)&address, size), "a client");
	is_few(polls_in_a_while(), "no descriptor for a client");
	limit_descriptors(0);
	talk(client);
	end_vm();
	is(control_stop(&control), 0, "at the machine's end, the thread ends");
	close(client);
	close(control.fd);
}

/* ---- vCPUs that convert ---- */

static void test_conversions(void)
{
	uint64_t room = MEMORY;

	vm.io_pool.size = MEMORY;
	pthread_mutex_lock(&vm.guest.convert_lock);
	io_pool_saw(&vm.io_pool, 0, GMEM_PAGE_SIZE, &room);
	pthread_mutex_unlock(&vm.guest.convert_lock);
	is(io_pool_known(&vm.io_pool), 0,
	   "others convert: a disk doesn't wait, and shares nothing");
	vm.io_pool.size = 0;
}

/* ---- the console ---- */

static void *write_console(void *arg)
{
	char byte = 'x';

	bus_write(&vm.ports, SERIAL_PORT, &byte, sizeof(byte));
	return arg;
}

static void test_console(void)
{
	static struct serial serial;
	struct thread vcpu = {};
	struct pollfd there = { .events = POLLIN };
	char byte = 0;
	int fds[2];

	must(!pipe(fds) && !fcntl(fds[0], F_SETFL, O_NONBLOCK), "a pipe");
	there.fd = fds[0];
	must(!serial_add(&serial, &vm, fds[1]), "a console");
	poll_fails = true;
	must(!thread_start(&vcpu, "a vCPU", write_console, NULL), "a thread");
	is_few(polls_in_a_while(), "poll() fails");
	__real_poll(&there, 1, 60000);
	is(read(fds[0], &byte, 1), 1, "the guest's console is written to");
	__atomic_store_n(&poll_fails, false, __ATOMIC_RELAXED);
	is(thread_end(&vcpu, "a vCPU", THREAD_PATIENCE_MS), 0,
	   "and the vCPU goes on");
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	struct gmem_region_options options = {
		.size = MEMORY, .backends = 1 << GMEM_BACKEND_MEMFD,
	};
	struct gmem_region *region;

	signal(SIGPIPE, SIG_IGN);
	alarm(TIME_LIMIT_S);
	must(!gmem_region_create(&options, &region), "memory");
	driver_machine(&vm, region, 0);
	vm.end_fd = eventfd(0, EFD_NONBLOCK);
	must(vm.end_fd >= 0, "eventfd");
	test_tap();
	test_conversions();
	test_console();
	test_control();
	guest_close_shared(&vm.guest);
	gmem_region_destroy(region);
	return done_testing();
}
