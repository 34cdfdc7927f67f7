// SPDX-License-Identifier: GPL-2.0
/* gmemctl check: is this host ready for gmemfs, and if not, what to do? */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmdline.h"
#include "ctl.h"
#include "findings.h"
#include "inventory.h"
#include "kernel.h"
#include "modfile.h"
#include "text.h"

#define TESTED_KERNELS	"6.12 and 7.3"

/* The first is the oldest version that works. */
static const struct {
	int major;
	int minor;
} tested_kernels[] = { { 6, 12 }, { 7, 3 } };

/* ---- the kernel ---- */

static bool kernel_is_too_old(int major, int minor)
{
	return major < tested_kernels[0].major ||
	       (major == tested_kernels[0].major &&
		minor < tested_kernels[0].minor);
}

static bool kernel_is_tested(int major, int minor)
{
	for (size_t i = 0;
	     i < sizeof(tested_kernels) / sizeof(*tested_kernels); i++)
		if (major == tested_kernels[i].major &&
		    minor == tested_kernels[i].minor)
			return true;
	return false;
}

static void check_kernel(struct findings *f)
{
	int major = 0, minor = 0;
	struct utsname u;

	uname(&u);
	if (sscanf(u.release, "%d.%d", &major, &minor) != 2)
		major = 0;
	if (strcmp(u.machine, "x86_64"))
		found(f, "kernel", RESULT_FAIL, "gmemfs is for x86-64 only",
		      "%s on %s", u.release, u.machine);
	else if (kernel_is_too_old(major, minor))
		found(f, "kernel", RESULT_FAIL,
		      "boot Linux 6.12 or later, such as that of Debian 13",
		      "%s is older than 6.12", u.release);
	else if (kernel_is_tested(major, minor))
		found(f, "kernel", RESULT_OK, NULL, "%s", u.release);
	else
		found(f, "kernel", RESULT_WARN,
		      "run the tests on this kernel before you rely on it",
		      "%s; gmemfs is tested on " TESTED_KERNELS,
		      u.release);
}

static void check_module(struct findings *f)
{
	char method[64] = "";

	if (kernel_gmemfs_loaded() &&
	    kernel_line(GMEM_SYSFS "/direct_map_method", method,
			sizeof(method))) {
		not_known(f, "module", GMEM_SYSFS "/direct_map_method");
	} else if (kernel_gmemfs_loaded()) {
		found(f, "module", RESULT_OK, NULL,
		      "gmemfs is loaded, and hides memory by %s()", method);
	} else if (kernel_gmemfs_installed()) {
		found(f, "module", RESULT_FAIL, "modprobe gmemfs",
		      "gmemfs is not loaded");
	} else {
		found(f, "module", RESULT_FAIL,
		      "install gmemfs for this kernel: 'make install' in its sources",
		      "gmemfs is neither loaded nor in /lib/modules");
	}
}

static void check_mount(struct findings *f, const struct mount_point *m)
{
	const char *dir = text_safe(m->dir);

	if (strstr(m->options, "direct_map=kept"))
		found(f, "mount", RESULT_WARN,
		      "mount it with direct_map=hidden, unless you want to compare",
		      "%s has direct_map=kept, which protects nothing", dir);
	else if (m->root >= 0)
		found(f, "mount", RESULT_OK, NULL, "%s", dir);
}

static void check_mounts(struct findings *f)
{
	struct inventory inv = { .left = INVENTORY_ROOM, .complete = true };
	char line[8];

	inventory_add_mounts(&inv, 0);
	inventory_reach_mounts(&inv);
	if (kernel_line("/proc/self/mountinfo", line, sizeof(line)))
		not_known(f, "mount", "/proc/self/mountinfo");
	else if (!inv.nr_mounts)
		found(f, "mount", RESULT_WARN,
		      "mkdir -p /dev/gmem && mount -t gmemfs none /dev/gmem",
		      "no gmemfs is mounted");
	for (size_t i = 0; i < inv.nr_mounts; i++)
		check_mount(f, &inv.mounts[i]);
	for (size_t i = 0; i < inv.nr_reasons; i++)
		found(f, "mount", RESULT_WARN,
		      "make it reachable: until then 'gmemctl verify --all' is incomplete",
		      "%s", inv.reasons[i]);
	inventory_free(&inv);
}

