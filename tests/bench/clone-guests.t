#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark of ten guests from one: what they take, have copied and have written.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"
cd "$here/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"; tap_at_exit' EXIT

measure() {
	hostvm/run --kernel "${KERNEL:-6.12}" --mem 6G --timeout 3600 --share tests/lib \
		--share tests/vmm -- bench-host-clone-guests auto page >"$work/out"
}

number() { # POLICY KEY
	sed -n "s/^round=1 idle $1 .*\<$2=\([0-9]*\).*/\1/p" "$work/out"
}

ok 'it runs' measure
for policy in auto page; do
	is "$(number $policy units)" 10 "cow=$policy: ten guests"
	ok '  the template has more than what it was told to keep' \
		test "$(number $policy template)" -gt $((48 << 20))
	ok '  the guests have written something' test "$(number $policy wrote)" -gt 0
	ok '  all together have less than two copies of the template would, and what they copied' \
		test "$(number $policy memory)" -lt \
		$((2 * $(number $policy template) + $(number $policy own)))
	ok '  and no less than one, and what they copied' \
		test "$(number $policy memory)" -ge \
		$(($(number $policy template) + $(number $policy own)))
done
done_testing
