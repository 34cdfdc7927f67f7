// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/fs/gmemfs/vms: whose VMs there are, and which slots; who may read it;
 * that each slot is there once, also of VMs with thousands of them, in whatever
 * pieces it is read, and while slots and VMs come and go. On the debug build,
 * where KVM's structs can be other ones than gmemfs knows.
 */
#include <linux/capability.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "kvm.h"
#include "../module/gmem_test.h"

#define VMS	"/proc/fs/gmemfs/vms"
#define SIZE	(16 * PAGE)
#define MANY	1000
#define FIRST	10		/* number of the first of many slots */
#define AT	(1UL << 32)	/* where the guest has these */
#define ROUNDS	30

struct vms_slot {
	pid_t pid;
	bool of_kvm;
	int space;
	int id;
	unsigned int flags;
	uint64_t guest;
	uint64_t size;
	uint64_t user;
};

static struct vms_slot slots[2 * MANY + 100];
static size_t nr_slots;
static pid_t vms[64];
static uint64_t generations[64];
static size_t nr_vms;

/* ---- reading it ---- */

static void add_line(const char *line)
{
	struct vms_slot *s = &slots[nr_slots];
	char word[8];

	if (sscanf(line, "vm %d %" SCNx64, &vms[nr_vms],
		   &generations[nr_vms]) == 2) {
		if (++nr_vms == sizeof(vms) / sizeof(*vms))
			bail_out("more VMs than this test makes");
		return;
	}
	if (sscanf(line, "%7s %d %d %x %" SCNx64 " %" SCNx64 " %" SCNx64, word,
		   &s->space, &s->id, &s->flags, &s->guest, &s->size,
		   &s->user) != 7 || !nr_vms)
		bail_out("a line of another kind: %s", line);
	s->of_kvm = !strcmp(word, "kvm");
	s->pid = vms[nr_vms - 1];
	if (++nr_slots == sizeof(slots) / sizeof(*slots))
		bail_out("more slots than this test makes");
}

/* In pieces of @step bytes, as read() is called. The caller frees it. */
static char *read_in_pieces(size_t step)
{
	int fd = must(open(VMS, O_RDONLY | O_CLOEXEC));
	size_t room = 1 << 20, used = 0;
	char *text = malloc(room);
	ssize_t n;

	if (!text)
		bail_out("no memory");
	while ((n = must(read(fd, text + used, step)))) {
		used += n;
		if (room - used <= step)
			bail_out("a file without an end");
	}
	close(fd);
	text[used] = '\0';
	return text;
}

static void take(char *text)
{
	char *save = NULL, *line = strtok_r(text, "\n", &save);

	nr_slots = 0;
	nr_vms = 0;
	if (!line || strcmp(line, "gmemfs-vms 1"))
		bail_out("the first line is %s", line ? line : "missing");
	while ((line = strtok_r(NULL, "\n", &save)))
		add_line(line);
}

static void look(void)
{
	char *text = read_in_pieces(65536);

	take(text);
	free(text);
}

static int vms_of(pid_t pid)
{
	size_t i;
	int n = 0;

	for (i = 0; i < nr_vms; i++)
		n += vms[i] == pid;
	return n;
}

/* The generations of the process's VMs, added up. */
static uint64_t generation_of(pid_t pid)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < nr_vms; i++)
		if (vms[i] == pid)
			sum += generations[i];
	return sum;
}

/* A user's slot with this number in the ordinary address space; or NULL. */
static const struct vms_slot *slot_of(pid_t pid, int id)
{
	size_t i;

	for (i = 0; i < nr_slots; i++)
		if (slots[i].pid == pid && slots[i].id == id &&
		    !slots[i].space && !slots[i].of_kvm)
			return &slots[i];
	return NULL;
}