static void check_ibt(struct findings *f)
{
	FILE *cpuinfo = kernel_file("/proc/cpuinfo");
	bool has = false, known = false;
	char *line = NULL;
	size_t room = 0;

	while (cpuinfo && !has && getline(&line, &room, cpuinfo) > 0) {
		if (strncmp(line, "flags", 5))
			continue;
		known = true;
		has = strstr(line, " ibt ") || strstr(line, " ibt\n");
	}
	if (cpuinfo)
		fclose(cpuinfo);
	free(line);
	if (has)
		found(f, "ibt", RESULT_WARN,
		      "nothing to do: gmemfs makes only static calls, but was not tested on such hardware",
		      "the kernel enforces indirect branch tracking");
	else if (known)
		found(f, "ibt", RESULT_OK, NULL,
		      "the kernel doesn't enforce indirect branch tracking");
	else
		not_known(f, "ibt", "/proc/cpuinfo");
}

static void check_lockdown(struct findings *f)
{
	static const char path[] = "/sys/kernel/security/lockdown";
	char line[128] = "";

	kernel_line(path, line, sizeof(line));
	if (strstr(line, "[confidentiality]"))
		found(f, "lockdown", RESULT_FAIL,
		      "boot with lockdown=integrity, or without lockdown=: gmemfs finds functions by kprobes",
		      "confidentiality: the kernel allows neither kprobes nor /proc/kcore");
	else if (strstr(line, "[integrity]"))
		found(f, "lockdown", RESULT_OK, NULL,
		      "integrity: only signed modules can be loaded");
	else if (strstr(line, "[none]"))
		found(f, "lockdown", RESULT_OK, NULL, "off");
	else if (kernel_lacks(path, SECURITYFS_MAGIC))
		found(f, "lockdown", RESULT_OK, NULL, "not in this kernel");
	else
		found(f, "lockdown", RESULT_WARN,
		      "mount -t securityfs none /sys/kernel/security, and run this as root",
		      "not known: %s can't be read", path);
}

static void check_modules(struct findings *f)
{
	static const char enforced[] =
		"/sys/module/module/parameters/sig_enforce";
	static const char disabled[] = "/proc/sys/kernel/modules_disabled";
	uint64_t none = 0;
	char line[8] = "";

	if (kernel_line(enforced, line, sizeof(line)) &&
	    !kernel_lacks(enforced, SYSFS_MAGIC))
		not_known(f, "modules", enforced);
	else if (kernel_number(disabled, &none))
		not_known(f, "modules", disabled);
	else if (none)
		found(f, "modules", RESULT_WARN,
		      "load gmemfs at boot, before kernel.modules_disabled is set",
		      "no more modules can be loaded until the next boot");
}

/* ---- KVM and the guard ---- */

static void check_kvm(struct findings *f)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int err = errno, version;

	if (fd < 0 && (err == EACCES || err == EPERM)) {
		found(f, "kvm", RESULT_WARN,
		      "run this as root, or as a member of the group kvm",
		      "/dev/kvm: %s", strerror(err));
		return;
	}
	if (fd < 0) {
		found(f, "kvm", RESULT_FAIL,
		      "modprobe kvm_intel or kvm_amd; if that fails, turn virtualisation on in the firmware",
		      "/dev/kvm: %s", strerror(err));
		return;
	}
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	close(fd);
	if (version == KVM_API_VERSION)
		found(f, "kvm", RESULT_OK, NULL, "/dev/kvm, API version %d",
		      version);
	else
		found(f, "kvm", RESULT_FAIL, "find out what /dev/kvm is: KVM has API version 12",
		      "/dev/kvm: API version %d", version);
}

