// SPDX-License-Identifier: GPL-2.0
/*
 * A VM whose VMM is dead, and who then writes to its guest's memory.
 *
 * A VM lives until the last file descriptor of it is closed, KVM's MMU notifier
 * only as long as the VMM's address space. In between nobody tells KVM that
 * pages go, and an event for a guest of Xen's kind would still be delivered:
 * into the page where the guest had its shared info. By then that must not be
 * somebody else's. Somebody else is another file, which takes that page as soon
 * as it is to be had.
 *
 * Once with memory of gmemfs and once with a memfd. That is KVM's own flaw, but
 * where "somebody else" is hidden, the host dies of it.
 */
#include <sched.h>
#include <sys/eventfd.h>

#include "kvm.h"
#include "../../ctl/kcore.h"
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
static bool on_gmemfs;

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

static char *others_map_file(void)
{
	int others_fd = new_file_in(OTHERS_MNT, OTHERS);
	char *mem = map(others_fd, OTHERS);

	close(others_fd);
	return mem;
}

/* Movable, as a memfd's is: the kernel keeps the two kinds apart. */
static char *others_map_anonymous(void)
{
	char *mem = mmap(NULL, OTHERS, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		bail_out("no memory for others");
	must(madvise(mem, OTHERS, MADV_NOHUGEPAGE));
	return mem;
}

static uint64_t *others_take_memory(void)
{
	uint64_t *words = (void *)(on_gmemfs ? others_map_file() :
					       others_map_anonymous());
	size_t i;

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

/* What others then have, with the frame among it; NULL if they don't get it. */
static uint64_t *others_keep_frame(void)
{
	uint64_t *words;
	int tries;

	for (tries = 0; tries < 300; tries++) {
		stay_on_cpu(tries % 2);
		words = others_take_memory();
		if (others_have_frame())
			return words;
		munmap(words, OTHERS);
		usleep(100000);
	}
	return NULL;
}

/*
 * The VM's last references go a while after its last descriptor, and on either
 * CPU, so others ask more than once and on both.
 */
static bool others_get_frame(void)
{
	uint64_t *words = others_keep_frame();

	if (!words)
		return false;
	munmap(words, OTHERS);
	return true;
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

/* By irqfd, KVM may have to do it later, when it can sleep. */
static void test_alive(char *mem)
{
	int i;

	is(pending(mem), 0, "no event in the shared info");
	send_event();
	for (i = 0; i < 600 && !pending(mem); i++)
		usleep(100000);
	is(pending(mem), 1UL << PORT, "an event is there");
}

static uint64_t pagemap_pfn(const volatile char *address)
{
	int pagemap = must(open("/proc/self/pagemap", O_RDONLY));
	uint64_t entry;

	(void)*address;
	if (pread(pagemap, &entry, sizeof(entry), (long)address / PAGE * 8) !=
	    sizeof(entry))
		bail_out("can't read pagemap");
	close(pagemap);
	return entry & ((1UL << 55) - 1);	/* bits 0 to 54: the frame */
}

/* Waits for the end of who holds the VM. */
static void end_vm(pid_t holder)
{
	kill(holder, SIGKILL);
	must(read(ready_fds[0], &(char){ 0 }, 1));
	usleep(200000);
}

/* Starts a VMM, and somebody who has its VM, too; tests; kills the VMM. */
static pid_t outlive_vmm(void)
{
	char *mem = map(fd, SIZE);
	pid_t vmm, holder;

	must(pipe(ready_fds));
	frame = on_gmemfs ? fault_pfn(mem + X * PAGE) :
			    pagemap_pfn(mem + X * PAGE);
	vmm = must(fork());
	if (!vmm) {
		tap_finished = true;
		run_vmm();
	}
	must(read(ready_fds[0], &holder, sizeof(holder)));
	close(ready_fds[1]);
	test_alive(mem);
	is(sysfs("lent_bytes"), on_gmemfs ? PAGE : 0, "what of it is lent");
	munmap(mem, SIZE);
	kill(vmm, SIGKILL);
	must(waitpid(vmm, NULL, 0));
	return holder;
}

/*
 * A file whose page is one of the 2 MiB that the next file's pages come from.
 * While it is there, a page that the other file gives up goes to the kernel
 * alone. Together with its neighbours, it would be a part of a large piece of
 * free memory, which is the last that others get.
 */
static int new_neighbour(void)
{
	int neighbour = new_file(PAGE);
	char *p = map(neighbour, PAGE);

	p[0] = 1;
	munmap(p, PAGE);
	return neighbour;
}

/* Lent, it is kept until the VM is gone, too. */
static void test_on_gmemfs(void)
{
	int neighbour = new_neighbour();
	uint64_t *words;
	pid_t holder;

	on_gmemfs = true;
	fd = new_file(SIZE);
	holder = outlive_vmm();
	must(ftruncate(fd, 0));
	is(sysfs("lent_bytes"), 0, "VMM dead, file truncated: nothing is lent");
	words = others_take_memory();
	send_event();
	usleep(200000);
	is(words_changed(words), 0,
	   "an event for the VM changes nothing of others'");
	end_vm(holder);
	is(words_changed(words), 0, "nor does the end of the VM");
	ok(others_get_frame(), "after which others get the page");
	munmap(words, OTHERS);
	close(fd);
	close(neighbour);
	close(ready_fds[0]);
}

/* The kernel has it back at once, and so may others. */
static void test_on_memfd(void)
{
	uint64_t *words;
	pid_t holder;

	on_gmemfs = false;
	fd = must(memfd_create("outlived", 0));
	must(ftruncate(fd, SIZE));
	holder = outlive_vmm();
	must(ftruncate(fd, 0));
	words = others_keep_frame();
	ok(words, "a memfd: VMM dead, others have the page");
	if (words) {
		send_event();
		usleep(200000);
		is(words_changed(words), 0, "an event changes nothing in it");
	}
	end_vm(holder);
	if (words) {
		is(words_changed(words), 0, "nor does the end of the VM");
		munmap(words, OTHERS);
	}
	close(fd);
	close(ready_fds[0]);
}

int main(void)
{
	if (kcore_open(&kcore))
		bail_out("%s", kcore.error);
	stay_on_cpu(0);
	mount_others();
	event_fd = must(eventfd(0, 0));
	test_on_gmemfs();
	test_on_memfd();
	must(umount(OTHERS_MNT));
	return done_testing();
}
