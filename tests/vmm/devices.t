#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What needs devices, and threads, and neither a host nor KVM: work without an end,
# a device's states, also in a snapshot, somebody who keeps gmemvm waiting, or who is gone.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=tests/lib/tap.sh
. "$here/../lib/tap.sh"

run_all() {
	"$here/../../hostvm/in-root" --kernel "${KERNEL:-6.12}" sh -ec '
		make --silent --jobs=2 -C tests/vmm on-devices OUT=/out
		for test in pieces saved states stalls gone; do
			echo "--- $test"
			"/out/tests/vmm/$test"
		done'
}

ok 'devices: no test of theirs fails' run_all
printf '%s\n' "$tap_output" | sed 's/^/# /'
for test in pieces saved states stalls gone; do
	like "$tap_output" "^--- $test" "$test was run"
done
done_testing
