// SPDX-License-Identifier: GPL-2.0
/*
 * hostile [SECONDS [SEED [DIRECTORY [KILLS]]]]: a guest that makes KVM reach
 * everywhere into its memory, while the host takes that memory away and gives
 * it back.
 *
 * In rounds of a few seconds: each has VMs of its own, in a process of its own
 * that is killed in the middle of it. Even rounds have one VM of two vCPUs,
 * odd ones two VMs of one vCPU on the same file. The seed decides what guests
 * and host do; when, is up to the machine. With a number of kills, there are as
 * many rounds, and short ones: some are killed while they make their VMs.
 *
 * That the host survives is for hostvm to see. With a directory that is not
 * gmemfs's, what it does not survive there is KVM's own affair.
 */
#include <pthread.h>
#include <sys/prctl.h>
#include <time.h>

#include "../lib/chance.h"
#include "kvm.h"
#include "../module/gmem_test.h"

#define VCPUS		2
#define HALF		(GUEST_FILE_SIZE / 2)
#define FILE_PAGES	(GUEST_FILE_SIZE / PAGE)

/* Shared with the processes that get killed. */
struct stats {
	uint64_t counts[GUEST_COUNTS];
	uint64_t exits;
	uint64_t faults;	/* KVM_RUN failed: the memory was away */
	uint64_t crashes;	/* the guest is beyond recovery */
	uint64_t churns;
	uint64_t forks;
};

/* A VM and the mapping of the file that is its memory. */
struct machine {
	struct vm vm;
	char *mem;
};

struct runner {
	struct vcpu *vcpu;
	pthread_t thread;
	uint64_t seed;
	unsigned long ticks;
};

static struct stats *stats;
static struct machine machines[VCPUS];
static struct runner runners[VCPUS];
static unsigned int nr_machines;
static int file_fd;
static int other_fd;
static bool on_gmemfs;
static long others_hidden;
static uint64_t churn_seed;

/*
 * Whoever puts a slot back has it for writing, so that no vCPU is in KVM_RUN.
 * Else a vCPU that has found no slot may meet in KVM's tables what another has
 * mapped since, and newer KVMs (not 6.12, but 7.3) warn of it, whatever the
 * memory: tdp_mmu_map_handle_target_level(), where fault->pfn is then
 * KVM_PFN_NOSLOT. QEMU keeps its vCPUs out, too.
 */
static pthread_rwlock_t no_new_slot =
	PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

#define count(what) __atomic_add_fetch(&stats->what, 1, __ATOMIC_RELAXED)

/* ---- vCPU threads ---- */

static void add_counts(struct vcpu *vcpu)
{
	uint64_t counts[GUEST_COUNTS];
	unsigned int i;

	vcpu_take_counts(vcpu, counts);
	for (i = 0; i < GUEST_COUNTS; i++)
		__atomic_add_fetch(&stats->counts[i], counts[i],
				   __ATOMIC_RELAXED);
}

/* What a VMM sets for a guest that asks by hypercall: more pages for KVM. */
static void set_xen_pages(struct runner *r)
{
	static const unsigned short types[] = {
		KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO,
		KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO,
		KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR,
	};
	struct kvm_xen_vcpu_attr attr = {
		.type = types[chance(&r->seed) % 3],
		.u.gpa = GUEST_FILE + chance(&r->seed) % GUEST_FILE_SIZE,
	};

	if (chance(&r->seed) % 4)
		attr.u.gpa &= ~63UL;
	if (!(chance(&r->seed) % 8))
		attr.u.gpa = KVM_XEN_INVALID_GPA;
	ioctl(r->vcpu->fd, KVM_XEN_VCPU_SET_ATTR, &attr);
}

static void on_tick(struct runner *r)
{
	r->ticks++;
	add_counts(r->vcpu);
	if (!(chance(&r->seed) % 4))
		set_xen_pages(r);
}

