#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# hotplug [N]: a disk is plugged into a guest on gmemfs and unplugged, again and again. While it is there, all
# memory of the guest is pinned; in between, none.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

work=/run/hotplug
mkdir -p "$work"
vm_mib=192
plugs=${1:-10}

give_away "$NVME"
remember_host
vm_start one -object "$(vm_memory /dev/gmem/one)" -device pcie-root-port,id=rootport,slot=1
vm_up one
vm_tell one keep 32
is "$(sysfs device_bytes)" 0 'no device has anything'
pinned=0 left=0 round=0
while [ "$round" -lt "$plugs" ]; do
	round=$((round + 1))
	plug_disk one
	devices_have_all "$vm_mib" || pinned=$((pinned + 1))
	disk_is_unplugged one || bail_out "the guest does not let go of the disk in round $round"
	[ "$(settled device_bytes)" = 0 ] || left=$((left + 1))
done
is "$pinned" 0 "$plugs times plugged: the device has all memory"
is "$left" 0 '  unplugged: nothing'
vm_tell one check
like "$line" '^intact' '  the memory is intact'
info /dev/gmem/one
is $((hidden + lent)) "$populated" '  and hidden'
vm_off one
rm /dev/gmem/one
is "$(settled pinned_bytes)" 0 'the guest ends: nothing is pinned'
host_is_back
done_testing