static void check_guard(struct findings *f)
{
	unsigned int hooks;
	enum guard_state state;
	char mode[32];

	if (!kernel_gmemfs_loaded())
		return;
	state = kernel_guard(mode, sizeof(mode), &hooks);
	switch (state) {
	case GUARD_OFF:
		found(f, "guard", RESULT_FAIL, "load gmemfs without guard=off",
		      "off: any guest with hidden memory can crash this host");
		break;
	case GUARD_NOT_HOOKED:
		found(f, "guard", RESULT_FAIL,
		      "dmesg says why; kernel.ftrace_enabled must be 1, and kvm must be as in Linux "
		      TESTED_KERNELS,
		      "kvm is not hooked, so nothing can be hidden");
		break;
	case GUARD_NO_KVM:
		found(f, "guard", RESULT_OK, NULL,
		      "kvm is not loaded yet; it is hooked when it is loaded");
		break;
	case GUARD_HOOKED:
		found(f, "guard", RESULT_OK, NULL,
		      "%u functions of kvm are hooked, mode %s", hooks, mode);
		break;
	case GUARD_UNKNOWN:
		found(f, "guard", RESULT_WARN,
		      "mount -t tracefs none /sys/kernel/tracing, and run this as root",
		      "mode %s; can't see whether kvm is hooked", mode);
	}
}

/* ---- devices ---- */

static bool is_on(const char *path)
{
	char line[8];

	return !kernel_line(path, line, sizeof(line)) && *line == 'Y';
}

/* What makes a device's access to memory more than its guest's. */
static void check_devices(struct findings *f)
{
	if (is_on("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"))
		found(f, "devices", RESULT_WARN,
		      "write N to /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
		      "a device may be used without an IOMMU: it reads and writes all memory, hidden or not");
	if (is_on("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"))
		found(f, "devices", RESULT_WARN,
		      "write N to /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts, unless all guests with devices are trusted",
		      "devices are given away without interrupt remapping: a guest can send any interrupt to this host");
}

static void check_vfio(struct findings *f)
{
	char state[16];

	if (!kernel_gmemfs_loaded())
		return;
	if (kernel_line(GMEM_SYSFS "/vfio", state, sizeof(state)))
		not_known(f, "vfio", GMEM_SYSFS "/vfio");
	else if (!strcmp(state, "hooked"))
		found(f, "vfio", RESULT_OK, NULL,
		      "vfio_iommu_type1 is hooked: guests may have devices");
	else if (!strcmp(state, "absent"))
		found(f, "vfio", RESULT_OK, NULL,
		      "vfio_iommu_type1 is not loaded yet; it is hooked when it is loaded");
	else if (!strcmp(state, "off"))
		found(f, "vfio", RESULT_OK, NULL,
		      "off: devices get no memory of gmemfs");
	else
		found(f, "vfio", RESULT_WARN,
		      "dmesg says why; kernel.ftrace_enabled must be 1, and vfio_iommu_type1 must be as in Linux "
		      TESTED_KERNELS,
		      "vfio_iommu_type1 is not hooked: devices get no memory of gmemfs");
	check_devices(f);
}

static void check_nested(struct findings *f)
{
	static const char *const files[] = {
		"/sys/module/kvm_intel/parameters/nested",
		"/sys/module/kvm_amd/parameters/nested",
	};
	bool known = false;
	char line[8];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		if (kernel_line(files[i], line, sizeof(line)))
			continue;
		known = true;
		if (*line == 'Y' || *line == '1')
			found(f, "nested", RESULT_WARN,
			      "if no guest needs it: nested=0 for kvm_intel or kvm_amd, or QEMU's -cpu host,-vmx,-svm",
			      "nested virtualisation is on: each entry of a nested guest borrows pages");
		else
			found(f, "nested", RESULT_OK, NULL,
			      "nested virtualisation is off");
	}
	if (!known)
		found(f, "nested", RESULT_WARN,
		      "run this again when kvm_intel or kvm_amd is loaded",
		      "not known: neither %s nor %s can be read", files[0],
		      files[1]);
}

/* ---- memory ---- */

