// SPDX-License-Identifier: GPL-2.0
/*
 * The only program of a guest that does as it is told, line by line on its
 * console. Each line is a number, a command and its arguments; the answer is
 * "told-init: NUMBER ..." with the same number:
 *
 *	load MODULE	loaded MODULE
 *	keep MIB [TAG]	kept pages=N: more memory, with a pattern of its own;
 *				its tag is random without TAG
 *	drop		dropped pages=N: the last of it is freed
 *	check		intact pages=N, or CORRUPT pages=N of=M
 *	memory		memory total_kib=N free_kib=N
 *				clocksource=NAME
 *	disk-write MIB SEED [DISK]	disk-wrote pages=N; vda without DISK
 *	disk-check MIB SEED [DISK]	intact ... or CORRUPT ..., as above
 *	disk-reads DISK	disk-reads: it is read from now on, until the guest's end
 *	share-write MIB SEED	share-wrote pages=N, into an ivshmem device
 *	share-check MIB SEED	intact ... or CORRUPT ...
 *	random		random HEX: 16 bytes of the hardware's generator
 *	urandom		urandom HEX: 16 bytes of the kernel's generator
 *	forks		forks=N: how often the kernel has seen itself cloned
 *	time		time real_s=N mono_s=N
 *	net ADDRESS	net: eth0 has that address, of a network of 24 bits
 *	tcp-write MIB SEED HOST	tcp-wrote pages=N, to port 7 of HOST
 *	tcp-check MIB SEED HOST	intact ... or CORRUPT ..., what that sends
 *	off		off, and the guest's end
 *	reset		reset, and it begins again
 *
 * It begins with "told-init: hello", and ends with "told-init: FAILED: ...".
 * The pattern is that of ../lib/secret.h. What two guests are to agree on comes
 * from SEED; what is kept, from a secret of the guest's own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../lib/secret.h"
#include "init.h"

const char *const init_name = "told-init";

#define AREAS		16
#define PAGES_PER_MIB	(1024 * 1024 / SECRET_PAGE_SIZE)

#define CLOCKSOURCE \
	"/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define PCI		"/sys/bus/pci/devices"
#define IVSHMEM		"0x1af4 0x1110"

struct area {
	uint64_t secret;
	uint64_t tag;
	uint64_t *words;
	size_t pages;
};

static struct area areas[AREAS];
static unsigned int nr_areas;

/* ---- patterns ---- */

static uint64_t *page_at(const struct area *a, size_t page)
{
	return a->words + page * SECRET_WORDS;
}

static void fill(const struct area *a)
{
	for (size_t i = 0; i < a->pages; i++)
		secret_fill(page_at(a, i), secret_first(a->secret, i),
			    a->tag);
}

static size_t count_corrupt(const struct area *a)
{
	size_t corrupt = 0;

	for (size_t i = 0; i < a->pages; i++)
		if (!secret_intact(page_at(a, i), secret_first(a->secret, i),
				   a->tag))
			corrupt++;
	return corrupt;
}

static void say_checked(const char *id, size_t corrupt, size_t pages)
{
	if (corrupt)
		say("%s CORRUPT pages=%zu of=%zu", id, corrupt, pages);
	else
		say("%s intact pages=%zu", id, pages);
}

/* ---- memory that is kept ---- */

