/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A socket for scripts: who connects sends one line, or nothing, and gets one
 * line of JSON.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdio.h>
#include <sys/types.h>

#include "thread.h"
#include "vm.h"

/* For all that a client has to say, and again for all that it has to read. */
#define CONTROL_PATIENCE_MS	1000
#define CONTROL_PAUSE_MS	100

struct control {
	int fd;
	struct vm *vm;
	/* Answers @command, "" if there is none, with JSON. */
	void (*answer)(void *arg, const char *command, FILE *to);
	void *arg;
	struct thread thread;
};

/* Which file a path leads to: another one may be there later. */
struct control_file {
	dev_t device;
	ino_t inode;
};

/* For the owner only. Return: a descriptor, or -1 said why */
int control_listen(const char *path, struct control_file *file);

/* If it's this one still; before the descriptor is closed. */
void control_remove(const char *path, const struct control_file *file);

/* With all but the thread set. Return: 0, or -1 said why */
int control_start(struct control *control);

/* One connection, from its beginning to its end; @fd doesn't block. */
void control_serve(struct control *control, int fd);

/* After the VM has ended. Return: as of thread_end() */
int control_stop(struct control *control);

#endif
