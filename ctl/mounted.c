// SPDX-License-Identifier: GPL-2.0
/* The mount at /dev/gmem: its size, its files, and whether it hides memory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl.h"
#include "inventory.h"
#include "kernel.h"
#include "mounted.h"
#include "reach.h"
#include "text.h"
#include "witness.h"

#define TRY_SIZE	GMEM_BLOCK_SIZE
#define TRY_BYTE	0x5a
#define SEE_CHECK	"'gmemctl check' says what to do"

/* The folder that libvirt makes as root, and what it gives to QEMU in there. */
#define FOLDER		"libvirt"
#define FOLDER_QEMU	"libvirt/qemu"

static bool is_whole(const struct mount_point *m, uint64_t mount)
{
	for (size_t i = 0; i < m->nr_places; i++)
		if (!m->places[i].pid && m->places[i].mount == mount)
			return m->places[i].whole;
	return false;
}

/*
 * The one that the path leads to: others may be below it. Its root is open
 * until inventory_free(). NULL: there is none.
 */
static struct mount_point *find(struct inventory *inv)
{
	struct mount_point *m;
	struct reach r;

	if (reach_mount(0, MOUNTED_DIR, &r))
		return NULL;
	m = inventory_mount(inv, r.dev);
	if (m && (m->root < 0 || !is_whole(m, r.mount)))
		m = NULL;
	reach_leave(&r);
	return m;
}

static struct mount_point *look(struct inventory *inv)
{
	*inv = (struct inventory){ .left = INVENTORY_ROOM, .complete = true };
	inventory_add_mounts(inv, 0);
	inventory_reach_mounts(inv);
	return find(inv);
}

/* statfs() may round it to blocks of 2 MiB, and the options don't. */
static uint64_t size_in(const char *options)
{
	const char *at = strstr(options, ",size=");
	uint64_t kib;

	return at && sscanf(at, ",size=%" SCNu64 "k", &kib) == 1 ? kib << 10 :
								   0;
}

static bool is_roots_folder(const struct reach *r)
{
	return S_ISDIR(r->mode) && !r->uid && !(r->mode & 022);
}

/* Who may write to the root of the mount may be there before libvirt. */
static void look_for_libvirt(struct mounted *m, int root)
{
	struct stat st;
	struct reach r;
	int err = reach_below(root, FOLDER, &r);

	m->shared = fstat(root, &st) || st.st_uid || st.st_mode & 022;
	m->folder = err != -ENOENT;
	m->foreign = m->folder && (err || !is_roots_folder(&r));
	reach_leave(&r);
	m->served = !reach_below(root, FOLDER_QEMU, &r);
	reach_leave(&r);
}

void mounted_look(struct mounted *m)
{
	struct inventory inv;
	const struct mount_point *found = look(&inv);

	*m = (struct mounted){ .is = found };
	if (found) {
		m->hugetlbfs = strstr(found->options, "statfs=hugetlbfs");
		m->size = size_in(found->options);
		look_for_libvirt(m, found->root);
	}
	inventory_free(&inv);
}

/* The kernel counts all memory anew when some is added, or in a balloon. */
bool mounted_has_size(const struct mounted *m, const char *size)
{
	uint64_t want, all, slack = 4096;
	unsigned int percent;
	char end;

	if (sscanf(size, "%u%c", &percent, &end) == 2 && end == '%') {
		if (kernel_field("/proc/meminfo", "MemTotal", &all))
			return true;
		want = all * percent / 100 << 10;
		slack += want / 50;
	} else if (text_parse_size(size, &want)) {
		return true;
	}
	return m->size <= want + slack && want <= m->size + slack;
}

/* The file system's own words are behind an "e " for an error. */
static int complain(int fd, int err)
{
	char said[512] = "";
	ssize_t n = fd < 0 ? -1 : read(fd, said, sizeof(said) - 1);

	if (n <= 2)
		return ctl_error("the size of " MOUNTED_DIR " can't be changed: %s",
				 strerror(err));
	said[n] = '\0';
	said[strcspn(said, "\n")] = '\0';
	return ctl_error("the size of " MOUNTED_DIR " can't be changed: %s",
			 text_safe(said + 2));
}

int mounted_resize(const char *size)
{
	int fd = fspick(AT_FDCWD, MOUNTED_DIR,
			FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW);
	int status = CTL_OK;

	if (fd < 0 || fsconfig(fd, FSCONFIG_SET_STRING, "size", size, 0) ||
	    fsconfig(fd, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0))
		status = complain(fd, errno);
	if (fd >= 0)
		close(fd);
	return status;
}

/* Guests of libvirt have it in mount namespaces of their own, too. */
bool mounted_is_used(void)
{
	const struct mount_point *m;
	struct inventory inv;
	bool used = false;

	inventory_read(&inv);
	m = find(&inv);
	if (m)
		used = m->used;
	for (size_t i = 0; m && i < inv.nr_files; i++)
		used |= inv.files[i].dev == m->dev;
	inventory_free(&inv);
	return used;
}

