// SPDX-License-Identifier: GPL-2.0
/*
 * A worker as a VMM: its VM has the worker's guest view as memory, and whatever
 * it takes to make KVM write there by itself.
 */
#include "fuzz.h"
#include "guest.h"

#define MSR_CLOCK_OLD	0x12
#define MSR_STEAL	0x4b564d03
#define GSI		24

static struct vm vm;

/* ---- the VM ---- */

static int set_region(unsigned int slot, uint64_t gpa, uint64_t size,
		      uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1 + slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)worker_view() + slot * SLOT_SIZE,
	};

	return ioctl(vm.fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* From now on, who writes to the worker's eventfd sends the guest an event. */
static void route_event(void)
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
				.port = EVENT_PORT,
				.priority =
				      KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
			},
		},
	};
	struct kvm_irqfd irqfd = { .fd = event_fds[worker_me], .gsi = GSI };

	must_do(ioctl(vm.fd, KVM_SET_GSI_ROUTING, &routing));
	must_do(ioctl(vm.fd, KVM_IRQFD, &irqfd));
}

long obey_vm_make(void)
{
	struct kvm_xen_hvm_attr mode = {
		.type = KVM_XEN_ATTR_TYPE_LONG_MODE, .u.long_mode = 1,
	};
	unsigned int i;

	vm_make(&vm, VCPUS, false);
	for (i = 0; i < SLOTS; i++)
		must_do(set_region(i, GUEST_FILE + i * SLOT_SIZE, SLOT_SIZE,
				   0));
	must_do(ioctl(vm.fd, KVM_XEN_HVM_SET_ATTR, &mode));
	route_event();
	order->vm_fd = vm.fd;
	return 0;
}

long obey_vm_free(void)
{
	vm_free(&vm);
	return 0;
}

long obey_slot(void)
{
	uint64_t size = order->op == OP_SLOT_DELETE ? 0 : SLOT_SIZE;

	return set_region(order->slot, order->gpa, size, order->slot_flags)
		? -errno : 0;
}

long obey_dirty_log(void)
{
	struct kvm_dirty_log log = {
		.slot = 1 + order->slot, .dirty_bitmap = order->data,
	};

	return ioctl(vm.fd, KVM_GET_DIRTY_LOG, &log) ? -errno : 0;
}

/* ---- where KVM writes ---- */

static long set_msr(uint32_t index, uint64_t value)
{
	return vcpu_set_msr(&vm.vcpus[order->vcpu], index, value) ? 0 : -EINVAL;
}

static long set_xen_vcpu(uint16_t type)
{
	struct kvm_xen_vcpu_attr attr = {
		.type = type,
		.u.gpa = order->off ? KVM_XEN_INVALID_GPA : order->gpa,
	};

	return ioctl(vm.vcpus[order->vcpu].fd, KVM_XEN_VCPU_SET_ATTR, &attr)
		? -errno : 0;
}

static long set_xen_shared(void)
{
	struct kvm_xen_hvm_attr attr = {
		.type = KVM_XEN_ATTR_TYPE_SHARED_INFO,
		.u.shared_info.gfn = order->off ? KVM_XEN_INVALID_GFN
						: order->gpa / PAGE,
	};

	if (order->other_way && !order->off) {
		attr.type = KVM_XEN_ATTR_TYPE_SHARED_INFO_HVA;
		attr.u.shared_info.hva = (uintptr_t)worker_view() +
					 order->offset;
	}
	return ioctl(vm.fd, KVM_XEN_HVM_SET_ATTR, &attr) ? -errno : 0;
}

long obey_place(void)
{
	uint64_t value = order->off ? 0 : order->gpa | 1;

	switch (order->place) {
	case PLACE_CLOCK:
		return set_msr(order->other_way ? MSR_CLOCK_OLD : MSR_CLOCK,
			       value);
	case PLACE_STEAL:
		return set_msr(MSR_STEAL, value);
	case PLACE_XEN_INFO:
		return set_xen_vcpu(KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO);
	case PLACE_XEN_TIME:
		return set_xen_vcpu(KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO);
	case PLACE_XEN_RUNSTATE:
		return set_xen_vcpu(KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR);
	default:
		return set_xen_shared();
	}
}

/* ---- running ---- */

static struct guest_order *guest_order(void)
{
	return (struct guest_order *)(vm.low + GUEST_ORDERS) + order->vcpu;
}

