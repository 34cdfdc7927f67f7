/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A socket for scripts: a client connects, sends one line or nothing, and gets
 * one line of JSON.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <stdio.h>
#include <sys/types.h>

#include "thread.h"
#include "vm.h"

/* A client's time to send its line, and again to read the answer. */
#define CONTROL_PATIENCE_MS	1000
#define CONTROL_PAUSE_MS	100

struct control {
	int fd;
	struct vm *vm;
	/* Writes JSON to @to. @command is "" if the client sent none. */
	void (*answer)(void *arg, const char *command, FILE *to);
	void *arg;
	struct thread thread;
};

/* Identifies the socket: another file may be at its path later. */
struct control_file {
	dev_t device;
	ino_t inode;
};

/*
 * Only the owner may connect. @file is set to the new socket. Return: a
 * descriptor, or -1 after fail()
 */
int control_listen(const char *path, struct control_file *file);

/*
 * Remove what is at @path, if that is still @file. The caller closes the
 * descriptor later: until then no other file gets the inode's number.
 */
void control_remove(const char *path, const struct control_file *file);

/* The caller has set all but @thread. Return: 0, or -1 after fail() */
int control_start(struct control *control);

/* Serve one connection to its end. @fd is nonblocking. */
void control_serve(struct control *control, int fd);

/* After vm_end(). Return: as thread_end() */
int control_stop(struct control *control);

#endif
