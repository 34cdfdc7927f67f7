#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark of guests, on few operations: the methods that use gmemfs boot and
# do all works, and what makes the difference is counted: nothing is edited or flushed for an
# operation on hidden memory, and each takes edits and flushes by "reinsert".
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

measure() {
	hostvm/run --kernel "${KERNEL:-6.12}" --mem 4G --no-load --device nvme -- \
		env BENCH_NVME=0000:00:10.0 bench-host-guests 20x 0 gmemfs shared-io reinsert nvme-vfio \
		>"$work/out"
}

line_of() { # WORK METHOD
	grep "^round=[01] $1 $2 " "$work/out" || :
}

number() { # WORK METHOD KEY
	sed -n "s/^round=0 $1 $2 .*\<$3=\([0-9]*\).*/\1/p" "$work/out"
}

ok 'it runs' measure
for method in gmemfs shared-io reinsert nvme-vfio; do
	like "$(line_of boot $method)" ' units=1 ns=[0-9]+ exits=[0-9]+ ' "$method boots"
	for job in read-4k-1 read-4k-32 write-4k-1 write-4k-32 read-128k write-128k \
		mixed-4k-32; do
		like "$(line_of $job $method)" \
			' units=20 ns=[0-9]+ p50_ns=[1-9][0-9]* p99_ns=[1-9]' "$job on $method"
	done
	for job in touch tcp-send tcp-receive stress copy tar; do
		like "$(line_of $job $method)" ' units=[0-9]+ ns=[0-9]+ exits=' \
			"$job on $method"
	done
done
for job in read-4k-1 write-4k-32; do
	is "$(number $job gmemfs own_broadcasts)" 0 "$job on gmemfs: no flush"
	is "$(number $job gmemfs edits)" 0 "$job on gmemfs: no edit"
	is "$(number $job nvme-vfio own_broadcasts)" 0 "$job by the disk itself: no flush"
	is "$(number $job nvme-vfio edits)" 0 "$job by the disk itself: no edit"
	ok "$job by reinsert: edits for each" \
		test "$(number $job reinsert edits)" -ge 40
	ok "$job by reinsert: flushes for each" \
		test "$(number $job reinsert own_broadcasts)" -ge 20
done
# By then, all of its pool was used, and is shared.
is "$(number mixed-4k-32 shared-io edits)" 0 'mixed-4k-32 on shared-io: no edit'
is "$(number mixed-4k-32 shared-io own_broadcasts)" 0 '  and no flush'
done_testing
