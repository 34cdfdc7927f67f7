// SPDX-License-Identifier: GPL-2.0
/* KVM's VM, with its interrupt controllers, its memory and its slots. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "error.h"
#include "layout.h"
#include "memfile.h"
#include "vm.h"

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- KVM ---- */

static int open_kvm(struct vm *vm)
{
	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		return fail_errno("can't open /dev/kvm (is kvm_amd or kvm_intel loaded, and are you in the group kvm?)");
	if (ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return fail("/dev/kvm doesn't have API version %d",
			    KVM_API_VERSION);
	vm->fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return fail_errno("KVM_CREATE_VM");
	return 0;
}

/* KVM wants interrupt controllers to be created before vCPUs. */
static int create_controllers(struct vm *vm)
{
	uint64_t identity_map = KVM_IDENTITY_MAP_ADDRESS;
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map))
		return fail_errno("KVM_SET_IDENTITY_MAP_ADDR");
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, KVM_TSS_ADDRESS))
		return fail_errno("KVM_SET_TSS_ADDR");
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return fail_errno("KVM_CREATE_IRQCHIP");
	if (ioctl(vm->fd, KVM_CREATE_PIT2, &pit))
		return fail_errno("KVM_CREATE_PIT2");
	return 0;
}

/* ---- what a snapshot has of vCPUs ---- */

#define XSAVE_MAX	(64 << 10)

/* KVM tells how many there are, by E2BIG, and then which. */
static int list_msrs(struct vm *vm)
{
	struct kvm_msr_list none = {};

	if (!ioctl(vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, &none) || errno != E2BIG)
		return fail_errno("KVM_GET_MSR_INDEX_LIST");
	vm->msrs = calloc(1, sizeof(*vm->msrs) +
			     none.nmsrs * sizeof(vm->msrs->indices[0]));
	if (!vm->msrs)
		return fail("no memory for the list of MSRs");
	vm->msrs->nmsrs = none.nmsrs;
	if (ioctl(vm->kvm_fd, KVM_GET_MSR_INDEX_LIST, vm->msrs))
		return fail_errno("KVM_GET_MSR_INDEX_LIST");
	return 0;
}

static int ask_about_vcpus(struct vm *vm)
{
	int size = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);

	if (size < (int)sizeof(struct kvm_xsave) || size > XSAVE_MAX)
		return fail("KVM has no KVM_CAP_XSAVE2 (Linux 5.17 or later is needed)");
	vm->xsave_size = size;
	return list_msrs(vm);
}

/* ---- memory ---- */

/* The protection that is demanded if the user gives none. */
static uint64_t usual_demand(const struct memory_options *memory)
{
	if (memory->backend == GMEM_BACKEND_GMEMFS)
		return GMEM_PROTECT_HIDDEN | GMEM_PROTECT_NO_GUP;
	return 0;
}

/* Pages that an earlier guest has shared stay so, even if they are emptied. */
static int begin_private(struct vm *vm)
{
	int ret = guest_share_only(&vm->guest, NULL, 0);

	if (ret)
		return fail("can't make the memory's file private: %s",
			    strerror(-ret));
	return 0;
}

static int create_region(struct vm *vm, const struct memory_options *memory)
{
	struct gmem_region_options options = {
		.size = memory->size,
		.backends = 1ULL << memory->backend,
		.demand = memory->demand,
		.directory = memory->directory,
		.vm_fd = vm->fd,
		.windows = GMEM_WINDOWS_OWN_KEY,
	};
	int fd = -1, ret;

	if (memory->file || memory->template) {
		fd = memfile_open(memory);
		if (fd < 0)
			return -1;
		options.fd = fd;
	}
	if (!memory->demand_given)
		options.demand = usual_demand(memory);
	else if (!(memory->demand & GMEM_PROTECT_WINDOWS))
		options.windows = GMEM_WINDOWS_NONE;
	/* Without "hidden": the same memory, kept in the direct map. */
	if (memory->backend == GMEM_BACKEND_GMEMFS && fd < 0 &&
	    !(options.demand & GMEM_PROTECT_HIDDEN))
		options.flags = GMEM_FLAG_KEEP_DIRECT_MAP;
	ret = gmem_region_create(&options, &vm->region);
	close_if_open(fd);
	if (ret) {
		memfile_undo(memory);
		return fail_gmem("can't make the guest's memory");
	}
	guest_init(&vm->guest, vm->region);
	io_pool_init(&vm->io_pool, &vm->guest, memory->shared_io);
	vm->guest.by_file = memory->by_file;
	if (guest_open_shared(&vm->guest))
		return -1;
	return memory->file && !memory->template ? begin_private(vm) : 0;
}