/* Return: why it came back, as KVM says, or -errno. */
static long run(void)
{
	struct vcpu *vcpu = &vm.vcpus[order->vcpu];
	int tries = 100, ret;

	do {
		ret = vcpu_run(vcpu);
	} while (ret && (errno == EINTR || errno == EAGAIN) && tries--);
	if (ret)
		return -errno;
	if (vcpu->run->exit_reason == KVM_EXIT_IO)
		order->port = vcpu->run->io.port;
	order->l2_ran = guest_order()->l2_ran;
	return vcpu->run->exit_reason;
}

/* Where the guest can't go on, it begins anew. */
static long run_or_reset(void)
{
	long ret = run();

	if (ret != KVM_EXIT_IO)
		vcpu_reset(&vm.vcpus[order->vcpu], GUEST_IDLE, 1);
	return ret;
}

static uint32_t version(long offset)
{
	uint32_t value = 0;

	/* Beyond the file's end there is none. */
	if (pread(file_fd(), &value, sizeof(value), offset) < 0)
		give_up("pread: %s", strerror(errno));
	return value;
}

static void set_clock(void)
{
	struct kvm_clock_data clock = {};

	must_do(ioctl(vm.fd, KVM_GET_CLOCK, &clock));
	clock.flags = 0;
	must_do(ioctl(vm.fd, KVM_SET_CLOCK, &clock));
}

/* Mostly KVM writes its clocks before: then their versions change. */
long obey_vm_run(void)
{
	uint32_t before[PLACE_KINDS];
	long ret;
	int i;

	order->written = 0;
	for (i = 0; i < PLACE_KINDS; i++)
		before[i] = order->versions[i] < 0 ? 0
			: version(order->versions[i]);
	if (!order->other_way)
		set_clock();
	ret = run_or_reset();
	for (i = 0; i < PLACE_KINDS; i++)
		if (order->versions[i] >= 0 &&
		    version(order->versions[i]) != before[i])
			order->written |= 1U << i;
	return ret;
}

static bool event_is_there(void)
{
	uint64_t word = 0;

	if (pread(file_fd(), &word, sizeof(word), order->offset + EVENT_WORD) < 0)
		give_up("pread: %s", strerror(errno));
	return word & 1UL << EVENT_PORT;
}

/* By irqfd, KVM may have to do it later, when it can sleep. */
static long send_event(void)
{
	struct kvm_irq_routing_xen_evtchn event = {
		.port = EVENT_PORT,
		.priority = KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL,
	};
	int tries = 10;

	if (!order->other_way)
		return ioctl(vm.fd, KVM_XEN_HVM_EVTCHN_SEND, &event) < 0
			? -errno : 0;
	must_do(write(event_fds[worker_me], &(uint64_t){ 1 },
		      sizeof(uint64_t)));
	while (!event_is_there() && tries--)
		usleep(1000);
	return 0;
}

long obey_vm_event(void)
{
	uint64_t none = 0;
	long ret;

	/* Not to make a file longer that ends before it. */
	if (order->zero)
		must_do(pwrite(file_fd(), &none, sizeof(none),
			       order->offset + EVENT_WORD));
	ret = send_event();
	order->written = order->zero && event_is_there();
	return ret;
}

static void tell_guest(enum guest_task task)
{
	struct guest_order *o = guest_order();

	o->addr = order->gpa;
	o->size = order->size;
	o->byte = order->byte;
	o->task = task;
}

long obey_vm_nested(void)
{
	tell_guest(TASK_NESTED);
	return run_or_reset();
}

/* Return: bytes done; -errno, or minus KVM's reason, if that was none. */
static long run_string(bool store)
{
	struct vcpu *vcpu = &vm.vcpus[order->vcpu];
	struct kvm_regs regs;
	long ret = run(), done = order->size;

	if (ret == KVM_EXIT_IO)
		return done;
	must_do(ioctl(vcpu->fd, KVM_GET_REGS, &regs));
	done = (store ? regs.rdi : regs.rsi) - order->gpa;
	vcpu_reset(vcpu, GUEST_IDLE, 1);
	if (ret != -EFAULT)
		return ret > 0 ? -1000 - ret : ret;
	return done ? done : ret;
}

long obey_vm_store(void)
{
	tell_guest(TASK_STORE);
	return run_string(true);
}

long obey_vm_load(void)
{
	long done;

	tell_guest(TASK_LOAD);
	done = run_string(false);
	if (done > 0 && done <= (long)GUEST_BUFFER_SIZE)
		memcpy(order->data, vm.low + GUEST_BUFFER, done);
	return done;
}
