// SPDX-License-Identifier: GPL-2.0
/*
 * Shared pages in mappings that aren't a shared view's: TCP maps what it has
 * received where it was asked to (TCP_ZEROCOPY_RECEIVE), and a page that was
 * spliced into a socket is one of those. Such a page has a mapping, and the
 * file can't unmap it. It is not made private, is nobody else's, and becomes
 * neither when the file is gone.
 */
#include "gmem_test.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SIZE		(4 * (long)BLOCK)
#define BAD		5
#define AT		(BAD * (long)PAGE)
#define POOL		(8 * (long)BLOCK)

static int sender, receiver;
static char *theirs;	/* TCP's mapping */

static void connect_sockets(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int listener = must(socket(AF_INET, SOCK_STREAM, 0));
	socklen_t len = sizeof(address);

	must(bind(listener, (void *)&address, len));
	must(listen(listener, 1));
	must(getsockname(listener, (void *)&address, &len));
	sender = must(socket(AF_INET, SOCK_STREAM, 0));
	must(connect(sender, (void *)&address, len));
	receiver = must(accept(listener, NULL, NULL));
	close(listener);
	theirs = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, receiver, 0);
	if (theirs == MAP_FAILED)
		bail_out("TCP can't map anything: %s", strerror(errno));
}

/* Through a pipe, which keeps it a page. */
static void send_page(char *page)
{
	struct iovec iov = { page, PAGE };
	int pipe_fds[2];

	must(pipe(pipe_fds));
	is(vmsplice(pipe_fds[1], &iov, 1, 0), PAGE, "a page is in a pipe");
	is(splice(pipe_fds[0], NULL, sender, NULL, PAGE, 0), PAGE,
	   "and from there in a socket");
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void receive_page(void)
{
	struct pollfd wait = { .fd = receiver, .events = POLLIN };
	struct tcp_zerocopy_receive zc = {
		.address = (uintptr_t)theirs, .length = PAGE,
	};
	socklen_t len = sizeof(zc);

	is(poll(&wait, 1, 60000), 1, "it arrives");
	is(getsockopt(receiver, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &zc, &len),
	   0, "and is received");
	is(zc.length, PAGE, "by a mapping");
	close(sender);
}

static bool has_it(void)
{
	return theirs[0] == 's' && all_bytes(theirs, PAGE, 's');
}

static void test_file(bool pool)
{
	int fd = new_file(SIZE);
	char *mem = map(fd, SIZE), *view;
	uint64_t stopped = 0;

	diag("%s", pool ? "with a pool" : "without a pool");
	connect_sockets();
	memset(mem, 'p', SIZE);
	must(set_shared(fd, AT, PAGE));
	view = shared_map(fd, SIZE);
	memset(view + AT, 's', PAGE);
	send_page(view + AT);
	receive_page();
	ok(has_it(), "with what was sent");
	sleep(1);	/* the sockets let go of the page */

	is_errno(set_flags(fd, 0, SIZE, GMEM_ATTRIBUTE_PRIVATE, 0, &stopped),
		 EAGAIN, "the page can't be made private");
	is(stopped, AT, "nor can it with all others");
	munmap(view, SIZE);
	is_errno(set_private(fd, AT, PAGE), EAGAIN,
		 "without the shared view, either");
	is(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, AT, PAGE),
	   0, "a hole is punched there");
	ok(all_bytes(theirs, PAGE, 0), "the mapping has the zeros");
	memset(mem, 'p', SIZE);
	is_errno(set_private(fd, AT, PAGE), EAGAIN,
		 "the page there can still not be made private");
	munmap(mem, SIZE);
	must(ftruncate(fd, 0));
	close(fd);
	is(sysfs("pinned_bytes"), PAGE, "the file goes, the page is kept");
}

/* Whatever others do with what the file had, it isn't seen. */
static void test_others(void)
{
	int fd = new_file(2 * POOL);
	char *mem = map(fd, 2 * POOL);

	memset(mem, 'o', 2 * POOL);
	ok(!theirs[0] && all_bytes(theirs, PAGE, 0),
	   "another file's memory isn't in the mapping");
	munmap(mem, 2 * POOL);
	close(fd);
	munmap(theirs, PAGE);
	close(receiver);
	ok(becomes("pinned_bytes", 0), "the mapping goes, and the page");
}

int main(void)
{
	test_file(false);
	test_others();
	must(write_text("/sys/fs/gmemfs/pool/low_bytes", "16777216"));
	ok(becomes("pool/free_bytes", POOL), "the pool is full");
	test_file(true);
	test_others();
	must(write_text("/sys/fs/gmemfs/pool/low_bytes", "0"));
	ok(becomes("pool/free_bytes", 0), "the pool is empty");
	ok(becomes("hidden_bytes", 0), "and what was in it has gone back");
	nothing_is_left();
	return done_testing();
}
