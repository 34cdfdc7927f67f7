#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The guard's programs and the fuzzer on the debugging kernel, in one host: see select.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
[ "${KERNEL:-6.12}" = debug ] || {
	echo '1..0 # SKIP for the debugging kernel: make test-debug'
	exit 77
}
exec "$here/../../hostvm/run" --kernel debug --no-load --timeout 1200 \
	--share "$here" --share "$here/../lib" -- \
	sh /share/debug/programs.sh "$("$here/select" programs guard fuzz)"