static int run_with_slots(struct vcpu *vcpu)
{
	int ret, err;

	pthread_rwlock_rdlock(&no_new_slot);
	ret = vcpu_run(vcpu);
	err = errno;
	pthread_rwlock_unlock(&no_new_slot);
	errno = err;
	return ret;
}

/* One KVM_RUN. False: the guest can't go on from there. */
static bool run_once(struct runner *r)
{
	count(exits);
	while (run_with_slots(r->vcpu)) {
		if (errno == EAGAIN)
			continue;
		if (errno == EINTR)
			return true;
		count(faults);
		return false;
	}
	switch (r->vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		on_tick(r);
		return true;
	case KVM_EXIT_MMIO:
	case KVM_EXIT_HYPERV:
	case KVM_EXIT_XEN:
		return true;
	default:
		count(crashes);
		return false;
	}
}

static void *run_vcpu(void *arg)
{
	struct runner *r = arg;

	for (;;) {
		vcpu_reset(r->vcpu, GUEST_HOSTILE, chance(&r->seed));
		while (run_once(r))
			;
	}
	return NULL;
}

/* ---- what the host does meanwhile ---- */

static unsigned long below(unsigned long n)
{
	return chance(&churn_seed) % n;
}

static void pause_us(unsigned long most)
{
	usleep(below(most));
}

static void churn_truncate(struct machine *m)
{
	off_t size = below(2) ? below(FILE_PAGES) * PAGE
			      : below(GUEST_FILE_SIZE / BLOCK) * BLOCK;

	(void)m;
	must(ftruncate(file_fd, below(4) ? size : 0));
	pause_us(3000);
	must(ftruncate(file_fd, GUEST_FILE_SIZE));
}

static void churn_punch(struct machine *m)
{
	off_t at = below(FILE_PAGES) * PAGE;
	off_t size = (1 + below((GUEST_FILE_SIZE - at) / PAGE)) * PAGE;

	(void)m;
	must(fallocate(file_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
		       size));
}

/*
 * The memory that is not gmemfs's outlives the VMM: what is in a process's own
 * goes with it, and KVM, which isn't told any more (see outlived.c), may write
 * to it later.
 */
static void churn_map(struct machine *m)
{
	size_t at = below(FILE_PAGES) * PAGE;
	size_t size = (1 + below((GUEST_FILE_SIZE - at) / PAGE)) * PAGE;

	switch (below(4)) {
	case 0:
		munmap(m->mem + at, size);
		break;
	case 1:
		must(mmap(m->mem + at, size, PROT_READ | PROT_WRITE,
			  MAP_FIXED | MAP_SHARED, other_fd, at));
		break;
	case 2:
		mprotect(m->mem + at, size, below(2) ? PROT_READ : PROT_NONE);
		break;
	default:
		madvise(m->mem + at, size, MADV_DONTNEED);
	}
	pause_us(3000);
	must(mmap(m->mem + at, size, PROT_READ | PROT_WRITE,
		  MAP_FIXED | MAP_SHARED, file_fd, at));
}

static void on_kick(int sig)
{
	(void)sig;
}

static void kick_all(void)
{
	unsigned int i;

	for (i = 0; i < VCPUS; i++)
		pthread_kill(runners[i].thread, SIGUSR1);
}

/* A kick just before KVM_RUN is lost, so there are more until it has worked. */
static void keep_vcpus_out(void)
{
	struct timespec soon;

	do {
		kick_all();
		clock_gettime(CLOCK_MONOTONIC, &soon);
		soon.tv_nsec += 1000000;
		soon.tv_sec += soon.tv_nsec / 1000000000;
		soon.tv_nsec %= 1000000000;
	} while (pthread_rwlock_clockwrlock(&no_new_slot, CLOCK_MONOTONIC,
					    &soon));
}

static int set_half(struct machine *m, unsigned int half, uint64_t size)
{
	return vm_set_slot(&m->vm, 1 + half, GUEST_FILE + half * HALF,
			   m->mem + half * HALF, size);
}

