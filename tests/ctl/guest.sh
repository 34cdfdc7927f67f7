#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# gmemctl and a guest that runs: stock QEMU, a file without a name, kvm-clock.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/ctl/ctl.sh
. /share/ctl/ctl.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh

work=/run/ctl
vm_mib=320
ctl=$plain

# The record of QEMU's file in the last JSON.
entry() { # EXPRESSION
	ask "d['files'][0]$1"
}

test_ls() {
	json ls
	is "$(ask 'len(d["files"])')" 1 "ls: QEMU's file"
	file=$(entry '["path"]')
	like "$file" "^/proc/$(vm_pid guest)/fd/[0-9]+\$" '  which has no name'
	is "$(entry '["users"][0]["comm"]')" "$(cat "/proc/$(vm_pid guest)/comm")" '  and its user'
	is "$(entry '["lent"]')" "$(cat /sys/fs/gmemfs/lent_bytes)" '  with what is lent'
	ok '  which is something' test "$(entry '["lent"]')" -gt 0
}

# While the guest touches and fills more of it.
test_verify() {
	json verify --all
	is "$status" 0 'verify: a guest that runs'
	[ "$status" = 0 ] || diag "$out$err"
	ok '  most of it is there' test "$(entry '["checked"]')" -gt $((100 * 256))
	is "$(entry '["readable"]')" "$(entry '["readable_lent"]')" \
		'  nothing is readable but what is lent'
	ok '  which is something' test "$(entry '["readable"]')" -gt 0
	ok '  most was proven by contents' \
		test "$(entry '["hidden_with_contents"]')" -gt $((48 * 256))
}

test_map() {
	json map "$file"
	ok 'map: blocks of the guest' test \
		"$(ask 'sum(c["kind"] in ("hidden", "lent") for c in d["cells"])')" -gt 24
	ok '  one with a page that is lent' test \
		"$(ask 'sum(c["lent"] for c in d["cells"])')" -gt 0
	ctl map --svg="$work/map.svg" "$file"
	is "$status" 0 '  as SVG'
	ctl show "$file"
	like "$out" '^file .*\(no name\)' 'show'
	like "$out" '^lent +[1-9]' '  what is lent'
}

# Complete lines of JSON, of which each is a round.
rounds() {
	wc -l <"$work/json"
}

has_rounds() { # COUNT
	[ "$(rounds)" -ge "$1" ]
}

test_top() {
	"$ctl" top --json --count=1000 --interval=0.5 >"$work/json" 2>"$work/err" &
	top=$!
	wait_for has_rounds 1
	vm_tell guest keep 96
	wait_for has_rounds $(($(rounds) + 2))
	kill "$top"
	wait "$top" || :
	ok 'top: faults of a guest that fills its memory' python3 -c '
import json, sys
rounds = [json.loads(line) for line in open(sys.argv[1]) if line.endswith("\n")]
assert any(r["files"][0]["faults_per_second"] > 0 for r in rounds[1:]), rounds' "$work/json"
}

vm_start guest -object "$(vm_memory /dev/gmem)"
vm_up guest
vm_tell guest keep 48
test_ls
test_map
test_verify
test_top
test_verify
vm_tell guest check
like "$line" '^intact ' "the guest's memory is intact"
vm_off guest
is "$(settled hidden_bytes)" 0 'all is back'
done_testing
