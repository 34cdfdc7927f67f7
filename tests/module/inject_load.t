#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each step of loading fails: the debug build can begin with that at a step of its own.
[ "${KERNEL:-6.12}" = debug ] || {
	echo '1..0 # SKIP only the debugging kernel injects faults: make test-debug'
	exit 77
}
exec "$(dirname "$0")/../../hostvm/run" --kernel debug --no-load -- \
	/opt/gmemfs/tests/module/inject /opt/gmemfs/debug/gmemfs.ko load
