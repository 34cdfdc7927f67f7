#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# ten_minutes.sh PROGRAM: runs a random test of ours, SUITE/NAME, for that long in a host.
# ABUSE_SECONDS=N: for as long instead. SEED=N: as the run that said so.
exec "$(dirname "$0")/../../hostvm/run" --kernel "${KERNEL:-6.12}" \
	--timeout $((${ABUSE_SECONDS:-600} + 300)) -- \
	"/opt/gmemfs/tests/$1" "${ABUSE_SECONDS:-600}" "${SEED:-0}"
