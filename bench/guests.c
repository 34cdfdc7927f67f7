// SPDX-License-Identifier: GPL-2.0
/*
 * bench-guests LIMIT ROUNDS KERNEL INITRD DIR METHOD...
 *
 * Boots a guest for each method of protecting its memory, all under gmemvm but
 * nvme-vfio, which needs a driver for NVMe disks: that is QEMU's. The guests
 * work in turn, while the others are idle: once as round 0, to warm up, and then
 * for ROUNDS rounds, of which every second has the reverse order.
 * LIMIT is a number of seconds for each job of fio and iperf3, or a number of
 * operations with an "x". DIR has the guests' disks, or room for them. The
 * first guest has the tap bench-tap1, the next bench-tap2, and so on; see
 * guest-init for the addresses.
 *
 * Prints lines for bench/report: for each boot, and for each work of each
 * method, with what it cost the host.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "guests.h"
#include "text.h"

#define MIB		(1UL << 20)
#define GUESTS_MAX	16
#define GUEST_MIB	256
#define DISK_MIB	64
#define PATIENCE_MS	600000	/* how long to wait for a guest's line */
#define LINE_SIZE	4096

struct guest {
	const struct method *method;
	pid_t pid;
	int to;		/* the guest's console, for input */
	int from;	/* the guest's console, for output */
	char said[LINE_SIZE];	/* output that isn't a whole line yet */
	size_t length;
	bool gone;
};

/* What a guest has cost the host so far. */
struct spent {
	struct counters host;
	int64_t exits;
	int64_t cpu_ns;
	int64_t tlb_ipis;
	int64_t ns;
};

static struct guest guests[GUESTS_MAX];
static int nr_guests;
static const char *kernel, *initrd, *dir;
static int said_number;

/* ---- costs ---- */

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* CPU time of all threads now; only idle workers end meanwhile. */
static int64_t cpu_ns(pid_t pid)
{
	char path[300];
	struct dirent *entry;
	int64_t sum = 0, ns;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return -1;
	while ((entry = readdir(tasks))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid,
			 entry->d_name);
		ns = entry->d_name[0] == '.' ? 0 : file_number(path);
		sum += ns > 0 ? ns : 0;
	}
	closedir(tasks);
	return sum;
}

static int64_t kvm_exits(pid_t pid)
{
	static const char kvm[] = "/sys/kernel/debug/kvm";
	char path[300], start[16];
	struct dirent *entry;
	int64_t exits = -1;
	DIR *vms = opendir(kvm);

	if (!vms)
		return -1;
	snprintf(start, sizeof(start), "%d-", pid);
	while ((entry = readdir(vms))) {
		if (strncmp(entry->d_name, start, strlen(start)))
			continue;
		snprintf(path, sizeof(path), "%s/%s/exits", kvm, entry->d_name);
		exits = file_number(path);
	}
	closedir(vms);
	return exits;
}

/* Interrupts of one kind, on all CPUs. */
static int64_t interrupts(const char *name)
{
	FILE *f = fopen("/proc/interrupts", "re");
	char line[LINE_SIZE], *at, *end;
	int64_t sum = -1, number;

	while (f && fgets(line, sizeof(line), f)) {
		at = line + strspn(line, " ");
		if (strncmp(at, name, strlen(name)))
			continue;
		sum = 0;
		for (at += strlen(name); ; at = end) {
			number = strtoll(at, &end, 10);
			if (end == at)
				break;
			sum += number;
		}
	}
	if (f)
		fclose(f);
	return sum;
}

static struct spent spent_by(const struct guest *g)
{
	struct spent s;

	s.host = counters_read();
	s.exits = kvm_exits(g->pid);
	s.cpu_ns = cpu_ns(g->pid);
	s.tlb_ipis = interrupts("TLB:");
	s.ns = now_ns();
	return s;
}

static void print_spent(const char *key, int64_t from, int64_t to)
{
	if (from >= 0 && to >= from)
		printf(" %s=%lld", key, (long long)(to - from));
}

static void print_all_spent(const struct spent *from, const struct spent *to)
{
	print_spent("exits", from->exits, to->exits);
	print_spent("cpu_ns", from->cpu_ns, to->cpu_ns);
	print_spent("tlb_ipis", from->tlb_ipis, to->tlb_ipis);
	counters_print(&from->host, &to->host);
	putchar('\n');
	fflush(stdout);
}

/* ---- a guest ---- */