static char *anonymous(size_t size)
{
	return must(mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

/* ---- what is there ---- */

static int set_slot_flags(struct vm *vm, unsigned int number, uint64_t guest,
			  void *mem, unsigned int flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = number, .flags = flags, .guest_phys_addr = guest,
		.memory_size = SIZE, .userspace_addr = (uintptr_t)mem,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static void test_one(struct vm *vm)
{
	int fd = new_file(SIZE);
	char *mem = map(fd, SIZE);
	const struct vms_slot *s;
	uint64_t generation;

	must(vm_set_slot(vm, 5, GUEST_FILE, mem, SIZE));
	look();
	generation = generation_of(getpid());
	s = slot_of(getpid(), 5);
	ok(s, "a slot is there");
	if (s) {
		is(s->guest, GUEST_FILE, "  where the guest has it");
		is(s->size, SIZE, "  its size");
		is(s->user, (uintptr_t)mem, "  where the VMM has it");
		is(s->flags, 0, "  no flags");
	}
	s = slot_of(getpid(), 0);
	is(s ? s->size : 0, GUEST_LOW_SIZE, "and so is the VM's first slot");
	look();
	ok(generation_of(getpid()) == generation, "the same generation again");
	must(vm_set_slot(vm, 5, GUEST_FILE, mem, 0));
	must(vm_set_slot(vm, 5, GUEST_FILE, mem, SIZE));
	look();
	ok(slot_of(getpid(), 5) && generation_of(getpid()) != generation,
	   "deleted and made again, the slot has another generation");
	must(vm_set_slot(vm, 5, GUEST_FILE, mem, 0));
	look();
	ok(!slot_of(getpid(), 5), "deleted, it is gone");
	must(set_slot_flags(vm, 5, GUEST_FILE, mem,
			    KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES));
	look();
	s = slot_of(getpid(), 5);
	is(s ? s->flags : 0, KVM_MEM_READONLY | KVM_MEM_LOG_DIRTY_PAGES,
	   "read-only and logged, which its flags say");
	must(vm_set_slot(vm, 5, GUEST_FILE, mem, 0));
	munmap(mem, SIZE);
	close(fd);
}

/* A slot for which SMM has other memory. */
static void test_spaces(struct vm *vm)
{
	char *mem = anonymous(SIZE);
	size_t i, found = 0;

	if (ioctl(vm->fd, KVM_CHECK_EXTENSION,
		  KVM_CAP_MULTI_ADDRESS_SPACE) < 2) {
		skip(1, "one address space only");
		return;
	}
	must(vm_set_slot(vm, 1U << 16 | 6, GUEST_FILE, mem, SIZE));
	look();
	for (i = 0; i < nr_slots; i++)
		found += slots[i].space == 1 && slots[i].id == 6 &&
			 slots[i].user == (uintptr_t)mem;
	is(found, 1, "a slot of the other address space");
	must(vm_set_slot(vm, 1U << 16 | 6, GUEST_FILE, mem, 0));
	munmap(mem, SIZE);
}

/* ---- whose it is ---- */

static void *make_vm_only(void *fd)
{
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));

	*(int *)fd = must(ioctl(kvm, KVM_CREATE_VM, 0));
	close(kvm);
	return NULL;
}

static void test_thread(void)
{
	pthread_t thread;
	int before, fd;

	look();
	before = vms_of(getpid());
	pthread_create(&thread, NULL, make_vm_only, &fd);
	pthread_join(thread, NULL);
	look();
	is(vms_of(getpid()), before + 1,
	   "a VM whose thread has ended is the process's");
	close(fd);
	look();
	is(vms_of(getpid()), before, "closed, it is gone");
}

static pid_t start_vmm(int ready)
{
	pid_t pid = must(fork());
	struct vm vm;

	if (pid)
		return pid;
	tap_finished = true;
	vm_make(&vm, 1, false);
	/* Somebody else has the VM, too. */
	pid = must(fork());
	if (!pid)
		pid = getpid();
	else
		for (;;)
			pause();
	must(write(ready, &pid, sizeof(pid)));
	for (;;)
		pause();
}

static bool within(int nr_of_nobody)
{
	int i;

	for (i = 0; i < 600; i++) {
		look();
		if (vms_of(0) == nr_of_nobody)
			return true;
		usleep(100000);
	}
	return false;
}

static void test_others(void)
{
	pid_t vmm, holder;
	int fds[2];

	must(pipe(fds));
	vmm = start_vmm(fds[1]);
	must(read(fds[0], &holder, sizeof(holder)));
	look();
	is(vms_of(vmm), 1, "another process has a VM");
	is(vms_of(holder), 0, "who only has its descriptors hasn't");
	ok(slot_of(vmm, 0), "its slot is there");
	kill(vmm, SIGKILL);
	must(waitpid(vmm, NULL, 0));
	ok(within(1), "its VMM is dead: it is nobody's");
	ok(slot_of(0, 0), "and still has its slot");
	kill(holder, SIGKILL);
	ok(within(0), "nobody holds it: gone");
	close(fds[0]);
	close(fds[1]);
}

/* ---- many ---- */

static void set_many(struct vm *vm, char *mem, bool there)
{
	int i;

	for (i = 0; i < MANY; i++)
		must(vm_set_slot(vm, FIRST + i, AT + 2 * i * PAGE,
				 mem + i * PAGE, there ? PAGE : 0));
}

/* How many of these are there exactly once, in the guest's order? */
static int count_many(const char *mem, int step)
{
	uint64_t last = 0;
	int n = 0;
	size_t i;

	for (i = 0; i < nr_slots; i++) {
		const struct vms_slot *s = &slots[i];

		if (s->pid != getpid() || s->space || s->id < FIRST ||
		    s->of_kvm || (s->id - FIRST) % step)
			continue;
		if (s->guest <= last || s->size != PAGE ||
		    s->user != (uintptr_t)mem + (s->id - FIRST) * PAGE)
			return -1;
		last = s->guest;
		n++;
	}
	return n;
}

static void test_pieces(const char *mem)
{
	static const size_t steps[] = { 1, 7, 100, 4096, 65536 };
	char *whole = read_in_pieces(65536), *part;
	char some[64];
	size_t i;
	int fd;

	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		part = read_in_pieces(steps[i]);
		ok(!strcmp(whole, part), "the same in pieces of %zu bytes",
		   steps[i]);
		free(part);
	}
	fd = must(open(VMS, O_RDONLY));
	for (i = 12345; i < 45000; i += 30000) {
		is(must(pread(fd, some, sizeof(some), i)), sizeof(some),
		   "in the middle, at %zu", i);
		ok(!memcmp(some, whole + i, sizeof(some)), "  the same");
	}
	close(fd);
	take(whole);
	is(count_many(mem, 1), MANY, "each of %d slots once", MANY);
	free(whole);
}