static void churn_slot(struct machine *m)
{
	unsigned int half = below(2);

	must(set_half(m, half, 0));
	pause_us(2000);
	keep_vcpus_out();
	must(set_half(m, half, HALF));
	pthread_rwlock_unlock(&no_new_slot);
}

/* Has every clock page written again. */
static void churn_clock(struct machine *m)
{
	struct kvm_clock_data clock = {};

	must(ioctl(m->vm.fd, KVM_GET_CLOCK, &clock));
	clock.flags = 0;
	clock.clock += below(1000000);
	must(ioctl(m->vm.fd, KVM_SET_CLOCK, &clock));
}

static void churn_xen(struct machine *m)
{
	struct kvm_xen_hvm_attr attr = {
		.type = KVM_XEN_ATTR_TYPE_SHARED_INFO,
		.u.shared_info.gfn = GUEST_FILE / PAGE + below(FILE_PAGES),
	};

	if (below(2)) {
		attr.type = KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA;
		attr.u.shared_info.hva = (uintptr_t)m->mem +
					 below(FILE_PAGES) * PAGE;
	}
	if (!below(8))
		attr.u.shared_info.gfn = KVM_XEN_INVALID_GFN;
	ioctl(m->vm.fd, KVM_XEN_HVM_SET_ATTR, &attr);
}

/*
 * The child gets the mapping and gives it back, all the while it is in use. It
 * has the VM, too, so it must not outlive the round.
 */
static void churn_fork(struct machine *m)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		touch_write(m->mem + (getpid() % FILE_PAGES) * PAGE);
		for (;;)
			pause();
	}
	must(pid);
	pause_us(20000);
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0));
	count(forks);
}

static void churn(void)
{
	static void (*const ways[])(struct machine *) = {
		churn_truncate, churn_punch, churn_map, churn_map,
		churn_slot, churn_slot, churn_clock, churn_clock,
		churn_xen, churn_fork,
	};
	size_t way;

	way = below(sizeof(ways) / sizeof(ways[0]));
	ways[way](&machines[below(nr_machines)]);
	count(churns);
	pause_us(3000);
}

/* ---- a process full of VMs ---- */

static void make_machine(struct machine *m, unsigned int vcpus, bool hyperv)
{
	m->mem = map(file_fd, GUEST_FILE_SIZE);
	vm_make(&m->vm, vcpus, hyperv);
	must(set_half(m, 0, HALF));
	must(set_half(m, 1, HALF));
}

static _Noreturn void run_round(unsigned int round, uint64_t seed)
{
	struct sigaction act = { .sa_handler = on_kick };
	unsigned int i;

	sigaction(SIGUSR1, &act, NULL);
	nr_machines = 1 + round % 2;
	for (i = 0; i < nr_machines; i++)
		make_machine(&machines[i], VCPUS / nr_machines, round / 2 % 2);
	churn_seed = seed;
	for (i = 0; i < VCPUS; i++) {
		struct vm *vm = &machines[i % nr_machines].vm;

		runners[i].vcpu = &vm->vcpus[i / nr_machines];
		runners[i].seed = seed + 1 + i;
		errno = pthread_create(&runners[i].thread, NULL, run_vcpu,
				       &runners[i]);
		must(errno ? -1 : 0);
	}
	for (i = 0;; i++) {
		churn();
		if (i % 64 == 0)
			kick_all();
	}
}

/* ---- rounds ---- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* What a killed process held may be let go of a moment after it is gone. */
static long settled(const char *name, long want)
{
	int tries = 600;

	if (!on_gmemfs)
		return want;
	while (tries-- && sysfs(name) != want)
		usleep(100000);
	return sysfs(name);
}

static bool one_round(unsigned int round, uint64_t seed, double seconds)
{
	unsigned int step = seconds < 1 ? 1000 : 50000;
	double end = now() + seconds;
	int status;
	pid_t pid = must(fork());

	if (!pid) {
		tap_finished = true;
		run_round(round, seed);
	}
	while (now() < end) {
		usleep(step);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			diag("round %u: ended by itself, status %d", round,
			     status);
			return false;
		}
	}
	kill(pid, SIGKILL);
	must(waitpid(pid, &status, 0));
	if (!settled("lent_bytes", 0))
		return true;
	diag("round %u: %ld bytes lent after its VMs are dead", round,
	     sysfs("lent_bytes"));
	return false;
}

