/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the model-based fuzzer share: an order for a worker, and
 * the model. model.c says what it is all about.
 *
 * There are a few files. A step is about one of them, or about two: the order
 * has their numbers. In the model, "file" is the one that it is about.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <errno.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "linux/gmemfs.h"
#include "../guard/kvm.h"

#define PAGE		GMEM_PAGE_SIZE
#define PAGE_BYTES	4096L		/* the same, with a sign */
#define BLOCK		GMEM_BLOCK_SIZE

#define TOP		"/tmp/fuzz-model"

#define WORKERS		3
#define FILES		3
#define BLOCKS		4L
#define PAGES		(BLOCKS * 512)
#define SIZE		(PAGES * PAGE_BYTES)
#define PIPES		4
#define DMAS		3
#define VCPUS		VM_MAX_VCPUS
#define SLOTS		2
#define SLOT_SIZE	(SIZE / SLOTS)
#define SLOT_PAGES	(PAGES / SLOTS)

/* A worker may have a VM each; one more has lost the process that made it. */
#define ORPHAN		WORKERS
#define MACHINES	(WORKERS + 1)

/* A slot that is moved goes as far as that. */
#define MOVED		(16UL << 20)

/* An event for a guest of Xen's kind is this bit in its shared info. */
#define EVENT_PORT	5
#define EVENT_WORD	2048	/* evtchn_pending, behind 32 vcpu_info */

enum op {
	OP_STORE,		/* by the guest view */
	OP_STORE_SHARED,	/* by the shared view: SIGBUS if private */
	OP_LOAD,
	OP_LOAD_SHARED,
	OP_READ,
	OP_WRITE,
	OP_CLONE,		/* all of a file: FICLONE */
	OP_CLONE_RANGE,
	OP_COPY_RANGE,
	OP_PUNCH,
	OP_ZERO,
	OP_ALLOCATE,
	OP_TRUNCATE,
	OP_SHARE,
	OP_UNSHARE,
	OP_PIN,
	OP_UNPIN,
	OP_DMA_MAP,		/* a part of a worker's view, for a device */
	OP_DMA_UNMAP,
	OP_REMAP,
	OP_UNMAP,
	OP_MAP_GUEST,
	OP_MAP_SHARED,
	OP_MAP_PRIVATE,
	OP_DO_FORK,		/* a child gets a private mapping */
	OP_KEEP_ON_FORK,
	OP_WIPE_ON_FORK,
	OP_FORK_STORE,
	OP_FORK_ON,		/* the child goes on in its place */
	OP_KILL,
	OP_ORPHAN,		/* it's killed, but its VM is kept */
	OP_ORPHAN_EVENT,
	OP_ORPHAN_CLOSE,
	OP_VM_MAKE,
	OP_VM_FREE,
	OP_CLOCK,		/* these as enum place_kind */
	OP_STEAL,
	OP_XEN_INFO,
	OP_XEN_TIME,
	OP_XEN_RUNSTATE,
	OP_XEN_SHARED,
	OP_VM_RUN,
	OP_VM_EVENT,
	OP_VM_NESTED,
	OP_VM_STORE,
	OP_VM_LOAD,
	OP_SLOT_DELETE,
	OP_SLOT_ADD,
	OP_SLOT_MOVE,
	OP_SLOT_LOG,
	OP_DIRTY_LOG,
	OP_GUARD,
	OP_POOL,
	OP_KINDS
};

/* Where KVM itself writes into the guest's memory. */
enum place_kind {
	PLACE_CLOCK,
	PLACE_STEAL,
	PLACE_XEN_INFO,
	PLACE_XEN_TIME,
	PLACE_XEN_RUNSTATE,
	PLACE_XEN_SHARED,	/* the VM's: that of vCPU 0 */
	PLACE_VMCB,
	PLACE_KINDS
};

/*
 * What of the file a worker has at a page of its guest view. Refused: it is its
 * parent's private mapping.
 */
enum view {
	VIEW_GUEST, VIEW_SHARED, VIEW_NONE, VIEW_PRIVATE, VIEW_REFUSED
};

/* What is asked of a worker, and its answer. In memory that all share. */
struct order {
	enum op op;
	int worker;
	unsigned int file, source;	/* which of the files */
	long offset, size;
	long source_offset;
	uint8_t byte;
	bool zero;
	unsigned int pipe;
	unsigned int dma;
	unsigned int vcpu, slot;
	enum place_kind place;
	bool off;			/* the place is given up */
	bool other_way;			/* another call with the same effect */
	bool fill;			/* before it's shared */
	uint64_t gpa;
	uint64_t slot_flags;
	long versions[PLACE_KINDS];	/* where clocks have theirs, or -1 */