static void keep(const char *id, unsigned long mib, uint64_t tag)
{
	struct area *a = &areas[nr_areas];

	if (nr_areas == AREAS) {
		errno = ENOSPC;
		die("keep");
	}
	draw(&a->secret, sizeof(a->secret));
	a->tag = tag;
	if (!tag)
		draw(&a->tag, sizeof(a->tag));
	a->pages = mib * PAGES_PER_MIB;
	a->words = mmap(NULL, a->pages * SECRET_PAGE_SIZE,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	if (a->words == MAP_FAILED)
		die("mmap");
	/* Only to have fewer faults, each dear under emulation. */
	madvise(a->words, a->pages * SECRET_PAGE_SIZE, MADV_HUGEPAGE);
	fill(a);
	nr_areas++;
	say("%s kept pages=%zu", id, a->pages);
}

static void drop(const char *id)
{
	struct area *a;

	if (!nr_areas) {
		errno = ENOENT;
		die("drop");
	}
	a = &areas[--nr_areas];
	munmap(a->words, a->pages * SECRET_PAGE_SIZE);
	say("%s dropped pages=%zu", id, a->pages);
}

static void check(const char *id)
{
	size_t pages = 0, corrupt = 0;

	for (unsigned int i = 0; i < nr_areas; i++) {
		pages += areas[i].pages;
		corrupt += count_corrupt(&areas[i]);
	}
	say_checked(id, corrupt, pages);
}

/* ---- the disk ---- */

/* Directly: what is checked has been on the disk, not in the guest's cache. */
static void disk(const char *id, unsigned long mib, uint64_t seed,
		 const char *name, bool write)
{
	struct area chunk = {
		.secret = seed,
		.tag = seed,
		.pages = PAGES_PER_MIB,
	};
	const size_t len = chunk.pages * SECRET_PAGE_SIZE;
	char path[64], transfer[96];
	size_t corrupt = 0;
	ssize_t done;
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name);
	snprintf(transfer, sizeof(transfer), "transfer of %s", path);
	chunk.words = mmap(NULL, len, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = open(path, (write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || chunk.words == MAP_FAILED)
		die(path);
	for (unsigned long i = 0; i < mib; i++, chunk.secret++) {
		memset(chunk.words, 0, len);
		if (write)
			fill(&chunk);
		done = write ? pwrite(fd, chunk.words, len, i * len)
			     : pread(fd, chunk.words, len, i * len);
		if (done != (ssize_t)len)
			die(transfer);
		if (!write)
			corrupt += count_corrupt(&chunk);
	}
	if (fsync(fd))
		die("fsync");
	close(fd);
	munmap(chunk.words, len);
	if (write)
		say("%s disk-wrote pages=%lu", id, mib * PAGES_PER_MIB);
	else
		say_checked(id, corrupt, mib * PAGES_PER_MIB);
}

/* It fails when the guest goes down, and there is nobody to tell then. */
static _Noreturn void read_on(int fd, void *p, size_t len)
{
	off_t at = 0;
	ssize_t done;

	while ((done = pread(fd, p, len, at)) >= 0)
		at = done ? at + done : 0;
	_exit(1);
}

static void disk_reads(const char *id, const char *name)
{
	const size_t len = PAGES_PER_MIB * SECRET_PAGE_SIZE;
	char path[64];
	pid_t child;
	void *p;
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (fd < 0 || p == MAP_FAILED)
		die(path);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		read_on(fd, p, len);
	close(fd);
	munmap(p, len);
	say("%s disk-reads", id);
}

/* ---- memory shared with another guest ---- */

static void read_word(const char *path, char *word, int size)
{
	FILE *f = fopen(path, "r");

	if (!f || !fgets(word, size, f))
		die(path);
	fclose(f);
	word[strcspn(word, "\n")] = '\0';
}

static bool is_ivshmem(const char *name)
{
	char path[512], vendor[16], device[16], both[40];

	snprintf(path, sizeof(path), PCI "/%s/vendor", name);
	read_word(path, vendor, sizeof(vendor));
	snprintf(path, sizeof(path), PCI "/%s/device", name);
	read_word(path, device, sizeof(device));
	snprintf(both, sizeof(both), "%s %s", vendor, device);
	return !strcmp(both, IVSHMEM);
}

static int open_of_device(const char *name, const char *file, int flags)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), PCI "/%s/%s", name, file);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		die(path);
	return fd;
}

/* The second BAR of an ivshmem device is the shared memory. */
static int open_ivshmem(void)
{
	struct dirent *entry;
	DIR *dir = opendir(PCI);
	int fd = -1;

	if (!dir)
		die(PCI);
	while (fd < 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !is_ivshmem(entry->d_name))
			continue;
		fd = open_of_device(entry->d_name, "enable", O_WRONLY);
		if (write(fd, "1", 1) != 1)
			die("enable of ivshmem");
		close(fd);
		fd = open_of_device(entry->d_name, "resource2", O_RDWR);
	}
	closedir(dir);
	if (fd < 0)
		die("no ivshmem device");
	return fd;
}

static void share(const char *id, unsigned long mib, uint64_t seed, bool write)
{
	struct area a = {
		.secret = seed,
		.tag = seed,
		.pages = mib * PAGES_PER_MIB,
	};
	int fd = open_ivshmem();

	a.words = mmap(NULL, a.pages * SECRET_PAGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);
	if (a.words == MAP_FAILED)
		die("mmap of ivshmem");
	close(fd);
	if (write) {
		fill(&a);
		say("%s share-wrote pages=%zu", id, a.pages);
	} else {
		say_checked(id, count_corrupt(&a), a.pages);
	}
	munmap(a.words, a.pages * SECRET_PAGE_SIZE);
}

/* ---- the network ---- */

#define INTERFACE	"eth0"
#define PREFIX_MASK	"255.255.255.0"
#define PORT		7

static struct sockaddr_in internet_address(const char *text, uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(port),
	};

	if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
		errno = EINVAL;
		die(text);
	}
	return address;
}

static void set_interface(int fd, unsigned long what, const char *text)
{
	struct sockaddr_in address = internet_address(text, 0);
	struct ifreq request = { .ifr_name = INTERFACE };

	memcpy(&request.ifr_addr, &address, sizeof(address));
	if (ioctl(fd, what, &request))
		die(INTERFACE);
}

static void net(const char *id, const char *address)
{
	struct ifreq request = { .ifr_name = INTERFACE };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	set_interface(fd, SIOCSIFADDR, address);
	set_interface(fd, SIOCSIFNETMASK, PREFIX_MASK);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		die(INTERFACE);
	close(fd);
	say("%s net", id);
}

static void transfer_all(int fd, void *data, size_t len, bool write_it)
{
	char *at = data;
	ssize_t done;

	while (len) {
		done = write_it ? write(fd, at, len) : read(fd, at, len);
		if (done <= 0)
			die("transfer by TCP");
		at += done;
		len -= done;
	}
}

