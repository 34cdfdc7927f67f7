#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark of clones, and what it counts of them: no flush and no edit to clone a
# file, or to write to one with a warm pool; far fewer instructions than a copy; and
# faults of 2 MiB where a clone is read.
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
		bench-host-clone 1 128 >"$work/out"
}

number() { # OPERATION WAY KEY
	sed -n "s/^round=1 $1 $2 .*\<$3=\([0-9]*\).*/\1/p" "$work/out"
}

ok 'it runs' measure
for way in clone cp; do
	is "$(number clone $way units)" 32768 "clone, $way: all pages"
done
is "$(number clone clone own_broadcasts)" 0 'clone: no flush'
is "$(number clone clone edits)" 0 '  and no edit of the direct map'
ok '  and a hundredth of the instructions of a copy' \
	test $(($(number clone clone cpu_ns) * 100)) -lt "$(number clone cp cpu_ns)"
for way in auto page block private tmpfs; do
	is "$(number cow $way units)" 128 "cow, $way: one page in 16"
	is "$(number cow-all $way units)" 2048 "cow-all, $way: all pages"
done
for way in auto page private; do
	is "$(number cow $way own_broadcasts)" 0 "cow, $way: no flush by the writer"
done
for way in clone file; do
	is "$(number read $way faults_2m)" "$(number read $way blocks)" "read, $way: a fault for each block"
	is "$(number read $way faults_4k)" 0 '  and no other'
done
like "$(cat "$work/out")" '^env kernel ' 'and where'
done_testing