	bool worked;			/* for the counts */
	long result;			/* bytes, or -errno, or -signal */
	uint64_t error_offset;
	unsigned long faults;		/* that a child took */
	unsigned int written;		/* bits: KVM did write there */
	unsigned int port;
	bool l2_ran;
	pid_t pid;
	int vm_fd;
	uint8_t data[SIZE];
};

/**
 * struct place - where KVM may write, if the guest's memory is there
 * @on: the guest has asked for it
 * @held: KVM has the page mapped: it wrote there, and nothing that has come
 *	  since takes it away
 * @gpa: its address
 * @offset: and the one in the file
 * @size: bytes, which may be of two pages
 */
struct place {
	bool on;
	bool held;
	uint64_t gpa;
	long offset;
	long size;
};

/**
 * struct slot - half of the file as a guest's memory
 * @there: KVM knows it
 * @moved: it's at its other address
 * @logs: KVM logs what is written to
 * @dirty: pages that the log must name
 */
struct slot {
	bool there;
	bool moved;
	bool logs;
	bool dirty[SLOT_PAGES];
};

struct machine {
	bool alive;
	unsigned int file;		/* that the guest has as memory */
	bool had_shared_info, had_vcpu_info;	/* at some time */
	bool nested[VCPUS];		/* the vCPU is in its guest's guest */
	struct place places[VCPUS][PLACE_KINDS];
	struct slot slots[SLOTS];
};

/**
 * struct file - a file
 * @fd: all processes have it open
 * @flags: GMEM_FLAG_*
 * @shared: what is wanted of each page
 * @pins: how many pipes have the page
 * @may_be_cloned: is it possible that others have the page, too, or had it?
 * @is_cloned: the same, for certain
 * @was_source: it was cloned to another file at some time
 * @was_target: another file was cloned to it
 */
struct file {
	int fd;
	uint64_t flags;
	long size;
	uint8_t bytes[SIZE];
	bool shared[PAGES];
	int pins[PAGES];
	bool may_be_cloned[PAGES];
	bool is_cloned[PAGES];
	bool was_source, was_target;
};

/**
 * struct dma - a map for the device
 * @on: it is there
 * @lost: it has memory that is none of the files' (any more)
 * @file: which it has pages of
 * @there: pages that the device and that file have
 */
struct dma {
	bool on;
	bool lost;
	unsigned int file;
	bool there[PAGES];
};

struct model {
	struct file files[FILES];
	unsigned int file_of[WORKERS];	/* which each has mapped */
	unsigned int pipe_file[PIPES];
	long pipe_page[PIPES];		/* or -1 */
	struct dma dmas[DMAS];
	uint8_t views[WORKERS][PAGES];	/* enum view */
	struct machine machines[MACHINES];
	bool deny;			/* guard=deny */
	bool pool;
};

#define HERE		1U	/* done by who knows the model */
#define MOVES		2U	/* KVM may have lost what it held */
#define OPTIONAL	4U	/* it need not ever work */

/* A kind of step. */
struct kind {
	const char *name;
	unsigned int weight;
	unsigned int flags;
	bool (*choose)(void);		/* false: it can't be done now */
	long (*obey)(void);		/* its result, from who did it */
	bool (*check)(void);		/* is that right? moves the model on */
};

/* model.c */
extern struct order *order;
extern struct model *model;		/* in memory that all share, as the order */
extern struct file *file;
extern unsigned long step;
extern int pipes[PIPES][2];
extern int event_fds[MACHINES];

__attribute__((format(printf, 1, 2))) void say(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) _Noreturn void
give_up(const char *fmt, ...);
bool wrong(const char *what);
uint64_t below(uint64_t n);
void *shared_memory(size_t size);
void use_file(unsigned int nr);
bool each_file(bool (*check)(void));
bool is_left_out(const char *name);

#define must_do(call) ({ \
	__typeof__(call) must_ret = (call); \
	if ((long)must_ret == -1) \
		give_up("%s:%d: %s: %s", __FILE__, __LINE__, #call, \
			strerror(errno)); \
	must_ret; \
})

/* The descriptor of the order's file, also in a worker. */
static inline int file_fd(void)
{
	return model->files[order->file].fd;
}

/* Is any part of the span from @at on in that other one? */
static inline bool overlaps(long at, long size, long offset, long other_size)
{
	return at < offset + other_size && offset < at + size;
}

/* steps.c */
extern const struct kind kinds[OP_KINDS];
void choose_step(void);

/* people.c: who does it */
void start_workers(void);
void stop_workers(void);
bool ask_worker(void);
long obey_kill(void);
long obey_orphan(void);
long obey_orphan_event(void);
long obey_orphan_close(void);

