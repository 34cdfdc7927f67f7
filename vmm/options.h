/* SPDX-License-Identifier: GPL-2.0 */
/* What is wanted on the command line. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define DISKS_MAX	6

struct memory_options {
	uint64_t size;
	unsigned int backend;	/* GMEM_BACKEND_* */
	uint64_t demand;	/* GMEM_PROTECT_* */
	bool demand_given;
	const char *directory;	/* NULL: the usual one */
	uint64_t shared_io;	/* of the guest's pool for I/O; 0: none */
	bool by_file;		/* the VMM copies by read() and write() */
};

struct disk_options {
	const char *path;
	bool readonly;
	bool direct;
	bool platform;	/* the guest goes by its DMA API */
};

struct net_options {
	bool given;
	const char *tap;	/* its name; NULL: by @fd */
	int fd;
	uint8_t mac[6];
	bool vhost;
	bool platform;	/* the guest goes by its DMA API */
};

struct options {
	struct memory_options memory;
	unsigned int cpus;
	const char *kernel;
	const char *initrd;	/* NULL: none */
	const char *append;
	struct disk_options disks[DISKS_MAX];
	unsigned int nr_disks;
	struct net_options net;
	const char *control;	/* a socket's path; NULL: none */
	bool no_reboot;
	bool sandbox;
	bool namespaces;	/* of the sandbox */
	const char *user;	/* who it is there; NULL: as it was */
};

/* What parse_options() answers: to go on, or an exit status. */
#define OPTIONS_RUN	-1

/* Paths are those of the arguments, which must last. */
int parse_options(struct options *options, int argc, char **argv);

/* Like 512M. Return: 0, or -1 if it isn't */
int parse_size(const char *text, uint64_t *size);

/* Names of GMEM_PROTECT_*, up to NULL, and which one each is. */
extern const char *const protection_names[];
extern const uint64_t protection_bits[];

#endif