static volatile bool ending;

struct changer {
	struct vm *vm;
	char *mem;
};

/* Every other one comes and goes. */
static void *change_slots(void *arg)
{
	struct changer *c = arg;
	int i;

	for (i = 1; !ending; i = (i + 2) % MANY | 1) {
		must(vm_set_slot(c->vm, FIRST + i, AT + 2 * i * PAGE,
				 c->mem + i * PAGE, 0));
		must(vm_set_slot(c->vm, FIRST + i, AT + 2 * i * PAGE,
				 c->mem + i * PAGE, PAGE));
	}
	return NULL;
}

static void *change_vms(void *arg)
{
	int fd;

	(void)arg;
	while (!ending) {
		make_vm_only(&fd);
		close(fd);
	}
	return NULL;
}

static void test_meanwhile(struct vm *vm, char *mem)
{
	struct changer c = { .vm = vm, .mem = mem };
	pthread_t a, b;
	int i, whole = 0, own = 0;

	pthread_create(&a, NULL, change_slots, &c);
	pthread_create(&b, NULL, change_vms, NULL);
	for (i = 0; i < ROUNDS; i++) {
		char *text = read_in_pieces(i % 2 ? 65536 : 4096);

		take(text);
		free(text);
		whole += count_many(mem, 2) == MANY / 2;
		own += !!slot_of(getpid(), 0);
	}
	ending = true;
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	is(whole, ROUNDS, "slots and VMs come and go: those that stay are there once");
	is(own, ROUNDS, "and so is the first slot");
}

static void test_many(struct vm *vm)
{
	char *mem = anonymous(MANY * PAGE);

	set_many(vm, mem, true);
	test_pieces(mem);
	test_meanwhile(vm, mem);
	set_many(vm, mem, false);
	munmap(mem, MANY * PAGE);
}

/* ---- who may read it ---- */

static int errno_of_open(void)
{
	int fd = open(VMS, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void drop_capability(unsigned int cap)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &head, data));
	data[cap / 32].effective &= ~(1U << cap % 32);
	must(syscall(SYS_capset, &head, data));
}

static int errno_in_child(bool as_root)
{
	pid_t pid = must(fork());
	int status;

	if (!pid) {
		tap_finished = true;
		if (as_root)
			drop_capability(CAP_SYS_ADMIN);
		else
			must(setresuid(65534, 65534, 65534));
		_exit(errno_of_open());
	}
	must(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_rights(void)
{
	struct stat st;

	must(stat(VMS, &st));
	is(st.st_mode & 07777, 0400, "for its owner only");
	is(st.st_uid, 0, "who is root");
	is(errno_in_child(false), EACCES, "a user may not open it");
	is(errno_in_child(true), EPERM, "nor may root without CAP_SYS_ADMIN");
}

/* ---- a KVM that gmemfs doesn't know ---- */

static void test_unknown(void)
{
	static const char *const kinds[] = { "layout", "symbol" };
	size_t i;

	for (i = 0; i < 2; i++) {
		inject(kinds[i], -1);
		is(errno_of_open(), ENODEV, "another %s: no such device",
		   kinds[i]);
		inject(kinds[i], 0);
		is(errno_of_open(), 0, "  and it works again");
	}
}

int main(void)
{
	struct vm vm;

	vm_keep_one();
	vm_make(&vm, 1, false);
	test_rights();
	test_one(&vm);
	test_spaces(&vm);
	test_thread();
	test_others();
	test_many(&vm);
	test_unknown();
	vm_free(&vm);
	look();
	is(vms_of(getpid()), 1, "freed, the VM is gone");
	nothing_is_left();
	return done_testing();
}
