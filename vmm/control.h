/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A socket for scripts: who connects sends one line, or nothing, and gets one
 * line of JSON.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include "vm.h"

struct control {
	int fd;
	struct vm *vm;
	/* Answers @command, "" if there is none, with JSON. */
	void (*answer)(void *arg, const char *command, FILE *to);
	void *arg;
	pthread_t thread;
	bool started;
};

/* For the owner only. Return: a descriptor, or -1 said why */
int control_listen(const char *path);

/* With all but the thread set. Return: 0, or -1 said why */
int control_start(struct control *control);

/* After the VM has ended. */
void control_stop(struct control *control);

#endif
