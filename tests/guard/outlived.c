// SPDX-License-Identifier: GPL-2.0
/*
 * A VM whose VMM is dead, and who then writes to its guest's memory.
 *
 * A VM lives until the last file descriptor of it is closed, KVM's MMU notifier
 * only as long as the VMM's address space. In between nobody tells KVM that
 * pages go, and an event for a guest of Xen's kind is still delivered: into the
 * page where the guest had its shared info. (On any memory: KVM's own flaw.) By
 * then that must not be somebody else's. Somebody else is another file, which
 * takes that page as soon as it is to be had.
 */
#include <sched.h>
#include <sys/eventfd.h>

#include "kvm.h"
#include "../lib/kcore.h"
#include "../module/gmem_test.h"

#define SIZE		(16 * PAGE)	/* so these are single pages */
#define X		3
#define GSI		24
#define PORT		4	/* a bit that is clear in PATTERN */
#define PATTERN		0x2222222222222222UL
#define OTHERS		(16UL << 20)
#define OTHERS_MNT	"/run/others"

static struct kcore kcore;
static int fd, event_fd, ready_fds[2];
static uint64_t frame;

/* ---- somebody else ---- */

/* In the direct map, so that kcore shows whose a frame is. */
static void mount_others(void)
{
	must(mkdir(OTHERS_MNT, 0700));
	must(mount("none", OTHERS_MNT, "gmemfs", 0,
		   "direct_map=kept,huge=never"));
}

/* What is freed on a CPU goes to whoever asks next there. */
static void stay_on_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	must(sched_setaffinity(0, sizeof(cpus), &cpus));
}

static uint64_t *others_take_memory(void)
{
	int others_fd = new_file_in(OTHERS_MNT, OTHERS);
	uint64_t *words = (void *)map(others_fd, OTHERS);
	size_t i;

	close(others_fd);
	for (i = 0; i < OTHERS / sizeof(*words); i++)
		words[i] = PATTERN;
	return words;
}

static bool others_have_frame(void)
{
	uint64_t word = 0;

	must(kcore_read(&kcore, kcore_direct(&kcore, frame), &word,
			sizeof(word)) ? -1 : 0);
	return word == PATTERN;
}

/*
 * The VM's last references go a while after its last descriptor, and on either
 * CPU, so others ask more than once and on both.
 */
static bool others_get_frame(void)
{
	int tries;

	for (tries = 0; tries < 300; tries++) {
		uint64_t *words;
		bool theirs;

		stay_on_cpu(tries % 2);
		words = others_take_memory();
		theirs = others_have_frame();

		munmap(words, OTHERS);
		if (theirs)
			return true;
		usleep(100000);
	}
	return false;
}

static long words_changed(const volatile uint64_t *words)
{
	long changed = 0;
	size_t i;

	for (i = 0; i < OTHERS / sizeof(*words); i++) {
		if (words[i] == PATTERN)
			continue;
		diag("at %lx: %016lx", i % (PAGE / 8) * 8, words[i]);
		changed++;
	}
	return changed;
}

/* ---- the VM ---- */

static void set_shared_info(struct vm *vm)
{
	struct kvm_xen_hvm_attr mode = {
		.type = KVM_XEN_ATTR_TYPE_LONG_MODE, .u.long_mode = 1,
	};
	struct kvm_xen_hvm_attr info = {
		.type = KVM_XEN_ATTR_TYPE_SHARED_INFO,
		.u.shared_info.gfn = GUEST_FILE / PAGE + X,
	};

	must(ioctl(vm->fd, KVM_XEN_HVM_SET_ATTR, &mode));
	must(ioctl(vm->fd, KVM_XEN_HVM_SET_ATTR, &info));
}

/* From now on, who writes to event_fd sets a bit in the shared info. */
static void route_event(struct vm *vm)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.head.nr = 1,
		.entry = {
			.gsi = GSI,
			.type = KVM_IRQ_ROUTING_XEN_EVTCHN,
			.u.xen_evtchn = {
				.port = PORT,
				.priority =
				      KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
			},
		},
	};
	struct kvm_irqfd irqfd = { .fd = event_fd, .gsi = GSI };

	must(ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routing));
	must(ioctl(vm->fd, KVM_IRQFD, &irqfd));
}

/* Has the VM's descriptors, and so the VM, but none of its memory. */
static _Noreturn void hold(char *mem)
{
	munmap(mem, SIZE);
	must(write(ready_fds[1], &(pid_t){ getpid() }, sizeof(pid_t)));
	for (;;)
		pause();
}

static _Noreturn void run_vmm(void)
{
	char *mem = map(fd, SIZE);
	struct vm vm;

	vm_make(&vm, 1, false);
	must(vm_set_slot(&vm, 1, GUEST_FILE, mem, SIZE));
	set_shared_info(&vm);
	route_event(&vm);
	if (!must(fork()))
		hold(mem);
	for (;;)
		pause();
}

/* ---- the test ---- */

static void send_event(void)
{
	must(write(event_fd, &(uint64_t){ 1 }, sizeof(uint64_t)));
}

/* struct shared_info, 64 bits: 32 struct vcpu_info, then evtchn_pending. */
static uint64_t pending(const char *mem)
{
	return *(volatile uint64_t *)(mem + X * PAGE + 32 * 64);
}

static void test_alive(char *mem)
{
	is(pending(mem), 0, "no event in the shared info");
	send_event();
	is(pending(mem), 1UL << PORT, "an event is there at once");
	is(sysfs("lent_bytes"), PAGE, "its page is lent");
}

static void test_outlived(pid_t holder)
{
	uint64_t *words;

	must(ftruncate(fd, 0));
	is(sysfs("lent_bytes"), 0, "VMM dead, file truncated: nothing is lent");
	words = others_take_memory();
	send_event();
	usleep(200000);
	is(words_changed(words), 0,
	   "an event for the VM changes nothing of others'");

	kill(holder, SIGKILL);
	must(read(ready_fds[0], &(char){ 0 }, 1));	/* until it is gone */
	usleep(200000);
	is(words_changed(words), 0, "nor does the end of the VM");
	ok(others_get_frame(), "after which others get the page");
	munmap(words, OTHERS);
}

int main(void)
{
	pid_t vmm, holder;
	char *mem;

	if (kcore_open(&kcore))
		bail_out("%s", kcore.error);
	stay_on_cpu(0);
	mount_others();
	fd = new_file(SIZE);
	event_fd = must(eventfd(0, 0));
	must(pipe(ready_fds));
	mem = map(fd, SIZE);
	frame = fault_pfn(mem + X * PAGE);

	vmm = must(fork());
	if (!vmm) {
		tap_finished = true;
		run_vmm();
	}
	must(read(ready_fds[0], &holder, sizeof(holder)));
	close(ready_fds[1]);
	test_alive(mem);
	munmap(mem, SIZE);
	kill(vmm, SIGKILL);
	must(waitpid(vmm, NULL, 0));
	test_outlived(holder);
	close(fd);
	must(umount(OTHERS_MNT));
	return done_testing();
}
