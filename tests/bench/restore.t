#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark of memory that comes from a snapshot, and what it counts: all that a guest
# needs comes in each way, and without a flush by a pager with a warm pool.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

# Where time is a count: then it can be compared. 128 MiB are 32,768 pages.
measure() {
	hostvm/run --kernel "${KERNEL:-6.12}" --icount --cpus 1 --mem 2G -- \
		bench-host-restore 1 128 >"$work/out"
}

number() { # OPERATION WAY KEY
	sed -n "s/^round=1 $1 $2 .*\<$3=\([0-9]*\).*/\1/p" "$work/out"
}

ok 'it runs' measure
for way in read uffd cold replay clone; do
	is "$(number first $way units)" 2048 "first, $way: what is needed"
done
for way in cold replay; do
	is "$(number first $way own_broadcasts)" 0 "first, $way: no flush"
done
ok 'a clone takes less than to read all' \
	test "$(number first clone ns)" -lt "$(number first read ns)"
for way in uffd channel; do
	is "$(number fault $way units)" 2048 "fault, $way: all pages"
	is "$(number fault-16 $way units)" 32768 "fault-16, $way: all pages"
done
for way in read pager; do
	is "$(number all $way units)" 32768 "all, $way: all pages"
done
like "$(cat "$work/out")" '^env kernel ' 'and where'
done_testing