/* ---- libvirt's folder ---- */

/* Whatever the umask is: QEMU isn't root, and has to come through. */
static int make_folder(int root)
{
	mode_t mask = umask(022);
	int err = mkdirat(root, FOLDER, 0755) ? -errno : 0;

	umask(mask);
	return err == -EEXIST ? 0 : err;
}

int mounted_make_folder(void)
{
	struct inventory inv;
	const struct mount_point *m = look(&inv);
	int err = m ? make_folder(m->root) : -ENOENT;

	inventory_free(&inv);
	return err ? ctl_error(MOUNTED_LIBVIRT " can't be made: %s",
			       strerror(-err)) : CTL_OK;
}

/* If it is empty: libvirt may have made more there, which stays. */
int mounted_remove_folder(void)
{
	struct inventory inv;
	const struct mount_point *m = look(&inv);

	if (m)
		unlinkat(m->root, FOLDER, AT_REMOVEDIR);
	inventory_free(&inv);
	return CTL_OK;
}

/* ---- is a file's memory hidden? ---- */

/* Does the direct map have some of these pages? Or a negative errno. */
static int is_readable(struct witness *w, const uint8_t *memory)
{
	struct sight sights[WITNESS_PAGES];
	int err = witness_see(w, memory, WITNESS_PAGES, sights);

	for (size_t i = 0; !err && i < WITNESS_PAGES; i++) {
		if (sights[i].pfn == FRAME_NONE)
			return -EFAULT;
		if (sights[i].mapped || sights[i].read)
			return 1;
	}
	return err;
}

/* As verify does it, without asking gmemfs. */
static void prove(struct findings *f, const uint8_t *memory)
{
	struct witness w;
	int readable;

	if (!kernel_begins("/proc/kcore", "\177ELF") ||
	    !kernel_begins("/sys/kernel/btf/vmlinux", "\x9f\xeb") ||
	    witness_open(&w)) {
		found(f, "hidden", RESULT_WARN,
		      "'gmemctl check' says what a proof needs",
		      "2M of a new file are, as gmemfs says; it can't be proved here");
		return;
	}
	readable = is_readable(&w, memory);
	witness_close(&w);
	if (readable > 0)
		found(f, "hidden", RESULT_FAIL,
		      "don't run guests on it, and report this",
		      "the kernel can read a new file's memory, although gmemfs says that it is hidden");
	else if (readable < 0)
		found(f, "hidden", RESULT_WARN, "run 'gmemctl setup' again",
		      "2M of a new file are, as gmemfs says; the proof failed: %s",
		      strerror(-readable));
	else
		found(f, "hidden", RESULT_OK, NULL,
		      "2M of a new file are, by the kernel's own page tables");
}

static void judge(struct findings *f, int fd, void *memory)
{
	struct gmem_info info;
	int err;

	memset(memory, TRY_BYTE, TRY_SIZE);
	err = gmem_file_info(fd, &info);
	if (err)
		found(f, "hidden", RESULT_FAIL, SEE_CHECK,
		      "gmemfs doesn't say it of a new file: %s",
		      strerror(-err));
	else if (info.hidden == TRY_SIZE)
		prove(f, memory);
	else
		found(f, "hidden", RESULT_FAIL,
		      "take direct_map=kept and init=shared out of GMEMFS_OPTIONS in /etc/default/gmemfs, and mount it anew",
		      "%s of a new file's %s are not",
		      text_size(TRY_SIZE - info.hidden), text_size(TRY_SIZE));
}

static void try_memory(struct findings *f, int fd)
{
	void *memory;
	int err = gmem_file_map(fd, 0, TRY_SIZE, PROT_READ | PROT_WRITE,
				&memory);

	if (err) {
		found(f, "hidden", RESULT_FAIL, SEE_CHECK,
		      "a new file's memory can't be mapped: %s",
		      strerror(-err));
		return;
	}
	judge(f, fd, memory);
	munmap(memory, TRY_SIZE);
}

static void try_file(struct findings *f, int fd)
{
	int err = gmem_file_resize(fd, TRY_SIZE);

	if (!err)
		err = gmem_file_populate(fd, 0, TRY_SIZE);
	if (err == -ENOSPC)
		found(f, "hidden", RESULT_WARN, "'gmemctl ls' says who has it",
		      "not tried: all memory of the mount is in use");
	else if (err)
		found(f, "hidden", RESULT_FAIL, SEE_CHECK,
		      "a new file gets no memory: %s", strerror(-err));
	else
		try_memory(f, fd);
}

void mounted_try(struct findings *f)
{
	struct inventory inv;
	const struct mount_point *m = look(&inv);
	int fd = m ? reach_make(m->root) : -ENOENT;

	if (fd < 0)
		found(f, "hidden", RESULT_FAIL, SEE_CHECK,
		      "no file can be made in " MOUNTED_DIR ": %s",
		      strerror(-fd));
	else
		try_file(f, fd);
	if (fd >= 0)
		close(fd);
	inventory_free(&inv);
}
