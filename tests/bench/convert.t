#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark of conversions, and what it counts of them: a step in the page
# tables and at most a flush for a block or a part of it, not for each page; to
# private, fewer for blocks that are neighbours; no flush to expose a part; and no
# split for whole blocks.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

# One CPU, as in fill.t. 4096 pages each, which are 8 blocks.
measure() {
	hostvm/run --kernel "${KERNEL:-6.12}" --cpus 1 --mem 2G -- \
		bench-host-convert 1 1 16 512 2048 >"$work/out"
}

count() { # ROUND OPERATION WAY KEY
	sed -n "s/^round=$1 $2 $3 .*\<$4=\([0-9]*\).*/\1/p" "$work/out"
}

# Of the kernel's own, a few more may be flushed at the same time.
is_about() { # GOT WANT NAME
	ok "$3: $1" test "$1" -ge "$2" -a "$1" -le $(($2 + 8))
}

# steps RUN CALLS STEPS [together]: in both rounds
steps() {
	for round in 0 1; do
		is "$(count $round "share-$1" run calls)" "$2" "runs of $1, round $round: calls"
		is "$(count $round "share-$1" run exposes)" "$3" 'to shared: steps'
		hides=$(count $round "private-$1" run hides)
		if [ "${4:-}" ]; then
			ok "to private, neighbours together: $hides steps" \
				test "$hides" -ge "$2" -a "$hides" -lt "$3"
		else
			is "$hides" "$3" 'to private: steps'
		fi
		is_about "$(count $round "private-$1" run own_broadcasts)" "$hides" \
			'to private: flushes'
	done
	is "$(count 1 "private-$1" page hides)" 4096 'page by page: steps'
}

# flushes_to_share RUN FLUSHES: once entries are split, or not to be
flushes_to_share() {
	is_about "$(count 1 "share-$1" run own_broadcasts)" "$2" \
		"to shared, runs of $1: flushes"
}

ok 'it runs' measure
steps 1 4096 4096
steps 16 256 256
steps 512 8 8
steps 2048 2 8 together
flushes_to_share 1 0
flushes_to_share 16 0
flushes_to_share 512 8
flushes_to_share 2048 8
for run in 1 16; do
	is "$(count 0 share-$run run splits_2m)" 8 "runs of $run split each entry"
	is "$(count 1 share-$run run splits_2m)" 0 'once'
done
for run in 512 2048; do
	is "$(count 0 share-$run run splits_2m)" 0 "runs of $run split none"
	is "$(count 0 private-$run run splits_2m)" 0 'either way'
done
done_testing
