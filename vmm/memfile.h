/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest's memory as a file of gmemfs that has a name, or that begins as a
 * clone of another one: the memory of a snapshot.
 */
#ifndef MEMFILE_H
#define MEMFILE_H

#include "options.h"

/*
 * Make or take the file that @memory names. It is locked by flock(): no two
 * guests have one file. Return: a descriptor, or -1 after fail()
 */
int memfile_open(const struct memory_options *memory);

/*
 * After memfile_open(), if the guest can't start: remove a clone that has a
 * name. It would be in the way of the next try.
 */
void memfile_undo(const struct memory_options *memory);

#endif
