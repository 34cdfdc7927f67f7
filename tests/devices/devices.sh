# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
#
# The host's spare devices (hostvm/lib/devices.sh), for the scripts of this suite.

# shellcheck disable=SC2034 # for the tests that source this
NVME=0000:00:10.0
# shellcheck disable=SC2034
NETWORK=0000:00:12.0
HOLDER=/opt/gmemfs/tests/devices/holder

# give_away ADDRESS: the host's driver loses the device, vfio-pci gets it
give_away() {
	device=/sys/bus/pci/devices/$1
	[ -e "$device/iommu_group" ] || skip_all "the host has no $1 behind an IOMMU"
	modprobe vfio-pci || skip_all 'this kernel has no vfio-pci'
	echo vfio-pci >"$device/driver_override"
	[ ! -e "$device/driver" ] || echo "$1" >"$device/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ "$(basename "$(readlink "$device/driver")")" = vfio-pci ] || bail_out "vfio-pci doesn't take $1"
}

# Ordinary memory, which nobody else may write to: between these two.
victim_comes() {
	$HOLDER none victim &
	victim=$!
}

victim_is_whole() { # NAME
	kill -TERM "$victim"
	victim_status=0
	wait "$victim" || victim_status=$?
	is "$victim_status" 0 "$1"
}