static void print_stats(void)
{
	diag("guests: %lu steps, %lu exceptions, %lu MSRs written, %lu VMRUNs, %lu of them ran",
	     stats->counts[0], stats->counts[1], stats->counts[2],
	     stats->counts[3], stats->counts[4]);
	diag("vCPUs: %lu exits; started anew: %lu memory was away, %lu crashed",
	     stats->exits, stats->faults, stats->crashes);
	diag("host: %lu changes, %lu of them forks; %ld loans",
	     stats->churns, stats->forks, sysfs("loans"));
}

static void open_file(const char *dir)
{
	struct gmem_info info = {};

	file_fd = new_file_in(dir, GUEST_FILE_SIZE);
	other_fd = must(memfd_create("other", MFD_CLOEXEC));
	must(ftruncate(other_fd, GUEST_FILE_SIZE));
	on_gmemfs = !ioctl(file_fd, GMEM_GET_INFO, &info);
	if (on_gmemfs)
		others_hidden = sysfs("hidden_bytes");
	else
		diag("%s is not gmemfs", dir);
}

static void check_gmemfs(double seconds)
{
	long loans = sysfs("loans");

	/* On a slow machine, whatever they get done has to do with loans. */
	ok(loans > 20 * seconds || loans > (long)stats->exits / 4,
	   "and were lent pages");
	is(settled("hidden_bytes", others_hidden), others_hidden,
	   "without VMs and file, nothing of ours is hidden");
	is(settled("lent_bytes", 0), 0, "nothing is lent");
	is(settled("quarantined_bytes", 0), 0, "and nothing is in quarantine");
}

/* Some seconds; or, of short ones, up to two times the mean. */
static double round_length(uint64_t *seed, double mean)
{
	if (!mean)
		return 3 + chance(seed) % 4;
	return mean * (chance(seed) % 2000) / 1000;
}

static uint64_t wanted_writes(double seconds)
{
	return 20 * seconds;
}

static uint64_t wanted_runs(double seconds)
{
	return seconds / 2;
}

/* On a slow machine the guests get more time, up to four times as much. */
static bool is_over(double since, double seconds)
{
	double passed = now() - since;

	if (passed < seconds)
		return false;
	return passed > 4 * seconds ||
	       (stats->counts[2] > wanted_writes(seconds) &&
		stats->counts[4] > wanted_runs(seconds));
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 60;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 0;
	unsigned int kills = argc > 4 ? atoi(argv[4]) : 0;
	double since = now();
	unsigned int round, good = 0;

	if (!seed)
		seed = (uint64_t)time(NULL) << 8 | (getpid() & 0xff);
	diag("seed %lu, for %.0f s", seed, seconds);
	stats = must(mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	open_file(argc > 3 ? argv[3] : MNT);
	vm_keep_one();

	for (round = 0; kills ? round < kills : !is_over(since, seconds);
	     round++) {
		uint64_t round_seed = seed + round * 1000003;
		double length = round_length(&round_seed,
					     kills ? seconds / kills : 0);

		good += one_round(round, round_seed, length);
		must(ftruncate(file_fd, GUEST_FILE_SIZE));
	}
	diag("%u rounds in %.0f s", round, now() - since);
	print_stats();
	is(good, round, "after each of the rounds, nothing is lent");
	close(file_fd);
	ok(stats->counts[2] > (kills ? 0 : wanted_writes(seconds)),
	   "the guests did write MSRs");
	ok(stats->counts[4] > (kills ? 0 : wanted_runs(seconds)),
	   "and ran guests of theirs");
	if (on_gmemfs)
		check_gmemfs(kills ? 0 : seconds);
	return done_testing();
}
