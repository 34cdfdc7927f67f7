#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark of windows: every kind of them says something, only a region that
# has lost its key misses one, and a pair with a key takes fewer instructions than
# without, or by mprotect().
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

# Where time is a count: then it can be compared.
measure() {
	hostvm/run --kernel "${KERNEL:-6.12}" --icount --cpus 1 --mem 2G -- \
		bench-host-windows 1 2 >"$work/out"
}

number() { # OPERATION WAY KEY
	sed -n "s/^round=1 $1 $2 .*\<$3=\([0-9]*\).*/\1/p" "$work/out"
}

# In thousandths.
of_one() { # OPERATION WAY
	echo $(($(number "$1" "$2" ns) * 1000 / $(number "$1" "$2" units)))
}

less() { # OPERATION WAY OTHER
	ok "$1: less with $2 than with $3" \
		test "$(of_one "$1" "$2")" -lt "$(of_one "$1" "$3")"
}

ok 'it runs' measure
for op in pair-2 copy-2; do
	for way in no-window own-key key mprotect; do
		is "$(number "$op" "$way" misses)" 0 "$op, $way: no misses"
	done
	is "$(number "$op" no-key misses)" "$(number "$op" no-key units)" \
		"$op, no-key: each is a miss"
	is "$(number "$op" no-key recycled)" "$(number "$op" no-key units)" \
		'and takes a key from another'
	less "$op" no-window key
	less "$op" own-key key
	less "$op" key no-key
	less "$op" key mprotect
done
done_testing