/* Who receives closes, so that the other end knows that all has come. */
static void tcp(const char *id, unsigned long mib, uint64_t seed,
		const char *host, bool write_it)
{
	struct sockaddr_in address = internet_address(host, PORT);
	static uint64_t words[PAGES_PER_MIB * SECRET_WORDS];
	struct area chunk = {
		.secret = seed, .tag = seed, .words = words,
		.pages = PAGES_PER_MIB,
	};
	size_t corrupt = 0;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address,
			      sizeof(address)))
		die("connect");
	for (unsigned long i = 0; i < mib; i++, chunk.secret++) {
		if (write_it)
			fill(&chunk);
		transfer_all(fd, words, sizeof(words), write_it);
		if (!write_it)
			corrupt += count_corrupt(&chunk);
	}
	shutdown(fd, SHUT_WR);
	if (read(fd, words, 1))
		die("the other end's close");
	close(fd);
	if (write_it)
		say("%s tcp-wrote pages=%lu", id, mib * PAGES_PER_MIB);
	else
		say_checked(id, corrupt, mib * PAGES_PER_MIB);
}

/* ---- random numbers ---- */

static void hardware_random(const char *id)
{
	uint64_t words[2];
	int fd = open("/dev/hwrng", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, words, sizeof(words)) != sizeof(words))
		die("/dev/hwrng");
	close(fd);
	say("%s random %016" PRIx64 "%016" PRIx64, id, words[0], words[1]);
}

static void kernel_random(const char *id)
{
	uint64_t words[2];

	draw(words, sizeof(words));
	say("%s urandom %016" PRIx64 "%016" PRIx64, id, words[0], words[1]);
}

/* ---- clones ---- */

/* One read() is one message. EPIPE: older ones were overwritten meanwhile. */
static unsigned int count_messages(const char *text)
{
	char message[1024];
	unsigned int count = 0;
	ssize_t size;
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("/dev/kmsg");
	while ((size = read(fd, message, sizeof(message) - 1)) > 0 ||
	       errno == EPIPE) {
		if (size <= 0)
			continue;
		message[size] = '\0';
		count += !!strstr(message, text);
	}
	close(fd);
	return count;
}

static void forks(const char *id)
{
	say("%s forks=%u", id, count_messages("virtual machine fork"));
}

static void tell_time(const char *id)
{
	struct timespec real, mono;

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	say("%s time real_s=%lld mono_s=%lld", id, (long long)real.tv_sec,
	    (long long)mono.tv_sec);
}

/* ---- commands ---- */

static void load(const char *id, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		die(path);
	close(fd);
	say("%s loaded %s", id, name);
}

static void memory(const char *id)
{
	char clocksource[64];

	read_word(CLOCKSOURCE, clocksource, sizeof(clocksource));
	say("%s memory total_kib=%lu free_kib=%lu clocksource=%s", id,
	    meminfo("MemTotal"), meminfo("MemFree"), clocksource);
}

static void obey(const char *id, const char *command, const char *argument,
		 uint64_t seed, const char *name)
{
	unsigned long mib = strtoul(argument, NULL, 10);

	if (!strcmp(command, "load")) {
		load(id, argument);
	} else if (!strcmp(command, "keep")) {
		keep(id, mib, seed);
	} else if (!strcmp(command, "drop")) {
		drop(id);
	} else if (!strcmp(command, "check")) {
		check(id);
	} else if (!strcmp(command, "memory")) {
		memory(id);
	} else if (!strcmp(command, "disk-reads")) {
		disk_reads(id, argument);
	} else if (!strncmp(command, "disk-", 5)) {
		disk(id, mib, seed, name, command[5] == 'w');
	} else if (!strncmp(command, "share-", 6)) {
		share(id, mib, seed, command[6] == 'w');
	} else if (!strcmp(command, "net")) {
		net(id, argument);
	} else if (!strncmp(command, "tcp-", 4)) {
		tcp(id, mib, seed, name, command[4] == 'w');
	} else if (!strcmp(command, "random")) {
		hardware_random(id);
	} else if (!strcmp(command, "urandom")) {
		kernel_random(id);
	} else if (!strcmp(command, "forks")) {
		forks(id);
	} else if (!strcmp(command, "time")) {
		tell_time(id);
	} else if (!strcmp(command, "reset")) {
		say("%s reset", id);
		reboot(RB_AUTOBOOT);
	} else if (!strcmp(command, "off")) {
		say("%s off", id);
		power_off();
	} else {
		errno = EINVAL;
		die(command);
	}
}

int main(void)
{
	char line[128], id[16], command[32], argument[32], seed[32], name[32];

	mount_all();
	if (mount("dev", "/dev", "devtmpfs", 0, NULL))
		die("mount /dev");
	say("hello");
	while (fgets(line, sizeof(line), stdin)) {
		memcpy(argument, "0", 2);
		memcpy(seed, "0", 2);
		memcpy(name, "vda", 4);
		if (sscanf(line, "%15s %31s %31s %31s %31s", id, command,
			   argument, seed, name) >= 2)
			obey(id, command, argument, strtoull(seed, NULL, 10),
			     name);
	}
	die("console");
}
