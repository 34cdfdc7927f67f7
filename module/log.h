/* SPDX-License-Identifier: GPL-2.0 */
/* Included before all else in every file: who speaks in the kernel's log. */
#define pr_fmt(fmt) "gmemfs: " fmt
