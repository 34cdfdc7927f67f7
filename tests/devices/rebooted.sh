#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# For reboot.t: a guest runs, a disk writes to its hidden memory, and the host is rebooted at once.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

work=/run/one
vm_mib=192
mkdir -p "$work"

give_away "$NVME"
vm_start one -object "$(vm_memory /dev/gmem/one)" -device "vfio-pci,host=$NVME"
vm_up one
vm_tell one disk-reads nvme0n1
wait_until_busy "$NVME"
devices_have_all "$vm_mib" || bail_out 'the disk has nothing'
echo 'the host reboots'
busybox reboot -f
sleep 60
bail_out 'the host goes on'