/* worker.c */
_Noreturn void work(int me, int from, int to);
char *worker_view(void);
void worker_touch(char *at);
extern int worker_me;
long obey_store(void);
long obey_store_shared(void);
long obey_load(void);
long obey_load_shared(void);
long obey_read(void);
long obey_write(void);
long obey_punch(void);
long obey_zero(void);
long obey_allocate(void);
long obey_truncate(void);
long obey_share(void);
long obey_unshare(void);
long obey_pin(void);
long obey_unpin(void);
long obey_remap(void);
long obey_map(void);
long obey_madvise(void);
long obey_fork_store(void);

/* worker_clone.c */
void note_mapped(long offset, long size, bool privately);
long obey_clone(void);
long obey_copy_range(void);
long obey_map_private(void);
long obey_do_fork(void);
long obey_fork_on(void);

/* worker_vm.c */
long obey_vm_make(void);
long obey_vm_free(void);
long obey_place(void);
long obey_vm_run(void);
long obey_vm_event(void);
long obey_vm_nested(void);
long obey_vm_store(void);
long obey_vm_load(void);
long obey_slot(void);
long obey_dirty_log(void);

/* device.c */
bool open_device(void);
void unmap_device(void);
long obey_dma_map(void);
long obey_dma_unmap(void);
int devices_of(long page);
bool has_devices(long offset, long size);
bool has_lost_memory(void);
void lose_device_pages(long offset, long size);
bool check_dma_map(void);
bool check_dma_unmap(void);

/* of_file.c: the model of a file */
extern unsigned long children_faulted;
long pages_of_file(void);
bool is_kept(void);
bool check_store(void);
bool check_store_shared(void);
bool check_load(void);
bool check_load_shared(void);
bool check_read(void);
bool check_write(void);
bool check_zeroed(void);
bool check_allocate(void);
bool check_truncate(void);
bool check_share(void);
bool check_unshare(void);
bool check_pin(void);
bool check_unpin(void);
bool check_works(void);
bool check_remap(void);
bool check_map(void);
bool check_madvise(void);
bool check_fork_store(void);
bool check_fork_on(void);
bool has_pins(long offset, long size);
bool may_leave(long offset, long size);
long viewed_bytes(void);
void store_viewed(long size);
bool loaded_viewed(long size);

/* of_vm.c: the model of VMs */
extern unsigned long placed[PLACE_KINDS];	/* KVM wrote there */
extern unsigned long orphans_asked;
struct machine *machine_of_order(void);
typedef void (*place_fn)(int machine, enum place_kind kind, struct place *p,
			 void *arg);
void each_place(place_fn fn, void *arg);
bool in_range(long at, long offset, long size);
struct slot *slot_of(struct machine *m, long offset);
uint64_t gpa_of(struct machine *m, long offset);
void spare_places(uint8_t *data, long offset, long size);
void read_back(long offset, long size);
bool has_places(long offset, long size);
bool may_be_lent(long page);
void forget_held(void);
void forget_orphans(long offset, long size);
void unshared_view_places(long page);
void find_versions(void);
bool check_vm_make(void);
bool check_vm_free(void);
bool check_kill(void);
bool check_orphan(void);
bool check_orphan_event(void);
bool check_orphan_close(void);
bool check_place(void);
bool check_vm_run(void);
bool check_vm_event(void);
bool check_vm_nested(void);
bool check_vm_store(void);
bool check_vm_load(void);
bool check_slot(void);
bool check_dirty_log(void);

/* what_is.c: what GMEM_GET_STATE and others say */
extern unsigned long lent_seen, cloned_seen;
void get_states_of(const struct file *f, uint8_t *to);
bool check_held(void);
bool check_states(void);
bool check_totals(void);
bool check_contents(void);
bool check_frames(void);
bool has_frame_check(void);

/* totals.c: what all files together take */
void note_others(void);
const char *fault_of_totals(void);
void say_totals(void);

/* clones.c: the model of clones: what a clone answers, and its contents */
long clone_size(void);
bool check_clone(void);
bool check_copy_range(void);

/* cloned.c: what is known of who has a page in common */
extern unsigned long guests_copied[2];		/* in a source, in a target */
void look_before(void);
void look_after(void);
void note_own(long offset, long size);
void note_places(long offset, long size);
void note_cloned(long first, long dst, long pages);
void note_private(long first, long pages);
const char *fault_of_cloned(long page, uint8_t state);
bool clones_worked(bool tell);

/* privates.c: the model of private mappings */
void privates_init(void);
void private_map(long first, long pages);
bool private_has(int worker, long page);
void private_store(int worker, long offset, long size, uint8_t byte);
bool private_loaded(int worker, long offset, const uint8_t *data, long size);
void private_forget(int worker, long offset, long size);
enum view view_of_child(int worker, long page);
unsigned int private_files(void);
bool check_map_private(void);
bool check_do_fork(void);

/* mount.c: the mount of a life, and what it counts */
void mount_one(void);
bool unmount_one(void);
const char *mount_options(void);
long mount_used(void);
long mount_inodes(void);

#endif /* FUZZ_H */