static void check_cgroup(struct findings *f)
{
	static const char path[] = "/sys/fs/cgroup/cgroup.controllers";

	if (kernel_has_word(path, "memory"))
		found(f, "cgroup", RESULT_OK, NULL,
		      "guest memory is charged, as kernel memory, to the cgroup that touches it first");
	else
		found(f, "cgroup", RESULT_WARN,
		      "mount cgroup2 on /sys/fs/cgroup, and don't boot with cgroup_disable=memory",
		      "no memory controller for cgroups: nothing limits the memory of a VMM");
}

static void check_thp(struct findings *f)
{
	static const char path[] =
		"/sys/kernel/mm/transparent_hugepage/enabled";
	char line[128] = "";

	if (kernel_line(path, line, sizeof(line)) &&
	    !kernel_lacks(path, SYSFS_MAGIC))
		not_known(f, "huge pages", path);
	else if (strstr(line, "[always]") || strstr(line, "[madvise]"))
		found(f, "huge pages", RESULT_OK, NULL,
		      "guests are mapped by 2 MiB pages");
	else
		found(f, "huge pages", RESULT_WARN,
		      "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
		      "off: guests are mapped by 4 KiB pages, although memory is hidden in 2 MiB blocks");
}

static void check_blocks(struct findings *f)
{
	uint64_t all, large;

	kernel_free_memory(&all, &large);
	if (!all)
		not_known(f, "blocks", "/proc/buddyinfo");
	else if (large >= all / 2)
		found(f, "blocks", RESULT_OK, NULL,
		      "%s of %s free memory are in blocks of 2 MiB",
		      text_size(large), text_size(all));
	else
		found(f, "blocks", RESULT_WARN,
		      "echo 1 >/proc/sys/vm/compact_memory, and 'gmemctl reserve' early after boot",
		      "only %s of %s free memory are in blocks of 2 MiB",
		      text_size(large), text_size(all));
}

/* ---- other findings ---- */

static void check_hibernation(struct findings *f)
{
	static const char path[] = "/sys/power/state";
	char line[128];
	int err = kernel_line(path, line, sizeof(line));

	/* Where there is no kind of sleep, the file is empty. */
	if (err && err != -ENODATA && !kernel_lacks(path, SYSFS_MAGIC))
		not_known(f, "hibernation", path);
	else if (kernel_has_word(path, "disk"))
		found(f, "hibernation", RESULT_WARN,
		      "nothing to do; if nobody should try it: systemctl mask hibernate.target",
		      "possible, but refused while memory is hidden");
	else
		found(f, "hibernation", RESULT_OK, NULL, "not possible");
}

static void check_crash_dump(struct findings *f)
{
	static const char path[] = "/sys/kernel/kexec_crash_loaded";
	uint64_t loaded = 0;

	if (kernel_number(path, &loaded) && !kernel_lacks(path, SYSFS_MAGIC))
		not_known(f, "crash dump", path);
	else if (loaded)
		found(f, "crash dump", RESULT_WARN,
		      "keep dumps as secret as the guests",
		      "a crash kernel is loaded; its dumps contain guests' memory");
	else
		found(f, "crash dump", RESULT_OK, NULL,
		      "no crash kernel is loaded");
}

static void check_cmdline(struct findings *f)
{
	static const struct {
		const char *word;	/* as the message has it */
		const char *name;
		const char *values;
		const char *what;
		const char *advice;
	} words[] = {
		{ "debug_pagealloc=on", "debug_pagealloc", "on y t 1 e",
		  "the direct map consists of single pages",
		  "boot without it" },
		{ "mitigations=off", "mitigations", "off",
		  "attacks that hiding prevents still work on other memory",
		  "boot without it" },
		{ "nopti", "nopti", NULL, "page table isolation is off",
		  "boot without it, unless Meltdown doesn't affect the CPU" },
		{ "pti=off", "pti", "off", "page table isolation is off",
		  "boot without it, unless Meltdown doesn't affect the CPU" },
		{ "cgroup_disable=memory", "cgroup_disable", "memory",
		  "nothing limits the memory of a VMM", "boot without it" },
	};
	char *line = kernel_text("/proc/cmdline");
	size_t hits = 0;

	if (!line) {
		not_known(f, "cmdline", "/proc/cmdline");
		return;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (!cmdline_has(line, words[i].name, words[i].values))
			continue;
		hits++;
		found(f, "cmdline", RESULT_WARN, words[i].advice, "%s: %s",
		      words[i].word, words[i].what);
	}
	free(line);
	if (!hits)
		found(f, "cmdline", RESULT_OK, NULL,
		      "no option on the kernel's command line is a problem");
}

