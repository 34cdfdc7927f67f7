#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Memory is converted, filled and given back while the host has hardly any: others
# take all there is, are killed and come back, and memory is compacted all the time.
set -eu
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

# They say that they may be killed first, and begin again when they were.
take_all_memory() {
	stress-ng --quiet --temp-path /tmp --vm 2 --vm-bytes 110% --oomable --timeout 600 \
		>"$work/stress" 2>&1 &
	taker=$!
}

compact() {
	while :; do
		echo 1 >/proc/sys/vm/compact_memory
		echo 3 >/proc/sys/vm/drop_caches
	done
}

counted() { # WHAT
	sed -n "s/^$1 //p" /proc/vmstat
}

bystander_comes
kills=$(counted oom_kill) compactions=$(counted compact_success)
take_all_memory
compact &
compactor=$!
for round in 1 2 3; do
	ok "memory is converted, round $round" "$tests/fuzz/model" 30
done
diag "$(($(counted oom_kill) - kills)) were killed, $(($(counted compact_success) - compactions)) blocks compacted"
diag "$(grep -e ^allocstall_normal -e ^allocstall_dma32 -e ^thp_fault_fallback /proc/vmstat | tr '\n' ' ')"
ok 'the host was short of memory' test "$(counted oom_kill)" -gt "$kills"
kill $compactor $taker
wait
bystander_is_whole
done_testing
