#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The host starts another kernel by kexec while a guest runs, and a disk writes to the guest's hidden memory. The new
# kernel gives the disk away again, and nobody writes to memory there that isn't given to the disk.
set -eu
# shellcheck source=tests/lib/tap.sh
. /share/lib/tap.sh
# shellcheck source=tests/lib/vm.sh
. /share/lib/vm.sh
# shellcheck source=tests/lib/kexec.sh
. /share/lib/kexec.sh
# shellcheck source=tests/devices/devices.sh
. /share/devices/devices.sh

work=/run/one
vm_mib=192

first_boot() {
	give_away "$NVME"
	kexec_prepare
	mkdir -p "$work"
	vm_start one -object "$(vm_memory /dev/gmem/one)" -device "vfio-pci,host=$NVME"
	vm_up one
	vm_tell one disk-reads nvme0n1
	wait_until_busy "$NVME"
	kexec_now device="$(sysfs device_bytes)" hidden="$(sysfs hidden_bytes)"
}

second_boot() {
	device=0 hidden=0
	victim_comes
	kexec_arrived
	ok "  after one under which a disk had $((device / 1048576)) MiB of a guest" \
		test "$device" -ge $(((vm_mib - 1) * 1048576))
	ok "  of $((hidden / 1048576)) MiB that were hidden" test "$hidden" -ge $(((vm_mib - 1) * 1048576))
	is "$(sysfs device_bytes)" 0 'there no device has anything'
	ok '  the disk reads and writes memory of gmemfs again' /opt/gmemfs/tests/devices/dma
	victim_is_whole '  nobody wrote to memory of others'
	done_testing
}

kexec_happened || first_boot
second_boot