/*
 * Texts are those of the kernel's cpu_show_common(). With spectre_v2_user=off
 * only the kernel itself is protected, and programs aren't.
 */
static bool is_mitigated(const char *text)
{
	if (strstr(text, "ulnerable") || strstr(text, "IBPB: disabled"))
		return false;
	return !strncmp(text, "Not affected", 12) ||
	       !strncmp(text, "Mitigation: ", 12) ||
	       !strncmp(text, "KVM: Mitigation: ", 17);
}

/* Return: is there nothing to find? */
static bool check_mitigation(struct findings *f, const char *path)
{
	char line[1024];

	if (kernel_line(path, line, sizeof(line)))
		not_known(f, "mitigations", path);
	else if (!is_mitigated(line))
		found(f, "mitigations", RESULT_WARN,
		      "boot with the kernel's mitigations, and new microcode; where SMT is vulnerable, with mitigations=auto,nosmt",
		      "%s: %s", strrchr(path, '/') + 1, line);
	else
		return true;
	return false;
}

/*
 * The kernel knows better than its command line, which has many words for this,
 * and than the CPU's name.
 */
static void check_mitigations(struct findings *f)
{
	static const char folder[] = "/sys/devices/system/cpu/vulnerabilities";
	char *pattern = ctl_format("%s/*", folder);
	bool fine = true;
	glob_t g = {};

	if (glob(pattern, 0, NULL, &g) || !g.gl_pathc) {
		not_known(f, "mitigations", folder);
		fine = false;
	}
	for (size_t i = 0; i < g.gl_pathc; i++)
		fine &= check_mitigation(f, g.gl_pathv[i]);
	if (fine)
		found(f, "mitigations", RESULT_OK, NULL,
		      "the kernel knows of no leak of this CPU that is open");
	globfree(&g);
	free(pattern);
}

static void check_verify(struct findings *f)
{
	bool kcore = kernel_begins("/proc/kcore", "\177ELF");
	bool btf = kernel_begins("/sys/kernel/btf/vmlinux", "\x9f\xeb");

	if (kcore && btf)
		found(f, "verify", RESULT_OK, NULL,
		      "'gmemctl verify' has /proc/kcore and the kernel's BTF");
	else
		found(f, "verify", RESULT_WARN,
		      "run it as root on a kernel with CONFIG_PROC_KCORE and CONFIG_DEBUG_INFO_BTF",
		      "'gmemctl verify' can't read %s",
		      kcore ? "/sys/kernel/btf/vmlinux" : "/proc/kcore");
}

/* ---- the command ---- */

static void (*const checks[])(struct findings *f) = {
	check_kernel, check_module, modfile_check_version, check_mounts,
	check_kvm, check_guard, check_vfio, check_nested, check_ibt,
	check_lockdown,
	check_modules, modfile_check_signature, check_cgroup, check_thp,
	check_blocks, check_hibernation, check_crash_dump, check_cmdline,
	check_mitigations, check_verify,
};

static int run(const struct ctl_call *call)
{
	struct findings f = { 0 };
	bool ready;

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		checks[i](&f);
	ready = findings_print(&f, call->json);
	findings_free(&f);
	return ready ? CTL_OK : CTL_FAILED;
}

static const struct ctl_option options[] = { { NULL, NULL, NULL } };

const struct ctl_command check_command = {
	.name = "check",
	.arguments = "",
	.summary = "check whether this host is ready, and say what to do if not",
	.details = "Checks the kernel, the module, mounts, KVM, the guard, memory and known problems.\n"
		   "WARN is a cost or a limit, or means that something could not be checked. FAIL\n"
		   "means that guests can't run on this host, or not safely: the exit status is 1.",
	.options = options,
	.run = run,
};
