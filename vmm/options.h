/* SPDX-License-Identifier: GPL-2.0 */
/* The options of the command line. */
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
	const char *directory;	/* NULL: GMEM_DEFAULT_MOUNT */
	uint64_t shared_io;	/* size of the guest's I/O pool; 0: none */
	bool by_file;		/* the VMM copies by read() and write() */
	const char *file;	/* the memory's own name; NULL: none */
	const char *template;	/* the memory of --restore; NULL: none */
	bool on_demand;		/* it comes when it is touched, not by a clone */
};

struct disk_options {
	const char *path;
	bool readonly;
	bool direct;
	bool platform;	/* the guest goes by its DMA API */
};

struct net_options {
	bool given;
	const char *tap;	/* its name; NULL: use @fd */
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
	const char *snapshot;	/* where it is written; NULL: nowhere */
	const char *restore;	/* what it begins with; NULL: a boot */
	bool no_reboot;
	bool sandbox;
	bool namespaces;	/* the sandbox has its own */
	const char *user;	/* in the sandbox; NULL: doesn't change */
};

/* parse_options() returns this to go on, or else an exit status. */
#define OPTIONS_RUN	-1

/* @options keeps pointers into @argv, so @argv must outlive it. */
int parse_options(struct options *options, int argc, char **argv);

/* Parse a size like 512M. Return: 0, or -1 if @text is no size */
int parse_size(const char *text, uint64_t *size);

/* The names of GMEM_PROTECT_*, ending with NULL, and the bit of each name. */
extern const char *const protection_names[];
extern const uint64_t protection_bits[];

#endif
