// SPDX-License-Identifier: GPL-2.0
/*
 * The module's file, which modprobe would load: whether its version is that of
 * the module in the kernel, and whether the kernel accepts its signature.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "findings.h"
#include "kernel.h"
#include "modfile.h"
#include "program.h"
#include "text.h"

/*
 * Get what modinfo says of the file, which may be compressed. A field that the
 * file lacks is empty.
 *
 * Return: is there such a file for this kernel, and a modinfo?
 */
static bool modfile_get(const char *field, char *value, size_t size)
{
	const char *const argv[] = { "modinfo", "-F", field, "gmemfs", NULL };

	if (program_run(argv, value, size))
		return false;
	value[strcspn(value, "\n")] = '\0';
	return true;
}

/* ---- its version ---- */

void modfile_check_version(struct findings *f)
{
	char loaded[64], installed[64];

	if (!kernel_gmemfs_loaded() ||
	    kernel_line("/sys/module/gmemfs/version", loaded, sizeof(loaded)) ||
	    !modfile_get("version", installed, sizeof(installed)) ||
	    !*installed || !strcmp(loaded, installed))
		return;
	found(f, "version", RESULT_WARN,
	      "nothing to do: the next boot loads the new one; without a reboot, unmount and unload it while no guest runs",
	      "gmemfs %s is loaded, and %s is installed", loaded,
	      text_safe(installed));
}

/* ---- its signature ---- */

static bool kernel_wants_signatures(void)
{
	char line[128] = "";

	kernel_line("/sys/module/module/parameters/sig_enforce", line,
		    sizeof(line));
	if (*line == 'Y')
		return true;
	*line = '\0';
	kernel_line("/sys/kernel/security/lockdown", line, sizeof(line));
	return strstr(line, "[integrity]") || strstr(line, "[confidentiality]");
}

/*
 * The description of a key with a certificate is its subject, a colon, and a
 * number. The subject is the common name, or an organisation before that.
 */
static bool is_subject(const char *description, const char *name)
{
	const char *at = description;
	size_t n = strlen(name);

	while ((at = strstr(at, name))) {
		bool begins = at == description ||
			      (at >= description + 2 && at[-2] == ':' &&
			       at[-1] == ' ');

		if (begins && at[n] == ':')
			return true;
		at++;
	}
	return false;
}

/*
 * Nobody can change the attributes of the kernel's own keys, such as those of
 * the firmware and of shim. Keys of users, which it doesn't trust, have an
 * owner who can.
 */
static bool is_kernel_key(const char *line, const char *name)
{
	char rights[16], type[16];
	unsigned int owner;
	int at = 0;

	if (sscanf(line, "%*x %*s %*d %*s %15s %u %*d %15s %n", rights, &owner,
		   type, &at) < 3 || !at)
		return false;
	return !owner && !strncmp(rights, "1f", 2) &&
	       !strcmp(type, "asymmetri") && is_subject(line + at, name);
}

static bool kernel_has_key(FILE *keys, const char *name)
{
	char line[512];
	bool has = false;

	while (!has && fgets(line, sizeof(line), keys))
		has = is_kernel_key(line, name);
	return has;
}

static void check_key(struct findings *f, enum result bad, const char *signer)
{
	/* The kernel shows root's keys to root. */
	FILE *keys = geteuid() ? NULL : kernel_file("/proc/keys");

	if (!keys) {
		not_known(f, "signature", "/proc/keys");
		return;
	}
	if (kernel_has_key(keys, signer))
		found(f, "signature", RESULT_OK, NULL,
		      "gmemfs.ko is signed by '%s', whose key this kernel has",
		      text_safe(signer));
	else
		found(f, "signature", bad,
		      "enroll that key by mokutil --import, and in the menu of the next boot (DKMS's is /var/lib/dkms/mok.pub): see secure-boot.md",
		      "only signed modules can be loaded, and this kernel has no key of '%s', who has signed gmemfs.ko",
		      text_safe(signer));
	fclose(keys);
}

void modfile_check_signature(struct findings *f)
{
	/* What is loaded stays, but not over the next boot. */
	enum result bad = kernel_gmemfs_loaded() ? RESULT_WARN : RESULT_FAIL;
	char kind[64], signer[256];

	if (!kernel_wants_signatures())
		return;
	if (!modfile_get("sig_id", kind, sizeof(kind)) ||
	    !modfile_get("signer", signer, sizeof(signer)))
		found(f, "signature", RESULT_WARN,
		      "install gmemfs for this kernel; DKMS signs what it builds",
		      "only signed modules can be loaded, and modinfo finds no gmemfs");
	else if (!*kind)
		found(f, "signature", bad,
		      "have DKMS build it, which signs it: see secure-boot.md",
		      "only signed modules can be loaded, and gmemfs.ko isn't signed");
	else if (!*signer)
		found(f, "signature", RESULT_WARN,
		      "try it: modprobe gmemfs, and the kernel's log",
		      "only signed modules can be loaded, and modinfo doesn't tell who has signed gmemfs.ko");
	else
		check_key(f, bad, signer);
}
