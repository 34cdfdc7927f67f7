#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# clocks.sh SECONDS: without the guard, so that only the library stands between guest and host.
set -e
insmod /opt/gmemfs/gmemfs.ko guard=off
mkdir -p /dev/gmem
mount -t gmemfs none /dev/gmem
exec /opt/gmemfs/tests/libgmem/clocks "$1"