static void make_disk(const char *path)
{
	static char bytes[MIB];
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	int i;

	if (fd < 0)
		die("%s", path);
	memset(bytes, 0x5a, sizeof(bytes));
	for (i = 0; i < DISK_MIB; i++)
		if (write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
			die("%s", path);
	close(fd);
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

/* @number: the number of its tap, from 1 on. */
static void become_gmemvm(const struct method *m, const char *disk, int number)
{
	char memory[256], disks[512], net[64], append[256];

	snprintf(memory, sizeof(memory), "--memory=size=%dM,%s", GUEST_MIB,
		 m->memory);
	snprintf(disks, sizeof(disks), "--disk=path=%s%s", disk,
		 or_empty(m->disk));
	snprintf(net, sizeof(net), "--net=tap=bench-tap%d%s", number,
		 or_empty(m->net));
	snprintf(append, sizeof(append),
		 "--append=console=ttyS0 loglevel=1 panic=-1 ipv6.disable=1 BENCH_NET=%d %s",
		 number, or_empty(m->append));
	execlp("gmemvm", "gmemvm", memory, disks, net, append, kernel, initrd,
	       "--no-reboot", m->sandbox, NULL);
	die("gmemvm");
}

/* What --kernel=, --initrd= and the like have behind the sign. */
static const char *value_of(const char *option)
{
	return strchr(option, '=') + 1;
}

/* The guest's disk is as large as those of others, whatever the real one is. */
static void become_qemu(int number)
{
	char append[256], disk[128], part[128], net[128], size[16], memory[128];
	const char *nvme = getenv("BENCH_NVME");

	if (!nvme) {
		errno = ENODEV;
		die("BENCH_NVME");
	}
	snprintf(size, sizeof(size), "%dM", GUEST_MIB);
	snprintf(memory, sizeof(memory),
		 "memory-backend-file,id=m,share=on,align=2M,size=%s,mem-path=/dev/gmem",
		 size);
	snprintf(disk, sizeof(disk),
		 "driver=nvme,node-name=nvme,device=%s,namespace=1", nvme);
	snprintf(part, sizeof(part),
		 "driver=raw,node-name=disk,file=nvme,size=%lu",
		 DISK_MIB * MIB);
	snprintf(net, sizeof(net),
		 "tap,id=net,ifname=bench-tap%d,script=no,downscript=no",
		 number);
	snprintf(append, sizeof(append),
		 "console=ttyS0 loglevel=1 panic=-1 ipv6.disable=1 BENCH_NET=%d",
		 number);
	execlp("qemu-system-x86_64", "qemu-system-x86_64", "-accel", "kvm",
	       "-cpu", "host", "-machine", "q35,memory-backend=m", "-object",
	       memory, "-m", size, "-nodefaults", "-display", "none",
	       "-no-reboot", "-serial", "stdio", "-kernel", value_of(kernel),
	       "-initrd", value_of(initrd), "-append", append, "-blockdev",
	       disk, "-blockdev", part, "-device",
	       "virtio-blk-pci,drive=disk", "-netdev", net, "-device",
	       "virtio-net-pci,netdev=net", NULL);
	die("qemu-system-x86_64");
}

static void start(struct guest *g, const struct method *m, int number)
{
	char disk[256];
	int to[2], from[2];

	snprintf(disk, sizeof(disk), "%s/%s", dir, m->name);
	make_disk(disk);
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		die("pipe");
	*g = (struct guest){ .method = m, .to = to[1], .from = from[0] };
	g->pid = fork();
	if (g->pid < 0)
		die("fork");
	if (!g->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		if (m->nvme)
			become_qemu(number);
		become_gmemvm(m, disk, number);
	}
	close(to[0]);
	close(from[1]);
}

/* Read the guest's output. Return: false if none comes in time. */
static bool hear(struct guest *g, int64_t until)
{
	struct pollfd fd = { .fd = g->from, .events = POLLIN };
	int64_t left = (until - now_ns()) / 1000000;
	ssize_t done;

	if (left <= 0 || poll(&fd, 1, left) <= 0)
		return false;
	if (g->length == sizeof(g->said) - 1)
		g->length = 0;
	done = read(g->from, g->said + g->length,
		    sizeof(g->said) - 1 - g->length);
	if (done <= 0)
		return false;
	g->length += done;
	g->said[g->length] = '\0';
	return true;
}

/* Take the first line of the guest's output, if it is complete. */
static bool take_line(struct guest *g, char *line)
{
	char *end = memchr(g->said, '\n', g->length);
	size_t length = end ? end - g->said + 1 : 0;

	if (!end)
		return false;
	memcpy(line, g->said, length);
	line[length] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	g->length -= length;
	memmove(g->said, end + 1, g->length);
	return true;
}

/*
 * Wait for a line that begins with "guest: WORD". Return: the rest of that
 * line, which the next call overwrites; or NULL if the guest has failed.
 */
static const char *wait_for(struct guest *g, const char *word)
{
	static char line[LINE_SIZE];
	int64_t until = now_ns() + PATIENCE_MS * 1000000LL;
	char want[64], *at;

	snprintf(want, sizeof(want), "guest: %s", word);
	for (;;) {
		while (take_line(g, line)) {
			at = strstr(line, want);
			if (at)
				return at + strlen(want);
			fprintf(stderr, "bench-guests: %s: %s\n",
				g->method->name, line);
		}
		if (!hear(g, until))
			break;
	}
	g->gone = true;
	return NULL;
}

/* Send a command. Return: as wait_for(). A guest that ended gets no command. */
static const char *tell(struct guest *g, const char *command)
{
	char number[32];

	snprintf(number, sizeof(number), "%d ", ++said_number);
	if (dprintf(g->to, "%s%s\n", number, command) < 0) {
		g->gone = true;
		return NULL;
	}
	return wait_for(g, number);
}

static void end(struct guest *g)
{
	if (g->gone || dprintf(g->to, "0 off\n") < 0)
		kill(g->pid, SIGKILL);
	while (!g->gone && hear(g, now_ns() + 60000000000LL))
		g->length = 0;
	kill(g->pid, SIGKILL);
	waitpid(g->pid, NULL, 0);
}

/* ---- rounds ---- */

static void print_failure(const char *work, const struct method *m, int round,
			  const char *why)
{
	printf("round=%d %s %s error=%s\n", round, work, m->name, why);
	fflush(stdout);
}

/*
 * The first guest boots slowly, because files are read, and because an emulated
 * host translates the code for the first time.
 */
static void warm_up(const char *name)
{
	const struct method *m = find_method(name);
	struct guest g;

	if (!m)
		return;
	start(&g, m, 1);
	if (!wait_for(&g, "up"))
		print_failure("warm-up", m, 0, "guest:gave-up");
	end(&g);
}

/* A work that the guest doesn't time itself is timed here. */
static void measure(struct guest *g, const struct work *w, const char *limit,
		    int round)
{
	struct spent from, to;
	char command[256];
	const char *said;

	snprintf(command, sizeof(command), "%s %s %s", w->program,
		 w->limit ? w->limit : limit, w->arguments);
	from = spent_by(g);
	said = tell(g, command);
	to = spent_by(g);
	if (!said) {
		print_failure(w->name, g->method, round, "guest:gave-up");
		return;
	}
	printf("round=%d %s %s %s", round, w->name, g->method->name, said);
	if (!strstr(said, " ns=") && !strstr(said, "error="))
		print_spent("ns", from.ns, to.ns);
	print_all_spent(&from, &to);
}

/*
 * A boot is measured from before the guest's memory exists. It and touch_memory
 * are measured once, as round 1.
 */
static void boot(const struct method *m)
{
	struct guest *g = &guests[nr_guests];
	struct spent from, to;

	from = spent_by(g);
	start(g, m, nr_guests + 1);
	if (!wait_for(g, "up")) {
		end(g);
		print_failure("boot", m, 1, "guest:gave-up");
		return;
	}
	to = spent_by(g);
	from.exits = 0;
	from.cpu_ns = 0;
	printf("round=1 boot %s units=1 ns=%lld", m->name,
	       (long long)(to.ns - from.ns));
	print_all_spent(&from, &to);
	measure(g, &touch_memory, "", 1);
	nr_guests++;
}

static void one_round(int round, const char *limit)
{
	const struct work *w;
	int i;

	for (w = works; w->name; w++)
		for (i = 0; i < nr_guests; i++) {
			struct guest *g = &guests[round % 2 ?
						  nr_guests - 1 - i : i];

			if (!g->gone)
				measure(g, w, limit, round);
		}
}

/* "2" seconds, or "500x" operations. */
static void check_limit(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (number <= 0 || (*end && strcmp(end, "x"))) {
		fprintf(stderr, "bench-guests: LIMIT must be like 2 (seconds) or 500x (operations), not %s\n",
			text);
		exit(2);
	}
}

static void boot_by_name(const char *name)
{
	const struct method *m = find_method(name);

	if (!m) {
		fprintf(stderr, "bench-guests: unknown method %s\n", name);
		exit(2);
	}
	if (nr_guests < GUESTS_MAX)
		boot(m);
}

int main(int argc, char **argv)
{
	char kernel_option[256], initrd_option[256];
	int rounds, round, i;

	if (argc < 7) {
		fprintf(stderr, "usage: bench-guests LIMIT ROUNDS KERNEL INITRD DIR METHOD...\n");
		return 2;
	}
	check_limit(argv[1]);
	rounds = atoi(argv[2]);
	snprintf(kernel_option, sizeof(kernel_option), "--kernel=%s", argv[3]);
	snprintf(initrd_option, sizeof(initrd_option), "--initrd=%s", argv[4]);
	kernel = kernel_option;
	initrd = initrd_option;
	dir = argv[5];
	signal(SIGPIPE, SIG_IGN);
	counters_start();
	/* If nothing is compared, the time of a boot doesn't matter. */
	if (argc > 7 && rounds)
		warm_up(argv[6]);
	for (i = 6; i < argc; i++)
		boot_by_name(argv[i]);
	for (round = 0; round <= rounds; round++)
		one_round(round, argv[1]);
	for (i = 0; i < nr_guests; i++)
		end(&guests[i]);
	return 0;
}
