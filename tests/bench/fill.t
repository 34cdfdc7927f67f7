#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The benchmarks' part in the host, on little memory: every operation on every
# kind of memory says something, and counts what it should.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT
all='gmemfs-warm gmemfs-cold gmemfs-4k memfd shmem-huge hugetlbfs memfd_secret'

# What is said of an operation on a backing in round 1.
line_of() {
	grep "^round=1 $1 $2 " "$work/out" || :
}

number() { # KEY LINE
	printf '%s\n' "$2" | sed -n "s/.* $1=\(-\{0,1\}[0-9]*\).*/\1/p"
}

ok 'it runs' sh -c 'hostvm/run --kernel "$1" -- bench-host-fill 1 "$2" \
	touch:8 fallocate:8 write:8 many:128 >"$3/out"' sh "${KERNEL:-6.12}" \
	"$(echo "$all" | tr ' ' ,)" "$work"
for backing in $all; do
	for op in touch fallocate write many; do
		like "$(line_of "$op" "$backing")" ' (units=[0-9]+ ns=[0-9]+ |error=)' \
			"$op on $backing"
	done
done
for backing in memfd shmem-huge hugetlbfs memfd_secret gmemfs-cold gmemfs-4k; do
	is "$(number units "$(line_of touch "$backing")")" 2048 "touch works on $backing"
	is "$(number units "$(line_of free "$backing")")" 2048 "so does free"
done
is "$(number hides "$(line_of touch gmemfs-cold)")" 4 'gmemfs hides by blocks'
is "$(number hides "$(line_of touch gmemfs-4k)")" 2048 'with huge=never by pages'
is "$(number splits_2m "$(line_of touch gmemfs-cold)")" 0 'no split by block'
ok 'memfd flushes less than memfd_secret' test \
	"$(number broadcasts "$(line_of touch memfd)")" -lt \
	"$(number broadcasts "$(line_of touch memfd_secret)")"
like "$(cat "$work/out")" '^env kernel ' 'and where'
done_testing
