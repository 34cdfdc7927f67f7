/* SPDX-License-Identifier: GPL-2.0 */
/* The module's file, which modprobe would load. */
#ifndef MODFILE_H
#define MODFILE_H

struct findings;

/* modfile_check_version - is what is loaded what is installed? */
void modfile_check_version(struct findings *f);

/*
 * modfile_check_signature - if the kernel loads signed modules only: would it
 * load this one?
 */
void modfile_check_signature(struct findings *f);

#endif /* MODFILE_H */
