#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# frame_check in a host of its own, with the module's debug build and a module
# that meddles. The kernel is meant to warn. Runs in a host without the module.
set -eu

MNT=/dev/gmem

insmod /opt/gmemfs/debug/gmemfs.ko
insmod /opt/gmemfs/tests/module/meddler.ko
mkdir -p $MNT
mount -t gmemfs none $MNT
exec /opt/gmemfs/tests/module/frame_check
