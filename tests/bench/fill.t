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
by_block='gmemfs-warm gmemfs-cold memfd shmem-huge hugetlbfs'
by_page='gmemfs-4k-warm gmemfs-4k memfd_secret'

# What is said of an operation on a backing in round 1.
line_of() {
	grep "^round=1 $1 $2 " "$work/out" || :
}

number() { # KEY LINE
	printf '%s\n' "$2" | sed -n "s/.* $1=\(-\{0,1\}[0-9]*\).*/\1/p"
}

# One CPU: on a busy machine, an emulated one may wait long for another's answer
# to a flush. And few pages where each is flushed by itself.
measure() {
	# shellcheck disable=SC2016 # for the host's shell
	hostvm/run --kernel "${KERNEL:-6.12}" --cpus 1 --mem 2G -- sh -c '
		bench-host-fill 1 "$1" touch:8 fault:8 fallocate:8 write:8 many:128 &&
		bench-host-fill 1 "$2" touch:1 fault:1 fallocate:1 write:1 many:1
	' sh "$(echo "$by_block" | tr ' ' ,)" "$(echo "$by_page" | tr ' ' ,)" >"$work/out"
}

ok 'it runs' measure
for backing in $by_block $by_page; do
	for op in touch fault fallocate write many; do
		like "$(line_of "$op" "$backing")" ' (units=[0-9]+ ns=[0-9]+ cpu_ns=[0-9]+ |error=)' \
			"$op on $backing"
	done
done

# touch and free work on all that needs no pool.
#   works PAGES BACKING...
works() {
	pages=$1
	shift
	for backing; do
		is "$(number units "$(line_of touch "$backing")")" "$pages" "$backing: pages touched"
		is "$(number units "$(line_of free "$backing")")" "$pages" "$backing: pages freed"
	done
}

works 2048 gmemfs-cold memfd shmem-huge hugetlbfs
works 256 gmemfs-4k memfd_secret
is "$(number hides "$(line_of touch gmemfs-cold)")" 4 'gmemfs hides by blocks'
is "$(number hides "$(line_of touch gmemfs-4k)")" 1 'and with huge=never, too'
is "$(number hides "$(line_of fault gmemfs-cold)")" 0 'faults alone hide nothing'
is "$(number splits_2m "$(line_of touch gmemfs-cold)")" 0 'no split by block'
ok 'memfd flushes less than memfd_secret' test \
	"$(number broadcasts "$(line_of touch memfd)")" -lt \
	"$(number broadcasts "$(line_of touch memfd_secret)")"
like "$(cat "$work/out")" '^env kernel ' 'and where'
done_testing
