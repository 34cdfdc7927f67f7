#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
[ "${KERNEL:-6.12}" = debug ] || {
	echo '1..0 # SKIP only the debugging kernel injects faults: make test-debug'
	exit 77
}
exec "$(dirname "$0")/../../hostvm/run" --kernel debug -- /opt/gmemfs/tests/guard/inject
