#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# On the debug build, whose parameters make steps fail.
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" --no-load -- \
	sh -ec 'insmod /opt/gmemfs/debug/gmemfs.ko reinsert=1
		dmesg | grep -q "reinsert=1: .* for benchmarks only"
		mkdir -p /dev/gmem
		mount -t gmemfs none /dev/gmem
		exec /opt/gmemfs/tests/module/reinsert'