static int add_slots(struct vm *vm)
{
	const struct guest *guest = &vm->guest;

	if (gmem_vm_create(vm->fd, &vm->gmem) ||
	    gmem_vm_add(vm->gmem, 0, 0, vm->region, 0, guest->low_size, 0))
		return fail_gmem("can't give the guest's memory to KVM");
	if (guest->high_size &&
	    gmem_vm_add(vm->gmem, 1, HIGH_MEMORY_START, vm->region,
			guest->low_size, guest->high_size, 0))
		return fail_gmem("can't give the memory above 4 GiB to KVM");
	/* With this, the host doesn't need the module's guard. */
	if (gmem_vm_trap_clocks(vm->gmem))
		return fail_gmem("can't trap kvm-clock");
	return 0;
}

/* ---- all ---- */

void vm_init(struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	vm->kvm_fd = -1;
	vm->fd = -1;
	vm->end_fd = -1;
	pthread_mutex_init(&vm->pause_lock, NULL);
	pthread_cond_init(&vm->pause_changed, NULL);
}

int vm_create(struct vm *vm, const struct memory_options *memory)
{
	vm->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vm->end_fd < 0)
		return fail_errno("eventfd");
	if (open_kvm(vm) || create_controllers(vm) || ask_about_vcpus(vm))
		return -1;
	if (create_region(vm, memory) || add_slots(vm))
		return -1;
	return 0;
}

void vm_leave_kvm(struct vm *vm)
{
	close_if_open(vm->kvm_fd);
	vm->kvm_fd = -1;
}

static void remove_slots(struct vm *vm)
{
	gmem_vm_remove(vm->gmem, 0);
	if (vm->guest.high_size)
		gmem_vm_remove(vm->gmem, 1);
	gmem_vm_destroy(vm->gmem);
}

void vm_destroy(struct vm *vm)
{
	if (vm->gmem)
		remove_slots(vm);
	guest_close_shared(&vm->guest);
	gmem_region_destroy(vm->region);
	free(vm->msrs);
	close_if_open(vm->fd);
	close_if_open(vm->kvm_fd);
	close_if_open(vm->end_fd);
}

void vm_end(struct vm *vm, enum vm_end end)
{
	uint64_t one = 1;
	int runs = VM_RUNS;

	if (!__atomic_compare_exchange_n(&vm->end, &runs, end, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return;
	if (write(vm->end_fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

bool vm_has_ended(const struct vm *vm)
{
	return __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE) != VM_RUNS;
}

void vm_set_irq(struct vm *vm, unsigned int irq, int level)
{
	struct kvm_irq_level line = { .irq = irq, .level = level };

	if (ioctl(vm->fd, KVM_IRQ_LINE, &line))
		vm_end(vm, (fail_errno("KVM_IRQ_LINE"), VM_FAILED));
}

int vm_irq_fd(struct vm *vm, unsigned int irq, int fd)
{
	struct kvm_irqfd irqfd = { .fd = fd, .gsi = irq };

	if (ioctl(vm->fd, KVM_IRQFD, &irqfd))
		return fail_errno("KVM_IRQFD");
	return 0;
}

int vm_write_fd(struct vm *vm, uint64_t address, uint32_t value, int fd)
{
	struct kvm_ioeventfd event = {
		.datamatch = value, .addr = address, .len = sizeof(value),
		.fd = fd, .flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	if (ioctl(vm->fd, KVM_IOEVENTFD, &event))
		return fail_errno("KVM_IOEVENTFD");
	return 0;
}
