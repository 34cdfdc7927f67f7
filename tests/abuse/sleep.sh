#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The host is suspended to idle while a guest runs, and while memory is converted,
# and wakes up by its clock.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/abuse/abuse.sh
. /share/abuse/abuse.sh

work=/run/abuse

suspends() {
	sed -n 's/^success: *//p' /sys/kernel/debug/suspend_stats
}

bystander_comes
before=$(suspends)
vm_start guest -object "$(vm_memory /dev/gmem)"
vm_up guest
vm_tell guest keep 32
/opt/gmemfs/tests/fuzz/model 60 >"$work/model" 2>&1 &
model=$!
for time in first second third; do
	sleep 2
	ok "the host sleeps, the $time time" rtcwake -m freeze -s 3
	vm_tell guest check
	is "$line" 'intact pages=8192' '  the guest goes on, intact'
done
is "$(suspends)" $((before + 3)) 'the kernel has counted them'
status=0
wait $model || status=$?
is "$status" 0 'conversion went on, and all is as it should'
[ "$status" = 0 ] || diag "$(tail -n 20 "$work/model")"
vm_off guest
bystander_is_whole
done_testing
