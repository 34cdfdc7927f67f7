#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What the benchmarks compare with: the debug build can put pages back on demand, and says so.
set -e
insmod /opt/gmemfs/debug/gmemfs.ko reinsert=1
dmesg | grep -q 'reinsert=1: .* for benchmarks only'
mkdir -p /dev/gmem
mount -t gmemfs none /dev/gmem
exec /opt/gmemfs/tests/module/reinsert
